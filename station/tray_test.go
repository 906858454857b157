package station_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

func TestTrayThatClosesByItself(t *testing.T) {
	for name, tc := range map[string]struct {
		disc   *simdrive.Disc
		ejects int
		ends   []station.Outcome
	}{
		"recordable": {simdrive.DVDR(iso(t, "HOME", 51, 2000), 2000), 1, []station.Outcome{station.OutcomeDone, station.OutcomeNeedsYou, station.OutcomeNeedsYou}},
		"pressed":    {simdrive.PressedCD(iso(t, "SHOP", 52, 2000), 2000), 1, []station.Outcome{station.OutcomeDone, station.OutcomeAlready, station.OutcomeAlready}},
		"audio":      {simdrive.AudioCD(1, 3000, 4000), 1, []station.Outcome{station.OutcomeNeedsYou, station.OutcomeNeedsYou, station.OutcomeNeedsYou}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *station.Config) { c.ComeBack = 0 }) // the default
			drive := r.add(simdrive.Options{})
			r.start()
			must(t, drive.Insert(tc.disc))
			for i, want := range tc.ends {
				x := r.await(i+1, final)
				if x.Outcome != want {
					t.Fatalf("stay %d ended as %q, want %q; the story:\n%s", i+1, x.Outcome, want, r.story())
				}
				if i+1 < len(tc.ends) {
					if drive.Tray() == disc.TrayOpen {
						drive.CloseTray()
					} else {
						r.bench.SpuriousChange(drive)
					}
				}
			}
			if drive.Ejects() != tc.ejects || drive.Tray() == disc.TrayOpen {
				t.Errorf("%d ejects, want %d; the tray is %s", drive.Ejects(), tc.ejects, drive.Tray())
			}
			if n := len(r.bags()); n > 1 {
				t.Errorf("%d bags of one disc", n)
			}
		})
	}
}

// A recordable that only looks like the one given back is another disc.
func TestAnotherRecordableRightAfter(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.DVDR(iso(t, "SERIES", 53, 2000), 2000)))
	r.ended(1, station.OutcomeDone)
	second := simdrive.DVDR(from{iso(t, "SERIES", 53, 2000), 1500}, 2000) // a further session's worth of other files
	must(t, drive.Insert(second))
	x := r.ended(2, station.OutcomeDone)
	sameAsDisc(t, r.image(x.ID, 1), second)
}

func TestFailedCheckIsNoSuccess(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "CUT", 55, 3000), 2500))) // smaller than its own volume
	x := r.ended(1, station.OutcomeNeedsYou)
	tray := r.await(1, word(station.WordEjected))
	if !strings.Contains(tray.Text, "CHECK FAILED") || tray.Hint == "" {
		t.Errorf("the tray opens with %q, hint %q", tray.Text, tray.Hint)
	}
	for _, n := range r.told() {
		if n.Word == station.WordComplete {
			t.Errorf("said %s: %s", n.Word, n.Text)
		}
	}
	if v := r.show(x.ID); !strings.Contains(strings.Join(v.Needs, "; "), "bytes (500 sectors) are missing") {
		t.Errorf("the record asks a person for %q, not for the check", v.Needs)
	}
}

// The tray opens under the disc, the watcher tells so, and all copies are
// proven, before the story has noted it.
func TestRemovedIsToldBeforeTheStoryHasNotedTheEject(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Eject = station.EjectReadBack })
	r.put(between{eject: func(d station.Drive, ctx context.Context) error {
		for len(r.notes(word(station.WordReleased))) == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		err := d.Eject(ctx)
		// The job must stay while the story has it; a while is enough to see it go.
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if len(r.jobs()) == 0 {
				t.Error("the job was cleared under the story")
				break
			}
		}
		return err
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "RACE", 64, 2000), 2000)))
	x := r.ended(1, station.OutcomeDone)
	r.cleared(x.ID)
	if n := len(r.notes(final)); n != 1 || drive.Ejects() != 1 {
		t.Errorf("%d ends, %d ejects; the story:\n%s", n, drive.Ejects(), r.story())
	}
}

// The tray did not open, and the drive tells of a media change that did not
// happen: the disc is the one whose story is told. It is given back, and not
// read again, though its image is incomplete.
func TestMediaChangeUnderADiscThatWasNotGivenBack(t *testing.T) {
	var opens atomic.Bool
	r := newRig(t, func(c *station.Config) { c.EjectRetry = time.Millisecond })
	r.put(between{eject: func(d station.Drive, ctx context.Context) error {
		if opens.Load() {
			return d.Eject(ctx)
		}
		return &disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1}
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(scratched(66)(t)))
	x := r.ended(1, station.OutcomeNeedsYou)
	r.await(1, word(station.WordReleased))
	opens.Store(true)
	r.bench.SpuriousChange(drive)
	r.ended(2, station.OutcomeIncomplete)
	if v := r.show(x.ID); len(v.Captures) != 1 || v.Image.Version != 1 || drive.Ejects() != 1 {
		t.Errorf("%d captures, image %d, %d ejects; the story:\n%s", len(v.Captures), v.Image.Version, drive.Ejects(), r.story())
	}
	must(t, drive.Insert(simdrive.AudioCD(1, 3000, 4000))) // the next disc
	r.cleared(x.ID)
}

func TestTrayThatNeverOpens(t *testing.T) {
	var ejects atomic.Int64
	r := newRig(t, func(c *station.Config) { c.EjectRetry = time.Millisecond })
	r.put(between{eject: func(station.Drive, context.Context) error {
		ejects.Add(1)
		return &disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1}
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "JAMMED", 65, 2000), 2000)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeNeedsYou)
	bay := r.station.Status().Bays[0]
	if bay.Word != station.WordEjectFailed || !strings.Contains(bay.Text, "STORED IN 1 OF 1") || !strings.Contains(bay.Hint, "button") {
		t.Errorf("the bay shows %s: %s -> %s", bay.Word, bay.Text, bay.Hint)
	}
	if n := ejects.Load(); n > 20 {
		t.Errorf("asked %d times", n)
	}
	drive.ForceOpen()
	r.cleared(x.ID)
}

// The job of a disc that its drive does not give back is not gone on with by
// another of its pressing.
func TestDoubleOfADiscThatIsShutIn(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.EjectRetry = time.Millisecond })
	r.put(between{eject: func(d station.Drive, ctx context.Context) error {
		if ins, err := d.Insertion(ctx); err != nil || ins.DriveKey != "SIM1" {
			return errors.Join(err, d.Eject(ctx))
		}
		return &disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1}
	}})
	drive, other := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "OTHER"})
	r.start()
	d := simdrive.PressedCD(iso(t, "PRESSED", 65, 2000), 2000)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeNeedsYou)
	must(t, other.Insert(simdrive.PressedCD(iso(t, "PRESSED", 65, 2000), 2000)))
	y := r.ended(2, station.OutcomeAlready)
	if got := r.captures(x.ID); y.ID != x.ID || len(got) != 2 || got[1] != catalog.AlreadyArchived {
		t.Errorf("the double is on carrier %s, the first disc on %s with captures %v", y.ID, x.ID, got)
	}
	drive.ForceOpen()
	r.cleared(x.ID)
}

// A disc that is swapped behind the watcher's back keeps its tray shut.
func TestEjectIsNotAimedAtAnotherInsertion(t *testing.T) {
	var g *gate
	var swapped atomic.Bool
	r := newRig(t, func(c *station.Config) {
		g = &gate{Store: c.Stores[0].Store}
		g.shut.Store(true)
		c.Stores[0].Store = g
	})
	r.put(between{insertion: func(d station.Drive, ctx context.Context) (disc.Insertion, error) {
		ins, err := d.Insertion(ctx)
		if swapped.Load() {
			ins.DiskSeq += 100
		}
		return ins, err
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "BEFORE", 66, 2000), 2000)))
	r.await(1, word(station.WordWaitStore))
	swapped.Store(true)
	g.shut.Store(false)
	x := r.await(1, final)
	if drive.Ejects() != 0 || x.Outcome == station.OutcomeDone {
		t.Errorf("%d ejects, ended as %q", drive.Ejects(), x.Outcome)
	}
}

// What must be so before the tray opens is so when the drive hears of it.
func TestWhatIsSoWhenTheTrayOpens(t *testing.T) {
	for _, when := range []station.EjectWhen{station.EjectImaged, station.EjectStored, station.EjectReadBack} {
		t.Run(string(when), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *station.Config) { c.Eject = when })
			second, err := archive.NewDir(archive.DirConfig{Name: "second", Root: filepath.Join(r.dir, "second"), Create: true})
			must(t, err)
			slow := &gate{Store: second}
			slow.shut.Store(true)
			r.cfg.Stores = append(r.cfg.Stores, station.Store{Store: slow, Required: true})
			var once sync.Once
			var list []catalog.Summary
			r.put(between{eject: func(d station.Drive, ctx context.Context) error {
				once.Do(func() { list, _ = r.catalog.List(context.WithoutCancel(ctx), catalog.Filter{}) })
				return d.Eject(ctx)
			}})
			drive := r.add(simdrive.Options{})
			r.start()
			must(t, drive.Insert(simdrive.PressedCD(iso(t, "ORDER", 67, 2000), 2000)))
			r.await(3, word(station.WordWaitStore))
			if n := drive.Ejects(); when != station.EjectImaged && n != 0 {
				t.Errorf("the tray opened while a required store was away")
			}
			if when == station.EjectImaged {
				r.await(1, final)
			}
			slow.shut.Store(false)
			x := r.ended(1, station.OutcomeDone)
			if len(list) != 1 || list[0].Image == nil {
				t.Fatalf("no record when the tray opened: %+v", list)
			}
			for _, c := range list[0].Copies {
				if when == station.EjectStored && c.State != catalog.Stored && c.State != catalog.ReadBack || when == station.EjectReadBack && c.State != catalog.ReadBack {
					t.Errorf("the copy in %s was %s when the tray opened", c.Store, c.State)
				}
			}
			tray := r.await(1, word(station.WordEjected))
			if when == station.EjectImaged && !strings.Contains(tray.Hint, "keep the disc") {
				t.Errorf("nobody was told to keep the disc: %q %q", tray.Text, tray.Hint)
			}
			r.cleared(x.ID)
		})
	}
}

func TestRequestsToAStationThatHasEnded(t *testing.T) {
	r := newRig(t)
	r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "LATE", 68, 2000), 2000)
	_ = d
	_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1"})
	must(t, err)
	r.stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := r.station.Rip(ctx, station.Request{Source: "SIM1"}); err == nil || ctx.Err() != nil {
		t.Errorf("rip: %v", err)
	}
	if err := r.station.Eject(ctx, "SIM1"); err == nil || ctx.Err() != nil {
		t.Errorf("eject: %v", err)
	}
}
