package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/internal/carrierlist"
)

func imported(t testing.TB, c *Catalog, batch string, rows ...carrierlist.Row) Imported {
	t.Helper()
	i, err := c.ImportList(t.Context(), batch, rows, BatchSight{}, "eve")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestReportItemByItem(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	imported(t, c, "17", carrierlist.Row{Item: "A", Title: "One disc"}, carrierlist.Row{Item: "B", Part: 1, Parts: 2}, carrierlist.Row{Item: "B", Part: 2, Parts: 2},
		carrierlist.Row{Item: "C", TwoSided: true}, carrierlist.Row{Item: "D"}, carrierlist.Row{Item: "E"}, carrierlist.Row{Item: "F", TwoSided: true},
		carrierlist.Row{Item: "G"}, carrierlist.Row{Item: "H"}, carrierlist.Row{Item: "I"})
	good := readBackIn("shelf")
	came(t, c, "17", CarrierInfo{Item: "A"}, "A", good...)                    // 1: stored
	came(t, c, "17", CarrierInfo{Item: "B", Part: 1, Parts: 2}, "B", good...) // 2: stored
	came(t, c, "17", CarrierInfo{Item: "B"}, "B", good...)                    // 3: which part?
	sideC := came(t, c, "17", CarrierInfo{Item: "C"}, "C", good...)           // 4: one side, nobody said which
	came(t, c, "17", CarrierInfo{}, "NAMELESS", good...)                      // 5: needs identity
	came(t, c, "17", CarrierInfo{Item: "X"}, "X", good...)                    // 6: on no list
	came(t, c, "17", CarrierInfo{Item: "A"}, "A", good...)                    // 7: the row is taken
	refused := NewID()                                                        // 8: D, not imaged
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: refused, Item: "D"}, Capture: aCapture(Refused, noon), Needs: []Need{{NeedsReview, "an audio CD"}}, Batch: "17"}); err != nil {
		t.Fatal(err)
	}
	torn := CarrierInfo{ID: NewID(), Item: "E"} // 9: sectors missing
	e, _, err := c.TakePlace(t.Context(), "17", torn.ID, Agent{RoleOperator, "ada"})
	if err != nil {
		t.Fatal(err)
	}
	rec := aRecord(torn.ID, 1)
	rec.Carrier, rec.Events = torn, append(rec.Events, e)
	rec.Image.State, rec.Image.Sectors.Unreadable, rec.Image.Sectors.Read = Incomplete, 10, 980
	rec.Image.Missing = []disc.Extent{{Start: 1, Count: 10}}
	in := aCommit(t, rec)
	in.Copies = []Copy{{Store: "shelf", Key: torn.ID + "/v1/", State: ReadBack}}
	mustCommit(t, c, in)
	for _, side := range []string{"A", "b"} { // 10, 11: both sides
		came(t, c, "17", CarrierInfo{Item: "F", Side: side}, "F", good...)
	}
	lost := came(t, c, "17", CarrierInfo{Item: "G"}, "G", Copy{Store: "shelf", State: Missing}) // 12
	reading := NewID()                                                                          // 13: H
	if _, _, err := c.TakePlace(t.Context(), "17", reading, Agent{RoleOperator, "ada"}); err != nil {
		t.Fatal(err)
	}
	sight := shelf(false)
	sight.Underway = []Underway{{CarrierInfo: CarrierInfo{ID: reading, Item: "H"}, Label: "H_LABEL", What: "being read"}}
	mustCommit(t, c, aCommit(t, Record(func() Record { // in another batch, or none
		r := aRecord(NewID(), 1)
		r.Carrier.Item = "I"
		return r
	}())))

	r := report(t, c, "17", sight)
	if r.Sides != 12 || r.Stored != 5 || r.Incomplete != 1 || r.NotCaptured != 3 || r.NeverPresented != 3 {
		t.Errorf("%d = %d + %d + %d + %d", r.Sides, r.Stored, r.Incomplete, r.NotCaptured, r.NeverPresented)
	}
	for i, want := range []struct {
		name    string
		state   RowState
		place   int
		why, do string
	}{
		{"A", RowStored, 1, "", ""}, {"B, part 1/2", RowStored, 2, "", ""}, {"B, part 2/2", RowNever, 0, "", "find the disc"},
		{"C, side A", RowStored, 4, whichSide, "annotate " + sideC[:8] + " --side"}, {"C, side B", RowNever, 0, "", "FLIP DISC: turn over the disc of place 4"},
		{"D", RowNotCaptured, 8, "an audio CD", "show " + refused[:8]}, {"E", RowIncomplete, 9, "10 sectors missing", "clean the disc"},
		{"F, side A", RowStored, 10, "", ""}, {"F, side B", RowStored, 11, "", ""}, {"G", RowNotCaptured, 12, "missing in shelf", "verify " + lost[:8]},
		{"H", RowNotCaptured, 13, "being read", ""}, {"I", RowNever, 0, "did not come in this batch", "look whether"},
	} {
		row := r.Rows[i]
		if row.Name() != "item "+want.name || row.State != want.state || row.Place != want.place || want.why == "" && row.Why != "" || !strings.Contains(row.Why, want.why) ||
			want.do == "" && row.Do != "" || !strings.Contains(row.Do, want.do) {
			t.Errorf("%s: %+v, want %+v", row.Name(), row, want)
		}
	}
	for place, want := range map[int]struct{ why, do string }{3: {whichPart, "--part"}, 5: {"", "--item"}, 6: {"not on the list", ""}, 7: {"another disc stands on its row", ""}} {
		d := r.Discs[place-1]
		if d.OnList || d.Place != place || !strings.Contains(d.Why, want.why) || !strings.Contains(d.Do, want.do) {
			t.Errorf("place %d: %+v", place, d)
		}
	}
	if len(r.Flip) != 1 || r.Flip[0] != (BatchFlip{Item: "C", Place: 4, ID: sideC}) || r.Discs[12].Label != "H_LABEL" {
		t.Errorf("%+v, %+v", r.Flip, r.Discs[12])
	}
	// The other side comes: both are there, whichever is which.
	came(t, c, "17", CarrierInfo{Item: "C"}, "C2", good...)
	if r := report(t, c, "17", sight); r.Stored != 6 || len(r.Flip) != 0 || r.Rows[4].Place != 14 {
		t.Errorf("%d stored, %+v", r.Stored, r.Flip)
	}
	sound(t, c)
}

// Of two discs on one row the better one stands on it.
func TestBestDiscOfARow(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	imported(t, c, "17", carrierlist.Row{Item: "A"})
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: NewID(), Item: "A"}, Capture: aCapture(Failed, noon), Batch: "17"}); err != nil {
		t.Fatal(err)
	}
	good := came(t, c, "17", CarrierInfo{Item: "A"}, "A", readBackIn("shelf")...)
	if r := report(t, c, "17", shelf(false)); r.Stored != 1 || r.Rows[0].ID != good || r.Discs[0].OnList {
		t.Errorf("%+v", r.Rows)
	}
	if err := c.Annotate(t.Context(), good, Annotation{Disposition: to(Rejected)}); err != nil {
		t.Fatal(err)
	}
	if r := report(t, c, "17", shelf(false)); r.NotCaptured != 1 || r.Rows[0].Place != 1 {
		t.Errorf("%+v", r.Rows)
	}
}

func TestImportList(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	a, b := carrierlist.Row{Item: "A", Title: "Atlas"}, carrierlist.Row{Item: "B", TwoSided: true}
	if i := imported(t, c, "17", a, b); !slices.Equal(i.Added, []string{"item A", "item B, side A", "item B, side B"}) || i.Rows != 2 {
		t.Errorf("%+v", i)
	}
	first, err := c.Batches(t.Context())
	if err != nil || first[0].ListedBy != "eve" || first[0].Listed == nil {
		t.Fatalf("%+v, %v", first, err)
	}
	if i, err := c.ImportList(t.Context(), "17", []carrierlist.Row{a, b}, BatchSight{}, "bob"); err != nil || !i.None() {
		t.Errorf("the same list again: %+v, %v", i, err)
	}
	if now, err := c.Batches(t.Context()); err != nil || now[0].ListedBy != "eve" || !now[0].Listed.Equal(*first[0].Listed) {
		t.Errorf("who gives the same list again gives none: %+v, %v", now, err)
	}
	came(t, c, "17", CarrierInfo{Item: "B", Side: "B"}, "B")
	a.Title = "Great Atlas"
	if i := imported(t, c, "17", a, b, carrierlist.Row{Item: "C"}); len(i.Added) != 1 || len(i.Changed) != 1 || !strings.Contains(i.Changed[0], "Great Atlas") {
		t.Errorf("%+v", i)
	}
	if i := imported(t, c, "17", b, carrierlist.Row{Item: "C"}); !slices.Equal(i.Removed, []string{"item A"}) {
		t.Errorf("%+v", i)
	}
	// A row whose disc came stays.
	for name, rows := range map[string][]carrierlist.Row{
		"gone":      {{Item: "C"}},
		"one side":  {{Item: "B", Side: "A"}, {Item: "C"}},
		"one-sided": {{Item: "B"}, {Item: "C"}},
	} {
		_, err := c.ImportList(t.Context(), "17", rows, BatchSight{}, "eve")
		if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "item B, side B (place 1)") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One that is not recorded yet came, too.
	id := NewID()
	if _, _, err := c.TakePlace(t.Context(), "17", id, Agent{RoleOperator, "ada"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ImportList(t.Context(), "17", []carrierlist.Row{b}, BatchSight{Underway: []Underway{{CarrierInfo: CarrierInfo{ID: id, Item: "C"}, What: "being read"}}}, "eve"); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if r := report(t, c, "17", shelf(false)); r.Sides != 3 || r.Batch.Expected != 2 {
		t.Errorf("%+v", r.Rows)
	}
	for _, rows := range [][]carrierlist.Row{nil, {{}}, {{Item: strings.Repeat("x", 501)}}, {{Item: "A", Side: "A", TwoSided: true}}} {
		if _, err := c.ImportList(t.Context(), "17", rows, BatchSight{}, "eve"); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", rows, err)
		}
	}
	if _, err := c.ImportList(t.Context(), "99", []carrierlist.Row{a}, BatchSight{}, "eve"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	sound(t, c)
}

// row of ids "item part side" by place.
func idsByPlace(t *testing.T, c *Catalog, batch string) (out []string) {
	t.Helper()
	for _, d := range report(t, c, batch, shelf(false)).Discs {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Item, d.Part, d.Side)))
	}
	return out
}

func TestShiftAndSwap(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	var ids []string
	for i, info := range []CarrierInfo{{Item: "A", Part: 1, Parts: 2}, {Item: "B", Title: "Bees"}, {Item: "C", Side: "A"}, {}, {Item: "E"}} {
		ids = append(ids, came(t, c, "17", info, fmt.Sprint("L", i), readBackIn("shelf")...))
	}
	in := Correction{Batch: "17"}
	eve := Agent{RoleOperator, "eve"}
	before := objectsOf(t, c, ids)
	moved, err := c.Shift(t.Context(), in, 1, 3, 1, eve)
	if err != nil || len(moved) != 4 || moved[1].Item != "A" || moved[1].Part != "1/2" || moved[3].Side != "A" {
		t.Fatalf("%+v, %v", moved, err)
	}
	if got := idsByPlace(t, c, "17"); !slices.Equal(got, []string{"", "A 1/2", "B", "C  A", "E"}) {
		t.Errorf("%q", got)
	}
	for i, id := range ids {
		v, err := c.Show(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		last := v.Events[len(v.Events)-1]
		if i < 4 && (last.Type != EventModify || last.Agents[0] != eve || !strings.Contains(last.Detail, "places 1 to 3 moved by +1")) || i == 4 && strings.Contains(last.Detail, "moved") {
			t.Errorf("place %d: %+v", i+1, last)
		}
		if i == 0 && v.Disposition != NeedsIdentity || i > 0 && v.Disposition != None || i == 2 && *v.Title != "Bees" {
			t.Errorf("place %d: %s, title %v", i+1, v.Disposition, v.Title)
		}
	}
	if after := objectsOf(t, c, ids); !slices.Equal(before, after) {
		t.Error("bytes, keys or places moved")
	}
	if moved, err = c.Shift(t.Context(), in, 2, 4, -1, eve); err != nil {
		t.Fatal(err)
	}
	if got := idsByPlace(t, c, "17"); !slices.Equal(got, []string{"A 1/2", "B", "C  A", "", "E"}) {
		t.Errorf("%q", got)
	}
	if _, err := c.Swap(t.Context(), in, 1, 5, eve); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Swap(t.Context(), in, 3, 4, eve); err != nil { // one of them has none
		t.Fatal(err)
	}
	want := []string{"E", "B", "", "C  A", "A 1/2"}
	if got := idsByPlace(t, c, "17"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	// What cannot be names the place, and changes nothing.
	reserved := NewID()
	if _, _, err := c.TakePlace(t.Context(), "17", reserved, eve); err != nil {
		t.Fatal(err)
	}
	came(t, c, "17", CarrierInfo{Item: "G"}, "G")
	n := len(allOf(t, c, ids))
	for _, x := range []struct {
		do   func() ([]Moved, error)
		is   error
		says string
	}{
		{func() ([]Moved, error) { return c.Shift(t.Context(), in, 1, 1, 1, eve) }, ErrConflict, "place 2 has item B, which would be lost"},
		{func() ([]Moved, error) { return c.Shift(t.Context(), in, 1, 2, -1, eve) }, ErrInvalid, "no place before place 1"},
		{func() ([]Moved, error) { return c.Shift(t.Context(), in, 4, 5, 1, eve) }, ErrConflict, "place 6 (" + reserved[:8] + "): it is not recorded yet"},
		{func() ([]Moved, error) { return c.Shift(t.Context(), in, 7, 7, 1, eve) }, ErrNotFound, "a disc of place 8 is not in the catalog"},
		{func() ([]Moved, error) { return c.Shift(t.Context(), in, 3, 2, 1, eve) }, ErrInvalid, "lower to a higher"},
		{func() ([]Moved, error) { return c.Shift(t.Context(), in, 1, 2, 2, eve) }, ErrInvalid, "+1 or -1"},
		{func() ([]Moved, error) { return c.Shift(t.Context(), in, 1, 500_000, 1, eve) }, ErrInvalid, "are the most"},
		{func() ([]Moved, error) { return c.Swap(t.Context(), in, 2, 2, eve) }, ErrInvalid, "two places"},
		{func() ([]Moved, error) { return c.Swap(t.Context(), in, 2, 6, eve) }, ErrConflict, "place 6"},
		{func() ([]Moved, error) { return c.Swap(t.Context(), in, 2, 9, eve) }, ErrNotFound, "place 9"},
		{func() ([]Moved, error) { return c.Swap(t.Context(), Correction{Batch: "x"}, 1, 2, eve) }, ErrNotFound, "batch list"},
		{func() ([]Moved, error) {
			return c.Swap(t.Context(), Correction{Batch: "17", Underway: []Underway{{CarrierInfo: CarrierInfo{ID: ids[1]}, What: "being read anew"}}}, 1, 2, eve)
		}, ErrConflict, "place 2 (" + ids[1][:8] + "): it is not recorded yet (being read anew)"},
	} {
		if moved, err := x.do(); !errors.Is(err, x.is) || !strings.Contains(err.Error(), x.says) || moved != nil {
			t.Errorf("%v, want %q", err, x.says)
		}
	}
	if got := idsByPlace(t, c, "17")[:5]; !slices.Equal(got, want) || len(allOf(t, c, ids)) != n {
		t.Errorf("a correction that was refused left %q", got)
	}
	// Two of the same identifiers have nothing to swap.
	came(t, c, "17", CarrierInfo{Item: "G"}, "G")
	if _, err := c.Swap(t.Context(), in, 7, 8, eve); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "nothing to swap") {
		t.Error(err)
	}
	sound(t, c)
}

// objectsOf is all that a correction must not touch.
func objectsOf(t *testing.T, c *Catalog, ids []string) (out []string) {
	t.Helper()
	for _, id := range ids {
		objs, err := c.Objects(t.Context(), id, 1)
		if err != nil {
			t.Fatal(err)
		}
		cps, err := c.Copies(t.Context(), id, 1)
		if err != nil {
			t.Fatal(err)
		}
		body, err := c.Record(t.Context(), id, 1)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(objs, cps[0].Key, cps[0].State, string(body)))
	}
	for _, d := range report(t, c, "17", shelf(false)).Discs {
		out = append(out, fmt.Sprint(d.Place, d.ID))
	}
	return out
}

func allOf(t *testing.T, c *Catalog, ids []string) (all []Event) {
	t.Helper()
	for _, id := range ids {
		es, err := c.Events(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, es...)
	}
	return all
}

func TestDoubtLabels(t *testing.T) {
	c := openTemp(t)
	openBatch(t, c, "17")
	a, b := came(t, c, "17", CarrierInfo{Item: "A"}, "A"), came(t, c, "17", CarrierInfo{Item: "B"}, "B")
	reserved := NewID()
	if _, _, err := c.TakePlace(t.Context(), "17", reserved); err != nil {
		t.Fatal(err)
	}
	doubt := func(ds ...Doubt) []Doubt {
		t.Helper()
		fresh, err := c.DoubtLabels(t.Context(), "17", ds)
		if err != nil {
			t.Fatal(err)
		}
		return fresh
	}
	needs := func(id string) []string {
		v, err := c.Show(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return v.Needs
	}
	all := []Doubt{{a, "it fits B"}, {b, "it fits A"}, {reserved, "it fits A"}}
	if fresh := doubt(all...); len(fresh) != 2 || fresh[0] != all[0] || fresh[1] != all[1] {
		t.Errorf("%+v", fresh)
	}
	if fresh := doubt(all...); len(fresh) != 0 {
		t.Errorf("again: %+v", fresh)
	}
	n := len(allOf(t, c, []string{a, b}))
	if got := needs(a); len(got) != 1 || got[0] != labelDoubt("17")+"it fits B" {
		t.Errorf("%q", got)
	}
	// A person has settled it: it is not asked again.
	if err := c.Annotate(t.Context(), a, Annotation{Disposition: to(Accepted)}); err != nil {
		t.Fatal(err)
	}
	if fresh := doubt(all...); len(fresh) != 0 || len(needs(a)) != 0 {
		t.Errorf("%+v, %q", fresh, needs(a))
	}
	// What was corrected asks for nobody, and may be doubted anew.
	if fresh := doubt(all[0]); len(fresh) != 0 || len(needs(b)) != 0 {
		t.Errorf("%+v, %q", fresh, needs(b))
	}
	if fresh := doubt(all...); len(fresh) != 1 || fresh[0].ID != b || len(needs(b)) != 1 {
		t.Errorf("%+v, %q", fresh, needs(b))
	}
	if got := len(allOf(t, c, []string{a, b})); got != n+3 {
		t.Errorf("%d events, were %d", got, n)
	}
	// It comes again, in another batch: what that one says of it is another matter.
	if _, err := c.CloseBatch(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	openBatch(t, c, "18")
	if err := c.RecordCapture(t.Context(), Attempt{Carrier: CarrierInfo{ID: b}, Capture: aCapture(AlreadyArchived, noon), Batch: "18"}); err != nil {
		t.Fatal(err)
	}
	n = len(allOf(t, c, []string{a, b}))
	for range 2 {
		if fresh, err := c.DoubtLabels(t.Context(), "18", nil); err != nil || len(fresh) != 0 {
			t.Errorf("%+v, %v", fresh, err)
		}
		if fresh := doubt(all...); len(fresh) != 0 || len(needs(b)) != 1 {
			t.Errorf("%+v, %q", fresh, needs(b))
		}
	}
	if got := len(allOf(t, c, []string{a, b})); got != n {
		t.Errorf("%d events, were %d", got, n)
	}
	sound(t, c)
}
