package catalog

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// imaged commits a disc that needs a review, and gives its id.
func imaged(t *testing.T, c *Catalog) string {
	t.Helper()
	rec := aRecord(NewID(), 1)
	in := aCommit(t, rec)
	in.Needs = []Need{{NeedsReview, "3 sectors are missing"}}
	mustCommit(t, c, in)
	return rec.Carrier.ID
}

func shown(t *testing.T, c *Catalog, id string) View {
	t.Helper()
	v, err := c.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func lastEvent(t *testing.T, c *Catalog, id string) Event {
	t.Helper()
	es := shown(t, c, id).Events
	return es[len(es)-1]
}

var grace = Agent{RoleOperator, "grace"}

// A decision settles every open review of all discs named, or of none.
func TestDecide(t *testing.T) {
	ctx := t.Context()
	c := openTemp(t)
	a, b, gone := imaged(t, c), imaged(t, c), imaged(t, c)
	if err := c.Annotate(ctx, gone, Annotation{Disposition: ptr(Withdrawn)}); err != nil {
		t.Fatal(err)
	}
	before := []int{len(shown(t, c, a).Events), len(shown(t, c, b).Events)}
	for name, err := range map[string]error{
		"no reason":   c.Decide(ctx, []string{a}, Accepted, "  ", grace),
		"no decision": c.Decide(ctx, []string{a}, None, "why", grace),
		"withdrawn":   c.Decide(ctx, []string{a, gone}, Accepted, "why", grace),
		"unknown":     c.Decide(ctx, []string{a, b, NewID()}, Accepted, "why", grace),
		"twice":       c.Decide(ctx, []string{a, a}, Accepted, "why", grace),
		"nobody":      c.Decide(ctx, nil, Accepted, "why", grace),
		"a book":      c.Decide(ctx, []string{a}, Accepted, strings.Repeat("x", maxText+1), grace),
	} {
		want := ErrInvalid
		switch name {
		case "withdrawn":
			want = ErrConflict
		case "unknown":
			want = ErrNotFound
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := []int{len(shown(t, c, a).Events), len(shown(t, c, b).Events)}; !slices.Equal(got, before) || shown(t, c, a).Disposition != NeedsReview {
		t.Errorf("refused decisions left %v events, there were %v", got, before)
	}
	if err := c.Decide(ctx, []string{a, b}, Accepted, "compared by eye", grace); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{a, b} {
		v, e := shown(t, c, id), lastEvent(t, c, id)
		if v.Disposition != Accepted || len(v.Needs) != 0 || e.Agents[0] != grace || !strings.Contains(e.Detail, "note: compared by eye") || *e.Changes.Disposition != Accepted {
			t.Errorf("%s %q, %+v", v.Disposition, v.Needs, e)
		}
	}
	if err := c.Decide(ctx, []string{a}, Rejected, "a label sheet"); err != nil {
		t.Fatal(err)
	}
	if v := shown(t, c, a); v.Disposition != Rejected || lastEvent(t, c, a).Agents[0].Name != Unattended {
		t.Errorf("%s", v.Disposition)
	}
}

func TestRetry(t *testing.T) {
	ctx := t.Context()
	c := openTemp(t)
	a, b, gone := imaged(t, c), imaged(t, c), imaged(t, c)
	audio := NewID()
	if err := errors.Join(c.Annotate(ctx, gone, Annotation{Disposition: ptr(Withdrawn)}),
		c.RecordCapture(ctx, Attempt{Carrier: CarrierInfo{ID: audio}, Identity: aRecord(audio, 1).Identity, Capture: aCapture(Refused, noon)})); err != nil {
		t.Fatal(err)
	}
	n := len(shown(t, c, a).Events)
	for name, e := range map[string]struct{ err, want error }{
		"withdrawn":             {c.AskRetry(ctx, []string{a, gone}, "", grace), ErrConflict},
		"unknown":               {c.AskRetry(ctx, []string{a, NewID()}, "", grace), ErrNotFound},
		"no image and no drive": {c.AskRetry(ctx, []string{a, audio}, "", grace), ErrInvalid},
		"a long drive":          {c.AskRetry(ctx, []string{a}, strings.Repeat("x", maxSaid+1), grace), ErrInvalid},
		"nobody":                {c.AskRetry(ctx, nil, "", grace), ErrInvalid},
		"cancelled before":      {c.CancelRetry(ctx, []string{a}, grace), ErrConflict},
	} {
		if !errors.Is(e.err, e.want) {
			t.Errorf("%s: %v", name, e.err)
		}
	}
	if v := shown(t, c, a); v.Retry != nil || len(v.Events) != n {
		t.Errorf("refused marks left %+v and %d events", v.Retry, len(v.Events)-n)
	}
	if err := errors.Join(c.AskRetry(ctx, []string{a, b}, "", grace), c.AskRetry(ctx, []string{audio}, "PX #1", grace)); err != nil {
		t.Fatal(err)
	}
	marks, err := c.ToRetry(ctx)
	if err != nil || len(marks) != 3 {
		t.Fatalf("%+v, %v", marks, err)
	}
	for _, m := range marks {
		if m.Operator != "grace" || (m.CarrierID == audio) != (m.Drive == "PX #1") || (m.CarrierID == audio) != (m.Version == 0) || m.Identity.Sectors != 1000 {
			t.Errorf("%+v", m)
		}
	}
	first := *shown(t, c, a).Retry
	if e := lastEvent(t, c, a); e.Type != EventModify || e.Agents[0] != grace || e.Changes != nil {
		t.Errorf("%+v", e)
	}

	// A reading that was made for no mark, or for another one, leaves it.
	next := aRecord(a, 2)
	next.Image.Replaces = a + "/v1"
	in := aCommit(t, next)
	in.Retry = NewID()
	mustCommit(t, c, in)
	if got := shown(t, c, a).Retry; got == nil || got.ID != first.ID {
		t.Errorf("another reading used the mark up: %+v", got)
	}
	// The one that was made for it uses it up, once; a mark set since stands.
	third := aRecord(a, 3)
	third.Image.Replaces = a + "/v2"
	in = aCommit(t, third)
	in.Retry = first.ID
	mustCommit(t, c, in)
	if got := shown(t, c, a).Retry; got != nil {
		t.Errorf("its reading is recorded, and it is still marked: %+v", got)
	}
	if err := c.AskRetry(ctx, []string{a}, "", grace); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, c, in) // told again after a cut
	if got := shown(t, c, a).Retry; got == nil || got.ID == first.ID {
		t.Errorf("a record told again took a later mark away: %+v", got)
	}
	if err := c.CancelRetry(ctx, []string{a, b}, grace); err != nil {
		t.Fatal(err)
	}
	if e := lastEvent(t, c, b); shown(t, c, b).Retry != nil || !strings.Contains(e.Detail, "not to be read anew") {
		t.Errorf("%+v", e)
	}
	if ps, err := c.IntegrityCheck(ctx); err != nil || len(ps) > 0 {
		t.Errorf("%v, %v", ps, err)
	}
}

func TestWanted(t *testing.T) {
	ctx := t.Context()
	c := openTemp(t)
	if all, err := c.Wanted(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	nameless := aRecord(NewID(), 1)
	nameless.Carrier = CarrierInfo{ID: nameless.Carrier.ID}
	in := aCommit(t, nameless)
	in.Needs = []Need{{NeedsReview, "a check failed"}}
	mustCommit(t, c, in)
	odd, rejected, well := imaged(t, c), imaged(t, c), imaged(t, c)
	if err := errors.Join(c.Decide(ctx, []string{rejected}, Rejected, "no"), c.Decide(ctx, []string{well}, Accepted, "yes"), c.AskRetry(ctx, []string{well, odd}, "", grace)); err != nil {
		t.Fatal(err)
	}
	all, err := c.Wanted(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Wanted{}
	for _, w := range all {
		got[w.ID] = w
	}
	if len(all) != 3 || len(got) != 3 {
		t.Fatalf("%+v", all)
	}
	if w := got[nameless.Carrier.ID]; w.Disposition != NeedsIdentity || len(w.Needs) != 2 || !w.HasImage || w.Retry != nil || w.Label != "ATLAS_2" {
		t.Errorf("%+v", w)
	}
	if w := got[odd]; w.Disposition != NeedsReview || len(w.Needs) != 1 || w.Needs[0].Since.IsZero() || w.Retry == nil || w.Item != "B-1001" {
		t.Errorf("%+v", w)
	}
	if w := got[well]; len(w.Needs) != 0 || w.Retry == nil || w.Disposition != Accepted {
		t.Errorf("%+v", w)
	}
	tamper(t, c, "UPDATE needs SET reason = 'all is well' WHERE carrier = ?", odd)
	all, err = c.Wanted(ctx)
	if !errors.Is(err, ErrDamaged) || len(all) != 3 {
		t.Errorf("with a damaged row: %d, %v", len(all), err)
	}
}
