package station_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// stuck is a drive whose reads do not come back while it hangs, whatever ends:
// a call in the kernel heeds no context.
type stuck struct {
	station.Drive
	h *hanging
}

type hanging struct {
	on      atomic.Bool
	entered chan struct{}
	once    sync.Once
	until   chan struct{}
}

func (d stuck) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	if d.h.on.Load() {
		d.h.once.Do(func() { close(d.h.entered) })
		<-d.h.until
		return &disc.ReadError{Op: "READ(10)", Class: disc.ClassWedged, LBA: lba}
	}
	return d.Drive.ReadSectors(ctx, lba, p)
}

// hangs makes the drive of one key hang as soon as it is read.
func (r *rig) hangs(key string) *hanging {
	h := &hanging{entered: make(chan struct{}), until: make(chan struct{})}
	h.on.Store(true)
	open := r.cfg.Open
	r.cfg.Open = func(ctx context.Context, info disc.Drive) (station.Drive, error) {
		d, err := open(ctx, info)
		if err != nil || info.Key != key {
			return d, err
		}
		return stuck{d, h}, nil
	}
	return h
}

// within fails when f takes longer than a moment: it waits for nobody.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s waits for the drive that hangs", what)
	}
}

// A call that never comes back holds up its own bay only: the bay beside it,
// the status and the end of the station wait for nobody.
func TestCallThatNeverComesBack(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.StopGrace = 50 * time.Millisecond; c.GivenUp = func() int64 { return 3 } })
	h := r.hangs("BAD")
	defer close(h.until)
	bad := r.bench.Add(simdrive.Options{Serial: "BAD", Name: "bad"})
	good := r.bench.Add(simdrive.Options{Serial: "GOOD", Name: "good"})
	r.start()
	must(t, bad.Insert(simdrive.PressedCD(iso(t, "HANGS", 201, 2000), 2000)))
	<-h.entered
	d := simdrive.PressedCD(iso(t, "BESIDE", 202, 2000), 2000)
	must(t, good.Insert(d))
	end := r.ended(1, station.OutcomeDone)
	sameAsDisc(t, r.image(end.ID, 1), d)
	within(t, "status", func() {
		if st := r.station.Status(); len(st.Bays) != 2 || st.GivenUp != 3 {
			t.Errorf("%+v", st)
		}
	})
	// Its bay is asked for things it cannot do, and must not stop the end either.
	r.bench.Tell(bad, disc.EventRemoved, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan error, 2)
	go func() { asked <- r.station.Eject(ctx, "BAD") }()
	go func() { _, err := r.station.Rip(ctx, station.Request{Source: "BAD"}); asked <- err }()
	within(t, "the end", r.stop)
	for range 2 {
		within(t, "a request", func() {
			if err := <-asked; err == nil {
				t.Error("a request to the bay that hangs was granted")
			}
		})
	}
}

// An eject that never comes back does not hold up the end.
func TestEjectThatNeverComesBack(t *testing.T) {
	r := newRig(t, func(c *station.Config) { c.StopGrace = 50 * time.Millisecond })
	entered, until := make(chan struct{}), make(chan struct{})
	defer close(until)
	r.put(between{eject: func(station.Drive, context.Context) error {
		close(entered)
		<-until
		return nil
	}})
	r.add(simdrive.Options{})
	r.start()
	asked := make(chan error, 1)
	r.met(1)
	go func() { asked <- r.station.Eject(context.Background(), "SIM1") }()
	<-entered
	within(t, "the end", r.stop)
	within(t, "the request", func() { <-asked })
}

// wedge has the drives' commands end as mmc ends them for a drive with a call
// that was given up, until the drive has left the bus and come back.
type wedge struct{ on atomic.Bool }

type wedged struct {
	station.Drive
	w *wedge
}

func (w *wedge) err() error {
	if !w.on.Load() {
		return nil
	}
	return &disc.ReadError{Op: "READ(10)", Class: disc.ClassWedged, LBA: -1}
}

func (d wedged) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	if err := d.w.err(); err != nil {
		return err
	}
	return d.Drive.ReadSectors(ctx, lba, p)
}

func (r *rig) wedges() *wedge {
	w := &wedge{}
	open := r.cfg.Open
	r.cfg.Open = func(ctx context.Context, info disc.Drive) (station.Drive, error) {
		if err := w.err(); err != nil {
			return nil, err
		}
		d, err := open(ctx, info)
		return wedged{d, w}, err
	}
	return w
}

// met waits until the station has as many bays.
func (r *rig) met(n int) {
	r.t.Helper()
	for end := time.Now().Add(patience); len(r.station.Status().Bays) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("the station has %d bays, not %d", len(r.station.Status().Bays), n)
		}
	}
}

// bayOf is what the bay of a drive shows.
func (r *rig) bayOf(key string) station.BayStatus {
	r.t.Helper()
	for _, b := range r.station.Status().Bays {
		if b.Drive.Key == key {
			return b
		}
	}
	r.t.Fatalf("no bay of %s", key)
	return station.BayStatus{}
}

// captures are how the captures of a carrier ended.
func (r *rig) captures(id string) (out []catalog.CaptureOutcome) {
	r.t.Helper()
	for _, c := range r.show(id).Captures {
		out = append(out, c.Outcome)
	}
	return out
}

// A drive that hangs is a fault with what to do; switched off and on it goes on
// with its disc's job by itself.
func TestWedgedDriveThatComesBack(t *testing.T) {
	r := newRig(t)
	w := r.wedges()
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "POWERCYCLE", 203, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	w.on.Store(true)
	fault := r.await(1, final)
	if fault.Word != station.WordDriveFault || !strings.Contains(fault.Hint, "off and on") {
		t.Errorf("ended as %q: %q -> %q", fault.Word, fault.Text, fault.Hint)
	}
	before := len(r.commands("READ(10)"))
	if err := r.station.Eject(t.Context(), "SIM1"); disc.ClassOf(err) != disc.ClassWedged {
		t.Errorf("eject by hand: %v", err)
	}
	if b := r.bayOf("SIM1"); b.Word != station.WordDriveFault {
		t.Errorf("the bay shows %s: %s", b.Word, b.Text)
	}
	if n := len(r.commands("READ(10)")) - before; n > 0 {
		t.Errorf("%d reads of a drive that hangs", n)
	}
	r.bench.Unplug(drive)
	r.await(1, word(station.WordDriveGone))
	w.on.Store(false)
	r.bench.Replug(drive, "sr7")
	end := r.ended(2, station.OutcomeDone)
	if end.ID != fault.ID {
		t.Errorf("carrier %s before, %s after", fault.ID, end.ID)
	}
	sameAsDisc(t, r.image(end.ID, 1), d)
	readOnce(t, d, 1200)
}

// A drive that drops off the bus in mid-read and comes back under another node
// goes on with its disc from the map: one capture that was interrupted, one
// that goes on.
func TestDriveDropsAndComesBackUnderAnotherNode(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := slowDisc(t, "USBDROP", 204, 300*time.Millisecond)
	must(t, drive.Insert(d))
	r.readFar(d)
	r.bench.Unplug(drive)
	r.await(1, word(station.WordDriveGone))
	cut := r.await(1, final)
	if b := r.bayOf("SIM1"); b.Word != station.WordDriveGone {
		t.Errorf("the bay shows %s: %s", b.Word, b.Text)
	}
	r.bench.Replug(drive, "sr7")
	end := r.ended(2, station.OutcomeDone)
	if cut.ID != end.ID || cut.Outcome != station.OutcomeTakenOut {
		t.Errorf("%s as %q, then %s", cut.ID, cut.Outcome, end.ID)
	}
	sameAsDisc(t, r.image(end.ID, 1), d)
	readOnce(t, d, 1200)
	if got := r.captures(end.ID); len(got) != 2 || got[0] != catalog.Interrupted || got[1] != catalog.Imaged {
		t.Errorf("captures %q", got)
	}
	if b := r.bayOf("SIM1"); b.Drive.Node != "sr7" || len(r.station.Status().Bays) != 1 {
		t.Errorf("bays %+v", r.station.Status().Bays)
	}
}

// Whatever the drive and the kernel say of changes that were none: one disc in
// one stay is one capture.
func TestChangesThatWereNone(t *testing.T) {
	for name, play := range map[string]func(r *rig, s *simbench.Slot){
		"a new DISKSEQ":      func(r *rig, s *simbench.Slot) { r.bench.SpuriousChange(s) },
		"and once more":      func(r *rig, s *simbench.Slot) { r.bench.SpuriousChange(s); r.bench.SpuriousChange(s) },
		"a unit attention":   func(r *rig, s *simbench.Slot) { s.InjectUnitAttention(0x28, 0) },
		"both":               func(r *rig, s *simbench.Slot) { r.bench.SpuriousChange(s); s.InjectUnitAttention(0x28, 0) },
		"a bus reset":        func(r *rig, s *simbench.Slot) { s.Reset(); r.bench.SpuriousChange(s) },
		"udev saw no medium": func(r *rig, s *simbench.Slot) { r.bench.Tell(s, disc.EventRemoved, "") },
		"and then it did": func(r *rig, s *simbench.Slot) {
			r.bench.Tell(s, disc.EventRemoved, "")
			r.bench.SpuriousChange(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			drive := r.add(simdrive.Options{})
			r.start()
			d := slowDisc(t, "STAYS", 205, 200*time.Millisecond)
			must(t, drive.Insert(d))
			r.readFar(d)
			play(r, drive)
			end := r.ended(1, station.OutcomeDone)
			sameAsDisc(t, r.image(end.ID, 1), d)
			readOnce(t, d, 2400)
			if got := r.captures(end.ID); len(got) != 1 || got[0] != catalog.Imaged {
				t.Errorf("captures %q", got)
			}
			if drive.Ejects() != 1 || len(r.bags()) != 1 || len(r.notes(word(station.WordTakenOut))) > 0 {
				t.Errorf("%d ejects, bags %v; the story:\n%s", drive.Ejects(), r.bags(), r.story())
			}
		})
	}
}

// What the watcher cannot ask is shown, and no longer when it can be asked
// again.
func TestDriveThatCannotBeAsked(t *testing.T) {
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(iso(t, "FIRST", 206, 2000), 2000)
	must(t, drive.Insert(d))
	r.ended(1, station.OutcomeDone)
	shown := r.bayOf("SIM1")
	r.bench.Tell(drive, disc.EventDriveFault, "it has not answered for 31s")
	x := r.await(1, word(station.WordDriveFault))
	if !strings.Contains(x.Text, "31s") || !strings.Contains(x.Hint, "off and on") {
		t.Errorf("%q -> %q", x.Text, x.Hint)
	}
	r.bench.Tell(drive, disc.EventDriveAdded, "")
	r.await(2, word(shown.Word))
	if b := r.bayOf("SIM1"); b.Word != shown.Word || b.Text != shown.Text || b.ID != shown.ID {
		t.Errorf("the bay shows %s: %s; before: %s: %s", b.Word, b.Text, shown.Word, shown.Text)
	}
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "SECOND", 207, 2000), 2000)))
	r.ended(2, station.OutcomeDone)
}

// A node is that of the drive that is there, not of one that has left.
func TestNodeOfADriveThatHasLeft(t *testing.T) {
	r := newRig(t)
	var left []*simbench.Slot
	for _, key := range []string{"A", "B", "C", "D"} {
		left = append(left, r.bench.Add(simdrive.Options{Serial: key, Name: "sr0"}))
	}
	r.start()
	for _, s := range left {
		r.bench.Unplug(s)
	}
	r.await(len(left), word(station.WordDriveGone))
	here := r.bench.Add(simdrive.Options{Serial: "HERE", Name: "sr0"})
	r.met(len(left) + 1)
	must(t, r.station.Eject(t.Context(), "sr0"))
	if here.Tray() != disc.TrayOpen {
		t.Error("another drive's tray was meant")
	}
}
