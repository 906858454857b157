package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// twoImages is a disc of two images with three notes between them: number 1 is
// the first record's own, 2 that of its arrival, 3 to 5 the notes, then come
// the second record's own and that of its arrival.
func twoImages(t *testing.T, second func(rec *Record)) Remains {
	t.Helper()
	c := openTemp(t)
	first := aRecord(NewID(), 1)
	first.Carrier.Condition = ""
	mustCommit(t, c, aCommit(t, first))
	for i := range 3 {
		if err := c.AddEvent(t.Context(), first.Carrier.ID, note(first.Carrier.ID, 3+i)); err != nil {
			t.Fatal(err)
		}
	}
	before := remainsOf(t, c, "shelf")[0].Events
	rec := aRecord(first.Carrier.ID, 2)
	rec.Carrier.Condition = ""
	second(&rec)
	mustCommit(t, c, aCommit(t, rec))
	in := remainsOf(t, c, "shelf")[0]
	after := slices.DeleteFunc(in.Events, func(e StoredEvent) bool { return e.Seq <= before[len(before)-1].Seq })
	in.Events = append(before, after...) // what was sent before is there, whatever the second record holds
	return in
}

func note(id string, n int) Event {
	return anEvent(EventVirusCheck, EventNotRun, noon.Add(90*time.Minute), id, fmt.Sprint(n))
}

func without(in Remains, seqs ...int64) Remains {
	in.Events = slices.DeleteFunc(slices.Clone(in.Events), func(e StoredEvent) bool { return slices.Contains(seqs, e.Seq) })
	return in
}

// What a later record says of a carrier that was there counts by its event
// alone. When that is gone, the carrier is as the rest leaves it.
func TestWhatALaterRecordFilledInIsGone(t *testing.T) {
	in := twoImages(t, func(rec *Record) { rec.Carrier.Condition = "worn" })
	filled := slices.IndexFunc(in.Events, func(e StoredEvent) bool { return e.Changes != nil && e.Changes.Condition != nil })
	if filled < 0 {
		t.Fatal("no event says what the second record brought")
	}
	for _, c := range []struct {
		in   Remains
		want string
	}{{in, "worn"}, {without(in, in.Events[filled].Seq), ""}} {
		d, faults := rebuilt(t, "shelf", []Remains{c.in})
		if gone := len(c.in.Events) < len(in.Events); len(faults) > 0 != gone {
			t.Errorf("%q", faults)
		}
		if info, err := d.Carrier(t.Context(), in.CarrierID); err != nil || info.Condition != c.want {
			t.Errorf("the condition is %q, want %q, %v", info.Condition, c.want, err)
		}
	}
}

// A record with as many events as are gone elsewhere fits in their place. Its
// times tell.
func TestARecordInTheGapOfOthers(t *testing.T) {
	in := twoImages(t, func(*Record) {})
	if _, faults := rebuilt(t, "shelf", []Remains{in}); len(faults) != 0 {
		t.Errorf("nothing is gone: %q", faults)
	}
	// The second record's arrival came last: without it nothing stands behind.
	_, faults := rebuilt(t, "shelf", []Remains{without(in, 4, in.Events[len(in.Events)-1].Seq)})
	if len(faults) != 1 || !strings.Contains(faults[0], "1 events of image 2 were taken for those before number 5") {
		t.Errorf("%q", faults)
	}
}

// A record that holds an event of a later number is not taken for what is gone
// before that.
func TestARecordKnowsWhatCameBefore(t *testing.T) {
	in := twoImages(t, func(rec *Record) {
		rec.Events[0].Time = noon // as by a clock that was wrong: it tells nothing
		rec.Events = append(rec.Events, note(rec.Carrier.ID, 5))
	})
	if _, faults := rebuilt(t, "shelf", []Remains{in}); len(faults) != 0 {
		t.Errorf("nothing is gone: %q", faults)
	}
	_, faults := rebuilt(t, "shelf", []Remains{without(in, 3)})
	if len(faults) != 1 || !strings.Contains(faults[0], "1 events before number 4 are gone") {
		t.Errorf("%q", faults)
	}
}
