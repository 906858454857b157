package station_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// knows waits until the station has met n drives.
func (r *rig) knows(n int) {
	r.t.Helper()
	end := time.After(patience)
	for len(r.station.Status().Bays) < n {
		select {
		case <-end:
			r.t.Fatal("the station never met its drives")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestScanForAnEmptyDrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(time.Hour, time.Hour), func(c *station.Config) { c.DriveNames = map[string]string{"2": "SIM1", "7": "nowhere"} })
		drive, other := r.add(simdrive.Options{}), r.add(simdrive.Options{Serial: "OTHER"})
		r.start()
		r.knows(2)
		for _, name := range []string{"7", "9"} {
			if _, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "X", Drive: name}); !errors.Is(err, station.ErrNoDrive) {
				t.Errorf("drive %s: %v", name, err)
			}
		}
		sc := r.scan(station.ScanRequest{Code: "B-20", Drive: "2"})
		if sc.State != station.ScanWaits || !strings.Contains(sc.Text, "in drive 2") {
			t.Errorf("the answer: %+v", sc)
		}
		must(t, other.Insert(simdrive.PressedCD(iso(t, "BESIDE", 74, 1000), 1000)))
		beside := r.ended(1, station.OutcomeDone)
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "HERE", 75, 1000), 1000)))
		here := r.ended(2, station.OutcomeDone)
		if v := r.show(beside.ID); v.Item != nil {
			t.Errorf("the disc of another drive got %s", *v.Item)
		}
		if v := r.show(here.ID); v.Item == nil || *v.Item != "B-20" || len(binding(v)) != 1 {
			t.Errorf("the disc of the drive: item %v, %+v", v.Item, binding(v))
		}
		if end := r.scanned(sc.N); end.State != station.ScanBound || end.ID != here.ID {
			t.Errorf("the scan: %+v", end)
		}
		if n := r.notes(word(station.WordWhose)); len(n) != 0 {
			t.Errorf("a disc of a named drive waited: %+v", n)
		}
	})
}

func TestTwoScansForOneEmptyDrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(time.Hour, time.Hour))
		drive := r.add(simdrive.Options{})
		r.start()
		r.knows(1)
		r.scan(station.ScanRequest{Code: "B-21", Drive: "SIM1"})
		second := r.scan(station.ScanRequest{Code: "B-22", Drive: "SIM1"})
		if second.State != station.ScanSpoiled || !strings.Contains(second.Text, "B-21, B-22") || second.Hint == "" {
			t.Errorf("the second answer: %+v", second)
		}
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "EITHER", 76, 1000), 1000)))
		end := r.ended(1, station.OutcomeDone)
		if v := r.show(end.ID); v.Item != nil || !strings.Contains(strings.Join(v.Needs, ";"), "B-21, B-22") {
			t.Errorf("item %v, needs %q", v.Item, v.Needs)
		}
	})
}

func TestScanForTheDiscInADrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(time.Hour, time.Hour))
		drive := r.add(simdrive.Options{})
		r.start()
		d := slowDisc(t, "READING", 77, 400*time.Millisecond)
		d.Damage().Slow(400*time.Millisecond, disc.Extent{Start: 5200, Count: 1})
		must(t, drive.Insert(d))
		r.readFar(d)
		sc := r.scan(station.ScanRequest{Code: "B-23", Side: "B", Drive: "SIM1", Operator: "Ada"})
		if sc.State != station.ScanBound || sc.ID == "" {
			t.Errorf("the answer: %+v", sc)
		}
		if _, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "B-24", Drive: "SIM1"}); !errors.Is(err, station.ErrNotBound) || !strings.Contains(err.Error(), "B-23") {
			t.Errorf("another code for it: %v", err)
		}
		end := r.ended(1, station.OutcomeDone)
		if v := r.show(end.ID); v.Item == nil || *v.Item != "B-23" || *v.Side != "B" || v.Disposition != catalog.None || len(binding(v)) != 1 {
			t.Errorf("item %v side %v, %s %q", v.Item, v.Side, v.Disposition, v.Needs)
		}
	})
}

// A disc of a spoiled round is explained by naming its drive; the rest of the
// round is in order then.
func TestNamingTheDriveMendsARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		r.scan(station.ScanRequest{Code: "B-25"})
		da, db := slowDisc(t, "ONE", 78, 300*time.Millisecond), slowDisc(t, "TWO", 79, 300*time.Millisecond)
		must(t, a.Insert(da))
		r.readFar(da)
		if _, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "B-26", Drive: "A"}); !errors.Is(err, station.ErrNotBound) || !strings.Contains(err.Error(), "B-25") {
			t.Errorf("a disc that another scan is held for: %v", err)
		}
		must(t, b.Insert(db))
		r.readFar(db)
		if sc := r.scan(station.ScanRequest{Code: "B-26", Drive: "B"}); sc.State != station.ScanBound {
			t.Errorf("the answer: %+v", sc)
		}
		items := map[string]string{}
		for i := 1; i <= 2; i++ {
			n := r.ended(i, station.OutcomeDone)
			if v := r.show(n.ID); v.Item != nil {
				items[v.Label] = *v.Item
			}
		}
		if items["ONE"] != "B-25" || items["TWO"] != "B-26" {
			t.Errorf("items: %v", items)
		}
	})
}

func TestSealedDiscTakesNoScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *gate
		r := newRig(t, rounds(time.Hour, time.Hour), func(c *station.Config) {
			g = &gate{Store: c.Stores[0].Store}
			g.shut.Store(true)
			c.Stores[0].Store = g
		})
		drive := r.add(simdrive.Options{})
		r.start()
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "SEALED", 80, 1000), 1000)))
		r.await(1, word(station.WordWaitStore))
		_, err := r.station.Scan(context.Background(), station.ScanRequest{Code: "B-27", Drive: "SIM1"})
		if !errors.Is(err, station.ErrNotBound) || !strings.Contains(err.Error(), "annotate") {
			t.Errorf("a sealed disc: %v", err)
		}
		g.shut.Store(false)
		end := r.ended(1, station.OutcomeDone)
		if v := r.show(end.ID); v.Item != nil {
			t.Errorf("it got %s", *v.Item)
		}
	})
}

// A drive that has left the bus is no place for a scan: nobody knows what lies
// in it when it is back.
func TestScanForADriveThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := make(chan disc.DriveEvent)
		r := newRig(t, rounds(2*time.Minute, 15*time.Second), func(c *station.Config) { c.Events = events })
		drive := r.add(simdrive.Options{})
		r.start()
		ins := disc.Insertion{DriveKey: "SIM1", BootID: "boot-1", DiskSeq: 1}
		d := slowDisc(t, "AWAY", 90, time.Minute)
		must(t, drive.Insert(d))
		events <- disc.DriveEvent{Kind: disc.EventInserted, Drive: drive.Info, Insertion: ins, Time: time.Now()}
		r.readFar(d)
		events <- disc.DriveEvent{Kind: disc.EventDriveGone, Drive: drive.Info, Time: time.Now()}
		r.await(1, word(station.WordDriveGone))
		if sc, err := r.station.Scan(t.Context(), station.ScanRequest{Code: "B-40", Drive: "SIM1"}); !errors.Is(err, station.ErrNotBound) || !strings.Contains(err.Error(), "plug it in") {
			t.Errorf("the answer: %+v, %v", sc, err)
		}
		// It comes back with its disc: that is nobody's arrival.
		d.Damage().Heal(disc.Extent{Start: 4500, Count: 1})
		events <- disc.DriveEvent{Kind: disc.EventDriveAdded, Drive: drive.Info, Time: time.Now()}
		events <- disc.DriveEvent{Kind: disc.EventInserted, Drive: drive.Info, Insertion: ins, Time: time.Now()}
		r.await(1, word(station.WordResumed))
		r.await(1, func(n station.Notice) bool { return n.Final && n.Outcome == station.OutcomeDone })
	})
}
