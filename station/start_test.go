package station_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

func TestDiscInTheDriveAtStart(t *testing.T) {
	for _, tc := range []struct {
		policy station.StartDisc
		held   bool
	}{{"", false}, {station.StartRip, false}, {station.StartHold, true}} {
		for name, disc := range map[string]func(t *testing.T) *simdrive.Disc{
			"data":  func(t *testing.T) *simdrive.Disc { return simdrive.PressedCD(iso(t, "INSIDE", 601, 2000), 2000) },
			"audio": func(t *testing.T) *simdrive.Disc { return simdrive.AudioCD(1, 3000, 4000) },
		} {
			t.Run(string(tc.policy)+" "+name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(c *station.Config) { c.StartDisc = tc.policy })
				drive := r.add(simdrive.Options{})
				ends := station.OutcomeDone
				if name == "audio" {
					ends = station.OutcomeNeedsYou
				}
				must(t, drive.Insert(disc(t)))
				r.bench.Found(drive)
				r.start()
				if !tc.held {
					r.ended(1, ends)
					return
				}
				x := r.await(1, final)
				if x.Word != station.WordHeldAtStart || x.Outcome != station.OutcomeNeedsYou || !strings.Contains(x.Hint, "ripstation rip") || drive.Ejects() != 0 || len(r.jobs()) != 0 {
					t.Errorf("ended as %s %q, hint %q, %d ejects, jobs %v", x.Word, x.Outcome, x.Hint, drive.Ejects(), r.jobs())
				}
				_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1"})
				must(t, err)
				r.ended(2, ends)
				must(t, drive.Insert(simdrive.PressedCD(iso(t, "LATER", 602, 2000), 2000)))
				r.ended(3, station.OutcomeDone)
			})
		}
	}
}

// A disc whose job is in the spool goes on without question, whatever the
// policy is.
func TestOwnJobGoesOnAtStart(t *testing.T) {
	for _, policy := range []station.StartDisc{station.StartRip, station.StartHold} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start()
			d := slowDisc(t, "MINE", 603, 300*time.Millisecond)
			must(t, drive.Insert(d))
			r.readFar(d)
			second := r.again(r.bench, func(c *station.Config) { c.StartDisc = policy })
			second.start()
			r.bench.Found(drive)
			x := second.ended(1, station.OutcomeDone)
			sameAsDisc(t, second.image(x.ID, 1), d)
			readOnce(t, d, 1200)
			if len(second.notes(word(station.WordHeldAtStart))) != 0 {
				t.Error("it was held")
			}
		})
	}
}

// A disc that was not given back is taken out while no station runs: its job is
// cleared as soon as its drive says that it is empty, not with the next disc.
func TestDiscThatLeftWhileNobodyLooked(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.EjectRetry = time.Millisecond })
	r.put(between{eject: func(station.Drive, context.Context) error {
		return &disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1}
	}})
	drive := r.add(simdrive.Options{Serial: "A"})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "GONE", 67, 2000), 2000)))
	x := r.ended(1, station.OutcomeNeedsYou)
	r.await(1, word(station.WordReleased))
	bench := simbench.New("boot-2")
	second := r.again(bench)
	empty := bench.Add(simdrive.Options{Serial: "A"})
	must(t, bench.Place(empty, nil, false, 0))
	second.start()
	second.cleared(x.ID)
}
