package catalog

import (
	"slices"
	"testing"
	"time"
)

// The title that a person gave an item by one of its discs comes back, also when
// another of its discs was read with another title later.
func TestRebuildGivesTitlesAgain(t *testing.T) {
	c := openTemp(t)
	var ids [2]string
	for {
		ids[0], ids[1] = NewID(), NewID()
		if ids[0] < ids[1] {
			break
		}
	}
	a, b := ids[0], ids[1]
	// It is known first, without a title; a person gives the item its title by b;
	// then a is read and brings another.
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: a, Item: "I"}, Identity: aRecord(a, 1).Identity, Capture: aCapture(Failed, noon)}); err != nil {
		t.Fatal(err)
	}
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: b, Item: "I"}, Identity: aRecord(b, 1).Identity, Capture: aCapture(Failed, noon)}); err != nil {
		t.Fatal(err)
	}
	if err := c.Annotate(t.Context(), b, Annotation{Title: to("by a person")}); err != nil {
		t.Fatal(err)
	}
	rec := aRecord(a, 1)
	rec.Carrier = CarrierInfo{ID: a, Item: "I", Title: "said at the rip"}
	rec.Image.SealedAt = time.Now().Add(time.Hour)
	mustCommit(t, c, aCommit(t, rec))
	want := canonicalOf(t, c)
	title := func(c *Catalog, id string) string {
		v, err := c.Show(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return orZero(v.Title)
	}
	d, faults := rebuilt(t, "shelf", remainsOf(t, c, "shelf"))
	if got := canonicalOf(t, d); got != want || len(faults) > 0 {
		t.Errorf("%q\n%s\n%s", faults, got, want)
	}
	for _, id := range ids {
		if was, is := title(c, id), title(d, id); was != is {
			t.Errorf("title %q, was %q", is, was)
		}
	}
}

// Of two records of one item, the title of the one that was made first stands.
func TestRebuildKeepsTheFirstTitle(t *testing.T) {
	for _, later := range []bool{false, true} {
		c := openTemp(t)
		ids := []string{NewID(), NewID()}
		slices.Sort(ids)
		if later {
			slices.Reverse(ids)
		}
		for i, id := range ids {
			rec := aRecord(id, 1)
			rec.Carrier = CarrierInfo{ID: id, Item: "I", Title: []string{"the first", "the second"}[i]}
			rec.Image.SealedAt = noon.Add(time.Duration(i) * time.Hour)
			mustCommit(t, c, aCommit(t, rec))
		}
		d, _ := rebuilt(t, "shelf", remainsOf(t, c, "shelf"))
		v, err := d.Show(t.Context(), ids[0])
		if err != nil || orZero(v.Title) != "the first" {
			t.Errorf("%v: %q, %v", later, orZero(v.Title), err)
		}
	}
}
