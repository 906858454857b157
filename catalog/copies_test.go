package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCopyMoves(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	all := []CopyState{Queued, Sending, Stored, ReadBack, Missing, Damaged, Unknown}
	// Written out by hand, so that a slip in the table shows: from the state
	// on the left, to the states named; "!" needs an event.
	want := map[CopyState]map[CopyState]string{
		Queued:   {Queued: "", Sending: "", Stored: "", Damaged: "!"},
		Sending:  {Sending: "", Queued: "", Stored: "", Damaged: "!"},
		Stored:   {Stored: "", ReadBack: "", Missing: "!", Damaged: "!", Unknown: "!"},
		ReadBack: {ReadBack: "", Missing: "!", Damaged: "!", Unknown: "!"},
		Missing:  {Missing: "", Queued: "!", Sending: "!", Stored: "!", ReadBack: "!", Damaged: "!"},
		Damaged:  {Damaged: "", ReadBack: "!", Missing: "!"},
		Unknown:  {Unknown: "", Stored: "!", ReadBack: "!", Missing: "!", Damaged: "!"},
	}
	// One disc with a store for each of the 49 ways.
	rec := aRecord(NewID(), 1)
	in := aCommit(t, rec)
	in.Copies = nil
	store := func(from, to CopyState) string { return string(from) + " to " + string(to) }
	for _, from := range all {
		for _, to := range all {
			in.Copies = append(in.Copies, Copy{Store: store(from, to), Key: rec.Carrier.ID + "/v1/", State: from})
		}
	}
	mustCommit(t, c, in)
	count := func() int {
		es, err := c.Events(ctx, rec.Carrier.ID)
		if err != nil {
			t.Fatal(err)
		}
		return len(es)
	}
	for _, from := range all {
		for _, to := range all {
			way := store(from, to)
			how, allowed := want[from][to]
			err := c.SetCopy(ctx, rec.Carrier.ID, 1, Copy{Store: way, State: to})
			if ok := allowed && how == ""; ok != (err == nil) || err != nil && !errors.Is(err, ErrTransition) {
				t.Errorf("%s without an event: %v", way, err)
			}
			before := count()
			why := anEvent(EventFixity, EventFail, noon)
			why.Detail = way
			err = c.SetCopy(ctx, rec.Carrier.ID, 1, Copy{Store: way, State: to}, why)
			if allowed != (err == nil) || err != nil && !errors.Is(err, ErrTransition) {
				t.Errorf("%s with an event: %v", way, err)
			}
			if n := count() - before; n != map[bool]int{true: 1, false: 0}[allowed] {
				t.Errorf("%s: %d events were added", way, n)
			}
		}
	}
	got, err := c.Copies(ctx, rec.Carrier.ID, 1)
	if err != nil || len(got) != len(all)*len(all) {
		t.Fatalf("%d copies, %v", len(got), err)
	}
	for _, k := range got {
		from, to, _ := strings.Cut(k.Store, " to ")
		if _, allowed := want[CopyState(from)][CopyState(to)]; k.State != map[bool]CopyState{true: CopyState(to), false: CopyState(from)}[allowed] {
			t.Errorf("%s: it is now %q", k.Store, k.State)
		}
	}
}

func TestCopyTimes(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, rec))
	id := rec.Carrier.ID
	start := time.Now().Add(-time.Second)
	get := func() Copy {
		cs, err := c.Copies(ctx, id, 1)
		if err != nil {
			t.Fatal(err)
		}
		return cs[slices.IndexFunc(cs, func(k Copy) bool { return k.Store == "cloud" })]
	}
	set := func(cp Copy, events ...Event) {
		t.Helper()
		cp.Store = "cloud"
		if err := c.SetCopy(ctx, id, 1, cp, events...); err != nil {
			t.Fatal(err)
		}
	}
	set(Copy{State: Sending})
	if k := get(); k.StoredAt != nil || k.Key != id+"/v1/" {
		t.Errorf("sending: %+v", k)
	}
	set(Copy{State: Stored})
	stored := get().StoredAt
	if stored == nil || stored.Before(start) {
		t.Errorf("stored at %v", stored)
	}
	when := noon.Add(48 * time.Hour)
	set(Copy{State: ReadBack, ReadBackAt: &when})
	set(Copy{State: Damaged, Detail: "the first byte differs"}, anEvent(EventFixity, EventFail, noon))
	if k := get(); k.State != Damaged || !k.ReadBackAt.Equal(when) || !k.StoredAt.Equal(*stored) || k.Detail != "the first byte differs" {
		t.Errorf("damaged: %+v", k)
	}
	if err := c.SetCopy(ctx, id, 1, Copy{Store: "cloud", Key: "elsewhere/v1/", State: Damaged}); !errors.Is(err, ErrConflict) {
		t.Errorf("a copy moved to another key: %v", err)
	}
	if err := c.SetCopy(ctx, id, 2, Copy{Store: "cloud", Key: "k", State: Stored}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a copy of an image nobody knows: %v", err)
	}
	if err := c.SetCopy(ctx, id, 1, Copy{Store: "new shelf", Key: id + "/v1/", State: Queued}); err != nil {
		t.Errorf("a store that was added later: %v", err)
	}
}

func TestPendingAndAllCopies(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	var ids []string
	for range 4 {
		rec := aRecord(NewID(), 1)
		mustCommit(t, c, aCommit(t, rec))
		ids = append(ids, rec.Carrier.ID)
	}
	many := aRecord(NewID(), 1)
	in := aCommit(t, many)
	for i := range 300 { // more than one page of AllCopies
		in.Copies = append(in.Copies, Copy{Store: fmt.Sprint("store", i), Key: "k/", State: ReadBack})
	}
	mustCommit(t, c, in)
	fail := func(typ EventType) Event { return anEvent(typ, EventFail, noon) }
	for i, s := range []CopyState{ReadBack, Missing, Damaged, Unknown} {
		if err := c.SetCopy(ctx, ids[i], 1, Copy{Store: "shelf", State: s}, fail(EventFixity)); err != nil {
			t.Fatal(err)
		}
	}
	pending, err := c.PendingCopies(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Five in the cloud; on the shelf all but the read back, missing and damaged ones.
	if len(pending) != 5+2 || pending[0].CarrierID != ids[0] || pending[0].Store != "cloud" || pending[3].CarrierID != ids[3] || pending[4].Store != "shelf" {
		t.Errorf("%d pending, the first %+v", len(pending), pending[:4])
	}
	seen := map[string]int{}
	var last HeldCopy
	for h, err := range c.AllCopies(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if h.CarrierID < last.CarrierID {
			t.Fatal("out of order")
		}
		seen[h.CarrierID+h.Store]++
		last = h
		// The walk holds no lock: writing in the middle of it works.
		if len(seen) == 3 {
			if err := c.AddEvent(ctx, h.CarrierID, fail(EventFixity)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != 310 {
		t.Errorf("%d copies walked, want 310", len(seen))
	}
	for range c.AllCopies(ctx) {
		break // an early end is no trouble
	}
}
