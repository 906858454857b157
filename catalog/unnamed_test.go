package catalog

import (
	"context"
	"slices"
	"testing"
	"time"

	"ripstation/disc"
)

// A reason why nobody knows the item is asked with once, and an item settles it.
func TestReasonWhyNobodyKnowsTheItem(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	id := NewID()
	attempt := func(why string) {
		t.Helper()
		var needs []Need
		if why != "" {
			needs = append(needs, Need{NeedsIdentity, why})
		}
		err := c.RecordCapture(ctx, Attempt{Carrier: CarrierInfo{ID: id}, Disc: disc.Disc{Kind: disc.KindAudio}, Identity: disc.Identity{Kind: disc.KindAudio}, Needs: needs,
			Capture: Capture{ID: NewID(), Outcome: Refused, Reason: "audio", Program: Program{Name: "test", Version: "1"}, Started: time.Now(), Ended: time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
	}
	asked := func(want ...string) {
		t.Helper()
		v, err := c.Show(ctx, id)
		if err != nil || !slices.Equal(v.Needs, want) {
			t.Fatalf("it asks %q, want %q, %v", v.Needs, want, err)
		}
	}
	attempt("")
	asked(noItem)
	attempt("A and B were scanned")
	asked("A and B were scanned")
	attempt("") // another reading knows no better
	asked("A and B were scanned")
	attempt("C was scanned")
	asked("C was scanned")
	if err := c.Annotate(ctx, id, Annotation{Item: ptr("B")}); err != nil {
		t.Fatal(err)
	}
	asked()
}

func TestUnnamed(t *testing.T) {
	events := []Event{{Type: EventModify, Outcome: EventWarning, Detail: "first"}, {Type: EventModify, Outcome: EventWarning, Detail: "last"},
		{Type: EventModify, Outcome: EventSuccess, Detail: "no"}, {Type: EventImaging, Outcome: EventWarning, Detail: "nor this"}}
	if got := Unnamed(events); got != "last" {
		t.Errorf("%q", got)
	}
	if got := Unnamed(events[2:]); got != "" {
		t.Errorf("%q", got)
	}
}
