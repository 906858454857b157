package station_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// rounds sets the times of scans: a test that is about what was settled has a
// short settle, one about what is open a long one.
func rounds(hold, settle time.Duration) func(*station.Config) {
	return func(c *station.Config) { c.ScanHold, c.ScanSettle = hold, settle }
}

func (r *rig) scan(req station.ScanRequest) station.Scan {
	r.t.Helper()
	sc, err := r.station.Scan(r.t.Context(), req)
	must(r.t, err)
	return sc
}

// scanned is how a scan stands now.
func (r *rig) scanned(n int64) station.Scan {
	r.t.Helper()
	for _, sc := range r.station.Scans() {
		if sc.N == n {
			return sc
		}
	}
	r.t.Fatalf("scan %d is not listed", n)
	return station.Scan{}
}

// binding are the events that say whose disc a carrier is.
func binding(v catalog.View) (found []catalog.Event) {
	for _, e := range v.Events {
		if e.Type == catalog.EventModify {
			found = append(found, e)
		}
	}
	return found
}

func TestScanThenDisc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		drive := r.add(simdrive.Options{})
		r.start()
		first := r.scan(station.ScanRequest{Code: "B-17", Title: "Maps", Part: 2, Parts: 3, Side: "A", Operator: "Ada"})
		if first.State != station.ScanWaits || first.Until == nil || !strings.Contains(first.Text, "waits") {
			t.Errorf("the answer: %+v", first)
		}
		if again := r.scan(station.ScanRequest{Code: "B-17", Title: "Maps", Part: 2, Parts: 3, Side: "A", Operator: "Ada"}); again.State != station.ScanWaits {
			t.Errorf("scanned twice: %+v", again)
		}
		must(t, drive.Insert(simdrive.PressedCD(iso(t, "SCANNED", 70, 2000), 2000)))
		waits := r.await(1, word(station.WordWhose))
		if waits.ID == "" || !strings.Contains(waits.Text, "B-17 part 2/3 side A") || !strings.Contains(waits.Text, "until ") {
			t.Errorf("while it waits the bay shows %+v", waits)
		}
		end := r.ended(1, station.OutcomeDone)
		v := r.show(end.ID)
		if v.Item == nil || *v.Item != "B-17" || v.Part == nil || *v.Part != "2/3" || *v.Side != "A" || *v.Title != "Maps" || v.Disposition != catalog.None {
			t.Errorf("the record: item %v part %v side %v title %v, %s %q", v.Item, v.Part, v.Side, v.Title, v.Disposition, v.Needs)
		}
		ev := binding(v)
		if len(ev) != 1 || ev[0].Outcome != catalog.EventSuccess || !slices.Contains(ev[0].Agents, catalog.Agent{Role: catalog.RoleOperator, Name: "Ada"}) ||
			!strings.Contains(ev[0].Detail, "B-17") || !strings.Contains(ev[0].Detail, "SIM1") || v.Captures[0].Operator != "Ada" {
			t.Errorf("the binding: %+v, operator %q", ev, v.Captures[0].Operator)
		}
		sc, err := r.station.ScanEnd(t.Context(), first.N)
		must(t, err)
		if sc.State != station.ScanBound || sc.ID != end.ID || sc.Came != "SIM1" {
			t.Errorf("the scan in the end: %+v", sc)
		}
	})
}

func TestForgottenScanLeavesBothNeedIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		sc := r.scan(station.ScanRequest{Code: "B-18"})
		must(t, a.Insert(simdrive.PressedCD(iso(t, "LEFT", 71, 2000), 2000)))
		must(t, b.Insert(simdrive.AudioCD(1, 3000, 4000)))
		r.await(2, final)
		for i := 1; i <= 2; i++ {
			n := r.await(i, final)
			v := r.show(n.ID)
			reason := ""
			for _, need := range v.Needs {
				if strings.Contains(need, "B-18") {
					reason = need
				}
			}
			if v.Item != nil || v.Disposition != catalog.NeedsIdentity || !strings.Contains(reason, "more discs came than were scanned") {
				t.Errorf("item %v, %s %q", v.Item, v.Disposition, v.Needs)
			}
			if ev := binding(v); len(ev) != 1 || ev[0].Outcome != catalog.EventWarning || ev[0].Detail != reason {
				t.Errorf("events: %+v", ev)
			}
		}
		tray := r.await(1, func(n station.Notice) bool { return n.Word == station.WordEjected && n.Drive == "A" })
		if !strings.Contains(tray.Hint, "B-18") || !strings.Contains(tray.Hint, "annotate") {
			t.Errorf("at the tray: %q", tray.Hint)
		}
		if end := r.scanned(sc.N); end.State != station.ScanSpoiled || !end.Decided() || end.Hint == "" {
			t.Errorf("the scan: %+v", end)
		}
	})
}

func TestNothingScannedHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(time.Hour, time.Hour))
		drive := r.add(simdrive.Options{})
		r.start()
		d := simdrive.PressedCD(iso(t, "PLAIN", 72, 2000), 2000)
		must(t, drive.Insert(d))
		r.ended(1, station.OutcomeDone)
		must(t, drive.Insert(d)) // known by now
		r.ended(2, station.OutcomeAlready)
		if n := r.notes(word(station.WordWhose)); len(n) != 0 {
			t.Errorf("it was held: %+v", n)
		}
	})
}

func TestKnownDiscWaitsBeforeItIsDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, rounds(2*time.Minute, 15*time.Second))
		drive := r.add(simdrive.Options{})
		r.start()
		d := simdrive.PressedCD(iso(t, "KNOWN", 73, 2000), 2000)
		must(t, drive.Insert(d))
		first := r.ended(1, station.OutcomeDone)
		time.Sleep(2 * time.Minute) // of the bubble's clock: it is not taken for a tray that closed by itself
		r.scan(station.ScanRequest{Code: "B-19", Operator: "Ada"})
		must(t, drive.Insert(d))
		second := r.ended(2, station.OutcomeAlready)
		var waited, decided int
		for i, n := range r.told() {
			switch n.Word {
			case station.WordWhose:
				waited = i
			case station.WordAlready:
				decided = i
			}
		}
		if waited == 0 || decided < waited {
			t.Errorf("it did not wait before it was decided:\n%s", r.story())
		}
		if v := r.show(second.ID); second.ID != first.ID || v.Item != nil || !strings.Contains(strings.Join(v.Needs, ";"), "B-19") {
			t.Errorf("item %v, %s %q", v.Item, v.Disposition, v.Needs)
		}
	})
}
