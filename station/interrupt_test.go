package station_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// slowDisc has one sector in the middle that takes a while, so that a test
// can do something while the disc is being read.
func slowDisc(t *testing.T, label string, seed uint64, hold time.Duration) *simdrive.Disc {
	t.Helper()
	d := simdrive.PressedCD(iso(t, label, seed, 6000), 6000)
	d.Damage().Slow(hold, disc.Extent{Start: 4500, Count: 1})
	return d
}

// readFar waits until the reading has come to the slow sector.
func (r *rig) readFar(d *simdrive.Disc) {
	r.t.Helper()
	end := time.Now().Add(patience)
	for d.Damage().Tries(4500) == 0 {
		if time.Now().After(end) {
			r.t.Fatalf("the reading never came far; the story:\n%s", r.story())
		}
		time.Sleep(time.Millisecond)
	}
}

// readOnce asserts that no more was read twice than what was in flight, the
// descriptors and the samples.
func readOnce(t *testing.T, d *simdrive.Disc, slack int64) {
	t.Helper()
	var again int64
	d.EachRead(func(e disc.Extent, times int) { again += e.Count * int64(times-1) })
	if again > slack {
		t.Errorf("%d sectors were read again, %d can be explained", again, slack)
	}
}

func TestDiscTakenOutInMidReadGoesOn(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "BUTTON", 21, 500*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	drive.PressButton()
	taken := r.await(1, final)
	if taken.Outcome != station.OutcomeTakenOut {
		t.Fatalf("ended as %q; the story:\n%s", taken.Outcome, r.story())
	}
	other := simdrive.PressedCD(iso(t, "BUTTON", 22, 6000), 6000)
	must(t, drive.Insert(other)) // another disc of the same label and size
	between := r.ended(2, station.OutcomeDone)
	sameAsDisc(t, r.image(between.ID, 1), other)

	must(t, drive.Insert(d))
	end := r.ended(3, station.OutcomeDone)
	sameAsDisc(t, r.image(end.ID, 1), d)
	if end.ID != taken.ID || between.ID == end.ID {
		t.Errorf("carriers: taken out %s, other disc %s, the rest %s", taken.ID, between.ID, end.ID)
	}
	readOnce(t, d, 1200)
	if v := r.show(end.ID); len(v.Captures) != 2 {
		t.Errorf("%d captures, want the interrupted one and the one that sealed", len(v.Captures))
	}
}

func TestSpuriousMediaChangeInMidRead(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "SPURIOUS", 23, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	r.bench.SpuriousChange(drive)
	drive.InjectUnitAttention(0x28, 0)
	end := r.ended(1, station.OutcomeDone)
	sameAsDisc(t, r.image(end.ID, 1), d)
	if drive.Ejects() != 1 || len(r.bags()) != 1 {
		t.Errorf("%d ejects, bags %v", drive.Ejects(), r.bags())
	}
	readOnce(t, d, 1200)
}

func TestUnitAttentionInMidRead(t *testing.T) {
	for name, asc := range map[string]byte{"medium may have changed": 0x28, "reset": 0x29} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start()
			d := slowDisc(t, "ATTENTION", 24, 200*time.Millisecond)
			must(t, drive.Insert(d))
			r.readFar(d)
			drive.InjectUnitAttention(asc, 0)
			end := r.ended(1, station.OutcomeDone)
			sameAsDisc(t, r.image(end.ID, 1), d)
			if v := r.show(end.ID); v.Image.State != catalog.Complete {
				t.Errorf("image %+v", *v.Image)
			}
		})
	}
}

func TestStopAndStartGoesOn(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "STOPPED", 25, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	r.stop()
	must(t, r.catalog.Close())

	second := &rig{t: t, dir: r.dir, bench: r.bench, news: make(chan struct{}, 1)}
	second.assemble()
	second.start()
	r.bench.SpuriousChange(drive) // the watcher tells of the disc that is in
	end := second.ended(1, station.OutcomeDone)
	sameAsDisc(t, second.image(end.ID, 1), d)
	readOnce(t, d, 1200)
}

func TestOneStationASpool(t *testing.T) {
	r := newRig(t)
	r.start()
	drive := r.add(simdrive.Options{})
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "FIRST", 26, 2000), 2000)))
	r.ended(1, station.OutcomeDone)
	s, err := station.New(r.cfg)
	must(t, err)
	if err := s.Run(t.Context()); !errors.Is(err, station.ErrSpoolTaken) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second station on the spool: %v", err)
	}
}

func TestEjectThatFailsIsTold(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	other := drive.Nexus() // another program that locks the tray
	defer other.Close()
	prevent := func(bits byte) {
		for range 3 { // past the unit attentions
			other.Execute(t.Context(), []byte{0x1e, 0, 0, 0, bits, 0}, nil, 0)
		}
	}
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "STUCK", 32, 2000), 2000)))
	prevent(1)
	x := r.await(2, word(station.WordEjectFailed))
	if drive.Ejects() != 0 || !strings.Contains(x.Hint, "button") {
		t.Errorf("%d ejects, hint %q", drive.Ejects(), x.Hint)
	}
	prevent(0)
	r.ended(1, station.OutcomeDone)
	if drive.Ejects() != 1 {
		t.Errorf("%d ejects, want 1", drive.Ejects())
	}
}

func TestWedgedDriveIsAFault(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "WEDGED", 33, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	drive.Wedge()
	x := r.await(1, final)
	if x.Word != station.WordDriveFault || x.Outcome != station.OutcomeFailed || x.Hint == "" {
		t.Errorf("ended as %q %q hint %q", x.Word, x.Outcome, x.Hint)
	}
	if len(r.bags()) != 0 {
		t.Errorf("a bag was made: %v", r.bags())
	}
	drive.Reset()
	r.bench.SpuriousChange(drive)
	end := r.ended(2, station.OutcomeDone)
	v := r.show(end.ID)
	if v.Image.State != catalog.Complete {
		t.Errorf("the fast failures of a wedged drive were taken for damage: %+v", *v.Image)
	}
	sameAsDisc(t, r.image(end.ID, 1), d)
}

func TestTakenOutBeforeAnythingWasRead(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "EMPTY", 34, 3000), 3000)
	d.Damage().Slow(200*time.Millisecond, disc.Extent{Start: 0, Count: 1})
	must(t, drive.Insert(d))
	r.await(1, word(station.WordReading))
	drive.PressButton()
	r.await(1, final)
	must(t, drive.Insert(d))
	end := r.ended(2, station.OutcomeDone)
	sameAsDisc(t, r.image(end.ID, 1), d)
	if st := r.station.Status(); len(st.Jobs) != 0 {
		t.Errorf("the spool keeps a job without a sector: %+v", st.Jobs)
	}
}

func TestTakenOutWhileSending(t *testing.T) {
	var g *gate
	r := newRig(t, func(c *station.Config) {
		g = &gate{Store: c.Stores[0].Store}
		g.shut.Store(true)
		c.Stores[0].Store = g
	})
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "IMPATIENT", 35, 2000), 2000)
	must(t, drive.Insert(d))
	r.await(1, word(station.WordWaitStore))
	drive.PressButton()
	x := r.await(1, final)
	if x.Outcome != station.OutcomeTakenOut || !strings.Contains(x.Text, "sealed") {
		t.Errorf("ended as %q: %s", x.Outcome, x.Text)
	}
	g.shut.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, r.station.Settled(ctx, x.ID))
	sameAsDisc(t, r.image(x.ID, 1), d)
	if drive.Ejects() != 0 {
		t.Errorf("%d ejects of a drive that was empty", drive.Ejects())
	}
	must(t, drive.Insert(d))
	r.ended(2, station.OutcomeAlready)
}
