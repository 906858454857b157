package station_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// but is an image of which a few sectors are others.
type but struct {
	io.ReaderAt
	disc.Extent
}

func (c but) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	for i := range p[:n] {
		if c.Contains(disc.LBA((off + int64(i)) / disc.SectorSize)) {
			p[i] ^= 0x55
		}
	}
	return n, err
}

// Of two recordables that differ in three sectors, which no sample finds, the
// second neither gets into the paused image of the first nor is given back
// unread as the first.
func TestRecordablesThatDifferInAFewSectors(t *testing.T) {
	few := disc.Extent{Start: 1234, Count: 3}
	for _, sealed := range []bool{false, true} {
		t.Run(map[bool]string{false: "paused", true: "sealed"}[sealed], func(t *testing.T) {
			t.Parallel()
			var g *gate
			r := newRig(t, func(c *station.Config) {
				g = &gate{Store: c.Stores[0].Store}
				g.shut.Store(sealed)
				c.Stores[0].Store = g
			})
			drive := r.add(simdrive.Options{})
			r.start()
			a := simdrive.DVDR(iso(t, "SERIES", 97, 6000), 6000)
			b := simdrive.DVDR(but{iso(t, "SERIES", 97, 6000), few}, 6000)
			var first string
			if sealed {
				must(t, drive.Insert(a))
				first = r.await(1, word(station.WordWaitStore)).ID
				drive.ForceOpen()
				r.await(1, final)
			} else {
				a.Damage().Slow(300*time.Millisecond, disc.Extent{Start: 4500, Count: 1})
				first = r.paused(drive, a)
			}
			must(t, drive.Insert(b))
			if sealed {
				r.await(2, word(station.WordWaitStore))
				g.shut.Store(false)
			}
			x := r.ended(2, station.OutcomeDone)
			sameAsDisc(t, r.image(x.ID, 1), b)
			if x.ID == first {
				t.Error("two discs became one carrier")
			}
			if !sealed {
				must(t, drive.Insert(a))
				if y := r.ended(3, station.OutcomeDone); y.ID != first {
					t.Errorf("the disc that came back is carrier %s, want %s", y.ID, first)
				}
			}
			sameAsDisc(t, r.image(first, 1), a)
		})
	}
}

// Of two pressed discs that differ in one file, the reading of the first is
// broken off just within that file: the second does not go on with it. In
// another drive it does not either when no sample finds where they differ.
func TestPressedDiscsThatDifferInOneFile(t *testing.T) {
	within, few := disc.Extent{Start: 4470, Count: 1500}, disc.Extent{Start: 1234, Count: 3}
	for name, c := range map[string]struct {
		differ           disc.Extent
		another, restart bool
	}{
		"in its drive":                    {differ: within},
		"in its drive after a restart":    {differ: within, restart: true},
		"in another drive":                {differ: within, another: true},
		"in another drive, few sectors":   {differ: few, another: true},
		"in another drive, after restart": {differ: few, another: true, restart: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			drive, second := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "ANOTHER", Model: "OTHER"})
			r.start()
			a := simdrive.DVDROM(iso(t, "EDITION", 97, 6000), 6000)
			b := simdrive.DVDROM(but{iso(t, "EDITION", 97, 6000), c.differ}, 6000)
			a.Damage().Slow(300*time.Millisecond, disc.Extent{Start: 4500, Count: 1})
			first := r.paused(drive, a)
			if c.another {
				drive = second
			}
			if c.restart {
				r = r.again(r.bench)
				r.start()
			}
			n := len(r.notes(final))
			must(t, drive.Insert(b))
			x := r.ended(n+1, station.OutcomeDone)
			sameAsDisc(t, r.image(x.ID, 1), b)
			if x.ID == first {
				t.Error("two discs became one carrier")
			}
			must(t, drive.Insert(a)) // which agrees in all that was read, and goes on
			y := r.ended(n+2, station.OutcomeDone)
			if y.ID != first || len(r.notes(word(station.WordResumed))) != 1 {
				t.Errorf("the disc that came back is carrier %s, want %s; the story:\n%s", y.ID, first, r.story())
			}
			sameAsDisc(t, r.image(first, 1), a)
		})
	}
}

// A sealed disc that comes back in another drive changes nothing of the record:
// it lies in a store already, or is on its way there.
func TestSealedDiscInAnotherDrive(t *testing.T) {
	g := &gate{}
	r := newRig(t, func(c *station.Config) {
		g.Store = c.Stores[0].Store
		c.Stores = []station.Store{{Store: g, Required: true}}
	})
	g.shut.Store(true)
	one, two := r.add(simdrive.Options{Serial: "SIM1"}), r.add(simdrive.Options{Serial: "ANOTHER", Model: "OTHER"})
	r.start()
	d := simdrive.PressedCD(iso(t, "MOVED", 98, 2000), 2000)
	must(t, one.Insert(d))
	id := r.await(1, word(station.WordWaitStore)).ID
	one.ForceOpen()
	one.TakeOut()
	r.await(1, final)
	must(t, two.Insert(d))
	r.await(1, word(station.WordStillSending))
	g.shut.Store(false)
	if x := r.ended(2, station.OutcomeDone); x.ID != id {
		t.Errorf("carrier %s, want %s", x.ID, id)
	}
	want, err := r.catalog.Record(t.Context(), id, 1)
	must(t, err)
	got, err := os.ReadFile(filepath.Join(r.dir, "store", id, "v1/metadata/record.json"))
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("the record in the store is not the catalog's:\n%s\n%s", got, want)
	}
}

// A disc that comes for an image which is sealed, after that one's own disc was
// taken out by hand, may be a further copy of its pressing: its coming is
// recorded, in whichever drive and after whatever cut.
func TestDoubleOfASealedDisc(t *testing.T) {
	for name, c := range map[string]struct {
		drive        string
		cut, waiting bool
	}{
		"in its drive":                        {drive: "SIM1"},
		"in another drive":                    {drive: "ANOTHER"},
		"in its drive, while nothing is sent": {drive: "SIM1", waiting: true},
		"in its drive after a power cut":      {drive: "SIM1", cut: true},
		"in another drive after a power cut":  {drive: "ANOTHER", cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gate{}
			away := func(c *station.Config) {
				g.Store = c.Stores[0].Store
				c.Stores = []station.Store{{Store: g, Required: true}}
			}
			r := newRig(t, away)
			g.shut.Store(true)
			drives := map[string]*simbench.Slot{"SIM1": r.add(simdrive.Options{Serial: "SIM1"}), "ANOTHER": r.add(simdrive.Options{Serial: "ANOTHER", Model: "OTHER"})}
			r.start()
			d, double := simdrive.PressedCD(iso(t, "SEALED", 99, 2000), 2000), simdrive.PressedCD(iso(t, "SEALED", 99, 2000), 2000)
			must(t, drives["SIM1"].Insert(d))
			id := r.await(1, word(station.WordWaitStore)).ID
			drives["SIM1"].ForceOpen()
			drives["SIM1"].TakeOut()
			r.await(1, final)
			if c.cut {
				r = r.again(r.bench, away)
				r.start()
			}
			n := len(r.notes(final))
			must(t, drives[c.drive].Insert(double))
			if c.waiting {
				r.await(1, word(station.WordStillSending))
			}
			g.shut.Store(false)
			x := r.await(n+1, final)
			if x.Outcome != station.OutcomeDone && x.Outcome != station.OutcomeAlready || x.ID != id {
				t.Errorf("the double ended as %q of %s, want %s; the story:\n%s", x.Outcome, x.ID, id, r.story())
			}
			if got, want := r.outcomes(id), []catalog.CaptureOutcome{catalog.AlreadyArchived, catalog.Imaged}; !slices.Equal(got, want) {
				t.Errorf("captures %q, want %q; the story:\n%s", got, want, r.story())
			}
			if n := len(r.bags()); n != 1 {
				t.Errorf("%d bags", n)
			}
		})
	}
}

// says says which item the disc in a drive is, once it is known what lies there.
func (r *rig) says(drive, item string) {
	r.t.Helper()
	err := station.ErrBusy
	for end := time.Now().Add(patience); errors.Is(err, station.ErrBusy) && time.Now().Before(end); {
		_, err = r.station.Rip(r.t.Context(), station.Request{Source: drive, Item: item})
	}
	must(r.t, err)
}

// A power cut can take all that was read of a disc, and somebody may exchange
// it meanwhile. Its job goes on, and what was said of it only when it is said
// again.
func TestNamedDiscOfWhichNothingIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		in    string // the drive that it lies in then
		again bool   // its item is said again
	}{"found in its drive": {"SIM1", false}, "said again": {"SIM1", true}, "found in another drive": {"SIM2", false}} {
		t.Run(name, func(t *testing.T) {
			again := c.again
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start().knows(1)
			_, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "B-51", Drive: "SIM1"})
			must(t, err)
			d := slowDisc(t, "NAMED", 100, 300*time.Millisecond)
			must(t, drive.Insert(d))
			r.readFar(d)
			bench := simbench.New("boot-2")
			second := r.again(bench)
			jobs := second.jobs()
			if len(jobs) != 1 {
				t.Fatalf("jobs: %v", jobs)
			}
			for _, f := range []string{"image.iso", "sectors.map", "ledger"} {
				must(t, os.Remove(filepath.Join(filepath.Dir(jobs[0]), f)))
			}
			there := bench.Add(simdrive.Options{Serial: c.in})
			must(t, bench.Place(there, d, false, 1))
			second.start().knows(1)
			if again {
				second.says("SIM1", "B-51")
			}
			x := second.ended(1, station.OutcomeDone)
			second.cleared(x.ID)
			v := second.carriers(1)[0]
			if got := second.show(v.ID); again != (got.Item != nil && *got.Item == "B-51") || !again && !strings.Contains(strings.Join(got.Needs, ";"), "B-51") {
				t.Errorf("item %v, needs %q; the story:\n%s", got.Item, got.Needs, second.story())
			}
			sameAsDisc(t, second.image(x.ID, 1), d)
			if left := second.jobs(); len(left) != 0 {
				t.Errorf("jobs that no disc goes on with: %v", left)
			}
		})
	}
}

// What was said of a disc that left before anything of it was read is not said
// of the next one in its drive, though that looks the same.
func TestNamedDiscThatLeavesBeforeItIsRead(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start().knows(1)
	_, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "B-52", Drive: "SIM1"})
	must(t, err)
	first := simdrive.PressedCD(iso(t, "SERIES", 101, 2000), 2000)
	first.Damage().Slow(5*time.Second, disc.Extent{Start: 0, Count: 1}) // what is read first
	must(t, drive.Insert(first))
	r.await(1, word(station.WordReading))
	drive.ForceOpen()
	r.await(1, final)
	next := simdrive.PressedCD(iso(t, "SERIES", 102, 2000), 2000)
	must(t, drive.Insert(next))
	x := r.ended(2, station.OutcomeDone)
	if v := r.show(x.ID); v.Item != nil {
		t.Errorf("the next disc is said to be item %s; the story:\n%s", *v.Item, r.story())
	}
	sameAsDisc(t, r.image(x.ID, 1), next)
}
