package e2e

import (
	"testing"

	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// The daemon is killed once, at a place that hurts, and started again: one
// record, one bag, no second read of what was safe, one eject.
func TestDaemonKilledAndStartedAgain(t *testing.T) {
	for _, tc := range []struct {
		name, point string
		recorded    bool // the catalog has the image when the daemon dies
		ejected     bool
	}{
		{name: "in mid-read", point: "reading"},
		{name: "between complete and record, the completion not noted", point: "after-complete"},
		{name: "between complete and record", point: "stored"},
		{name: "between record and eject", point: "recorded", recorded: true},
		{name: "after the eject intent", point: "eject-intended", recorded: true},
		{name: "after the eject", point: "ejected", recorded: true, ejected: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newRig(t)
			const sectors = 2500
			m := s.cd("KILLED", 601, sectors)
			d := s.drive("k0", pace(1<<20), nil)
			s.start(tc.point)
			s.insert(d, m)
			s.awaitCrash()

			safe := s.safe()
			if len(safe) == 0 || len(safe) == sectors && tc.point == "reading" {
				t.Errorf("%d of %d sectors were safe when the daemon died", len(safe), sectors)
			}
			if l := s.list(); len(l) != 0 != tc.recorded {
				t.Errorf("the catalog lists %+v when the daemon dies, recorded shall be %v", l, tc.recorded)
			}
			if got := d.Tray() == disc.TrayOpen; got != tc.ejected {
				t.Errorf("the tray is %s when the daemon dies, ejected shall be %v", d.Tray(), tc.ejected)
			}
			again := s.Log.Mark()
			s.start("")
			id := s.told(station.WordReleased).ID
			if !tc.ejected {
				s.told(station.WordEjected)
			}
			s.notReadAgain(d, again, safe)
			s.once(d, id, m)
		})
	}
}

// A power cut loses what was not synced. What the ledger has after it is not
// read again, although the boot, and so the insertion, is another one.
func TestPowerCutInMidRead(t *testing.T) {
	s := newRig(t)
	const sectors = 5000
	m := s.cd("POWER", 602, sectors)
	d := s.drive("k1", pace(1<<20), nil)
	s.start("")
	s.insert(d, m)
	s.midRead(d, sectors/2)
	if err := s.PowerOff(s.ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.PowerOn(s.ctx); err != nil {
		t.Fatal(err)
	}
	s.install()
	safe := s.safe()
	if len(safe) < sectors/8 || len(safe) == sectors {
		t.Errorf("%d of %d sectors are safe after the power cut", len(safe), sectors)
	}
	again := s.Log.Mark()
	s.start("")
	id := s.told(station.WordReleased).ID
	s.told(station.WordEjected)
	s.notReadAgain(d, again, safe)
	s.once(d, id, m)
	if v := s.show(id); len(v.Captures) != 2 || v.Captures[0].Insertion.BootID == v.Captures[1].Insertion.BootID {
		t.Errorf("the record has not both readings: %+v", v.Captures)
	}
}

// The power goes in the moment that the tray opens. The record is on the disk
// by then, and no second eject comes.
func TestPowerCutAtTheEject(t *testing.T) {
	s := newRig(t)
	m := s.dvd("LAST", 603, 2000)
	eject := bench.Eject("k2")
	d := plug(t, s.ctx, s.Bench, simdrive.Options{Name: "k2", Serial: "K2", Log: func(e simdrive.Event) {
		// The drive's answer has not left it yet.
		if eject(bench.Event{Drive: &e}) && e.Status == 0 {
			s.Guest.PowerOff()
		}
	}}, nil)
	s.start("")
	s.insert(d, m)
	s.await("the eject", eject)
	if err := s.PowerOff(s.ctx); err != nil { // the drives notice it, too
		t.Fatal(err)
	}
	if err := s.PowerOn(s.ctx); err != nil {
		t.Fatal(err)
	}
	s.install()
	l := s.list()
	if len(l) != 1 || l[0].Image == nil || l[0].Image.State != "complete" || len(l[0].Copies) != 1 || l[0].Copies[0].State != "stored" {
		t.Fatalf("after the power cut the catalog lists %+v, want the disc whose tray was opened, as stored", l)
	}
	s.start("")
	if id := s.told(station.WordReleased).ID; id != l[0].ID {
		t.Errorf("%s left the spool, want %s", id, l[0].ID)
	}
	s.once(d, l[0].ID, m)
	if d.Tray() != disc.TrayOpen {
		t.Errorf("the tray is %s", d.Tray())
	}
}
