package station_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// shut puts a gate before the first store.
func (r *rig) shut() *gate {
	g := &gate{Store: r.cfg.Stores[0].Store}
	g.shut.Store(true)
	r.cfg.Stores[0].Store = g
	return g
}

// whole asserts that every disc was read, completely and once, and archived as
// it is.
func (r *rig) whole(discs map[string]*simdrive.Disc) {
	r.t.Helper()
	l, err := r.catalog.List(r.t.Context(), catalog.Filter{})
	must(r.t, err)
	if len(l) != len(discs) {
		r.t.Errorf("%d carriers of %d discs", len(l), len(discs))
	}
	for _, s := range l {
		sameAsDisc(r.t, r.image(s.ID, 1), discs[s.Label])
		if v := r.show(s.ID); v.Image.State != catalog.Complete || v.Image.Sectors.Missing() != 0 {
			r.t.Errorf("%s: %+v", s.Label, *v.Image)
		}
		readOnce(r.t, discs[s.Label], 1200)
	}
}

// Two images fill the spool; the discs that come then wait in turn, a small one
// that would fit behind a large one, and go on as soon as an image leaves.
func TestDrivesWaitForRoomInTurn(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=42m", func(t *testing.T, r *rig) {
		r.cfg.Reserve = 4e6
		var early atomic.Int64 // what was so when the fourth drive went on: 1, the third one's image was begun
		r.cfg.Log = zerolog.New(writer(func(p []byte) {
			if bytes.Contains(p, []byte(`"drive":"FOUR"`)) && bytes.Contains(p, []byte(`"word":"READING"`)) {
				early.Store(2 - int64(r.begun("THREE")))
			}
		}))
		g := r.shut()
		discs := map[string]*simdrive.Disc{}
		slots := map[string]*simbench.Slot{}
		sizes := map[string]int64{"ONE": 6000, "TWO": 6000, "THREE": 6000, "FOUR": 1000, "FIVE": 1000}
		order := []string{"ONE", "TWO", "THREE", "FOUR", "FIVE"}
		for i, label := range order {
			discs[label] = simdrive.PressedCD(iso(t, label, uint64(200+i), sizes[label]), sizes[label])
			slots[label] = r.add(simdrive.Options{Serial: label})
		}
		r.start()
		for i, label := range order {
			must(t, slots[label].Insert(discs[label]))
			want := station.WordComplete // the image is sealed, and waits for the store
			if i >= 2 {
				want = station.WordWaitForSpace
			}
			n := r.await(1, func(n station.Notice) bool { return n.Word == want && n.Drive == label })
			if i == 2 && (!strings.Contains(n.Text, "station.reserve") || n.Hint == "") {
				t.Errorf("it waits with %q, hint %q", n.Text, n.Hint)
			}
			if i > 2 && !strings.Contains(n.Text, "before it") {
				t.Errorf("%s waits with %q", label, n.Text)
			}
		}
		st := r.station.Status()
		for end := time.Now().Add(patience); st.Spool.Waiting != 3 && time.Now().Before(end); st = r.station.Status() {
			time.Sleep(time.Millisecond) // it is told a moment before it stands in the line
		}
		if st.Spool.Waiting != 3 || st.Spool.Reserve != 4e6 || st.Spool.Free <= 0 {
			t.Errorf("the status says %+v", st.Spool)
		}
		for _, label := range order {
			if slots[label].Ejects() != 0 {
				t.Errorf("%s was given back", label)
			}
		}
		g.shut.Store(false)
		for i := range order {
			r.ended(i+1, station.OutcomeDone)
		}
		r.whole(discs)
		if early.Load() != 1 {
			t.Errorf("a small disc went before a large one that had waited longer (%d)", early.Load())
		}
	})
}

// begun is 1 when the spool has, or had, an image of a disc.
func (r *rig) begun(label string) int {
	for _, job := range r.jobs() {
		text, err := os.ReadFile(job)
		if err != nil || !bytes.Contains(text, []byte(`"label": "`+label+`"`)) {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(job), "image.iso")); err != nil && !bytes.Contains(text, []byte(`"step": "done"`)) {
			return 0
		}
	}
	return 1
}

// Others fill the disk and empty it again: the disc waits and goes on by
// itself.
func TestOthersMakeRoom(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=32m", func(t *testing.T, r *rig) {
		drive := r.add(simdrive.Options{})
		free := r.fill()
		r.start()
		d := simdrive.PressedCD(iso(t, "PATIENT", 210, 6000), 6000)
		must(t, drive.Insert(d))
		r.await(1, word(station.WordWaitForSpace))
		if drive.Ejects() != 0 {
			t.Error("the disc was given back")
		}
		if left, err := filepath.Glob(filepath.Join(r.cfg.Spool, "*", "uploads")); err != nil || len(left) > 0 {
			t.Errorf("a job that could not be begun left %v, %v", left, err)
		}
		free()
		r.ended(1, station.OutcomeDone)
		r.whole(map[string]*simdrive.Disc{"PATIENT": d})
	})
}

// A disk that others fill in mid-read pauses the reading: no sector is lost,
// none is called unreadable.
func TestDiskFullInMidRead(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=32m", func(t *testing.T, r *rig) {
		drive := r.add(simdrive.Options{})
		r.start()
		d := slowDisc(t, "PAUSED", 211, 300*time.Millisecond)
		must(t, drive.Insert(d))
		r.readFar(d)
		free := r.fill()
		r.await(1, word(station.WordWaitForSpace))
		if bay := r.station.Status().Bays[0]; bay.Word != station.WordWaitForSpace || drive.Ejects() != 0 {
			t.Errorf("the bay shows %s: %s; %d ejects", bay.Word, bay.Text, drive.Ejects())
		}
		free()
		r.ended(1, station.OutcomeDone)
		r.whole(map[string]*simdrive.Disc{"PAUSED": d})
	})
}

// When a disc has begun to be sealed the disk is full.
func TestDiskFullInMidSeal(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=32m", func(t *testing.T, r *rig) {
		drive := r.add(simdrive.Options{})
		var once sync.Once
		var free func()
		r.cfg.Log = zerolog.New(writer(func(p []byte) {
			if bytes.Contains(p, []byte(station.WordChecking)) {
				once.Do(func() { free = r.fill() })
			}
		}))
		r.start()
		d := simdrive.PressedCD(iso(t, "SEALING", 212, 6000), 6000)
		must(t, drive.Insert(d))
		r.await(1, word(station.WordWaitForSpace))
		if drive.Ejects() != 0 || len(r.bags()) != 0 {
			t.Errorf("%d ejects, bags %v", drive.Ejects(), r.bags())
		}
		free()
		r.ended(1, station.OutcomeDone)
		r.whole(map[string]*simdrive.Disc{"SEALING": d})
	})
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// Where the spool's file system cannot set room aside, it is said once, and
// the discs are read.
func TestFileSystemThatCannotReserve(t *testing.T) {
	onOwnDisk(t, "ramfs", "", func(t *testing.T, r *rig) {
		drive := r.add(simdrive.Options{})
		r.start()
		discs := map[string]*simdrive.Disc{}
		for i, label := range []string{"FIRST", "SECOND"} {
			discs[label] = simdrive.PressedCD(iso(t, label, uint64(220+i), 2000), 2000)
			must(t, drive.Insert(discs[label]))
			r.ended(i+1, station.OutcomeDone)
		}
		r.whole(discs)
		said := r.notes(func(n station.Notice) bool { return strings.Contains(n.Text, "cannot set room aside") })
		if len(said) != 1 || !strings.Contains(said[0].Hint, "ext4") {
			t.Errorf("said %d times: %+v", len(said), said)
		}
	})
}

// A disk that is full when a best-effort store's copy goes on is waited for, as
// for any other: the copy is not given up.
func TestDiskFullUnderABestEffortCopy(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=32m", func(t *testing.T, r *rig) {
		g := &gate{}
		g.shut.Store(true)
		r.withSecond(false, func(s archive.Store) archive.Store { g.Store = s; return g })
		drive := r.add(simdrive.Options{})
		r.start()
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "EFFORT", 214, 2000), 2000)))
		x := r.await(1, final)
		r.await(1, word(station.WordReadBack))
		r.stop()
		free := r.fill()
		g.shut.Store(false)
		r.start()
		if n := r.await(1, func(n station.Notice) bool {
			return n.Word == station.WordWaitForSpace || n.Word == station.WordNeedsYou
		}); n.Word != station.WordWaitForSpace {
			t.Errorf("said %s: %s", n.Word, n.Text)
		}
		free()
		r.cleared(x.ID)
		if c := r.copyIn(x.ID, "usb"); c.State != catalog.ReadBack {
			t.Errorf("the catalog says of the copy: %+v", c)
		}
	})
}

// A disk that is full when the station starts keeps nothing from it: the discs
// that are under way are told of and go on when there is room, and no identifier
// comes out of what cannot be written down.
func TestStartWithAFullDiskAfterAScan(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=32m", func(t *testing.T, r *rig) {
		long := rounds(time.Hour, time.Hour)
		long(&r.cfg)
		drive := r.add(simdrive.Options{})
		r.start()
		r.scan(station.ScanRequest{Code: "B-36"})
		d := simdrive.PressedCD(iso(t, "CUT", 87, 1000), 1000)
		must(t, drive.Insert(d))
		id := r.await(1, word(station.WordWhose)).ID
		r.stop()
		free := r.fill()
		second := r.again(r.bench, long).start()
		if n := second.await(1, word(station.WordPaused)); n.ID != id {
			t.Errorf("%s is told as paused, not %s", n.ID, id)
		}
		r.bench.SpuriousChange(drive) // the watcher tells of the disc that is in
		second.await(1, func(n station.Notice) bool { return n.ID == id && n.Word == station.WordWaitForSpace })
		free()
		end := second.ended(1, station.OutcomeDone)
		v := second.show(end.ID)
		if why := strings.Join(v.Needs, ";"); end.ID != id || v.Item != nil || !strings.Contains(why, "stopped") || !strings.Contains(why, "B-36") {
			t.Errorf("carrier %s: item %v, needs %q", end.ID, v.Item, v.Needs)
		}
		sameAsDisc(t, second.image(end.ID, 1), d)
		second.stop()
	})
}

// An image that only a best-effort store still waits for leaves when a disc
// needs the room, and before that it does not.
func TestBestEffortGivesWay(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=24m", func(t *testing.T, r *rig) {
		usb, err := archive.NewDir(archive.DirConfig{Name: "usb", Root: filepath.Join(r.dir, "usb"), Create: true})
		must(t, err)
		g := &gate{Store: usb}
		g.shut.Store(true)
		r.cfg.Stores = append(r.cfg.Stores, station.Store{Store: g})
		drive := r.add(simdrive.Options{})
		r.start()
		first, second := simdrive.PressedCD(iso(t, "FIRST", 230, 6000), 6000), simdrive.PressedCD(iso(t, "SECOND", 231, 6000), 6000)
		must(t, drive.Insert(first))
		x := r.await(1, final)
		r.await(1, word(station.WordReadBack))
		if len(r.notes(word(station.WordReleased))) != 0 {
			t.Error("the image left although nobody needed the room")
		}
		must(t, drive.Insert(second))
		y := r.await(2, final)
		if x.Outcome != station.OutcomeDone || y.Outcome != station.OutcomeDone {
			t.Errorf("ended as %q and %q; the story:\n%s", x.Outcome, y.Outcome, r.story())
		}
		for _, c := range r.show(x.ID).Copies {
			if want := map[string]catalog.CopyState{"shelf": catalog.ReadBack, "usb": catalog.Missing}[c.Store]; c.State != want {
				t.Errorf("the copy in %s is %s, want %s", c.Store, c.State, want)
			}
		}
		sameAsDisc(t, r.image(y.ID, 1), second)
	})
}

// Wanted room is no reason to let go of what only the spool holds.
func TestRoomIsNotMadeOfUnprovenImages(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=24m", func(t *testing.T, r *rig) {
		g := r.shut()
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		discs := map[string]*simdrive.Disc{"LEFT": simdrive.PressedCD(iso(t, "LEFT", 240, 6000), 6000), "RIGHT": simdrive.PressedCD(iso(t, "RIGHT", 241, 6000), 6000)}
		must(t, a.Insert(discs["LEFT"]))
		r.await(1, word(station.WordWaitStore))
		must(t, b.Insert(discs["RIGHT"]))
		r.await(1, word(station.WordWaitForSpace))
		b.PressButton() // somebody has no time to wait
		r.await(1, func(n station.Notice) bool {
			return n.Drive == "B" && n.Word == station.WordEmpty || n.Word == station.WordTakenOut
		})
		n := r.station.Status().Spool.Waiting
		for end := time.Now().Add(patience); n != 0 && time.Now().Before(end); n = r.station.Status().Spool.Waiting {
			time.Sleep(time.Millisecond) // it is told a moment before it leaves the line
		}
		if n != 0 {
			t.Errorf("%d drives wait, and the disc is out", n)
		}
		g.shut.Store(false)
		r.await(1, func(n station.Notice) bool { return n.Final && n.Outcome == station.OutcomeDone })
		must(t, b.Insert(discs["RIGHT"]))
		r.await(2, func(n station.Notice) bool { return n.Final && n.Outcome == station.OutcomeDone })
		r.whole(discs)
	})
}

// The power goes when the disk that catalog and spool lie on is full, to the
// last block. The station must get in, since nobody else sends the images away.
func TestCatalogOpensOnADiskThatIsFull(t *testing.T) {
	onOwnDisk(t, "tmpfs", "size=24m", func(t *testing.T, r *rig) {
		dir := filepath.Join(r.cfg.Spool, "state")
		must(t, os.MkdirAll(filepath.Join(dir, "cut"), 0o750))
		path, cut := filepath.Join(dir, "catalog.db"), filepath.Join(dir, "cut", "catalog.db")
		c, gone, err := catalog.OpenAtStation(t.Context(), path)
		must(t, err)
		if gone {
			t.Error("a ballast gave way on an empty disk")
		}
		_, err = c.OpenBatch(t.Context(), "before the power went", "somebody", false)
		must(t, err)
		for _, end := range []string{"", "-wal", "-ballast"} { // what a power cut leaves: the index is made new
			b, err := os.ReadFile(path + end)
			must(t, err)
			must(t, os.WriteFile(cut+end, b, 0o640))
		}
		free := r.fill()
		if _, err := catalog.Open(t.Context(), cut); !errors.Is(err, catalog.ErrFull) {
			t.Fatalf("the disk should be full: %v", err)
		}
		again, gone, err := catalog.OpenAtStation(t.Context(), cut)
		must(t, err)
		if !gone {
			t.Error("the ballast gave way and nobody was told")
		}
		if _, err := again.CloseBatch(t.Context(), "somebody"); err != nil {
			t.Errorf("nothing can be recorded: %v", err)
		}
		must(t, again.Close())
		free()
		again, _, err = catalog.OpenAtStation(t.Context(), cut)
		must(t, err)
		if info, err := os.Stat(cut + "-ballast"); err != nil || info.Size() < 1<<20 {
			t.Errorf("with room, there is no new ballast: %v", err)
		}
		must(t, again.Close())
		must(t, c.Close())
	})
}
