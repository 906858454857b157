package station_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// The key of an insertion starts anew where the kernel's counter does: the
// same key is no proof of the same disc.
func TestSameKeyOtherDisc(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	a := slowDisc(t, "TWINS", 56, 300*time.Millisecond)
	must(t, drive.Insert(a))
	r.readFar(a)
	bench := simbench.New("boot-1")
	second := r.again(bench)
	drive = second.add(simdrive.Options{})
	second.start()
	b := simdrive.PressedCD(iso(t, "TWINS", 57, 6000), 6000)
	must(t, drive.Insert(b))
	x := second.ended(1, station.OutcomeDone)
	sameAsDisc(t, second.image(x.ID, 1), b)
	must(t, drive.Insert(a))
	y := second.ended(2, station.OutcomeDone)
	sameAsDisc(t, second.image(y.ID, 1), a)
	if x.ID == y.ID {
		t.Error("two discs became one carrier")
	}
}

// What a person says of one disc is never written to the next one.
func TestItemStaysWithItsDisc(t *testing.T) {
	r := newRig(t)
	r.without(disc.EventRemoved) // a paper clip can go unnoticed
	drive := r.add(simdrive.Options{})
	r.start()
	a := slowDisc(t, "NAMED", 58, 300*time.Millisecond)
	must(t, drive.Insert(a))
	r.readFar(a)
	_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-1"})
	must(t, err)
	if _, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "B-2"}); err == nil || !strings.Contains(err.Error(), "B-1") {
		t.Errorf("a disc of item B-1 was said to be B-2: %v", err)
	}
	drive.ForceOpen()
	b := simdrive.PressedCD(iso(t, "NAMELESS", 59, 3000), 3000)
	must(t, drive.Insert(b))
	x := r.await(1, func(n station.Notice) bool { return n.Outcome == station.OutcomeDone })
	if v := r.show(x.ID); v.Item != nil || v.Label != "NAMELESS" {
		t.Errorf("disc %s is said to be item %v", v.Label, v.Item)
	}
	must(t, drive.Insert(a))
	y := r.await(2, func(n station.Notice) bool { return n.Outcome == station.OutcomeDone })
	if v := r.show(y.ID); v.Item == nil || *v.Item != "B-1" {
		t.Errorf("disc %s is said to be item %v, want B-1", v.Label, v.Item)
	}
}

// A further copy of a pressing, of another item, does not go on with the job
// of the first.
func TestSamePressingOfAnotherItem(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "PRESSING", 60, 200*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	_, err := r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "COPY-1"})
	must(t, err)
	drive.ForceOpen()
	r.await(1, final)
	drive.CloseTray()
	_, err = r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "COPY-2"})
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); {
		_, err = r.station.Rip(t.Context(), station.Request{Source: "SIM1", Item: "COPY-2"})
	}
	if err != nil && !strings.Contains(err.Error(), "COPY-1") {
		t.Fatal(err)
	}
	r.await(1, func(n station.Notice) bool { return n.Outcome == station.OutcomeDone })
	l, err := r.catalog.List(t.Context(), catalog.Filter{})
	must(t, err)
	for _, s := range l {
		if s.Item != nil && *s.Item == "COPY-2" {
			for _, j := range r.station.Status().Jobs {
				if j.Item == "COPY-1" {
					return
				}
			}
			t.Errorf("the job of COPY-1 became COPY-2: %+v", r.station.Status().Jobs)
		}
	}
}

func TestTakenOutAfterTheButton(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "LOCKED", 61, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	other := drive.Nexus()
	defer other.Close()
	for range 3 {
		other.Execute(t.Context(), []byte{0x1e, 0, 0, 0, 1, 0}, nil, 0)
	}
	drive.PressButton() // the tray is locked: the drive asks
	r.await(1, word(station.WordButton))
	drive.ForceOpen() // and udev opens it
	x := r.await(1, final)
	if x.Outcome != station.OutcomeTakenOut || x.Word != station.WordTakenOut {
		t.Errorf("ended as %q %q", x.Word, x.Outcome)
	}
	for range 3 {
		other.Execute(t.Context(), []byte{0x1e, 0, 0, 0, 0, 0}, nil, 0)
	}
	drive.CloseTray()
	y := r.ended(2, station.OutcomeDone)
	if x.ID != y.ID {
		t.Errorf("carriers %s and %s", x.ID, y.ID)
	}
	sameAsDisc(t, r.image(y.ID, 1), d)
}

func TestEjectByHandInMidRead(t *testing.T) {
	var stuck atomic.Bool
	stuck.Store(true)
	r := newRig(t, func(c *station.Config) { c.ButtonGrace = 10 * time.Millisecond })
	r.put(between{eject: func(d station.Drive, ctx context.Context) error {
		if stuck.Load() {
			return &disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1}
		}
		return d.Eject(ctx)
	}})
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "BY HAND", 62, 100*time.Millisecond)
	d.Damage().Slow(400*time.Millisecond, disc.Extent{Start: 5500, Count: 1})
	must(t, drive.Insert(d))
	r.readFar(d)
	if err := r.station.Eject(t.Context(), "SIM1"); err == nil {
		t.Fatal("a tray that stayed shut was said to be open")
	}
	r.await(2, word(station.WordReading)) // it goes on by itself
	stuck.Store(false)
	must(t, r.station.Eject(t.Context(), "SIM1"))
	x := r.await(1, final)
	if x.Outcome != station.OutcomeTakenOut || drive.Tray() != disc.TrayOpen {
		t.Errorf("ended as %q, the tray is %s", x.Outcome, drive.Tray())
	}
	drive.CloseTray()
	y := r.ended(2, station.OutcomeDone)
	if x.ID != y.ID || len(r.bags()) != 1 {
		t.Errorf("carriers %s and %s, bags %v", x.ID, y.ID, r.bags())
	}
	sameAsDisc(t, r.image(y.ID, 1), d)
}

func TestTwoCopiesOfOnePressing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		a, b := r.add(simdrive.Options{Serial: "A"}), r.add(simdrive.Options{Serial: "B"})
		r.start()
		da, db := slowDisc(t, "PAIR", 63, 400*time.Millisecond), slowDisc(t, "PAIR", 63, 400*time.Millisecond)
		for _, d := range []*simdrive.Disc{da, db} { // both are being read until both have their names
			d.Damage().Slow(400*time.Millisecond, disc.Extent{Start: 5000, Count: 1}, disc.Extent{Start: 5500, Count: 1})
		}
		must(t, a.Insert(da))
		must(t, b.Insert(db))
		r.readFar(da)
		r.readFar(db)
		for key, item := range map[string]string{"A": "COPY-A", "B": "COPY-B"} {
			if _, err := r.station.Rip(t.Context(), station.Request{Source: key, Item: item}); err != nil {
				t.Fatalf("%s: %v; the story:\n%s", key, err, r.story())
			}
		}
		// The power goes; both go on at once, each with its own.
		second := r.again(r.bench)
		second.start()
		r.bench.SpuriousChange(a)
		r.bench.SpuriousChange(b)
		second.ended(1, station.OutcomeDone)
		second.ended(2, station.OutcomeDone)
		l, err := second.catalog.List(t.Context(), catalog.Filter{})
		must(t, err)
		if len(l) != 2 {
			t.Fatalf("%d carriers, want 2; the story:\n%s", len(l), second.story())
		}
		for _, s := range l {
			sameAsDisc(t, second.image(s.ID, 1), da)
			v := second.show(s.ID)
			if v.Item == nil || *v.Item != "COPY-"+v.Drive.Key {
				t.Errorf("the disc in drive %s is item %v", v.Drive.Key, v.Item)
			}
		}
		readOnce(t, da, 1200)
		readOnce(t, db, 1200)
	})
}

// No label of a disc reaches a screen raw.
func TestHostileLabel(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	raw := iso(t, "PLAIN", 69, 2000)
	must(t, drive.Insert(simdrive.PressedCD(relabelled{raw, "\x1b[2J\r\n../../x\x00<b>\x9b\"';--"}, 2000)))
	x := r.ended(1, station.OutcomeDone)
	for _, n := range r.told() {
		if strings.ContainsFunc(n.Text+n.Hint, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 }) {
			t.Errorf("%s: %q %q", n.Word, n.Text, n.Hint)
		}
	}
	r.image(x.ID, 1)
}

// relabelled is an image whose primary descriptor has other bytes for a label.
type relabelled struct {
	io.ReaderAt
	label string
}

func (c relabelled) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	const at = 16*2048 + 40
	for i := range p[:n] {
		if k := off + int64(i) - at; k >= 0 && k < 32 {
			p[i] = ' '
			if k < int64(len(c.label)) {
				p[i] = c.label[k]
			}
		}
	}
	return n, err
}
