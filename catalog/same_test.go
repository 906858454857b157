package catalog

import (
	"slices"
	"strings"
	"testing"
)

// twin is a record of another carrier with the same bytes.
func twin(of Record, version int) Record {
	r := aRecord(NewID(), version)
	r.Objects = slices.Clone(of.Objects)
	return r
}

func detailsOf(t *testing.T, c *Catalog, id, prefix string) (out []string) {
	t.Helper()
	events, err := c.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if strings.HasPrefix(e.Detail, prefix) {
			out = append(out, e.Detail)
			if e.Type != EventMetadata || e.Outcome != EventSuccess || len(e.Objects) != 2 || !strings.HasPrefix(e.Objects[0], id+"/v") || e.Changes != nil {
				t.Errorf("%+v", e)
			}
		}
	}
	return out
}

// Two carriers with the same bytes say so of each other when the second one is
// recorded, once, and a rebuilt catalog says so, too.
func TestSameImage(t *testing.T) {
	c := openTemp(t)
	a := aRecord(NewID(), 1)
	b := twin(a, 1)
	other := aRecord(NewID(), 1)
	for _, r := range []Record{a, other, b, b} {
		mustCommit(t, c, aCommit(t, r))
	}
	short := twin(a, 1) // the same bytes, with zeroes in the place of what was not read
	short.Image.State, short.Image.Sectors.Read, short.Image.Sectors.Unreadable = Incomplete, 989, 1
	mustCommit(t, c, aCommit(t, short))
	next := aRecord(b.Carrier.ID, 2)
	next.Objects = slices.Clone(a.Objects)
	mustCommit(t, c, aCommit(t, next))

	const says = "same content as "
	if got := detailsOf(t, c, a.Carrier.ID, says); len(got) != 2 || !strings.HasPrefix(got[0], says+b.Carrier.ID+"/v1: one SHA-512") || !strings.HasPrefix(got[1], says+b.Carrier.ID+"/v2: ") {
		t.Errorf("the first says %q", got)
	}
	if got := detailsOf(t, c, b.Carrier.ID, says); len(got) != 2 || !strings.HasPrefix(got[0], says+a.Carrier.ID+"/v1: ") {
		t.Errorf("the second says %q", got)
	}
	for _, r := range []Record{other, short} {
		if got := detailsOf(t, c, r.Carrier.ID, says); len(got) != 0 {
			t.Errorf("another disc says %q", got)
		}
	}
	want := canonicalOf(t, c)
	d, faults := rebuilt(t, "shelf", remainsOf(t, c, "shelf"))
	if got := canonicalOf(t, d); got != want || len(faults) > 0 {
		t.Errorf("rebuilt: %q\n%s\nwas\n%s", faults, got, want)
	}
	for _, c := range []*Catalog{c, d} {
		for id, want := range map[string][]string{a.Carrier.ID: {b.Carrier.ID + "/v2"}, b.Carrier.ID: {a.Carrier.ID + "/v1"}, other.Carrier.ID: {}, short.Carrier.ID: {}} {
			if v, err := c.Show(t.Context(), id); err != nil || !slices.Equal(v.SameImage, want) {
				t.Errorf("%v, %v, want %v", v.SameImage, err, want)
			}
		}
	}
}

// Of a pressing that is read over and over, a new image is told of a few others
// only, and a damaged one of them does not keep it from its record.
func TestSameImageIsBounded(t *testing.T) {
	c := openTemp(t)
	a := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, a))
	var last Record
	for range maxTwins + 5 {
		last = twin(a, 1)
		mustCommit(t, c, aCommit(t, last))
	}
	if got := detailsOf(t, c, last.Carrier.ID, "same content as "); len(got) != maxTwins || !strings.Contains(got[0], a.Carrier.ID) {
		t.Errorf("%d: %q", len(got), got)
	}
	tamper(t, c, "UPDATE carriers SET label = 'x' WHERE id = ?", a.Carrier.ID)
	b := twin(a, 1)
	mustCommit(t, c, aCommit(t, b))
	if got := detailsOf(t, c, b.Carrier.ID, "same content as "); len(got) != maxTwins {
		t.Errorf("%d", len(got))
	}
}

func compared(of Record, cap Capture) Comparison {
	return Comparison{Attempt: Attempt{Carrier: CarrierInfo{ID: of.Carrier.ID}, Disc: of.Disc, Identity: of.Identity, Capture: cap,
		Events: []Event{anEvent(EventCapture, EventSuccess, cap.Ended, of.Carrier.ID)}},
		Version: of.Image.Version, Size: of.Image.Size, SHA512: of.Objects[0].SHA512, Unrecorded: of.Image.Sectors.Unrecorded, Required: []string{"shelf"}}
}
