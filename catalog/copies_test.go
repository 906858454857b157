package catalog

import (
	"context"
	"errors"
	"slices"
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
	for _, from := range all {
		for _, to := range all {
			rec := aRecord(NewID(), 1)
			in := aCommit(t, rec)
			in.Copies = []Copy{{Store: "shelf", Key: rec.Carrier.ID + "/v1/", State: from}}
			mustCommit(t, c, in)
			how, allowed := want[from][to]
			err := c.SetCopy(ctx, rec.Carrier.ID, 1, Copy{Store: "shelf", State: to})
			if ok := allowed && how == ""; ok != (err == nil) || err != nil && !errors.Is(err, ErrTransition) {
				t.Errorf("from %q to %q without an event: %v", from, to, err)
			}
			err = c.SetCopy(ctx, rec.Carrier.ID, 1, Copy{Store: "shelf", State: to}, anEvent(EventFixity, EventFail, noon))
			if how == "!" || !allowed {
				if allowed != (err == nil) || err != nil && !errors.Is(err, ErrTransition) {
					t.Errorf("from %q to %q with an event: %v", from, to, err)
				}
			}
			got, err := c.Copies(ctx, rec.Carrier.ID, 1)
			if err != nil || len(got) != 1 || got[0].State != map[bool]CopyState{true: to, false: from}[allowed] {
				t.Errorf("from %q to %q: it is now %+v, %v", from, to, got, err)
			}
			if events, err := c.Events(ctx, rec.Carrier.ID); err != nil || !allowed && len(events) != 2 {
				t.Errorf("from %q to %q: a refused move left an event (%v)", from, to, err)
			}
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
	for range 300 { // more than one page of AllCopies
		rec := aRecord(NewID(), 1)
		mustCommit(t, c, aCommit(t, rec))
		ids = append(ids, rec.Carrier.ID)
	}
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
	// 300 in the cloud; on the shelf all but the read back, missing and damaged ones.
	if len(pending) != 600-3 || pending[0].CarrierID != ids[0] || pending[0].Store != "cloud" || pending[3].CarrierID != ids[3] {
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
	if len(seen) != 600 {
		t.Errorf("%d copies walked, want 600", len(seen))
	}
	for range c.AllCopies(ctx) {
		break // an early end is no trouble
	}
}
