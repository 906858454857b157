package station_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// dark is a store that does not answer while it is on.
type dark struct {
	archive.Store
	on *atomic.Bool
}

var errDark = errors.New("no answer")

func (d dark) Put(ctx context.Context, key string, body []byte) error {
	if d.on.Load() {
		return fmt.Errorf("put %s: %w", key, errDark)
	}
	return d.Store.Put(ctx, key, body)
}

func (d dark) Stat(ctx context.Context, key string) (archive.Info, error) {
	if d.on.Load() {
		return archive.Info{}, fmt.Errorf("stat %s: %w", key, errDark)
	}
	return d.Store.Stat(ctx, key)
}

// letters gives a carrier's events in a store, by key.
func (r *rig) letters(dir, id string) (seqs []int64, all []catalog.StoredEvent) {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.dir, dir, id, "events"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(r.dir, dir, id, "events", e.Name()))
		must(r.t, err)
		ev, whole, err := catalog.ParseEvent(id+"/events/"+e.Name(), b)
		if err != nil || !whole || ev.Carrier != id {
			r.t.Errorf("%s: %v, whole %v, of %s", e.Name(), err, whole, ev.Carrier)
		}
		seqs, all = append(seqs, ev.Seq), append(all, ev)
	}
	return seqs, all
}

// Every event that is in no record comes to every store, in order, once: those
// of the copies by themselves, a person's words when they are said, what was
// said while no station ran at its next start, and all of it to a store that
// joins later or was dark. Sending makes no event.
func TestEventsGoToEveryStore(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "MAIL", 91, 2000), 2000)))
	id := r.ended(1, station.OutcomeDone).ID
	must(t, r.station.Settled(t.Context(), id))
	must(t, r.station.Mailed(t.Context()))
	sealed := 0
	check := func(r *rig, dir string) {
		t.Helper()
		v := r.show(id)
		seqs, all := r.letters(dir, id)
		for i, e := range v.Events {
			n := slices.Index(seqs, int64(i+1))
			if i < sealed {
				if n >= 0 {
					t.Errorf("%s: event %d is in the record, and was sent", dir, i+1)
				}
				continue
			}
			if n < 0 {
				t.Errorf("%s: event %d is not there: %s", dir, i+1, e.Detail)
			} else if all[n].ID != e.ID || all[n].Detail != e.Detail {
				t.Errorf("%s: event %d is %q, want %q", dir, i+1, all[n].Detail, e.Detail)
			}
		}
		if len(seqs) != len(v.Events)-sealed || len(seqs) == 0 {
			t.Errorf("%s: %d events are there, %d of %d are in the record", dir, len(seqs), sealed, len(v.Events))
		}
	}
	body, err := os.ReadFile(filepath.Join(r.dir, "store", id, "v1/metadata/record.json"))
	must(t, err)
	rec, err := catalog.ParseRecord(body)
	must(t, err)
	sealed = len(rec.Events)
	check(r, "store")
	_, all := r.letters("store", id)
	if c := all[len(all)-1].Changes; c == nil || c.State == nil || *c.State != catalog.ReadBack {
		t.Errorf("the last event says that %+v changed", c)
	}
	for _, name := range []string{"README.txt", "verify.sh", "schema/record-1.json"} {
		if _, err := os.Stat(filepath.Join(r.dir, "store", name)); err != nil {
			t.Error(err)
		}
	}

	item, title := "B-77", "A title"
	must(t, r.catalog.Annotate(t.Context(), id, catalog.Annotation{Item: &item, Title: &title}))
	must(t, r.station.Mailed(t.Context()))
	check(r, "store")
	_, all = r.letters("store", id)
	if b, err := all[len(all)-1].Encode(); err != nil || !strings.Contains(string(b), `"item": "B-77"`) || !strings.Contains(string(b), `"title": "A title"`) {
		t.Errorf("%s, %v", b, err)
	}

	// Said while no station ran; a second store has joined since, and a third
	// that is dark.
	second := r.again(r.bench)
	second.withSecond(false, func(s archive.Store) archive.Store { return s })
	var on atomic.Bool
	on.Store(true)
	moon, err := archive.NewDir(archive.DirConfig{Name: "moon", Root: filepath.Join(r.dir, "moon"), Create: true})
	must(t, err)
	second.cfg.Stores = append(second.cfg.Stores, station.Store{Store: dark{moon, &on}})
	side := "B"
	must(t, second.catalog.Annotate(t.Context(), id, catalog.Annotation{Side: &side}))
	second.start()
	before := len(second.show(id).Events)
	must(t, second.station.Mailed(t.Context()))
	check(second, "store")
	check(second, "usb")
	if seqs, _ := second.letters("moon", id); len(seqs) != 0 {
		t.Errorf("a dark store has %v", seqs)
	}
	on.Store(false)
	heard, stop := second.catalog.Heard() // it is tried again by itself
	defer stop()
	for {
		ids, err := second.catalog.Unsent(t.Context(), "moon", "", 1)
		must(t, err)
		if len(ids) == 0 {
			break
		}
		select {
		case <-heard:
		case <-t.Context().Done():
			t.Fatal("the dark store was never tried again")
		}
	}
	check(second, "moon")
	if n := len(second.show(id).Events); n != before {
		t.Errorf("sending made %d events", n-before)
	}
}
