package catalog

import (
	"errors"
	"strings"
	"testing"
)

func aPhoto(seed string) Added {
	return Added{SHA256: hexOf(32, seed), Size: 1234, MediaType: "image/jpeg", Role: "disc", Note: "before cleaning"}
}

func TestAddFile(t *testing.T) {
	ctx := t.Context()
	c := openTemp(t)
	id := imaged(t, c)
	n := len(shown(t, c, id).Events)
	for name, change := range map[string]func(*Added){
		"no digest": func(a *Added) { a.SHA256 = "" }, "half a digest": func(a *Added) { a.SHA256 = a.SHA256[:40] }, "a path": func(a *Added) { a.SHA256 = "../" + a.SHA256[3:] },
		"capitals": func(a *Added) { a.SHA256 = strings.ToUpper(a.SHA256[:63]) + "A" }, "empty": func(a *Added) { a.Size = 0 }, "too large": func(a *Added) { a.Size = MaxAdded + 1 },
		"role": func(a *Added) { a.Role = "cover" }, "type": func(a *Added) { a.MediaType = "" }, "terminal": func(a *Added) { a.Note = "\x1b[2J" },
		"a book": func(a *Added) { a.Note = strings.Repeat("x", maxSaid+1) },
	} {
		a := aPhoto("one")
		change(&a)
		if _, err := c.AddFile(ctx, id, a, grace); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.AddFile(ctx, NewID(), aPhoto("one"), grace); !errors.Is(err, ErrNotFound) {
		t.Errorf("a disc nobody knows: %v", err)
	}
	if len(shown(t, c, id).Events) != n {
		t.Error("what was refused left events")
	}
	if fresh, err := c.AddFile(ctx, id, aPhoto("one"), grace); err != nil || !fresh {
		t.Fatalf("%v, %v", fresh, err)
	}
	again := aPhoto("one")
	again.Role, again.Note = "case", "another word"
	if fresh, err := c.AddFile(ctx, id, again, grace); err != nil || fresh {
		t.Errorf("the same file again: %v, %v", fresh, err)
	}
	if fresh, err := c.AddFile(ctx, id, aPhoto("two")); err != nil || !fresh {
		t.Fatalf("%v, %v", fresh, err)
	}
	v := shown(t, c, id)
	if len(v.Added) != 2 || len(v.Events) != n+2 || v.Added[0].Added != aPhoto("one") || v.Added[0].Operator != "grace" || v.Added[0].Seq != int64(n+1) || v.Added[1].Seq != int64(n+2) {
		t.Fatalf("%+v", v.Added)
	}
	e := v.Events[n]
	if e.Type != EventModify || e.Agents[0] != grace || *e.Changes.Added != aPhoto("one") || len(e.Objects) != 2 || e.Objects[1] != id+"/added/"+hexOf(32, "one") {
		t.Errorf("%+v", e)
	}
	for _, want := range []string{"disc", "image/jpeg", "1234 bytes", hexOf(32, "one"), "before cleaning"} {
		if !strings.Contains(e.Detail, want) {
			t.Errorf("the event does not say %q: %s", want, e.Detail)
		}
	}
	if all, err := c.AllAdded(ctx); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	if err := c.Sent(ctx, id, "shelf", Post{Last: int64(n + 1)}); err != nil {
		t.Fatal(err)
	}
	if seqs, err := c.SentSeqs(ctx, "shelf"); err != nil || seqs[id] != int64(n+1) {
		t.Errorf("%v, %v", seqs, err)
	}
	if seq, err := c.SentSeq(ctx, id, "cloud"); err != nil || seq != 0 {
		t.Errorf("%d, %v", seq, err)
	}
	// Given once more, it is sent once more, even when all was just being sent.
	p, err := c.PostFor(ctx, id, "shelf")
	if err != nil || p.Since != int64(n+1) || len(p.Events) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if fresh, err := c.AddFile(ctx, id, aPhoto("one"), grace); err != nil || fresh {
		t.Errorf("%v, %v", fresh, err)
	}
	if err := c.Sent(ctx, id, "shelf", p); err != nil {
		t.Fatal(err)
	}
	if p, err := c.PostFor(ctx, id, "shelf"); err != nil || p.Since != int64(n) || len(p.Events) != 2 {
		t.Errorf("it would not be sent again: %+v, %v", p, err)
	}

	// A catalog made anew has them, and the canonical export says the same.
	d, faults := rebuilt(t, "shelf", remainsOf(t, c, "shelf"))
	if got, want := canonicalOf(t, d), canonicalOf(t, c); got != want || len(faults) > 0 || !strings.Contains(want, hexOf(32, "two")) {
		t.Errorf("%q\n%s\n%s", faults, got, want)
	}
	w := shown(t, d, id)
	if len(w.Added) != 2 || w.Added[0] != v.Added[0] || w.Added[1] != v.Added[1] {
		t.Errorf("%+v, was %+v", w.Added, v.Added)
	}
	tamper(t, c, "UPDATE added SET role = 'case' WHERE seq = ?", n+1)
	if v, err := c.Show(ctx, id); !errors.Is(err, ErrDamaged) || len(v.Added) != 1 {
		t.Errorf("a changed row: %v, %+v", err, v.Added)
	}
	if ps, err := c.IntegrityCheck(ctx); err != nil || len(ps) != 1 {
		t.Errorf("%v, %v", ps, err)
	}
}

// What a later program may say of a file is taken; what cannot be one is not.
func TestEventsOfAddedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Added)
		good   bool
	}{
		"as it is":        {func(*Added) {}, true},
		"another role":    {func(a *Added) { a.Role = "spine" }, true},
		"another type":    {func(a *Added) { a.MediaType = "image/avif" }, true},
		"a path":          {func(a *Added) { a.SHA256 = "../../" + a.SHA256[6:] }, false},
		"nothing":         {func(a *Added) { a.Size = 0 }, false},
		"more than is":    {func(a *Added) { a.Size = 1 << 50 }, false},
		"a very long one": {func(a *Added) { a.Role = strings.Repeat("x", 200) }, false},
	} {
		a := aPhoto("one")
		c.change(&a)
		id := NewID()
		e := anEvent(EventModify, EventSuccess, noon, id, AddedKey(id, a.SHA256))
		e.ID, e.Changes = NewID(), &Changes{Added: &a}
		b, err := StoredEvent{Carrier: id, Seq: 1, Event: e}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, whole, err := ParseEvent(EventKey(id, 1, b), b)
		if (err == nil) != c.good || c.good && (!whole || *got.Changes.Added != a) {
			t.Errorf("%s: %v, %v", name, whole, err)
		}
	}
}
