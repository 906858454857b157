package station_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// foreign is a store that has another object under every image's key.
type foreign struct {
	archive.Store
	on *atomic.Bool
}

func (f foreign) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	if f.on.Load() {
		return nil, fmt.Errorf("begin %s: %w", key, archive.ErrExists)
	}
	return f.Store.Begin(ctx, key, size)
}

// withSecond gives a station a second folder as a store.
func (r *rig) withSecond(required bool, wrap func(archive.Store) archive.Store) {
	r.t.Helper()
	usb, err := archive.NewDir(archive.DirConfig{Name: "usb", Root: filepath.Join(r.dir, "usb"), Create: true, PartSize: 1 << 20})
	must(r.t, err)
	r.cfg.Stores = append(r.cfg.Stores, station.Store{Store: wrap(usb), Required: required})
}

func (r *rig) copyIn(id, store string) catalog.Copy {
	r.t.Helper()
	for _, c := range r.show(id).Copies {
		if c.Store == store {
			return c
		}
	}
	r.t.Fatalf("the catalog knows no copy of %s in %s", id, store)
	return catalog.Copy{}
}

// A required copy that cannot be finished keeps the disc, says why at the
// bay, and is tried again at the next start.
func TestParkedUntilTheCauseIsMended(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	r := newRig(t)
	r.cfg.Stores[0].Store = foreign{r.store, &on}
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "PARKED", 81, 2000), 2000)
	must(t, drive.Insert(d))
	x := r.await(1, final)
	if x.Outcome != station.OutcomeNeedsYou || drive.Ejects() != 0 || !strings.Contains(x.Text, "already there") || !strings.Contains(x.Hint, "keep the disc") {
		t.Errorf("ended as %q, %d ejects: %s -> %s", x.Outcome, drive.Ejects(), x.Text, x.Hint)
	}
	if err := r.station.Settled(t.Context(), x.ID); err == nil || !strings.Contains(err.Error(), "already there") {
		t.Errorf("settled: %v", err)
	}
	second := r.again(r.bench)
	second.start()
	r.bench.SpuriousChange(drive)
	y := second.ended(1, station.OutcomeDone)
	second.cleared(y.ID)
	if x.ID != y.ID || drive.Ejects() != 1 || len(second.bags()) != 1 {
		t.Errorf("carriers %s and %s, %d ejects, bags %v", x.ID, y.ID, drive.Ejects(), second.bags())
	}
	sameAsDisc(t, second.image(y.ID, 1), d)
}

// A copy that was found damaged is read again at the next start.
func TestDamagedCopyIsReadAgain(t *testing.T) {
	r := newRig(t)
	r.cfg.Stores[0].Store = liar{r.store}
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "MENDED", 82, 2000), 2000)))
	x := r.await(1, word(station.WordDamaged))
	r.await(1, final)
	if err := r.station.Settled(t.Context(), x.ID); err == nil {
		t.Error("a damaged copy settled")
	}
	second := r.again(r.bench)
	second.start()
	second.cleared2(x.ID, drive)
	if c := second.copyIn(x.ID, "shelf"); c.State != catalog.ReadBack || c.ReadBackAt == nil {
		t.Errorf("the copy is %+v", c)
	}
}

// cleared2 is cleared for a job whose disc was in a drive that has told
// nothing since.
func (r *rig) cleared2(id string, drive interface{ ForceOpen() }) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	must(r.t, r.station.Settled(ctx, id))
	drive.ForceOpen()
	r.cleared(id)
}

// A best-effort copy that cannot be finished is told and recorded; it holds
// nothing up.
func TestBestEffortCopyThatFails(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	r := newRig(t)
	r.withSecond(false, func(s archive.Store) archive.Store { return foreign{s, &on} })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "EFFORT", 83, 2000), 2000)))
	x := r.ended(1, station.OutcomeDone)
	if n := r.await(1, word(station.WordNeedsYou)); !strings.Contains(n.Text, "already there") {
		t.Errorf("said %q", n.Text)
	}
	r.cleared(x.ID)
	if c := r.copyIn(x.ID, "usb"); c.State != catalog.Damaged || c.Detail == "" {
		t.Errorf("the catalog says of the copy: %+v", c)
	}
	if drive.Ejects() != 1 {
		t.Errorf("%d ejects", drive.Ejects())
	}
}

// While a best-effort store is away, an image makes room for the next one, and
// nobody is told that the copy is on its way.
func TestRoomIsMade(t *testing.T) {
	var g *gate
	r := newRig(t)
	r.withSecond(false, func(s archive.Store) archive.Store {
		g = &gate{Store: s}
		g.shut.Store(true)
		return g
	})
	drive := r.add(simdrive.Options{})
	r.start()
	room := simdrive.PressedCD(iso(t, "ROOM", 84, 2000), 2000)
	must(t, drive.Insert(room))
	x := r.await(1, final)
	r.await(1, word(station.WordReadBack))
	for end := time.Now().Add(patience); !r.station.MakeRoom(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no room was made")
		}
	}
	r.cleared(x.ID)
	if c := r.copyIn(x.ID, "usb"); c.State != catalog.Missing || !strings.Contains(c.Detail, "room") {
		t.Errorf("the catalog says of the copy: %+v", c)
	}
	if n := open(t, r.dir); n != 0 {
		t.Errorf("%d files of the spool that were deleted are still open: their room is not free", n)
	}
	// The required store has its copy: that is no reason to read the disc again.
	must(t, drive.Insert(room))
	r.ended(2, station.OutcomeAlready)
}

// mute is a store that takes, and gives nothing back.
type mute struct{ archive.Store }

func (mute) Read(context.Context, string, int64, int64) (io.ReadCloser, error) {
	return nil, errors.New("connection refused")
}

// What a best-effort store has accepted and not given back yet is told when the
// image leaves, and told as no more than that.
func TestRoomIsMadeBeforeTheReadBack(t *testing.T) {
	r := newRig(t)
	r.withSecond(false, func(s archive.Store) archive.Store { return mute{s} })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "UNREAD", 85, 2000), 2000)))
	x := r.await(1, final)
	r.await(1, word(station.WordReadBack))
	r.await(1, func(n station.Notice) bool {
		return n.Word == station.WordWaitStore && strings.Contains(n.Text, "read back")
	})
	for end := time.Now().Add(patience); !r.station.MakeRoom(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no room was made")
		}
	}
	r.cleared(x.ID)
	if c := r.copyIn(x.ID, "usb"); c.State != catalog.Stored {
		t.Errorf("the catalog says of the copy: %+v", c)
	}
	if n := r.await(1, word(station.WordNeedsYou)); n.ID != x.ID || !strings.Contains(n.Text, "usb was accepted, and not read back") {
		t.Errorf("told: %s -> %s", n.Text, n.Hint)
	}
}

// open counts this process's open files under dir that have no name any more.
func open(t *testing.T, dir string) (n int) {
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && strings.HasPrefix(to, dir) && strings.HasSuffix(to, " (deleted)") {
			n++
		}
	}
	return n
}

// A kill between the catalog's note that a copy was read back and the spool's
// costs one more reading back.
func TestCatalogIsAheadOfTheSpool(t *testing.T) {
	var g *gate
	away := func(s archive.Store) archive.Store {
		g = &gate{Store: s}
		g.shut.Store(true)
		return g
	}
	r := newRig(t)
	r.withSecond(false, away) // keeps the job in the spool
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "AHEAD", 85, 2000), 2000)))
	x := r.await(1, final)
	r.await(1, word(station.WordReadBack))
	r.stop()
	path := filepath.Join(r.dir, "spool", x.ID, "uploads", "shelf.json")
	data, err := os.ReadFile(path)
	must(t, err)
	var m map[string]any
	must(t, json.Unmarshal(data, &m))
	m["state"], m["read_back_at"] = "stored", nil
	data, err = json.Marshal(m)
	must(t, err)
	must(t, os.WriteFile(path, data, 0o640))

	second := r.again(r.bench)
	second.withSecond(false, away)
	g.shut.Store(false)
	second.start()
	second.cleared(x.ID)
	for _, store := range []string{"shelf", "usb"} {
		if c := second.copyIn(x.ID, store); c.State != catalog.ReadBack {
			t.Errorf("the copy in %s is %s", store, c.State)
		}
	}
}

// A disc that is taken out while its copies are on their way leaves no job
// behind.
func TestNoJobStaysForADiscThatLeft(t *testing.T) {
	var g *gate
	r := newRig(t, func(c *station.Config) {
		g = &gate{Store: c.Stores[0].Store}
		g.shut.Store(true)
		c.Stores[0].Store = g
	})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "GONE", 86, 2000), 2000)))
	r.await(1, word(station.WordWaitStore))
	drive.ForceOpen()
	x := r.await(1, final)
	if !strings.Contains(x.Hint, "keep the disc") {
		t.Errorf("hint %q", x.Hint)
	}
	g.shut.Store(false)
	r.cleared(x.ID)
	if drive.Ejects() != 0 {
		t.Errorf("%d ejects", drive.Ejects())
	}
}

// The same disc put in again while its parked job is in the spool goes to a
// person at once.
func TestParkedJobAndItsDiscAgain(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Eject = station.EjectImaged })
	r.cfg.Stores[0].Store = liar{r.store}
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "TWICE", 87, 2000), 2000)
	must(t, drive.Insert(d))
	r.await(1, word(station.WordDamaged))
	x := r.await(1, final)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.station.Settled(ctx, x.ID); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("settled: %v", err)
	}
	must(t, drive.Insert(d))
	y := r.await(2, final)
	if y.Word != station.WordNeedsYou || y.Outcome != station.OutcomeNeedsYou || drive.Ejects() != 1 {
		t.Errorf("ended as %s %q, %d ejects: %s", y.Word, y.Outcome, drive.Ejects(), y.Text)
	}
	if len(r.notes(word(station.WordPaused))) > 0 {
		t.Errorf("tried again though only a person can help:\n%s", r.story())
	}
}
