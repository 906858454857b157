package station_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// A drive that tells of its disc once more has not got a second one.
func TestSpuriousChangeIsNoArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		drive := r.add(simdrive.Options{})
		r.start()
		r.scan(station.ScanRequest{Code: "B-30"})
		d := slowDisc(t, "SPURIOUS", 81, 300*time.Millisecond)
		must(t, drive.Insert(d))
		r.readFar(d)
		r.bench.SpuriousChange(drive)
		drive.InjectUnitAttention(0x28, 0)
		end := r.ended(1, station.OutcomeDone)
		if v := r.show(end.ID); v.Item == nil || *v.Item != "B-30" || len(binding(v)) != 1 {
			t.Errorf("item %v, needs %q, %+v", v.Item, v.Needs, binding(v))
		}
	})
}

// A drive that told of a disc, and had none, has not got the next one yet.
func TestEmptyDriveThatToldOfADisc(t *testing.T) {
	for name, scanned := range map[string]bool{"nothing was scanned": false, "a scan waits": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, rounds(2*time.Minute, 15*time.Second))
				drive, other := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "OTHER"})
				r.start()
				if scanned {
					r.scan(station.ScanRequest{Code: "B-41"})
				}
				r.bench.SpuriousChange(drive)
				r.await(1, final)
				if !scanned {
					r.scan(station.ScanRequest{Code: "B-41"})
				}
				must(t, drive.Insert(simdrive.PressedCD(iso(t, "FIRST", 87, 1000), 1000)))
				time.Sleep(20 * time.Second)
				must(t, other.Insert(simdrive.PressedCD(iso(t, "SECOND", 88, 1000), 1000)))
				for i := 2; i <= 3; i++ {
					v := r.show(r.ended(i, station.OutcomeDone).ID)
					switch wants := v.Label == "FIRST" && !scanned; {
					case wants && (v.Item == nil || *v.Item != "B-41"):
						t.Errorf("%s has item %v, needs %q", v.Label, v.Item, v.Needs)
					case !wants && v.Item != nil:
						t.Errorf("%s has item %q", v.Label, *v.Item)
					}
				}
			})
		})
	}
}

// A disc that goes on in its drive takes nobody's scan. It may be a further copy
// of its pressing, so it makes it doubtful whose the scan was, and whether it is
// the disc that had a name there.
func TestDiscThatGoesOnIsNoArrival(t *testing.T) {
	for name, item := range map[string]string{"named": "B-31", "not named": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, rounds(2*time.Minute, 15*time.Second))
				drive, other := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "OTHER"})
				r.start()
				d := slowDisc(t, "GOES_ON", 82, 300*time.Millisecond)
				if item != "" {
					r.knows(2)
					r.scan(station.ScanRequest{Code: item, Drive: "SIM1"})
				}
				must(t, drive.Insert(d))
				r.readFar(d)
				drive.PressButton()
				r.await(1, final)
				r.scan(station.ScanRequest{Code: "B-32"})
				must(t, drive.Insert(d))
				r.await(1, word(station.WordResumed))
				must(t, other.Insert(simdrive.PressedCD(iso(t, "NEXT", 83, 1000), 1000)))
				items := map[string]catalog.View{}
				for i := 2; i <= 3; i++ {
					v := r.show(r.ended(i, station.OutcomeDone).ID)
					items[v.Label] = v
				}
				if v := items["GOES_ON"]; v.Item != nil || item != "" && !strings.Contains(strings.Join(v.Needs, ";"), item) {
					t.Errorf("the disc that goes on has item %v, needs %q; nobody can know whether it is the one that was there before", v.Item, v.Needs)
				}
				if next := items["NEXT"]; next.Item != nil || !strings.Contains(strings.Join(next.Needs, ";"), "B-32") {
					t.Errorf("the disc that came has item %v, needs %q; nobody can know", next.Item, next.Needs)
				}
			})
		})
	}
}

// What was scanned of a disc that goes on was meant for it, and waits for no
// other.
func TestScanOfTheDiscThatGoesOn(t *testing.T) {
	for name, later := range map[string]time.Duration{"while its round is open": 0, "when its round is over": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, rounds(2*time.Minute, 15*time.Second))
				drive, other := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "OTHER"})
				r.start()
				d := slowDisc(t, "GOES_ON", 82, 300*time.Millisecond)
				r.knows(2)
				r.scan(station.ScanRequest{Code: "B-31", Drive: "SIM1"})
				must(t, drive.Insert(d))
				r.readFar(d)
				drive.PressButton()
				r.await(1, final)
				sc := r.scan(station.ScanRequest{Code: "B-31"})
				must(t, drive.Insert(d))
				r.await(1, word(station.WordResumed))
				time.Sleep(later)
				if now := r.scanned(sc.N); now.State != station.ScanBound || now.Came != "SIM1" {
					t.Errorf("the scan: %+v", now)
				}
				must(t, other.Insert(simdrive.PressedCD(iso(t, "NEXT", 83, 1000), 1000)))
				items := map[string]catalog.View{}
				for i := 2; i <= 3; i++ {
					v := r.show(r.ended(i, station.OutcomeDone).ID)
					items[v.Label] = v
				}
				if v := items["GOES_ON"]; v.Item == nil || *v.Item != "B-31" {
					t.Errorf("the disc that goes on has item %v", v.Item)
				}
				if v := items["NEXT"]; v.Item != nil {
					t.Errorf("the disc that came has item %s", *v.Item)
				}
			})
		})
	}
}

func TestWhatAPersonSaysStandsAboveAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(time.Hour, time.Hour))
		drive := r.add(simdrive.Options{})
		r.start()
		sc := r.scan(station.ScanRequest{Code: "B-33"})
		d := slowDisc(t, "ASKED", 84, 300*time.Millisecond)
		must(t, drive.Insert(d))
		r.readFar(d)
		_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-34"})
		must(t, err)
		end := r.ended(1, station.OutcomeDone) // at once, though a round is open for an hour
		if v := r.show(end.ID); v.Item == nil || *v.Item != "B-34" {
			t.Errorf("item %v", v.Item)
		}
		if now := r.scanned(sc.N); now.State != station.ScanWaits {
			t.Errorf("the scan: %+v", now)
		}
		taken, err := r.station.CancelScans(t.Context(), "")
		must(t, err)
		if len(taken) != 1 || taken[0].N != sc.N || taken[0].State != station.ScanCancelled {
			t.Errorf("taken back: %+v", taken)
		}
		same := slowDisc(t, "SAME", 85, 300*time.Millisecond)
		sc = r.scan(station.ScanRequest{Code: "B-35"})
		must(t, drive.Insert(same))
		r.readFar(same)
		_, err = r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-35"})
		must(t, err)
		r.ended(2, station.OutcomeDone)
		if now := r.scanned(sc.N); now.State != station.ScanBound {
			t.Errorf("a scan of what was said again: %+v", now)
		}
	})
}

func TestStopWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(time.Hour, time.Hour))
		drive := r.add(simdrive.Options{})
		r.start()
		r.scan(station.ScanRequest{Code: "B-36"})
		d := simdrive.PressedCD(iso(t, "CUT", 86, 1000), 1000)
		must(t, drive.Insert(d))
		r.await(1, word(station.WordWhose))
		second := r.again(r.bench).start()
		r.bench.SpuriousChange(drive) // the watcher tells of the disc that is in
		end := second.ended(1, station.OutcomeDone)
		v := second.show(end.ID)
		if why := strings.Join(v.Needs, ";"); v.Item != nil || !strings.Contains(why, "stopped") || !strings.Contains(why, "B-36") {
			t.Errorf("item %v, needs %q", v.Item, v.Needs)
		}
		if list := second.station.Scans(); len(list) != 0 {
			t.Errorf("scans after a restart: %+v", list)
		}
		sameAsDisc(t, second.image(end.ID, 1), d)
	})
}

// What was settled outlives a restart, whether the disc's story was told on or
// not.
func TestSettledOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		drive := r.add(simdrive.Options{})
		r.start()
		sc := r.scan(station.ScanRequest{Code: "B-37"})
		d := slowDisc(t, "KEPT", 87, 200*time.Millisecond)
		must(t, drive.Insert(d))
		r.readFar(d)
		drive.PressButton()
		r.await(1, final)
		if end, err := r.station.ScanEnd(t.Context(), sc.N); err != nil || end.State != station.ScanBound {
			t.Fatalf("%+v, %v", end, err)
		}
		end := time.After(patience)
		for jobs := r.station.Status().Jobs; len(jobs) != 1 || jobs[0].Item != "B-37"; jobs = r.station.Status().Jobs {
			select {
			case <-end:
				t.Fatalf("the job has no item: %+v", jobs)
			case <-time.After(time.Millisecond):
			}
		}
		second := r.again(r.bench).start()
		must(t, drive.Insert(d))
		if v := second.show(second.ended(1, station.OutcomeDone).ID); v.Item == nil || *v.Item != "B-37" {
			t.Errorf("item %v, needs %q", v.Item, v.Needs)
		}
	})
}

func TestScanThatGetsNoDisc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		drive := r.add(simdrive.Options{})
		r.start()
		sc := r.scan(station.ScanRequest{Code: "B-38"})
		end, err := r.station.ScanEnd(t.Context(), sc.N)
		must(t, err)
		if end.State != station.ScanExpired || end.Hint == "" {
			t.Errorf("the scan: %+v", end)
		}
		r.await(1, word(station.WordScanVoid))
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "LATE", 88, 1000), 1000)))
		if v := r.show(r.ended(1, station.OutcomeDone).ID); v.Item != nil {
			t.Errorf("a late disc got %s", *v.Item)
		}
	})
}

func TestBadScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(time.Hour, time.Hour))
		r.start()
		for _, bad := range []station.ScanRequest{{}, {Code: " "}, {Code: " A"}, {Code: "a\x1b[2J"}, {Code: "a\xff"}, {Code: strings.Repeat("x", 501)}, {Code: "A", Part: 3, Parts: 2},
			{Code: "A", Title: "a\nb"}, {Code: "A", Operator: "\u0085"}} {
			if _, err := r.station.Scan(t.Context(), bad); !errors.Is(err, station.ErrRequest) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		for i := range 300 {
			if _, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "A", Part: i + 1}); err != nil {
				if i != 200 || !errors.Is(err, station.ErrNotBound) {
					t.Errorf("scan %d: %v", i, err)
				}
				break
			}
			if i == 299 {
				t.Error("as many scans as one likes")
			}
		}
		if _, err := r.station.ScanEnd(t.Context(), 99999); !errors.Is(err, station.ErrRequest) {
			t.Errorf("the end of no scan: %v", err)
		}
	})
}

// A further copy of the pressing that was just given back passes for that disc.
// Its scan goes to nobody else.
func TestDoubleOfTheDiscGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second), func(c *station.Config) { c.ComeBack = time.Minute })
		drive, other := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "OTHER"})
		r.start()
		r.scan(station.ScanRequest{Code: "B-41"})
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "PRESSING", 88, 1000), 1000)))
		r.ended(1, station.OutcomeDone)
		sc := r.scan(station.ScanRequest{Code: "B-42"})
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "PRESSING", 88, 1000), 1000)))
		r.await(2, final)
		must(t, other.Insert(simdrive.PressedCD(iso(t, "NEXT", 83, 1000), 1000)))
		next := r.ended(3, station.OutcomeDone)
		if v := r.show(next.ID); v.Label != "NEXT" || v.Item != nil || !strings.Contains(strings.Join(v.Needs, ";"), "B-42") {
			t.Errorf("%s has item %v, needs %q; the story:\n%s", v.Label, v.Item, v.Needs, r.story())
		}
		if now := r.scanned(sc.N); now.State == station.ScanBound {
			t.Errorf("the scan: %+v", now)
		}
	})
}
