package station_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// A disc that looks like the one before it in its drive, and of which nobody was
// told that it left, does not get its identifier.
func TestLookAlikeOfTheDiscBefore(t *testing.T) {
	alike := func(how func(*testing.T) *simdrive.Disc) func(*testing.T) *simdrive.Disc { return how }
	for name, tc := range map[string]struct {
		first, second func(*testing.T) *simdrive.Disc
	}{
		"recordables": {
			alike(func(t *testing.T) *simdrive.Disc { return simdrive.DVDR(iso(t, "ALIKE", 90, 2000), 2000) }),
			alike(func(t *testing.T) *simdrive.Disc { return simdrive.DVDR(from{iso(t, "ALIKE", 90, 2000), 1000}, 2000) })},
		"audio": {
			alike(func(t *testing.T) *simdrive.Disc { return simdrive.AudioCD(1, 3000, 4000) }),
			alike(func(t *testing.T) *simdrive.Disc { return simdrive.AudioCD(2, 3000, 4000) })},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, rounds(2*time.Minute, 15*time.Second))
				r.without(disc.EventRemoved)
				drive := r.add(simdrive.Options{})
				r.start()
				r.scan(station.ScanRequest{Code: "B-50"})
				must(t, drive.Insert(tc.first(t)))
				x := r.await(1, final)
				time.Sleep(2 * time.Minute)
				must(t, drive.Insert(tc.second(t)))
				y := r.await(2, final)
				if v := r.show(x.ID); v.Item == nil || *v.Item != "B-50" {
					t.Errorf("the first has item %v", v.Item)
				}
				if v := r.show(y.ID); y.ID == x.ID || v.Item != nil {
					t.Errorf("the second is on carrier %s with item %v:\n%s", y.ID, v.Item, r.story())
				}
			})
		})
	}
}

// A disc is changed by hand in mid-read, and the story hears of it before the
// watcher does: while it finds out what is in the drive now, nobody's word is
// taken for the disc that has left.
func TestWordWhileTheNewDiscIsBeingFoundOut(t *testing.T) {
	for how, say := range saysItIsNew {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var l *late
				r := newRig(t, rounds(time.Hour, time.Hour), func(c *station.Config) {
					l = lateEvents(ctx, c.Events)
					c.Events = l.out
				})
				var slow atomic.Bool
				r.put(between{identify: func(d station.Drive, ctx context.Context) (disc.Disc, error) {
					if slow.Load() {
						select {
						case <-time.After(20 * time.Second): // it spins up
						case <-ctx.Done():
						}
					}
					return d.Identify(ctx)
				}})
				drive := r.add(simdrive.Options{})
				r.start()
				old := slowDisc(t, "OLD", 77, 10*time.Second)
				must(t, drive.Insert(old))
				r.readFar(old)
				l.keep <- time.Hour
				slow.Store(true)
				drive.ForceOpen()
				must(t, drive.Insert(simdrive.PressedCD(iso(t, "NEW", 78, 1000), 1000)))
				r.await(2, word(station.WordInserted))
				if err := say(r); !errors.Is(err, station.ErrBusy) {
					t.Errorf("the answer: %v", err)
				}
				for _, j := range r.station.Status().Jobs {
					if j.Label == "OLD" && j.Item != "" {
						t.Errorf("the disc that has left is named %s", j.Item)
					}
				}
				r.stop()
			})
		})
	}
}

// The same of a disc that was taken out in mid-read: under another insertion,
// and under the one that the kernel has not seen end.
func TestLookAlikeOfAPausedDisc(t *testing.T) {
	for name, tc := range map[string]struct {
		seq  bool
		disc func(*testing.T) *simdrive.Disc
	}{
		"looks the same": {true, func(t *testing.T) *simdrive.Disc {
			return simdrive.PressedCD(from{iso(t, "ALIKE", 90, 6000), 3000}, 6000)
		}},
		"under the insertion before": {false, func(t *testing.T) *simdrive.Disc { return simdrive.PressedCD(iso(t, "OTHER", 91, 6000), 6000) }},
		"both": {false, func(t *testing.T) *simdrive.Disc {
			return simdrive.PressedCD(from{iso(t, "ALIKE", 90, 6000), 3000}, 6000)
		}},
		"another, and nobody told": {true, func(t *testing.T) *simdrive.Disc { return simdrive.PressedCD(iso(t, "OTHER", 91, 6000), 6000) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, rounds(2*time.Minute, 15*time.Second))
				r.without(disc.EventRemoved)
				if !tc.seq {
					r.put(between{insertion: func(d station.Drive, ctx context.Context) (disc.Insertion, error) {
						ins, err := d.Insertion(ctx)
						ins.DiskSeq = min(ins.DiskSeq, 1)
						return ins, err
					}})
				}
				drive := r.add(simdrive.Options{})
				r.start()
				r.scan(station.ScanRequest{Code: "B-51"})
				first := slowDisc(t, "ALIKE", 90, 30*time.Second)
				must(t, drive.Insert(first))
				r.readFar(first)
				time.Sleep(20 * time.Second) // the round is over
				drive.ForceOpen()
				second := tc.disc(t)
				must(t, drive.Insert(second))
				x := r.await(1, func(n station.Notice) bool { return n.Final && n.Outcome == station.OutcomeDone })
				if v := r.show(x.ID); v.Item != nil {
					t.Errorf("%s has item %s; the story:\n%s", v.Label, *v.Item, r.story())
				}
				sameAsDisc(t, r.image(x.ID, 1), second)
			})
		})
	}
}

// A disc that looks like the one that was taken out of this drive in mid-read,
// in all that was read of it, goes on with its job. It keeps what was said of that
// one only when nothing else was scanned for it: no drive can tell them apart.
func TestAnotherScanForAPausedDisc(t *testing.T) {
	for name, tc := range map[string]struct {
		scans []station.ScanRequest
		item  string // "" for none
		other bool   // it is a carrier of its own, and the paused job stays
	}{
		"nothing scanned":       {nil, "B-60", false},
		"its own item":          {[]station.ScanRequest{{Code: "B-60"}}, "B-60", false},
		"another item":          {[]station.ScanRequest{{Code: "B-61"}}, "", false},
		"its own and another":   {[]station.ScanRequest{{Code: "B-60"}, {Code: "B-61"}}, "B-60", false},
		"another, by the drive": {[]station.ScanRequest{{Code: "B-61", Drive: "SIM1"}}, "B-61", true},
		"its own, by the drive": {[]station.ScanRequest{{Code: "B-60", Drive: "SIM1"}}, "B-60", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, rounds(2*time.Minute, 15*time.Second))
				drive := r.add(simdrive.Options{})
				r.start()
				r.scan(station.ScanRequest{Code: "B-60"})
				must(t, drive.Insert(slowDisc(t, "ALIKE", 90, 30*time.Second)))
				time.Sleep(25 * time.Second)
				drive.ForceOpen()
				first := r.await(1, final).ID
				time.Sleep(time.Minute)
				for _, q := range tc.scans {
					r.scan(q)
				}
				alike := simdrive.PressedCD(from{iso(t, "ALIKE", 90, 6000), 5000}, 6000)
				must(t, drive.Insert(alike))
				x := r.await(1, func(n station.Notice) bool { return n.Final && n.Outcome == station.OutcomeDone })
				v := r.show(x.ID)
				got := ""
				if v.Item != nil {
					got = *v.Item
				}
				if got != tc.item || (x.ID != first) != tc.other {
					t.Errorf("carrier %.8s (the first was %.8s) has item %q, want %q; the story:\n%s", x.ID, first, got, tc.item, r.story())
				}
				if tc.item == "" && (len(v.Needs) != 1 || !strings.Contains(v.Needs[0], "B-60") || !strings.Contains(v.Needs[0], "B-61")) {
					t.Errorf("needs: %+v", v.Needs)
				}
				sameAsDisc(t, r.image(x.ID, 1), alike)
				r.stop()
			})
		})
	}
}

// Two of one pressing: what was scanned of the one whose job is paused is its
// own, though it is not settled yet when the other comes into another drive.
func TestPausedJobKeepsItsScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		r.knows(2)
		r.scan(station.ScanRequest{Code: "B-52"})
		first := r.paused(a, slowDisc(t, "TWIN", 93, time.Second))
		r.scan(station.ScanRequest{Code: "B-53", Drive: "B"})
		must(t, b.Insert(simdrive.PressedCD(iso(t, "TWIN", 93, 6000), 6000)))
		x := r.await(1, func(n station.Notice) bool { return n.Final && n.Outcome == station.OutcomeDone })
		if v := r.show(x.ID); x.ID == first || v.Item == nil || *v.Item != "B-53" {
			t.Errorf("carrier %.8s, paused %.8s, item %v; the story:\n%s", x.ID, first, v.Item, r.story())
		}
		for _, j := range r.station.Status().Jobs {
			if j.ID == first && j.Item != "B-52" {
				t.Errorf("the paused disc is item %q", j.Item)
			}
		}
	})
}

// An image that is not whole, of a disc that nobody has named: a disc with the
// same bytes that comes under an identifier may be a further copy.
func TestIncompleteAndUnnamed(t *testing.T) {
	r, drive := asking(t)
	d, bad := pressed(t, "WORN", 206), disc.Extent{Start: 1500, Count: 1}
	d.Damage().Bad(bad)
	x := r.rip(drive, d, "", 1, station.OutcomeIncomplete)
	d.Damage().Heal(bad)
	y := r.rip(drive, d, "B-54", 2, station.OutcomeDone)
	if v := r.show(x.ID); x.ID == y.ID || v.Item != nil || v.Image.Version != 1 {
		t.Errorf("the first is carrier %.8s, item %v, version %d; the second %.8s", x.ID, v.Item, v.Image.Version, y.ID)
	}
	if v := r.show(y.ID); v.Item == nil || *v.Item != "B-54" {
		t.Errorf("the second has item %v", v.Item)
	}
	r.event(y.ID, "looks the same as "+x.ID+"/v1")
	if z := r.rip(drive, d, "", 3, station.OutcomeAlready); z.ID != y.ID {
		t.Errorf("it is known as %.8s", z.ID)
	}
}

// A disc that no event told of came when its story began, however long it took
// to find out what it is: a scan that was made after that is not its.
func TestSlowDiscTakesNoLaterScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		r.without(disc.EventInserted)
		r.put(between{identify: func(d station.Drive, ctx context.Context) (disc.Disc, error) {
			select {
			case <-time.After(40 * time.Second):
			case <-ctx.Done():
			}
			return d.Identify(ctx)
		}})
		drive := r.add(simdrive.Options{})
		r.start()
		r.knows(1)
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "SLOW", 94, 1000), 1000)))
		_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1"})
		must(t, err)
		time.Sleep(20 * time.Second)
		sc := r.scan(station.ScanRequest{Code: "B-55"})
		if v := r.show(r.ended(1, station.OutcomeDone).ID); v.Item != nil {
			t.Errorf("it has item %s", *v.Item)
		}
		if end, err := r.station.ScanEnd(t.Context(), sc.N); err != nil || end.State != station.ScanExpired {
			t.Errorf("the scan in the end: %+v, %v", end, err)
		}
	})
}

// What a person says of a disc that is being found out is not about the one
// that comes in its place before its job begins.
func TestWordIsNotForTheNextDisc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second), func(c *station.Config) { c.Tray.Done = station.TrayHold })
		r.without(disc.EventRemoved)
		var slow atomic.Bool
		r.put(between{identify: func(d station.Drive, ctx context.Context) (disc.Disc, error) {
			if slow.Load() {
				select {
				case <-time.After(20 * time.Second):
				case <-ctx.Done():
				}
			}
			return d.Identify(ctx)
		}})
		drive := r.add(simdrive.Options{})
		r.start()
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "HELD", 95, 1000), 1000)))
		r.ended(1, station.OutcomeDone)
		slow.Store(true)
		_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-56"})
		must(t, err)
		time.Sleep(5 * time.Second)
		drive.ForceOpen()
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "NEXT", 96, 1000), 1000)))
		y := r.await(2, final)
		if v := r.show(y.ID); v.Label != "NEXT" || v.Item != nil {
			t.Errorf("%s has item %v; the story:\n%s", v.Label, v.Item, r.story())
		}
	})
}

// Where the kernel counts no insertions, each disc is still recorded as itself.
func TestRefusedDiscsThatNobodyCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		r.put(between{insertion: func(d station.Drive, ctx context.Context) (disc.Insertion, error) {
			ins, err := d.Insertion(ctx)
			ins.DiskSeq = 0
			return ins, err
		}})
		r.cfg.Events = uncounted(t, r.cfg.Events)
		drive := r.add(simdrive.Options{})
		r.start()
		must(t, drive.Insert(simdrive.AudioCD(1, 3000, 4000)))
		x := r.await(1, final)
		must(t, drive.Insert(simdrive.AudioCD(2, 5000, 4000)))
		y := r.await(2, final)
		if x.ID == y.ID || len(r.show(x.ID).Captures) != 1 || len(r.show(y.ID).Captures) != 1 {
			t.Errorf("carriers %s and %s; the story:\n%s", x.ID, y.ID, r.story())
		}
	})
}

// uncounted passes events on as a kernel's that counts nothing.
func uncounted(t *testing.T, in <-chan disc.DriveEvent) <-chan disc.DriveEvent {
	out := make(chan disc.DriveEvent)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		for {
			select {
			case ev := <-in:
				ev.Insertion.DiskSeq = 0
				select {
				case out <- ev:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
