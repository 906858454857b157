package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A comparison is recorded only while the image is held well, and equal.
func TestRecordCompared(t *testing.T) {
	later := noon.AddDate(0, 0, 1)
	move := func(state CopyState) func(*Catalog, Record) error {
		return func(c *Catalog, r Record) error {
			return c.SetCopy(t.Context(), r.Carrier.ID, 1, Copy{Store: "shelf", State: state}, anEvent(EventFixity, EventFail, later, r.Carrier.ID))
		}
	}
	for name, tc := range map[string]struct {
		before func(*Catalog, Record) error
		change func(*Comparison)
		not    string
	}{
		"equal":             {},
		"read back":         {before: move(ReadBack)},
		"missing":           {before: move(Missing), not: "its copy in shelf is missing"},
		"damaged":           {before: move(Damaged), not: "its copy in shelf is damaged"},
		"unknown":           {before: move(Unknown), not: "its copy in shelf is unknown"},
		"another digest":    {change: func(in *Comparison) { in.SHA512 = hexOf(64, "other") }, not: "another SHA-512"},
		"another size":      {change: func(in *Comparison) { in.Size-- }, not: "bytes, not"},
		"another version":   {change: func(in *Comparison) { in.Version = 2 }, not: "not in the catalog"},
		"another carrier":   {change: func(in *Comparison) { in.Carrier.ID = NewID() }, not: "not in the catalog"},
		"less was read now": {change: func(in *Comparison) { in.Unrecorded++ }, not: "hold no recording"},
		"queued":            {change: func(in *Comparison) { in.Required = []string{"shelf", "cloud"} }, not: "its copy in cloud is queued"},
		"no copy":           {change: func(in *Comparison) { in.Required = []string{"shelf", "vault"} }, not: "no copy in vault"},
		"a damaged row": {before: func(c *Catalog, r Record) error {
			tamper(t, c, "UPDATE images SET size = 1 WHERE carrier = ?", r.Carrier.ID)
			return nil
		}, not: "as it was recorded"},
		"a damaged digest": {before: func(c *Catalog, r Record) error {
			tamper(t, c, "UPDATE objects SET sha1 = 'x' WHERE carrier = ? AND role = 'image'", r.Carrier.ID)
			return nil
		}, not: "as it was recorded"},
		"a damaged copy": {before: func(c *Catalog, r Record) error {
			tamper(t, c, "UPDATE copies SET detail = 'x' WHERE carrier = ?", r.Carrier.ID)
			return nil
		}, not: "the catalog is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			c := openTemp(t)
			r := aRecord(NewID(), 1)
			mustCommit(t, c, aCommit(t, r))
			if tc.before != nil {
				if err := tc.before(c, r); err != nil {
					t.Fatal(err)
				}
			}
			in := compared(r, aCapture(Compared, later))
			if tc.change != nil {
				tc.change(&in)
			}
			for range 2 {
				err := c.RecordCompared(t.Context(), in)
				if (tc.not == "") != (err == nil) || err != nil && (!errors.Is(err, ErrNotHeld) || !strings.Contains(err.Error(), tc.not)) {
					t.Fatalf("%v, want %q", err, tc.not)
				}
			}
			v, err := c.Show(t.Context(), r.Carrier.ID)
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			want := 1
			if tc.not == "" {
				want = 2
			}
			if len(v.Captures) != want {
				t.Errorf("%d captures: %+v", len(v.Captures), v.Captures)
			}
		})
	}
}

// An incomplete image is equal to nothing.
func TestComparedWithAnIncompleteImage(t *testing.T) {
	c := openTemp(t)
	r := aRecord(NewID(), 1)
	r.Image.State, r.Image.Sectors.Read, r.Image.Sectors.Unreadable = Incomplete, 989, 1
	mustCommit(t, c, aCommit(t, r))
	if err := c.RecordCompared(t.Context(), compared(r, aCapture(Compared, noon))); !errors.Is(err, ErrNotHeld) || !strings.Contains(err.Error(), "is incomplete") {
		t.Error(err)
	}
	bad := compared(r, aCapture(AlreadyArchived, noon))
	if err := c.RecordCompared(t.Context(), bad); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	bad = compared(r, aCapture(Compared, noon))
	bad.SHA512 = ""
	if err := c.RecordCompared(t.Context(), bad); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

// A capture that is recorded already does not make up for a copy that has become
// bad since.
func TestComparedAgainWhenItIsNotWell(t *testing.T) {
	c := openTemp(t)
	r := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, r))
	in := compared(r, aCapture(Compared, noon))
	if err := c.RecordCompared(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := c.SetCopy(t.Context(), r.Carrier.ID, 1, Copy{Store: "shelf", State: Damaged}, anEvent(EventFixity, EventFail, noon, r.Carrier.ID)); err != nil {
		t.Fatal(err)
	}
	if err := c.RecordCompared(t.Context(), in); !errors.Is(err, ErrNotHeld) {
		t.Error(err)
	}
}

// A disc that was not read is found again by its item and by what it looked
// like, in a rebuilt catalog, too.
func TestNotReadYet(t *testing.T) {
	c := openTemp(t)
	r := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, r))
	var ids []string
	for i, item := range []string{"B-2", "B-2", "B-3", ""} {
		in := Attempt{Carrier: CarrierInfo{ID: NewID(), Item: item}, Identity: r.Identity, Capture: aCapture(NotRead, noon.Add(time.Duration(i)*time.Minute)),
			Needs: []Need{{NeedsReview, "looks the same"}}, Events: []Event{anEvent(EventCapture, EventWarning, noon.Add(time.Duration(i)*time.Minute), fmt.Sprint(i))}}
		if i == 1 {
			in.Identity.Sectors++
		}
		if err := c.RecordCapture(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, in.Carrier.ID)
	}
	d, faults := rebuilt(t, "shelf", remainsOf(t, c, "shelf"))
	if len(faults) > 0 {
		t.Error(faults)
	}
	for _, c := range []*Catalog{c, d} {
		for item, want := range map[string]string{"B-2": ids[0], "B-3": ids[2], "B-1001": "", "B-9": "", "' OR 1": ""} {
			got, err := c.NotReadYet(t.Context(), item, r.Identity)
			if err != nil || len(got) > 1 || strings.Join(got, "") != want {
				t.Errorf("%q: %v, %v, want %s", item, got, err, want)
			}
		}
		if v, err := c.Show(t.Context(), ids[0]); err != nil || v.Disposition != NeedsReview {
			t.Errorf("%s, %v", v.Disposition, err)
		}
	}
}
