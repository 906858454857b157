package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// remainsOf is what a store holds of every carrier: its records, and the events
// that were sent to it.
func remainsOf(t *testing.T, c *Catalog, store string) (all []Remains) {
	t.Helper()
	ctx := t.Context()
	ids, err := c.Unsent(ctx, "nobody", "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		in := Remains{CarrierID: id}
		for v := 1; v < 10; v++ {
			body, err := c.Record(ctx, id, v)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			in.Records = append(in.Records, Commit{RecordBytes: body, Copies: []Copy{{Store: store, Key: fmt.Sprintf("%s/v%d/", id, v), State: Unknown}}})
		}
		p, err := c.PostFor(ctx, id, "nobody")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			b, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			back, whole, err := ParseEvent(EventKey(id, e.Seq, b), b)
			if err != nil || !whole {
				t.Fatalf("%v, %v\n%s", err, whole, b)
			}
			in.Events = append(in.Events, back)
		}
		all = append(all, in)
	}
	return all
}

func canonicalOf(t *testing.T, c *Catalog) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.ExportCanonical(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func rebuilt(t *testing.T, from string, all []Remains) (c *Catalog, faults []string) {
	t.Helper()
	c = openAt(t, filepath.Join(t.TempDir(), "new.db"))
	r, err := c.Rebuild(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range all {
		fs, err := r.Add(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, fs...)
	}
	if ps, err := c.IntegrityCheck(t.Context()); err != nil || len(ps) > 0 {
		t.Errorf("%v, %v", ps, err)
	}
	return c, faults
}

func to[T any](v T) *T { return &v }

// aLife does at random what can happen to discs. A record has at least so many
// events: where it has none, its place among others is not kept.
func aLife(t *testing.T, c *Catalog, r *rand.Rand, steps, least int) {
	t.Helper()
	ctx := t.Context()
	var ids []string
	versions := map[string]int{}
	at := noon
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	for range steps {
		at = at.Add(time.Minute)
		var err error
		id := ""
		if len(ids) > 0 {
			id = ids[r.IntN(len(ids))]
		}
		switch n := r.IntN(10); {
		case id == "" || n == 0: // a new disc, with an image or without
			id = NewID()
			ids = append(ids, id)
			if r.IntN(2) == 0 {
				in := Attempt{Carrier: CarrierInfo{ID: id, Item: pick("", "I1", "I2"), Title: pick("", "T1"), Side: pick("", "A")}, Capture: aCapture(Refused, at),
					Identity: aRecord(id, 1).Identity, Needs: []Need{{NeedsReview, "something happened"}}}
				if r.IntN(2) == 0 {
					in.Events = []Event{anEvent(EventFormat, EventWarning, at, id)}
				}
				err = c.RecordCapture(ctx, in)
				break
			}
			fallthrough
		case n == 1: // an image
			versions[id]++
			rec := aRecord(id, versions[id])
			rec.Carrier = CarrierInfo{ID: id, Item: pick("", "I1", "I2", "I3"), Title: pick("", "T1", "T2"), Condition: pick("", "worn")}
			rec.Captures = []Capture{aCapture(Imaged, at)}
			rec.Events = nil
			for i := range least + r.IntN(3) {
				rec.Events = append(rec.Events, anEvent(EventImaging, EventSuccess, at.Add(time.Duration(i)*time.Second), id, fmt.Sprint(i)))
			}
			in := aCommit(t, rec)
			in.Events[0].Time = at
			err = c.Commit(ctx, in)
		case n < 4 && versions[id] > 0:
			v := 1 + r.IntN(versions[id])
			state := CopyState(pick("stored", "read back", "missing", "damaged", "unknown"))
			err = c.SetCopy(ctx, id, v, Copy{Store: pick("shelf", "cloud"), Key: fmt.Sprintf("%s/v%d/", id, v), State: state},
				anEvent(EventFixity, EventSuccess, at, fmt.Sprintf("%s/v%d", id, v)))
			if errors.Is(err, ErrTransition) {
				err = nil
			}
		case n < 6:
			err = c.AddEvent(ctx, id, anEvent(EventVirusCheck, EventNotRun, at, id))
		case n < 7: // the same disc comes again
			err = c.RecordCapture(ctx, Attempt{Carrier: CarrierInfo{ID: id, Item: pick("", "I1", "I4"), Side: pick("", "B")}, Capture: aCapture(AlreadyArchived, at),
				Events: []Event{anEvent(EventCapture, EventSuccess, at, id)}})
		default:
			a := Annotation{Note: "said"}
			for _, f := range []struct {
				p    **string
				said []string
			}{{&a.Item, []string{"", "I1", "I5"}}, {&a.Title, []string{"", "T3", "T4 \"é\" <&>"}}, {&a.Side, []string{"", "A"}}, {&a.Condition, []string{"", "scratched"}}} {
				if r.IntN(3) == 0 {
					*f.p = to(pick(f.said...))
				}
			}
			if r.IntN(4) == 0 {
				n := r.IntN(3)
				a.Part, a.Parts = to(n), to(min(n, 1)*3)
			}
			if r.IntN(4) == 0 {
				a.Access = to(Access(pick("open", "closed")))
			}
			if r.IntN(4) == 0 {
				a.Disposition = to(Disposition(pick("none", "accepted", "rejected", "withdrawn")))
			}
			err = c.Annotate(ctx, id, a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever happened to discs, records and events alone give a catalog of which
// the canonical export is byte for byte the same, and which shows the same.
func TestRebuildGivesTheSame(t *testing.T) {
	for seed := range uint64(20) {
		c := openTemp(t)
		least := int(seed) / 10
		aLife(t, c, rand.New(rand.NewPCG(seed, 1)), 60, least)
		want := canonicalOf(t, c)
		all := remainsOf(t, c, "shelf")
		d, faults := rebuilt(t, "shelf", all)
		if len(faults) != 0 {
			t.Errorf("seed %d: %q", seed, faults)
		}
		if got := canonicalOf(t, d); got != want || strings.Count(want, "\n") != len(all) {
			a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
			i := 0
			for i < min(len(a), len(b)) && a[i] == b[i] {
				i++
			}
			t.Fatalf("seed %d: line %d of %d and %d differs:\n%.300s\n%.300s", seed, i, len(a), len(b), a[min(i, len(a)-1)], b[min(i, len(b)-1)])
		}
		for _, in := range all {
			a, err1 := c.Carrier(t.Context(), in.CarrierID)
			b, err2 := d.Carrier(t.Context(), in.CarrierID)
			va, err3 := c.Show(t.Context(), in.CarrierID)
			vb, err4 := d.Show(t.Context(), in.CarrierID)
			if err := errors.Join(err1, err2, err3, err4); err != nil {
				t.Fatal(err)
			}
			a.Title, b.Title = "", "" // an item's title is whoever's said it first: the order between discs is not kept
			if least > 0 && (a != b || va.Disposition != vb.Disposition && va.Disposition != NeedsReview) {
				t.Errorf("seed %d: %+v %s\nwas %+v %s", seed, b, vb.Disposition, a, va.Disposition)
			}
			for _, cp := range vb.Copies {
				i := slices.IndexFunc(va.Copies, func(x Copy) bool { return x.Store == cp.Store })
				if i < 0 {
					t.Errorf("seed %d: a copy from nowhere: %+v", seed, cp)
				} else if was := va.Copies[i]; cp.Store == "shelf" && cp.State != Unknown && !(cp.State == Damaged && was.State == Damaged) ||
					cp.Store == "cloud" && cp.State != was.State {
					t.Errorf("seed %d: the copy in %s is %s, was %s", seed, cp.Store, cp.State, was.State)
				}
			}
		}
		// What was sent is known, and not sent to that store again.
		if ids, err := d.Unsent(t.Context(), "shelf", "", 10); err != nil || len(ids) != 0 {
			t.Errorf("%v, %v", ids, err)
		}
		if ids, err := d.Unsent(t.Context(), "cloud", "", 10_000); err != nil || len(ids) != len(all) {
			t.Errorf("%v, %v", ids, err)
		}
	}
}

// What is gone is told; what comes after it keeps its number.
func TestRebuildOfWhatIsGone(t *testing.T) {
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	mustCommit(t, c, aCommit(t, rec))
	for i := range 4 {
		if err := c.Annotate(t.Context(), rec.Carrier.ID, Annotation{Condition: to(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	in := remainsOf(t, c, "shelf")[0]
	whole := slices.Clone(in.Events)
	in.Events = slices.Delete(slices.Clone(whole), 1, 3)
	d, faults := rebuilt(t, "shelf", []Remains{in})
	if len(faults) != 1 || !strings.Contains(faults[0], "2 events before number") {
		t.Errorf("%q", faults)
	}
	es, err := d.Events(t.Context(), rec.Carrier.ID)
	if err != nil || len(es) != 6 || es[5].ID != whole[len(whole)-1].ID || es[2].Detail != lostText || es[3].Outcome != EventNotRun {
		t.Errorf("%+v, %v", es, err)
	}
	// The stand-ins are sent to nobody.
	if p, err := d.PostFor(t.Context(), rec.Carrier.ID, "cloud"); err != nil || len(p.Events) != len(whole)-2 || p.Last != 6 {
		t.Errorf("%+v, %v", p, err)
	}
	// A number that cannot be is not believed.
	in.Events = slices.Clone(whole)
	in.Events[len(whole)-1].Seq = 9_999_999_999
	if _, faults := rebuilt(t, "shelf", []Remains{in}); len(faults) != 1 || !strings.Contains(faults[0], "were not taken") {
		t.Errorf("%q", faults)
	}
	// A catalog with a disc in it is not added to, and one record under another
	// disc's id is not taken.
	if _, err := d.Rebuild(t.Context(), "shelf"); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	e := openTemp(t)
	r, err := e.Rebuild(t.Context(), "shelf")
	if err != nil {
		t.Fatal(err)
	}
	in.CarrierID = NewID()
	if _, err := r.Add(context.Background(), in); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

func FuzzParseEvent(f *testing.F) {
	e := StoredEvent{NewID(), 3, Event{ID: NewID(), Type: EventModify, Time: noon, Outcome: EventSuccess, Agents: []Agent{{RoleOperator, "a"}}, Objects: []string{"x"},
		Changes: &Changes{Item: to("x"), Title: to(""), Part: to(1), Parts: to(2)}}}
	b, err := e.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"ripstation event","version":1,"carrier":"x","seq":-1,"changes":{"part":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var j struct {
			Carrier string
			Seq     int64
		}
		_ = decodeJSON(b, &j)
		e, whole, err := ParseEvent(EventKey(j.Carrier, j.Seq, b), b)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil || whole != bytes.Equal(again, b) || e.Seq < 1 {
			t.Fatalf("%v, %v\n%s\n%s", err, whole, b, again)
		}
		if _, whole, err := ParseEvent(EventKey(e.Carrier, e.Seq, again), again); err != nil || !whole {
			t.Fatalf("%v, %v\n%s", err, whole, again)
		}
	})
}
