package station_test

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// paused has a disc taken out in the middle of its reading.
func (r *rig) paused(drive *simbench.Slot, d *simdrive.Disc) (id string) {
	r.t.Helper()
	must(r.t, drive.Insert(d))
	r.readFar(d)
	drive.ForceOpen()
	return r.await(1, final).ID
}

// from is an image whose sectors are others from one on.
type from struct {
	io.ReaderAt
	sector int64
}

func (c from) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	for i := range p[:n] {
		if off+int64(i) >= c.sector*disc.SectorSize {
			p[i] ^= 0x55
		}
	}
	return n, err
}

// Discs that could be taken for the one whose job is paused do not get into
// its image.
func TestLookAlikesStayApart(t *testing.T) {
	other := simdrive.PressedCD(iso(t, "ALIKE", 91, 6000), 6000)
	other.Damage().Bad(disc.Extent{Start: 64, Count: 5936}) // nothing but its descriptors can be compared
	for name, b := range map[string]*simdrive.Disc{
		"the same in its first half":       simdrive.PressedCD(from{iso(t, "ALIKE", 90, 6000), 3000}, 6000),
		"the same content, and more of it": simdrive.PressedCD(iso(t, "ALIKE", 90, 6000), 6400),
		"unreadable where it differs":      other,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *station.Config) { c.Retries = 0 })
			drive := r.add(simdrive.Options{})
			r.start()
			a := slowDisc(t, "ALIKE", 90, 200*time.Millisecond)
			first := r.paused(drive, a)
			must(t, drive.Insert(b))
			x := r.await(2, final)
			if x.ID == first || x.Outcome != station.OutcomeDone && x.Outcome != station.OutcomeIncomplete {
				t.Fatalf("ended as %q, carrier %s; the story:\n%s", x.Outcome, x.ID, r.story())
			}
			var bad []disc.Extent
			if b == other {
				bad = append(bad, disc.Extent{Start: 64, Count: 5936})
			}
			sameAsDisc(t, r.image(x.ID, 1), b, bad...)
			must(t, drive.Insert(a))
			y := r.ended(3, station.OutcomeDone)
			if y.ID != first {
				t.Errorf("the paused disc became carrier %s, want %s", y.ID, first)
			}
			sameAsDisc(t, r.image(y.ID, 1), a)
		})
	}
}

// One paused job and two discs of its pressing, in two drives at once: one
// goes on, the other is a carrier of its own.
func TestOneJobTwoDrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		d, twin := slowDisc(t, "ONE", 92, 300*time.Millisecond), slowDisc(t, "ONE", 92, 300*time.Millisecond)
		r.paused(a, d)
		must(t, a.Insert(d))
		must(t, b.Insert(twin))
		r.ended(2, station.OutcomeDone)
		r.ended(3, station.OutcomeDone)
		l, err := r.catalog.List(t.Context(), catalog.Filter{})
		must(t, err)
		if len(l) != 2 {
			t.Fatalf("%d carriers; the story:\n%s", len(l), r.story())
		}
		for _, s := range l {
			sameAsDisc(t, r.image(s.ID, 1), d)
		}
		if n := len(r.notes(word(station.WordPaused))) + len(r.notes(word(station.WordNeedsYou))); n > 0 {
			t.Errorf("the two were in each other's way:\n%s", r.story())
		}
	})
}

// A disc of which a required copy is in doubt is read again; what a best-effort
// store lacks, a repair makes good.
func TestCopyInDoubtIsNotEnough(t *testing.T) {
	for required, version := range map[bool]int{true: 2, false: 1} {
		r := newRig(t)
		r.withSecond(required, func(s archive.Store) archive.Store { return s })
		drive := r.add(simdrive.Options{})
		r.start()
		d := simdrive.PressedCD(iso(t, "DOUBT", 93, 2000), 2000)
		must(t, drive.Insert(d))
		x := r.ended(1, station.OutcomeDone)
		c := r.copyIn(x.ID, "usb")
		c.State = catalog.Missing
		must(t, r.catalog.SetCopy(t.Context(), x.ID, 1, c, catalog.Event{Type: catalog.EventFixity, Time: time.Now(), Outcome: catalog.EventFail, Detail: "not there",
			Objects: []string{x.ID}, Agents: []catalog.Agent{{Role: catalog.RoleOperator, Name: catalog.Unattended}}}))
		must(t, drive.Insert(d))
		y := r.await(2, final)
		must(t, r.station.Settled(t.Context(), y.ID))
		if v := r.show(y.ID); y.ID != x.ID || v.Image.Version != version || version == 1 && y.Outcome != station.OutcomeAlready {
			t.Errorf("required %v: it ended as %q, carrier %s, version %d; want %s, %d", required, y.Outcome, y.ID, v.Image.Version, x.ID, version)
		}
	}
}

// What is sealed takes no more words: the record is in its bag.
func TestItemForASealedDisc(t *testing.T) {
	var g *gate
	r := newRig(t, func(c *station.Config) {
		g = &gate{Store: c.Stores[0].Store}
		g.shut.Store(true)
		c.Stores[0].Store = g
	})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "SEALED", 94, 2000), 2000)))
	r.await(1, word(station.WordWaitStore))
	if _, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "LATE"}); err == nil || !strings.Contains(err.Error(), "annotate") {
		t.Errorf("the item was taken: %v", err)
	}
	g.shut.Store(false)
	x := r.ended(1, station.OutcomeDone)
	r.image(x.ID, 1)
	if v := r.show(x.ID); v.Item != nil {
		t.Errorf("the record says item %s", *v.Item)
	}
}

// A recordable whose tray was to open has had its story told: what comes back
// is read anew, even while the job is still in the spool, and compared.
func TestRecordableAfterAnEjectThatFailed(t *testing.T) {
	var free atomic.Bool
	r := newRig(t, func(c *station.Config) { c.EjectRetry = time.Millisecond })
	var g *gate
	r.withSecond(false, func(s archive.Store) archive.Store {
		g = &gate{Store: s}
		g.shut.Store(true)
		return g
	})
	r.put(between{eject: func(d station.Drive, ctx context.Context) error {
		if free.Load() {
			return d.Eject(ctx)
		}
		return &disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1}
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.DVDR(iso(t, "BURNT", 95, 2000), 2000)))
	x := r.await(1, final)
	free.Store(true)
	drive.ForceOpen()
	drive.CloseTray()
	y := r.await(2, final)
	if x.ID != y.ID || y.Outcome != station.OutcomeAlready || len(r.bags()) != 1 || len(r.notes(word(station.WordComparing))) != 1 {
		t.Errorf("carriers %s and %s, %q, bags %v", x.ID, y.ID, y.Outcome, r.bags())
	}
	g.shut.Store(false)
	r.cleared(x.ID)
	r.cleared(y.ID)
}

// A store that is required since then has no copy: the disc is read again.
func TestNewRequiredStoreHasNoCopy(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "OLDER", 96, 2000), 2000)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeDone)
	r.cleared(x.ID)
	second := r.again(r.bench)
	second.withSecond(true, func(s archive.Store) archive.Store { return s })
	second.start()
	must(t, drive.Insert(d))
	y := second.ended(1, station.OutcomeDone)
	if v := second.show(y.ID); y.ID != x.ID || v.Image.Version != 2 || len(v.Copies) != 2 {
		t.Errorf("carrier %s, version %d, copies %+v", y.ID, v.Image.Version, v.Copies)
	}
	if m, err := filepath.Glob(filepath.Join(r.dir, "usb", x.ID, "v2")); err != nil || len(m) != 1 {
		t.Errorf("no bag in the new store: %v %v", m, err)
	}
}

// Two discs of one pressing whose image is incomplete, in two drives at once:
// one becomes the next version, the other a carrier of its own.
func TestTwoNextVersionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *station.Config) { c.ComeBack = time.Nanosecond })
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		worn := simdrive.PressedCD(iso(t, "WORN", 97, 6000), 6000)
		worn.Damage().Bad(disc.Extent{Start: 5000, Count: 1})
		must(t, a.Insert(worn))
		x := r.ended(1, station.OutcomeIncomplete)
		r.cleared(x.ID)
		time.Sleep(time.Second) // longer than ComeBack
		da, db := slowDisc(t, "WORN", 97, 400*time.Millisecond), slowDisc(t, "WORN", 97, 400*time.Millisecond)
		must(t, a.Insert(da))
		r.readFar(da)
		must(t, b.Insert(db))
		y, z := r.ended(2, station.OutcomeDone), r.ended(3, station.OutcomeDone)
		if y.ID == z.ID || y.ID != x.ID && z.ID != x.ID || r.show(x.ID).Image.Version != 2 {
			t.Errorf("carriers %s, %s, %s", x.ID, y.ID, z.ID)
		}
		sameAsDisc(t, r.image(x.ID, 2), da)
	})
}

// A disc is exchanged by hand in mid-read, and the watcher does not tell of it:
// the story that finds the other one in the drive knows that the first is out.
// In another drive it goes on with its own job.
func TestExchangedUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deaf atomic.Bool
		r := newRig(t)
		r.losing(func(e disc.DriveEvent) bool { return deaf.Load() && e.Drive.Key == "A" })
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		d, other := slowDisc(t, "OUT", 94, 10*time.Second), slowDisc(t, "IN", 95, time.Hour)
		must(t, a.Insert(d))
		r.readFar(d)
		deaf.Store(true)
		a.ForceOpen()
		must(t, a.Insert(other))
		r.readFar(other)
		must(t, b.Insert(d))
		x := r.ended(1, station.OutcomeDone)
		if jobs := r.station.Status().Jobs; len(jobs) != 1 || jobs[0].Label != "IN" {
			t.Errorf("jobs %+v, the disc is carrier %.8s; the story:\n%s", jobs, x.ID, r.story())
		}
		sameAsDisc(t, r.image(x.ID, 1), d)
		r.stop()
	})
}

// A disc that lies in another drive after a restart may be one that looks like
// the job's in all that was read of it, while that one lies where it lay: the
// job goes on with it, and its item only when it is said again.
func TestNamedDiscInAnotherDriveAfterARestart(t *testing.T) {
	for name, c := range map[string]struct {
		in          string // the drive that it lies in then
		again, lost bool   // its item is said again; it is not known any more
	}{"in its drive": {"SIM1", false, false}, "in another drive": {"SIM2", false, true}, "in another drive, and said again": {"SIM2", true, false}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start().knows(1)
			_, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "B-61", Drive: "SIM1"})
			must(t, err)
			d := slowDisc(t, "CROSSED", 107, 300*time.Millisecond)
			must(t, drive.Insert(d))
			r.readFar(d)
			bench := simbench.New("boot-2")
			second := r.again(bench)
			there := bench.Add(simdrive.Options{Serial: c.in})
			must(t, bench.Place(there, d, false, 1))
			second.start().knows(1)
			if c.again {
				second.says("SIM2", "B-61")
			}
			x := second.ended(1, station.OutcomeDone)
			second.cleared(x.ID)
			v := second.carriers(1)[0]
			got := second.show(v.ID)
			if named := got.Item != nil && *got.Item == "B-61"; named == c.lost {
				t.Errorf("item %v, needs %q; the story:\n%s", got.Item, got.Needs, second.story())
			}
			if needs := strings.Join(got.Needs, ";"); c.lost != strings.Contains(needs, "B-61") {
				t.Errorf("needs %q", needs)
			}
			if got := second.outcomes(v.ID); len(got) != 2 {
				t.Errorf("captures %q: the job did not go on", got)
			}
			sameAsDisc(t, second.image(x.ID, 1), d)
		})
	}
}
