package nights

import (
	"slices"
	"testing"
	"time"

	"ripstation/catalog"
)

// firstReadBack is when a copy was read back for the first time. The catalog's
// own time is that of the last: a repair reads again, and so does a station that
// was killed before its job said what the catalog did.
func firstReadBack(events []catalog.Event, bag, store string) (first *time.Time) {
	for _, e := range events {
		if e.Changes == nil || e.Changes.State == nil || *e.Changes.State != catalog.ReadBack || !slices.Contains(e.Objects, bag) || !slices.Contains(e.Objects, "store:"+store) {
			continue
		}
		if first == nil || e.Time.Before(*first) {
			first = &e.Time
		}
	}
	return first
}

func TestFirstReadBack(t *testing.T) {
	back, stored := catalog.ReadBack, catalog.Stored
	at := func(minute int) time.Time { return time.Date(2026, 11, 27, 0, minute, 0, 0, time.UTC) }
	event := func(minute int, state *catalog.CopyState, objects ...string) catalog.Event {
		return catalog.Event{Time: at(minute), Objects: objects, Changes: &catalog.Changes{State: state}}
	}
	events := []catalog.Event{event(1, &stored, "x/v1", "store:a"), event(2, &back, "x/v1", "store:b"), event(3, &back, "x/v2", "store:a"), {Time: at(4), Objects: []string{"x/v1", "store:a"}},
		event(5, nil, "x/v1", "store:a"), event(6, &back, "x/v1", "store:a"), event(7, &back, "x/v1", "store:a")}
	if got := firstReadBack(events, "x/v1", "a"); got == nil || !got.Equal(at(6)) {
		t.Errorf("read back first at %v, want %v", got, at(6))
	}
	if got := firstReadBack(events, "x/v1", "c"); got != nil {
		t.Errorf("in a store that never gave it back: %v", got)
	}
}
