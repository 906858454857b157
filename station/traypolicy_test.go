package station_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// trayRow is one way that a disc's stay can end, and the policy that counts.
type trayRow struct {
	disc    func(t *testing.T) *simdrive.Disc
	first   bool // the disc is archived first
	breaks  bool // the drive refuses to say what it is
	outcome station.Outcome
	set     func(*station.Trays, station.Tray)
	normal  station.Tray // the default
}

var trayRows = map[string]trayRow{
	"done": {outcome: station.OutcomeDone, normal: station.TrayEject,
		disc: func(t *testing.T) *simdrive.Disc { return simdrive.PressedCD(iso(t, "FINE", 401, 2000), 2000) },
		set:  func(t *station.Trays, p station.Tray) { t.Done = p }},
	"incomplete": {outcome: station.OutcomeIncomplete, normal: station.TrayEject, disc: scratched(402),
		set: func(t *station.Trays, p station.Tray) { t.Incomplete = p }},
	"refused": {outcome: station.OutcomeNeedsYou, normal: station.TrayEject,
		disc: func(t *testing.T) *simdrive.Disc { return simdrive.AudioCD(1, 3000, 4000) },
		set:  func(t *station.Trays, p station.Tray) { t.Refused = p }},
	"already": {outcome: station.OutcomeAlready, normal: station.TrayEject, first: true,
		disc: func(t *testing.T) *simdrive.Disc { return simdrive.PressedCD(iso(t, "KNOWN", 403, 2000), 2000) },
		set:  func(t *station.Trays, p station.Tray) { t.Already = p }},
	"needs_you": {outcome: station.OutcomeNeedsYou, normal: station.TrayEject,
		disc: func(t *testing.T) *simdrive.Disc { return simdrive.PressedCD(iso(t, "CUT", 404, 3000), 2500) },
		set:  func(t *station.Trays, p station.Tray) { t.NeedsYou = p }},
	"failed": {outcome: station.OutcomeFailed, normal: station.TrayHold, breaks: true,
		disc: func(t *testing.T) *simdrive.Disc { return simdrive.PressedCD(iso(t, "ODD", 405, 2000), 2000) },
		set:  func(t *station.Trays, p station.Tray) { t.Failed = p }},
}

func scratched(seed uint64) func(t *testing.T) *simdrive.Disc {
	return func(t *testing.T) *simdrive.Disc {
		d := simdrive.PressedCD(iso(t, "SCRATCHED", seed, 2000), 2000)
		d.Damage().Bad(disc.Extent{Start: 900, Count: 2})
		return d
	}
}

// A disc that was held is taken out while its image is still on its way. What
// comes then, it or a further copy of its pressing, is an insertion of its own:
// it is told as already read, and has its capture.
func TestCopyAfterADiscThatWasHeld(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Eject, c.Tray.Done = station.EjectImaged, station.TrayHold })
	g := r.shut()
	drive := r.add(simdrive.Options{})
	r.start()
	d := trayRows["done"].disc
	must(t, drive.Insert(d(t)))
	x := r.ended0(1) // its image does not leave
	must(t, r.station.Eject(t.Context(), drive.Info.Key))
	must(t, drive.Insert(d(t)))
	if y := r.ended0(2); y.ID != x.ID || y.Outcome != station.OutcomeAlready {
		t.Errorf("the second one ended as %q (%s); the story:\n%s", y.Outcome, y.ID, r.story())
	}
	if v := r.show(x.ID); len(v.Captures) != 2 || v.Captures[1].Outcome != catalog.AlreadyArchived {
		t.Errorf("the captures are %+v", v.Captures)
	}
	g.shut.Store(false)
}

// A disc whose image is incomplete and still on its way comes again: its stay is
// told as incomplete, and the policy for incomplete discs is the one that counts.
func TestIncompleteDiscThatComesAgainWhileItIsSent(t *testing.T) {
	for _, trays := range []station.Trays{{Incomplete: station.TrayHold}, {Already: station.TrayHold}} {
		t.Run("incomplete "+string(trays.Incomplete)+" already "+string(trays.Already), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *station.Config) { c.Eject, c.Tray = station.EjectImaged, trays })
			g := r.shut()
			drive := r.add(simdrive.Options{})
			r.start()
			d := scratched(409)(t)
			must(t, drive.Insert(d))
			x := r.ended0(1) // its image does not leave
			held := trays.Incomplete == station.TrayHold
			if held {
				must(t, r.station.Eject(t.Context(), drive.Info.Key))
			}
			before := drive.Ejects()
			must(t, drive.Insert(d))
			y := r.ended0(2)
			bay := r.station.Status().Bays[0]
			if y.ID != x.ID || y.Outcome != station.OutcomeIncomplete || len(r.notes(word(station.WordStillSending))) == 0 {
				t.Errorf("the second one is %s and ended as %q; the story:\n%s", y.ID, y.Outcome, r.story())
			}
			if held != (drive.Ejects() == before) || held != (bay.Word == station.WordHeld) || held != strings.Contains(bay.Text, `eject.incomplete = "hold"`) {
				t.Errorf("%d ejects; the bay shows %s: %s", drive.Ejects()-before, bay.Word, bay.Text)
			}
			g.shut.Store(false)
		})
	}
}

func TestTrayPolicies(t *testing.T) {
	for name, row := range trayRows {
		for _, policy := range []station.Tray{"", station.TrayEject, station.TrayHold} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(c *station.Config) { row.set(&c.Tray, policy) })
				var broken atomic.Bool
				r.put(between{identify: func(d station.Drive, ctx context.Context) (disc.Disc, error) {
					if broken.Load() {
						return disc.Disc{}, &disc.ReadError{Op: "READ TOC", Class: disc.ClassRefused, LBA: -1}
					}
					return d.Identify(ctx)
				}})
				drive := r.add(simdrive.Options{})
				r.start()
				d, n := row.disc(t), 1
				if row.first {
					must(t, drive.Insert(d))
					r.ended(n, station.OutcomeDone)
					n++
				}
				broken.Store(row.breaks)
				before := drive.Ejects()
				must(t, drive.Insert(d))
				x := r.await(n, final)
				want := policy
				if want == "" {
					want = row.normal
				}
				if x.Outcome != row.outcome {
					t.Fatalf("ended as %q, want %q; the story:\n%s", x.Outcome, row.outcome, r.story())
				}
				bay := r.station.Status().Bays[0]
				if want == station.TrayEject {
					if drive.Ejects() != before+1 || bay.Word != station.WordEjected {
						t.Errorf("%d ejects; the bay shows %s: %s", drive.Ejects()-before, bay.Word, bay.Text)
					}
					return
				}
				if drive.Ejects() != before || drive.Tray() != disc.TrayLoaded {
					t.Errorf("%d ejects, the tray is %s", drive.Ejects()-before, drive.Tray())
				}
				if !strings.Contains(bay.Hint, "ripstation eject SIM1") && !strings.Contains(bay.Hint, "ripstation eject sim") || !strings.Contains(bay.Hint, "button") {
					t.Errorf("the hint is %q", bay.Hint)
				}
				if name != "failed" && (bay.Word != station.WordHeld || !strings.Contains(bay.Text, "eject."+name+" = \"hold\"")) {
					t.Errorf("the bay shows %s: %s", bay.Word, bay.Text)
				}
				must(t, r.station.Eject(t.Context(), "SIM1"))
				if drive.Ejects() != before+1 {
					t.Error("it did not come out when it was asked for")
				}
			})
		}
	}
}

// A drive that does not answer is asked nothing more, whatever the policy says.
func TestWedgedDriveDoesNotGiveItsDiscBack(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Tray.Failed = station.TrayEject })
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "WEDGED", 406, 300*1e6)
	must(t, drive.Insert(d))
	r.readFar(d)
	drive.Wedge()
	x := r.await(1, final)
	if x.Word != station.WordDriveFault || drive.Ejects() != 0 || len(r.commands("START STOP UNIT")) != 0 {
		t.Errorf("ended as %s, %d ejects", x.Word, drive.Ejects())
	}
}

// A disc that is held stays held when the drive reports a change that did not
// happen, and over a restart: it is neither read nor given back.
func TestHeldDiscStaysHeld(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Tray.Incomplete = station.TrayHold })
	drive := r.add(simdrive.Options{})
	r.start()
	d := scratched(407)(t)
	must(t, drive.Insert(d))
	x := r.ended(1, station.OutcomeIncomplete)
	r.bench.SpuriousChange(drive)
	r.ended(2, station.OutcomeIncomplete)
	second := r.again(r.bench, func(c *station.Config) { c.Tray.Incomplete = station.TrayHold })
	second.start()
	r.bench.Found(drive)
	second.ended(1, station.OutcomeIncomplete)
	r.bench.SpuriousChange(drive) // what the drive holds is in the catalog alone by now
	second.ended(2, station.OutcomeIncomplete)
	if bay := second.station.Status().Bays[0]; bay.Word != station.WordHeld || bay.ID != x.ID || !strings.Contains(bay.Text, "eject.incomplete") {
		t.Errorf("the bay shows %s %s: %s", bay.ID, bay.Word, bay.Text)
	}
	if drive.Ejects() != 0 || len(second.bags()) != 1 || len(second.show(x.ID).Captures) != 1 {
		t.Errorf("%d ejects, bags %v, %d captures", drive.Ejects(), second.bags(), len(second.show(x.ID).Captures))
	}
	// Another disc in its place is read.
	must(t, second.station.Eject(t.Context(), "SIM1"))
	other := simdrive.PressedCD(iso(t, "OTHER", 408, 2000), 2000)
	must(t, drive.Insert(other))
	y := second.ended(3, station.OutcomeDone)
	sameAsDisc(t, second.image(y.ID, 1), other)
	// And the same disc, put in by a person, is read again for a better image.
	must(t, drive.Insert(d))
	if z := second.ended(4, station.OutcomeIncomplete); z.ID != x.ID || len(second.show(x.ID).Captures) != 2 {
		t.Errorf("%s has %d captures", z.ID, len(second.show(x.ID).Captures))
	}
}

// A disc that failed, is given back and drawn in again by itself comes to rest.
func TestFailedDiscThatComesBackByItself(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.Tray.Failed, c.Failures = station.TrayEject, 3 })
	r.put(between{identify: func(station.Drive, context.Context) (disc.Disc, error) {
		return disc.Disc{}, &disc.ReadError{Op: "READ TOC", Class: disc.ClassRefused, LBA: -1}
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "LOOP", 409, 2000), 2000)))
	for i := range 3 {
		r.await(i+1, final)
		drive.CloseTray()
	}
	if x := r.await(4, final); x.Word != station.WordOnHold || drive.Ejects() != 3 {
		t.Errorf("ended as %s after %d ejects; the story:\n%s", x.Word, drive.Ejects(), r.story())
	}
}

func TestTrayPolicyThatCannotBe(t *testing.T) {
	for name, row := range trayRows {
		r := newRig(t, func(c *station.Config) { row.set(&c.Tray, "open") })
		if _, err := station.New(r.cfg); err == nil || !strings.Contains(err.Error(), "eject."+name) {
			t.Errorf("eject.%s = open: %v", name, err)
		}
	}
	for want, change := range map[string]func(*station.Config){
		"eject.when_store_dark": func(c *station.Config) { c.WhenDark = "eject" },
		"start.disc":            func(c *station.Config) { c.StartDisc = "ask" },
		"drives.failures":       func(c *station.Config) { c.Failures = -1 },
		"station.reserve":       func(c *station.Config) { c.Reserve = -1 },
	} {
		r := newRig(t, change)
		if _, err := station.New(r.cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
