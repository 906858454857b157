package audit

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// tell records an event of a disc, and sends all that are due to the stores
// named. It gives the event's key.
func (b *bench) tell(id, text string, to ...string) (key string) {
	b.t.Helper()
	ctx := context.Background()
	b.must(b.cat.AddEvent(ctx, id, catalog.Event{Type: catalog.EventModify, Time: time.Now(), Outcome: catalog.EventSuccess, Detail: text, Agents: []catalog.Agent{{Role: catalog.RoleOperator, Name: "ada"}}}))
	b.post(id, to...)
	all, err := b.cat.Letters(ctx, id)
	b.must(err)
	last := all[len(all)-1]
	body, err := last.Encode()
	b.must(err)
	return catalog.EventKey(id, last.Seq, body)
}

func (b *bench) file(store, key string) string { return filepath.Join(b.roots[store], key) }

func (b *bench) rewrite(store, key string, change func([]byte) []byte) {
	b.t.Helper()
	body, err := os.ReadFile(b.file(store, key))
	b.must(err)
	b.must(os.Remove(b.file(store, key)))
	b.must(os.WriteFile(b.file(store, key), change(body), 0o444))
}

// eventCodes are what was found of what lies where events do, by store and key.
func eventCodes(r Report) map[string]Code {
	got := map[string]Code{}
	for _, f := range r.Findings {
		got[f.Store+" "+f.Key] = f.Code
	}
	return got
}

// An event that a store was sent has to lie there as it was sent; what lies among
// events and no catalog has is told. None of it changes a copy's state.
func TestEvents(t *testing.T) {
	b := newBench(t)
	id, other := b.disc(1), b.disc(2)
	kept := b.tell(id, "kept", "shelf", "vault")
	if r := b.audit(false); len(r.Findings) != 0 || r.Events.LookedAt == 0 || r.Events.ReadBack != 0 || !strings.Contains(r.Summary(), " events") {
		t.Errorf("well: %+v", r)
	}
	if r := b.audit(true); len(r.Findings) != 0 || r.Events.ReadBack != r.Events.LookedAt || r.Events.LookedAt == 0 {
		t.Errorf("read: %+v", r)
	}
	gone, cut, bent := b.tell(id, "gone", "shelf", "vault"), b.tell(id, "cut", "shelf", "vault"), b.tell(id, "bent", "shelf", "vault")
	of := b.tell(other, "the whole folder goes", "vault")
	b.must(os.RemoveAll(b.file("vault", other+"/events")))
	b.must(os.Remove(b.file("shelf", gone)))
	b.rewrite("shelf", cut, func(body []byte) []byte { return body[:9] })
	b.rewrite("vault", bent, func(body []byte) []byte { return bytes.Replace(body, []byte("bent"), []byte("true"), 1) })
	stranger, odd := id+"/events/0000009999-"+strings.Repeat("ab", 16)+".json", id+"/events/notes.txt"
	twin := kept[:strings.LastIndex(kept, "-")+1] + strings.Repeat("0", 32) + ".json"
	b.must(os.Rename(b.file("vault", kept), b.file("vault", twin)))
	for _, key := range []string{stranger, odd} {
		b.must(b.stores[0].Put(context.Background(), key, []byte("who put this here")))
	}
	onTheWay := b.tell(id, "on the way")
	for _, full := range []bool{false, true} {
		want := map[string]Code{"shelf " + gone: EventMissing, "shelf " + cut: EventDiffers, "shelf " + stranger: EventUnnamed, "shelf " + odd: EventUnnamed,
			"vault " + kept: EventDiffers, "vault " + twin: EventUnnamed}
		if full {
			want["vault "+bent] = EventDiffers
		}
		r := b.audit(full)
		got := eventCodes(r)
		if got["vault "+of] != EventMissing {
			t.Errorf("a folder that is gone: %v", r.Findings)
		}
		maps.DeleteFunc(got, func(key string, _ Code) bool { return strings.HasPrefix(key, "vault "+other) })
		if !maps.Equal(got, want) {
			t.Errorf("full %v: found %v, want %v", full, got, want)
		}
		for key := range eventCodes(r) {
			if strings.Contains(key, onTheWay) {
				t.Errorf("an event on its way is found fault with: %v", r.Findings)
			}
		}
		if s := b.state("shelf", id).State; s == catalog.Damaged || s == catalog.Missing {
			t.Errorf("the copy counts as %s", s)
		}
	}
}

// A repair sends the events that are missing out of the catalog, only if absent,
// and names those that somebody has to move away first.
func TestRepairOfEvents(t *testing.T) {
	ctx := context.Background()
	b := newBench(t)
	id := b.disc(1)
	gone, bent := b.tell(id, "gone", "shelf", "vault"), b.tell(id, "bent", "shelf", "vault")
	was, err := os.ReadFile(b.file("shelf", gone))
	b.must(err)
	b.must(os.Remove(b.file("shelf", gone)))
	b.rewrite("vault", bent, func(body []byte) []byte { return bytes.Replace(body, []byte("bent"), []byte("true"), 1) })
	lost := func() []string {
		t.Helper()
		ids, err := LostEvents(ctx, b.cat)
		b.must(err)
		return ids
	}
	if got := lost(); len(got) != 0 {
		t.Errorf("lost before anybody looked: %v", got)
	}
	if r := b.audit(true); r.Events.Missing != 1 || r.Events.Damaged != 1 {
		t.Errorf("the audit: %+v", r.Events)
	}
	if got := lost(); !slices.Equal(got, []string{id}) {
		t.Errorf("lost: %v", got)
	}
	repair := func() RepairReport {
		t.Helper()
		r, err := Repair(ctx, RepairConfig{Catalog: b.cat, Stores: b.stores, CarrierID: id})
		b.must(err)
		return r
	}
	r := repair()
	if len(r.Events) != 2 || !slices.Equal(r.Events[0].Sent, []string{gone}) || len(r.Events[0].Differs) != 0 || !slices.Equal(r.Events[1].Differs, []string{bent}) || len(r.Events[1].Sent) != 0 {
		t.Fatalf("done: %+v", r.Events)
	}
	if got, err := os.ReadFile(b.file("shelf", gone)); err != nil || !bytes.Equal(got, was) {
		t.Errorf("sent again: %s (%v)", got, err)
	}
	if got, _ := os.ReadFile(b.file("vault", bent)); !bytes.Contains(got, []byte("true")) {
		t.Error("what an administrator has to move away was written over")
	}
	b.must(os.Remove(b.file("vault", bent))) // moved away
	if got := lost(); !slices.Equal(got, []string{id}) {
		t.Errorf("lost while one waits to be moved away: %v", got)
	}
	if r := repair(); len(r.Events) != 1 || !slices.Equal(r.Events[0].Sent, []string{bent}) {
		t.Errorf("once it was moved away: %+v", r.Events)
	}
	if got := lost(); len(got) != 0 {
		t.Errorf("lost after all was sent: %v", got)
	}
	if r := repair(); len(r.Events) != 0 {
		t.Errorf("when all is well: %+v", r.Events)
	}
	if r := b.audit(true); len(r.Findings) != 0 {
		t.Errorf("found: %v", r.Findings)
	}
	events, err := b.cat.Events(ctx, id)
	b.must(err)
	if !slices.ContainsFunc(events, func(e catalog.Event) bool {
		return e.Type == catalog.EventReplication && slices.Contains(e.Objects, gone)
	}) {
		t.Error("no event says that it was sent again")
	}
}

// Of a disc that is withdrawn nothing need be left; if something is, all has to be.
func TestEventsOfAWithdrawnDisc(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	first := b.tell(id, "first", "shelf", "vault")
	d := catalog.Withdrawn
	b.must(b.cat.Annotate(context.Background(), id, catalog.Annotation{Disposition: &d}))
	b.tell(id, "second", "shelf", "vault")
	b.must(os.RemoveAll(b.file("shelf", id+"/events")))
	b.must(os.Remove(b.file("vault", first)))
	r := b.audit(false)
	if got, want := eventCodes(r), (map[string]Code{"vault " + first: EventMissing}); !maps.Equal(got, want) || r.Events.Withdrawn == 0 {
		t.Errorf("found %v, want %v; %+v", got, want, r.Events)
	}
}

// busy is a store that is sent more while it is listed.
type busy struct {
	archive.Store
	meanwhile func()
}

func (s busy) List(ctx context.Context, prefix string) iter.Seq2[archive.Info, error] {
	return func(yield func(archive.Info, error) bool) {
		for info, err := range s.Store.List(ctx, prefix) {
			if !yield(info, err) {
				return
			}
		}
		s.meanwhile()
	}
}

// What is sent while an audit is under way is nobody's fault.
func TestEventsAreSentMeanwhile(t *testing.T) {
	b := newBench(t)
	id := b.disc(1)
	b.tell(id, "before", "shelf", "vault")
	was := b.stores[0]
	b.stores[0] = busy{was, func() {
		b.stores[0] = was
		b.give(id, "a photo", "shelf")
		b.tell(id, "meanwhile", "shelf")
	}}
	if r := b.audit(true); len(r.Findings) != 0 {
		t.Errorf("found: %v", r.Findings)
	}
	if got := b.stores[0]; got != was {
		t.Error("nothing was sent meanwhile")
	}
}
