package station_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

func three(c *station.Config) { c.Failures = 3 }

// bad is the n-th of a row of different discs with sectors missing.
func bad(t *testing.T, n int) *simdrive.Disc {
	t.Helper()
	d := simdrive.PressedCD(iso(t, fmt.Sprint("BAD", n), uint64(500+n), 2000), 2000)
	d.Damage().Bad(disc.Extent{Start: 700, Count: 2})
	return d
}

func TestDriveOnHold(t *testing.T) {
	r := newRig(t, three)
	drive, other := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "SIM2"})
	r.start()
	for i := range 3 {
		if n := r.notes(word(station.WordOnHold)); len(n) != 0 {
			t.Fatalf("on hold after %d: %+v", i, n)
		}
		must(t, drive.Insert(bad(t, i)))
		r.ended(i+1, station.OutcomeIncomplete)
	}
	n := r.await(1, word(station.WordOnHold))
	if n.Drive != "SIM1" || !strings.Contains(n.Text, "3 discs in a row came out incomplete: clean its lens or try them in another drive") || !strings.Contains(n.Hint, "drives release") {
		t.Errorf("told: %+v", n)
	}
	next := bad(t, 9)
	must(t, drive.Insert(next))
	x := r.await(4, final)
	if x.Outcome != station.OutcomeNeedsYou || x.Word != station.WordOnHold || drive.Ejects() != 3 {
		t.Errorf("the next disc ended as %q %s, %d ejects", x.Outcome, x.Word, drive.Ejects())
	}
	touched := 0
	next.EachRead(func(disc.Extent, int) { touched++ })
	if touched != 0 {
		t.Errorf("%d sectors of the next disc were read", touched)
	}
	if _, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1"}); err == nil || !strings.Contains(err.Error(), "release") {
		t.Errorf("a drive on hold was asked to read: %v", err)
	}
	must(t, other.Insert(simdrive.PressedCD(iso(t, "NEIGHBOUR", 520, 2000), 2000)))
	r.ended(5, station.OutcomeDone)

	second := r.again(r.bench, three)
	second.start()
	r.bench.Found(drive)
	y := second.await(1, final)
	bay := second.station.Status().Bays[0]
	if y.Word != station.WordOnHold || bay.Failures != 3 || bay.OnHold == "" || bay.Word != station.WordOnHold {
		t.Errorf("after a restart the disc ended as %s, the bay shows %+v", y.Word, bay)
	}
	was, err := second.station.Release(t.Context(), "SIM1")
	if err != nil || !was {
		t.Errorf("release: %v, %v", was, err)
	}
	second.ended(2, station.OutcomeIncomplete) // begun by the release
	if bay := second.station.Status().Bays[0]; bay.Failures != 1 || bay.OnHold != "" {
		t.Errorf("after the release the bay shows %+v", bay)
	}
	if was, err := second.station.Release(t.Context(), "SIM1"); err != nil || was {
		t.Errorf("release of a free drive: %v, %v", was, err)
	}
	if _, err := second.station.Release(t.Context(), "nowhere"); !errors.Is(err, station.ErrNoDrive) {
		t.Errorf("release of no drive: %v", err)
	}
}

func TestWhatIsNoRow(t *testing.T) {
	for name, tc := range map[string]struct {
		limit int
		discs func(t *testing.T) []*simdrive.Disc
		left  int
	}{
		"a good one between": {3, func(t *testing.T) []*simdrive.Disc {
			return []*simdrive.Disc{bad(t, 1), bad(t, 2), simdrive.PressedCD(iso(t, "GOOD", 530, 2000), 2000), bad(t, 3), bad(t, 4)}
		}, 2},
		"the same one again": {3, func(t *testing.T) []*simdrive.Disc { d := bad(t, 1); return []*simdrive.Disc{d, d, d, d} }, 1},
		"never": {0, func(t *testing.T) []*simdrive.Disc {
			return []*simdrive.Disc{bad(t, 1), bad(t, 2), bad(t, 3), bad(t, 4)}
		}, 0},
		"an audio CD says nothing": {3, func(t *testing.T) []*simdrive.Disc {
			return []*simdrive.Disc{bad(t, 1), simdrive.AudioCD(1, 3000, 4000), bad(t, 2)}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *station.Config) { c.Failures, c.ComeBack = tc.limit, time.Nanosecond })
			drive := r.add(simdrive.Options{})
			r.start()
			for i, d := range tc.discs(t) {
				if err := drive.Insert(d); err != nil {
					t.Fatalf("%v; the story:\n%s", err, r.story())
				}
				x := r.await(i+1, final)
				if x.Word == station.WordOnHold {
					t.Fatalf("on hold at disc %d; the story:\n%s", i+1, r.story())
				}
				must(t, r.station.Settled(t.Context(), x.ID))
			}
			if n := r.station.Status().Bays[0].Failures; n != tc.left {
				t.Errorf("%d in a row, want %d", n, tc.left)
			}
		})
	}
}

// Without a station the count is taken back in the spool itself.
func TestReleaseWithoutAStation(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Failures = 1 })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(bad(t, 1)))
	r.ended(1, station.OutcomeIncomplete)
	if _, _, err := station.ReleaseDrive(r.cfg.Spool, "SIM1", 1); !errors.Is(err, station.ErrSpoolTaken) {
		t.Errorf("beside a running station: %v", err)
	}
	r.stop()
	if was, known, err := station.ReleaseDrive(r.cfg.Spool, "SIM1", 1); !was || !known || err != nil {
		t.Errorf("%v %v %v", was, known, err)
	}
	if was, known, err := station.ReleaseDrive(r.cfg.Spool, "SIM1", 1); was || known || err != nil {
		t.Errorf("again: %v %v %v", was, known, err)
	}
	second := r.again(r.bench, func(c *station.Config) { c.Failures = 1 })
	second.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "NEXT", 540, 2000), 2000)))
	second.ended(1, station.OutcomeDone)
}

// What is kept of the bays is no reason not to begin.
func TestBaysFileOfNoUse(t *testing.T) {
	for name, text := range map[string]string{"torn": `{"format":"ripstation b`, "newer": `{"format":"ripstation bays","version":2,"bays":{}}`, "another": `[]`} {
		r := newRig(t, three)
		must(t, os.MkdirAll(r.cfg.Spool, 0o750))
		must(t, os.WriteFile(filepath.Join(r.cfg.Spool, "bays.json"), []byte(text), 0o640))
		drive := r.add(simdrive.Options{})
		r.start()
		r.await(1, func(n station.Notice) bool {
			return n.Word == station.WordNeedsYou && strings.Contains(n.Text, "bays.json") && strings.Contains(n.Text, "counted anew")
		})
		must(t, drive.Insert(bad(t, 1)))
		r.ended(1, station.OutcomeIncomplete)
		if n := r.station.Status().Bays[0].Failures; n != 1 {
			t.Errorf("%s: %d in a row", name, n)
		}
	}
}
