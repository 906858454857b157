package simdrive

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

const (
	tur       = "00 00 00 00 00 00"
	ejectCmd  = "1b 00 00 00 02 00"
	loadCmd   = "1b 00 00 00 03 00"
	lockCmd   = "1e 00 00 00 01 00"
	unlockCmd = "1e 00 00 00 00 00"
	mediaCmd  = "4a 01 00 00 10 00 00 00 08 00"
)

// media asks for the media class and returns event code and status byte.
func (b *bench) media() (event, status byte) {
	b.Helper()
	_, in, _ := b.do(mediaCmd)
	if len(in) != 8 {
		b.Fatalf("media event of %d bytes", len(in))
	}
	return in[4], in[5]
}

// TestTray walks a tray through everything that can happen to it. After each
// step TEST UNIT READY, the media event and the tray's state are looked at.
func TestTray(t *testing.T) {
	one, two := PressedCD(nil, 10), AudioCD(1, 75)
	one.Name = "one"
	type after struct {
		ready  Sense // of TEST UNIT READY
		event  mediaEvent
		status byte // of the media class: 1 open, 2 present
		tray   disc.TrayStatus
	}
	ready, attention := Sense{}, SenseMediumChanged
	steps := []struct {
		what string
		do   func(b *bench)
		want after
	}{
		{"nothing", func(*bench) {}, after{SenseNoMediumClosed, 0, 0, disc.TrayEmpty}},
		{"insert", func(b *bench) { b.insert(one) }, after{SenseNotReadyBecoming, 0, 2, disc.TrayNotReady}},
		{"just before it is ready", func(b *bench) { b.clock.Advance(5*time.Second - 1) }, after{SenseNotReadyBecoming, 0, 2, disc.TrayNotReady}},
		{"spun up", func(b *bench) { b.clock.Advance(1) }, after{attention, mediaNew, 2, disc.TrayLoaded}},
		{"asked again", func(*bench) {}, after{ready, 0, 2, disc.TrayLoaded}},
		{"eject", func(b *bench) { b.good("eject", ejectCmd) }, after{SenseNoMediumOpen, mediaRemoval, 1, disc.TrayOpen}},
		{"eject again", func(b *bench) { b.good("eject", ejectCmd) }, after{SenseNoMediumOpen, 0, 1, disc.TrayOpen}},
		{"load the same", func(b *bench) { b.good("load", loadCmd); b.clock.Advance(5 * time.Second) }, after{attention, mediaNew, 2, disc.TrayLoaded}},
		{"lock and eject", func(b *bench) {
			b.good("lock", lockCmd)
			b.refused("eject", ejectCmd, SenseRemovalPrevented)
		}, after{ready, 0, 2, disc.TrayLoaded}},
		{"button while locked", func(b *bench) { b.d.PressButton() }, after{ready, mediaEjectRequest, 2, disc.TrayLoaded}},
		{"paper clip while locked", func(b *bench) { b.d.ForceOpen() }, after{SenseNoMediumOpen, 0, 1, disc.TrayOpen}},
		{"another disc", func(b *bench) { b.insert(two); b.clock.Advance(5 * time.Second) }, after{attention, mediaNew, 2, disc.TrayLoaded}},
		{"unlock and button", func(b *bench) { b.good("unlock", unlockCmd); b.d.PressButton() }, after{SenseNoMediumOpen, mediaRemoval, 1, disc.TrayOpen}},
		{"take it out, button", func(b *bench) {
			if m := b.d.TakeOut(); m != two {
				b.Errorf("took out %v", m)
			}
			b.d.PressButton()
		}, after{SenseNoMediumClosed, 0, 0, disc.TrayEmpty}},
		{"load an empty tray", func(b *bench) { b.good("eject", ejectCmd); b.d.CloseTray() }, after{SenseNoMediumClosed, 0, 0, disc.TrayEmpty}},
		{"removed while spinning up", func(b *bench) { b.insert(one); b.d.PressButton() }, after{SenseNoMediumOpen, 0, 1, disc.TrayOpen}},
	}
	b := newBench(t, Options{Timing: Timing{SpinUp: 5 * time.Second}}, nil)
	for _, s := range steps {
		s.do(b)
		var got after
		_, _, got.ready = b.do(tur)
		e, status := b.media()
		got.event, got.status, got.tray = mediaEvent(e), status, b.d.Tray()
		if got != s.want {
			t.Errorf("%s:\n got %+v\nwant %+v", s.what, got, s.want)
		}
	}
	if n := b.d.Ejects(); n != 2 {
		t.Errorf("%d ejects by command counted, want 2", n)
	}
}

func (b *bench) insert(m *Disc) {
	b.Helper()
	if err := b.d.Insert(m); err != nil {
		b.Fatal(err)
	}
}

func TestInsertIntoOccupiedDrive(t *testing.T) {
	b := newBench(t, Options{Name: "bay 1"}, PressedCD(nil, 10))
	err := b.d.Insert(AudioCD(1, 75))
	if !errors.Is(err, ErrOccupied) || !strings.Contains(err.Error(), "bay 1") {
		t.Errorf("second disc into a closed drive: %v", err)
	}
	if err := b.d.Insert(nil); err == nil {
		t.Error("no disc was inserted without complaint")
	}
	if b.d.TakeOut() != nil {
		t.Error("a disc was taken from a closed tray")
	}
}

// TestInitiatorsApart gives two initiators each their own unit attention,
// media event and lock.
func TestInitiatorsApart(t *testing.T) {
	b := newBench(t, Options{}, nil)
	second := b.d.Nexus()
	if _, _, s := b.doOn(second, tur); s != SensePowerOn {
		t.Errorf("a new initiator finds %02x, want power on", s)
	}
	b.refused("the first has taken it already", tur, SenseNoMediumClosed)
	b.insert(PressedCD(nil, 10))
	b.good("INQUIRY goes past a unit attention", "12 00 00 00 24 00")
	b.good("GET CONFIGURATION too", "46 00 00 00 00 00 00 00 08 00")
	b.refused("and it still waits", tur, SenseMediumChanged)
	if _, _, s := b.doOn(second, "25 00 00 00 00 00 00 00 00 00"); s != SenseMediumChanged {
		t.Errorf("the second initiator finds %02x, want medium changed", s)
	}
	for _, n := range []*Nexus{b.n, second} {
		if _, in, _ := b.doOn(n, mediaCmd); in[4] != byte(mediaNew) {
			t.Errorf("media event %d, want new medium", in[4])
		}
	}

	b.doOn(second, lockCmd)
	b.good("allow by the first does not unlock for the second", unlockCmd)
	b.refused("eject", ejectCmd, SenseRemovalPrevented)
	if !b.d.Locked() {
		t.Error("not locked")
	}
	second.Close()
	if b.d.Locked() {
		t.Error("locked by an initiator that is gone")
	}
	b.good("eject", ejectCmd)
}

func TestInjectedAttentions(t *testing.T) {
	b := newBench(t, Options{}, PressedCD(nil, 10))
	b.good("ready", tur)
	b.d.InjectUnitAttention(0x28, 0x00)
	b.d.InjectUnitAttention(0x29, 0x00)
	b.refused("first", "28 00 00 00 00 00 00 00 01 00", SenseMediumChanged)
	b.refused("second", tur, SensePowerOn)
	b.good("then ready", tur)
	b.good("lock", lockCmd)
	b.d.Reset()
	b.refused("after a reset", tur, SensePowerOn)
	if b.d.Locked() {
		t.Error("a reset has left the lock")
	}
}

// TestRefusals holds that what the drive has not got is refused, and that
// nothing that writes is carried out or goes uncounted.
func TestRefusals(t *testing.T) {
	b := newBench(t, Options{}, CDR(Pattern(1, 10), 10))
	for _, cdb := range []string{"42 02 40 01 00 00 00 00 10 00", "5c 00 00 00 00 00 00 00 10 00", "a4 00 00 00 00 00 00 00 00 08 00 00", "ff 00 00 00 00 00", "88 00*15"} {
		b.refused("command "+cdb, cdb, SenseInvalidOpcode)
	}
	if n := b.d.WriteAttempts(); n != 0 {
		t.Errorf("%d write attempts after none", n)
	}
	tried := 0
	for op := range writing {
		cdb := make([]byte, 16)
		cdb[0] = op
		status, _, raw, err := b.n.Execute(t.Context(), cdb, make([]byte, 2048), 0)
		s, _, _ := parseSense(raw)
		if tried++; err != nil || status != 2 || s != SenseInvalidOpcode {
			t.Errorf("%s: status %02x sense %02x %v, want it refused", writing[op], status, s, err)
		}
		if _, both := commands[op]; both {
			t.Errorf("%s is carried out and counted as writing", writing[op])
		}
	}
	if n := b.d.WriteAttempts(); n != tried || tried < 20 {
		t.Errorf("%d write attempts counted, want %d", n, tried)
	}
	for _, cdb := range []string{"28 00", "", "be 00 00"} {
		if status, _, _ := b.do(cdb); status != 2 {
			t.Errorf("a command cut short (%q) has status %02x", cdb, status)
		}
	}
	b.refused("power condition", "1b 00 00 00 f0 00", SenseInvalidField)
}

// TestInitiatorsRoom gives no initiator more than it takes, whatever the
// command's allocation length says.
func TestInitiatorsRoom(t *testing.T) {
	b := newBench(t, Options{}, PressedCD(Pattern(1, 10), 10))
	for _, cdb := range []string{"12 00 00 00 60 00", "43 00 00 00 00 00 00 ff ff 00", "46 00 00 00 00 00 00 ff ff 00", "25 00*9", read10(0, 2), readCD(0, 2, 0, 0xF8)} {
		for _, room := range []int{0, 1, 7} {
			status, in, _, err := b.n.Execute(t.Context(), unhex(t, cdb), nil, room)
			if status != 0 || err != nil || len(in) > room {
				t.Errorf("%s for %d bytes: status %02x, %d bytes (%v)", cdb, room, status, len(in), err)
			}
		}
	}
}

func TestLog(t *testing.T) {
	m := PressedCD(nil, 100)
	m.Damage().Bad(disc.Extent{Start: 7, Count: 1})
	b := newBench(t, Options{Name: "bay 1"}, m)
	b.log = nil
	b.do("28 00 00 00 00 05 00 00 04 00")
	b.good("eject", ejectCmd)
	var ops []string
	for i, e := range b.log {
		if i > 0 && e.Seq != b.log[i-1].Seq+1 {
			t.Errorf("event %d follows %d", e.Seq, b.log[i-1].Seq)
		}
		ops = append(ops, e.Op)
	}
	if got := strings.Join(ops, ", "); got != "READ(10), tray opened, START STOP UNIT" {
		t.Fatalf("log is %q", got)
	}
	e := b.log[0]
	if e.LBA != 5 || e.Count != 4 || e.Status != 2 || e.Kind != EventCommand || e.Nexus != 1 || len(e.CDB) != 10 {
		t.Errorf("read is logged as %+v", e)
	}
	if got := e.String(); !strings.HasSuffix(got, "READ(10) lba=5 count=4 status=02 sense=03/11/05") || !strings.Contains(got, "bay 1") {
		t.Errorf("line is %q", got)
	}
}
