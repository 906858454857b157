package catalog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

func ptr[T any](v T) *T { return &v }

func TestAnnotate(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	rec := aRecord(NewID(), 1)
	rec.Carrier = CarrierInfo{ID: rec.Carrier.ID, Title: "found in a box"}
	in := aCommit(t, rec)
	in.Needs = []Need{{NeedsReview, "3 sectors are missing"}, {NeedsIdentity, "two were scanned"}}
	mustCommit(t, c, in)
	id := rec.Carrier.ID
	show := func() View {
		t.Helper()
		v, err := c.Show(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := show(); v.Disposition != NeedsIdentity || !slices.Equal(v.Needs, []string{"two were scanned", "3 sectors are missing"}) || *v.Title != "found in a box" {
		t.Fatalf("at first %q %q", v.Disposition, v.Needs)
	}
	by := Agent{RoleOperator, "grace"}
	if err := c.Annotate(ctx, id, Annotation{Item: ptr(" B-77 "), Part: ptr(1), Parts: ptr(2), Side: ptr("B"), Condition: ptr("mould"),
		Access: ptr(AccessRestricted), Note: "came with a letter"}, by); err != nil {
		t.Fatal(err)
	}
	v := show()
	if *v.Item != "B-77" || *v.Part != "1/2" || *v.Side != "B" || *v.Condition != "mould" || v.Access != AccessRestricted ||
		v.Disposition != NeedsReview || !slices.Equal(v.Needs, []string{"3 sectors are missing"}) || *v.Title != "found in a box" {
		t.Errorf("annotated: %+v", v)
	}
	e := v.Events[len(v.Events)-1]
	if e.Type != EventModify || e.Agents[0] != by || !strings.Contains(e.Detail, `item: "B-77", before: not known`) || !strings.HasSuffix(e.Detail, "note: came with a letter") {
		t.Errorf("the event says %+v", e)
	}
	if err := c.Annotate(ctx, id, Annotation{Title: ptr("Maps"), Disposition: ptr(Accepted)}); err != nil {
		t.Fatal(err)
	}
	if v := show(); *v.Title != "Maps" || v.Disposition != Accepted || len(v.Needs) != 0 || v.Events[len(v.Events)-1].Agents[0].Name != Unattended {
		t.Errorf("accepted: %+v", v)
	}
	if err := c.Annotate(ctx, id, Annotation{Item: ptr(""), Part: ptr(0), Parts: ptr(0), Side: ptr("")}); err != nil {
		t.Fatal(err)
	}
	if v := show(); v.Item != nil || v.Part != nil || v.Side != nil || v.Disposition != NeedsIdentity {
		t.Errorf("taken away again: %+v", v)
	}
	if err := c.Annotate(ctx, id, Annotation{Disposition: ptr(Withdrawn)}); err != nil {
		t.Fatal(err)
	}
	if v := show(); v.Disposition != Withdrawn || len(v.Needs) != 0 {
		t.Errorf("withdrawn: %q %q", v.Disposition, v.Needs)
	}
	n := len(show().Events)
	for name, a := range map[string]Annotation{
		"nothing":      {},
		"half a part":  {Part: ptr(1)},
		"part 3 of 2":  {Part: ptr(3), Parts: ptr(2)},
		"access":       {Access: ptr(Access("everyone"))},
		"a need":       {Disposition: ptr(NeedsReview)},
		"silly access": {Side: ptr("A"), Access: ptr(Access(""))},
		"two lines":    {Item: ptr("31234\n000")},
		"a terminal":   {Title: ptr("\x1b[2J")},
		"no UTF-8":     {Condition: ptr("\xff")},
		"too long":     {Item: ptr(strings.Repeat("x", maxSaid+1))},
		"a book":       {Note: strings.Repeat("x", maxText+1)},
	} {
		if err := c.Annotate(ctx, id, a); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Annotate(ctx, NewID(), Annotation{Note: "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a disc nobody knows: %v", err)
	}
	if v := show(); len(v.Events) != n || v.Side != nil {
		t.Error("a refused annotation left traces")
	}
}

func TestListFilters(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	whole, holed, audio := aRecord(NewID(), 1), aRecord(NewID(), 1), NewID()
	holed.Image.State, holed.Image.Sectors.Read, holed.Image.Sectors.Unreadable = Incomplete, 987, 3
	holed.Carrier.Item = "B-2"
	mustCommit(t, c, aCommit(t, whole))
	mustCommit(t, c, aCommit(t, holed))
	if err := c.RecordCapture(ctx, Attempt{Carrier: CarrierInfo{ID: audio}, Disc: disc.Disc{Kind: disc.KindAudio, Medium: disc.MediumCD},
		Identity: disc.Identity{Label: "x"}, Capture: aCapture(Refused, noon.Add(time.Hour))}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetCopy(ctx, whole.Carrier.ID, 1, Copy{Store: "shelf", State: Missing}, anEvent(EventFixity, EventFail, noon)); err != nil {
		t.Fatal(err)
	}
	w, h, a := whole.Carrier.ID, holed.Carrier.ID, audio
	for _, tc := range []struct {
		name string
		f    Filter
		want []string
	}{
		{"all", Filter{}, []string{a, h, w}},
		{"two", Filter{Limit: 2}, []string{a, h}},
		{"complete", Filter{Image: Complete}, []string{w}},
		{"incomplete", Filter{Image: Incomplete}, []string{h}},
		{"missing copy", Filter{Copy: Missing}, []string{w}},
		{"queued copy", Filter{Copy: Queued}, []string{h, w}},
		{"needs you", Filter{NeedsYou: true}, []string{a}},
		{"item", Filter{Item: "B-2"}, []string{h}},
		{"none", Filter{Item: "' OR 1=1 --"}, nil},
	} {
		l, err := c.List(ctx, tc.f)
		var got []string
		for _, s := range l {
			got = append(got, s.ID)
		}
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v (%v)", tc.name, got, tc.want, err)
		}
	}
	l, err := c.List(ctx, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if s := l[0]; s.Image != nil || s.Kind != disc.KindAudio || s.Outcome != Refused || len(s.Needs) != 1 || s.Copies == nil || s.Disposition != NeedsIdentity {
		t.Errorf("audio: %+v", s)
	}
	if s := l[1]; s.Image.State != Incomplete || s.Image.Sectors.Unreadable != 3 || len(s.Copies) != 2 || *s.Title != "The Atlas" || *s.Part != "2/3" || !s.At.Equal(holed.Captures[0].Ended) {
		t.Errorf("incomplete: %+v", s)
	}
}

func TestResolve(t *testing.T) {
	ctx := context.Background()
	c := openTemp(t)
	add := func(id string) {
		rec := aRecord(id, 1)
		mustCommit(t, c, aCommit(t, rec))
	}
	one, two := "abcd"+NewID()[4:25]+"a", "abce"+NewID()[4:25]+"a"
	add(one)
	add(two)
	for _, p := range []string{"abcd", one, strings.ToUpper(one[:9]), " " + one[:6] + "\n"} {
		if got, err := c.Resolve(ctx, p); err != nil || got != one {
			t.Errorf("%q is %q, %v", p, got, err)
		}
	}
	_, err := c.Resolve(ctx, "abc")
	if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) || !strings.Contains(err.Error(), `"B-1001" "ATLAS_2"`) {
		t.Errorf("an ambiguous prefix gives %v", err)
	}
	for _, p := range []string{"", "zzzz", "abc1", "%", "_", "a*", "' OR 1=1 --", one + "a", "ä", strings.Repeat("a", 10_000)} {
		if got, err := c.Resolve(ctx, p); !errors.Is(err, ErrNotFound) {
			t.Errorf("%.20q is %q, %v", p, got, err)
		}
	}
	for range 12 {
		add("qq" + NewID()[2:])
	}
	if _, err := c.Resolve(ctx, "qq"); !errors.Is(err, ErrAmbiguous) || strings.Count(err.Error(), "\n") != maxCandidates+1 || !strings.HasSuffix(err.Error(), "and more") {
		t.Errorf("twelve of them: %v", err)
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if !ValidID(id) || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func FuzzResolve(f *testing.F) {
	ctx := context.Background()
	c := openTemp(f)
	rec := aRecord("abcdefghijklmnopqrstuvwxyz", 1)
	mustCommit(f, c, aCommit(f, rec))
	for _, s := range []string{"abc", "", "a'b", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "\x00", "~", "b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := c.Resolve(ctx, s)
		fits := s != "" && strings.HasPrefix(rec.Carrier.ID, strings.ToLower(strings.TrimSpace(s))) && strings.TrimSpace(s) != ""
		if fits != (err == nil) || err == nil && id != rec.Carrier.ID || err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatalf("%q is %q, %v", s, id, err)
		}
	})
}
