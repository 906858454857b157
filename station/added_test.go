package station_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

func photo(seed byte, size int) (body []byte, sum string) {
	body = append([]byte("\xff\xd8\xff\xe0"), bytes.Repeat([]byte{seed, seed + 1, 3}, size/3)...)
	h := sha256.Sum256(body)
	return body, hex.EncodeToString(h[:])
}

// give does what the program does with a photo.
func (r *rig) give(id string, body []byte) (sum string) {
	r.t.Helper()
	sum, err := station.KeepingOf(r.cfg.Spool).Put(id, body)
	must(r.t, err)
	_, err = r.catalog.AddFile(r.t.Context(), id, catalog.Added{SHA256: sum, Size: int64(len(body)), MediaType: "image/jpeg", Role: "disc"}, grace)
	must(r.t, err)
	return sum
}

func (r *rig) kept(id string) []string {
	r.t.Helper()
	m, err := filepath.Glob(filepath.Join(r.cfg.Spool, "added", id, "*"))
	must(r.t, err)
	return m
}

// order notes what a store gets, in order.
type order struct {
	archive.Store
	mu   *sync.Mutex
	puts *[]string
	on   *atomic.Bool // while on, files do not arrive
}

func (o order) note(key string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.on.Load() && filepath.Base(filepath.Dir(key)) == "added" {
		return fmt.Errorf("put %s: %w", key, errDark)
	}
	*o.puts = append(*o.puts, key)
	return nil
}

func (o order) Put(ctx context.Context, key string, body []byte) error {
	if err := o.note(key); err != nil {
		return err
	}
	return o.Store.Put(ctx, key, body)
}

func (o order) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	if err := o.note(key); err != nil {
		return nil, err
	}
	return o.Store.Begin(ctx, key, size)
}

func (r *rig) inStore(dir, id, sum string) []byte {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, dir, id, "added", sum))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(r.t, err)
	return b
}

// A photo goes to every store before the event that names it, small or in parts;
// until then it is kept, and it leaves when all have it.
func TestAddedFilesGoBeforeTheirEvents(t *testing.T) {
	var mu sync.Mutex
	var puts []string
	var on atomic.Bool
	on.Store(true)
	r := newRig(t)
	r.cfg.Stores[0].Store = order{r.store, &mu, &puts, &on}
	r.withSecond(false, func(s archive.Store) archive.Store { return s })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "PHOTO", 51, 2000), 2000)))
	id := r.ended(1, station.OutcomeDone).ID
	must(t, r.station.Mailed(t.Context()))
	small, sum := photo(1, 5000)
	large, big := photo(2, 9<<20)
	r.give(id, small)
	r.give(id, large)
	must(t, r.catalog.Annotate(t.Context(), id, catalog.Annotation{Note: "said later"}))
	r.awaitSent(id, "usb")
	if !bytes.Equal(r.inStore("usb", id, sum), small) || !bytes.Equal(r.inStore("usb", id, big), large) {
		t.Error("the second store has not got the photos as they are")
	}
	// The first store takes no files: neither is an event that names one there,
	// nor any behind it.
	if _, all := r.letters("store", id); slices.ContainsFunc(all, func(e catalog.StoredEvent) bool {
		return e.Changes != nil && e.Changes.Added != nil || e.Detail == "note: said later"
	}) {
		t.Error("an event stands in a store before its file")
	}
	if len(r.kept(id)) != 2 {
		t.Errorf("kept: %v", r.kept(id))
	}
	on.Store(false)
	r.awaitSent(id, "shelf")
	if !bytes.Equal(r.inStore("store", id, sum), small) || !bytes.Equal(r.inStore("store", id, big), large) {
		t.Error("the first store has not got the photos as they are")
	}
	mu.Lock()
	seen := slices.Clone(puts)
	mu.Unlock()
	for i, key := range seen {
		if filepath.Base(filepath.Dir(key)) != "events" {
			continue
		}
		_, all := r.letters("store", id)
		for _, e := range all {
			if e.Changes != nil && e.Changes.Added != nil && fmt.Sprintf("%s/events/%010d", id, e.Seq) == key[:len(id)+18] &&
				!slices.Contains(seen[:i], catalog.AddedKey(id, e.Changes.Added.SHA256)) {
				t.Errorf("%s went before its file", key)
			}
		}
	}
	r.awaitKept(id, 0)
}

// awaitSent waits until a store has all of a carrier's events.
func (r *rig) awaitSent(id, store string) {
	r.t.Helper()
	heard, stop := r.catalog.Heard()
	defer stop()
	for {
		n := int64(len(r.show(id).Events))
		seq, err := r.catalog.SentSeq(r.t.Context(), id, store)
		must(r.t, err)
		if seq >= n {
			return
		}
		select {
		case <-heard:
		case <-r.t.Context().Done():
			r.t.Fatal("the events were never sent")
		}
	}
}

// awaitKept waits until so many of a carrier's files are kept. They leave behind
// the sending, so each look has another event sent.
func (r *rig) awaitKept(id string, n int) {
	r.t.Helper()
	for range 1000 {
		if len(r.kept(id)) == n {
			return
		}
		must(r.t, r.catalog.Annotate(r.t.Context(), id, catalog.Annotation{Note: "look again"}))
		must(r.t, r.station.Mailed(r.t.Context()))
	}
	r.t.Errorf("kept: %v, want %d", r.kept(id), n)
}

// What was added while no station ran is sent at the next start; a store that
// joins later gets it out of another one when it is kept no longer.
func TestAddedFilesAtTheNextStart(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "LATER", 52, 2000), 2000)))
	id := r.ended(1, station.OutcomeDone).ID
	second := r.again(r.bench)
	body, sum := photo(3, 100_000)
	second.give(id, body)
	second.start()
	second.awaitSent(id, "shelf")
	second.awaitKept(id, 0)
	if !bytes.Equal(second.inStore("store", id, sum), body) {
		t.Error("it is not in the store")
	}
	third := second.again(r.bench)
	third.withSecond(true, func(s archive.Store) archive.Store { return s })
	third.start()
	third.awaitSent(id, "usb")
	if !bytes.Equal(third.inStore("usb", id, sum), body) {
		t.Error("the store that joined has not got it")
	}
}

// A store that holds other bytes under a photo's key gets no event of it, and
// nothing of what it holds is changed; the other stores go on, and a person
// hears of it. So it is with a photo that is nowhere.
func TestAddedFileThatCannotBeSent(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, id, sum string){
		"another file is there": func(r *rig, id, sum string) {
			must(t, r.store.Put(t.Context(), catalog.AddedKey(id, sum), []byte("something else")))
		},
		"lost": func(r *rig, id, sum string) { must(t, os.RemoveAll(filepath.Join(r.cfg.Spool, "added", id))) },
		"changed on the disk": func(r *rig, id, sum string) {
			must(t, os.WriteFile(filepath.Join(r.cfg.Spool, "added", id, sum), []byte("bits"), 0o640))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start()
			must(t, drive.Insert(simdrive.PressedCD(iso(t, "SPOILED", 53, 2000), 2000)))
			id := r.ended(1, station.OutcomeDone).ID
			must(t, drive.Insert(simdrive.PressedCD(iso(t, "WELL", 54, 2000), 2000)))
			well := r.ended(2, station.OutcomeDone).ID
			second := r.again(r.bench)
			body, sum := photo(4, 3000)
			second.give(id, body)
			spoil(second, id, sum)
			before := second.inStore("store", id, sum)
			must(t, second.catalog.Annotate(t.Context(), well, catalog.Annotation{Note: "of another disc"}))
			second.start()
			second.awaitSent(well, "shelf")
			n := second.await(1, word(station.WordNeedsYou))
			if n.ID != id {
				t.Errorf("%+v", n)
			}
			if _, all := second.letters("store", id); slices.ContainsFunc(all, func(e catalog.StoredEvent) bool { return e.Changes != nil && e.Changes.Added != nil }) {
				t.Error("its event is there")
			}
			if !bytes.Equal(second.inStore("store", id, sum), before) {
				t.Error("what lay there was changed")
			}
			rev, err := second.station.Review(t.Context())
			must(t, err)
			if !slices.ContainsFunc(rev.Wanting, func(w station.Wanting) bool {
				return w.Kind == station.WantingStore && w.Place == "shelf" && w.Since != nil
			}) {
				t.Errorf("review: %+v", rev.Wanting)
			}
		})
	}
}

// A photo that every store has lost is given once more: it goes to all of them
// again, and nothing else is changed.
func TestAddedFileIsGivenAgain(t *testing.T) {
	r := newRig(t)
	r.withSecond(true, func(s archive.Store) archive.Store { return s })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "AGAIN", 56, 2000), 2000)))
	id := r.ended(1, station.OutcomeDone).ID
	body, sum := photo(7, 5000)
	r.give(id, body)
	r.awaitSent(id, "shelf")
	r.awaitSent(id, "usb")
	r.awaitKept(id, 0)
	events := len(r.show(id).Events)
	for _, dir := range []string{"store", "usb"} {
		must(t, os.Remove(filepath.Join(r.dir, dir, id, "added", sum)))
	}
	r.give(id, body)
	r.awaitSent(id, "shelf")
	r.awaitSent(id, "usb")
	if !bytes.Equal(r.inStore("store", id, sum), body) || !bytes.Equal(r.inStore("usb", id, sum), body) {
		t.Error("the stores have not got it again")
	}
	if n := len(r.show(id).Events); n != events {
		t.Errorf("%d events, before %d", n, events)
	}
	r.awaitKept(id, 0)
}

// A cut between the file and its event: the file is there, and the next start
// sends the event and no second file.
func TestCutBetweenFileAndEvent(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "BETWEEN", 55, 2000), 2000)))
	id := r.ended(1, station.OutcomeDone).ID
	second := r.again(r.bench)
	body, sum := photo(5, 12<<20)
	second.give(id, body)
	must(t, archive.PutFile(t.Context(), second.store, catalog.AddedKey(id, sum), bytes.NewReader(body), int64(len(body)), sum))
	second.start()
	second.awaitSent(id, "shelf")
	if _, all := second.letters("store", id); !slices.ContainsFunc(all, func(e catalog.StoredEvent) bool { return e.Changes != nil && e.Changes.Added != nil }) {
		t.Error("its event is not there")
	}
	second.awaitKept(id, 0)
}

// What is kept is proved each time it is used.
func TestKeeping(t *testing.T) {
	k := station.KeepingOf(t.TempDir())
	id := catalog.NewID()
	body, want := photo(6, 900)
	for range 2 {
		if sum, err := k.Put(id, body); err != nil || sum != want {
			t.Fatalf("%s, %v", sum, err)
		}
	}
	f, err := k.Open(id, want)
	must(t, err)
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	must(t, f.Close())
	for _, bad := range [][2]string{{"../" + id, want}, {id, "../../etc/passwd"}, {id, ""}, {"", want}} {
		if f, err := k.Open(bad[0], bad[1]); err == nil {
			f.Close()
			t.Errorf("%q was opened", bad)
		}
		if _, err := k.Put(bad[0], body); bad[0] != id && err == nil {
			t.Errorf("%q was kept", bad)
		}
	}
}
