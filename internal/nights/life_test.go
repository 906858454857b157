package nights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/operator"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// dawn is when every night begins. The bubble's clock starts sooner.
var dawn = time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC)

// reserve is what the station leaves free of the spool's disk: station.reserve.
const reserve = 2 << 20

// timing is a slow drive: a disc of a megabyte takes a minute.
var timing = simdrive.Timing{SpinUp: 5 * time.Second, Seek: 150 * time.Millisecond, Error: 2 * time.Second, Rate: 16_000}

// TestLife is one life of the program in a night. It is run by play in a
// process of its own, and does nothing without a night.
func TestLife(t *testing.T) {
	dir := os.Getenv(lifeVariable)
	if dir == "" {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		if err := newLife(dir).live(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// life is one life of the station, and all that is around it.
type life struct {
	dir   string
	night operator.Night
	hand  *operator.Hand
	next  int // act
	bench *simbench.Bench
	slots []*simbench.Slot
	boot  int

	catalog *catalog.Catalog
	stores  []*weather
	station *station.Station

	quiet   bool        // what the drives say is not for the diary
	end     chan string // why the life ends before the night does
	faults  sync.WaitGroup
	jam     []time.Time // by drive: until when its tray stays shut
	shutter []time.Time // by drive: until when it closes by itself
	mu      sync.Mutex  // guards jam, shutter and racked
	racked  []string    // carriers that were given back pending
	said    []string    // what seen has noted; tick alone uses it
}

func newLife(dir string) *life { return &life{dir: dir, end: make(chan string, 8)} }

func (l *life) path(name string) string { return filepath.Join(l.dir, name) }

func (l *life) spool() string { return l.path("disk/spool") }

func (l *life) moment(what string, fault int) error {
	return note(l.path(livesFile), moment{At: time.Now().UTC(), What: what, Fault: fault, Boot: l.boot})
}

// live plays the life to its end.
func (l *life) live(ctx context.Context) error {
	if err := l.wake(); err != nil {
		return err
	}
	if err := l.build(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	ran := make(chan error, 1)
	notices, stop := l.station.Listen()
	defer func() { cancel(); stop(); wg.Wait(); l.catalog.Close() }()
	wg.Go(func() { l.listen(notices) })
	wg.Go(func() { ran <- l.station.Run(ctx) })
	wg.Go(func() { l.bench.Run(ctx) })
	wg.Go(func() { l.tick(ctx) })
	wg.Go(func() { l.troubles(ctx) })
	worked := make(chan error, 1)
	wg.Go(func() { worked <- l.hand.Work(ctx, l.next) })
	shut := func() error {
		cancel()
		err := <-ran
		stop()
		wg.Wait()
		return errors.Join(err, l.catalog.Close())
	}
	select {
	case what := <-l.end: // a restart; a kill does not come back
		return errors.Join(shut(), l.moment(what, -1))
	case err := <-ran:
		return fmt.Errorf("the station ended by itself: %w", err)
	case err := <-worked:
		if err != nil {
			return err
		}
	}
	over := time.After(time.Until(l.lastFault()) + time.Minute)
	select {
	case what := <-l.end:
		return errors.Join(shut(), l.moment(what, -1))
	case err := <-ran:
		return fmt.Errorf("the station ended by itself: %w", err)
	case <-over:
	}
	if err := l.settle(ctx); err != nil {
		return err
	}
	if err := l.repair(ctx); err != nil {
		return err
	}
	status := l.station.Status()
	if err := shut(); err != nil {
		return err
	}
	flaws, err := l.morning(context.WithoutCancel(ctx), status)
	if err != nil {
		return err
	}
	b, err := json.Marshal(flaws)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(l.path(flawsFile), b, 0o644), l.moment("ended", -1))
}

// wake brings the clock, the drives and the discs to where the life before has
// left them.
func (l *life) wake() error {
	b, err := os.ReadFile(l.path(nightFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &l.night); err != nil {
		return err
	}
	lives, err := notes[moment](l.path(livesFile))
	if err != nil {
		return err
	}
	diary, err := notes[operator.Entry](l.path(diaryFile))
	if err != nil {
		return err
	}
	now, err := reached(l.dir)
	if err != nil {
		return err
	}
	cause := operator.Fault{Disc: -1}
	for _, m := range lives {
		l.boot = m.Boot
		if (m.What == "fault" || m.What == "killed") && m.Fault >= 0 {
			if f := l.fault(m.Fault); f.What.Life() {
				cause = f
			}
		}
	}
	if len(lives) > 0 {
		now = now.Add(time.Second + cause.For)
	}
	time.Sleep(time.Until(now))
	if err := l.makeRoom(); err != nil {
		return err
	}
	reboot := len(lives) == 0 || cause.What == operator.PowerCut
	if reboot {
		l.boot++
	}
	l.bench = simbench.New(fmt.Sprintf("boot-%d", l.boot))
	var drives []*simdrive.Drive
	l.quiet = true
	for i := range l.night.Drives {
		s := l.bench.Add(simdrive.Options{Serial: fmt.Sprintf("SIM%d", i), Name: fmt.Sprintf("/dev/sr%d", i), Timing: timing, Log: func(e simdrive.Event) { l.hear(i, e) }})
		l.slots, drives = append(l.slots, s), append(drives, s.Drive)
	}
	l.jam, l.shutter = make([]time.Time, len(drives)), make([]time.Time, len(drives))
	if l.hand, err = operator.New(l.night, drives); err != nil {
		return err
	}
	l.hand.Tell = func(e operator.Entry) {
		if err := note(l.path(diaryFile), e); err != nil {
			panic(err)
		}
	}
	before, err := notes[told](l.path(noticesFile))
	if err != nil {
		return err
	}
	for _, n := range before {
		l.onRack(n.Notice)
	}
	if l.night.Scans {
		l.hand.Scan = func(ctx context.Context, code string, drive int) error {
			r := station.ScanRequest{Code: code}
			if drive >= 0 {
				r.Drive = l.slots[drive].Info.Key
			}
			_, err := l.station.Scan(ctx, r)
			return err
		}
	}
	l.hand.Busy = func(n int) bool {
		select {
		case <-l.slots[n].Gone():
			return true
		default:
			return false
		}
	}
	l.hand.Stuck, l.hand.Say = l.stuck, l.say
	l.next = l.hand.Resume(diary)
	if len(lives) > 0 {
		l.hand.Note(operator.Entry{What: operator.Started, Act: -1, Drive: -1, Disc: -1})
	}
	for n, t := range operator.Trays(diary, len(drives)) {
		seq := t.Insertion.DiskSeq
		if t.Disc >= 0 && reboot {
			seq = 1
		}
		var d *simdrive.Disc
		if t.Disc >= 0 {
			d = l.hand.Physical(t.Disc)
		}
		if err := l.bench.Place(l.slots[n], d, t.Open, seq); err != nil {
			return err
		}
		if reboot && t.Disc >= 0 && !t.Open {
			l.hand.Note(operator.Entry{What: operator.Changed, Act: -1, Drive: n, Disc: t.Disc, Insertion: l.bench.Key(l.slots[n])})
		}
	}
	l.quiet = false
	if cause.Disc >= 0 { // somebody changed a disc while the station was down
		if err := l.hand.Replace(cause.Drive, cause.Disc); err != nil {
			return err
		}
		if s := l.slots[cause.Drive]; s.Tray() != disc.TrayOpen && s.Tray() != disc.TrayEmpty {
			l.bench.Found(s)
		}
	}
	return l.moment("begins", -1)
}

// hear takes what a drive says into the diary, with the key of its insertion.
func (l *life) hear(n int, e simdrive.Event) {
	if l.quiet {
		return
	}
	entry, ok := operator.Heard(n, e)
	if !ok {
		return
	}
	if entry.What == operator.Closed {
		entry.Insertion = l.bench.Key(l.slots[n])
	}
	if entry.What == operator.Ejected {
		l.ejected(n)
	}
	l.hand.Note(entry)
}

// stuck says that a bay has done what it can, and that its tray is shut. Where
// the station says how to go on, a person does that.
func (l *life) stuck(n int) bool {
	for _, b := range l.station.Status().Bays {
		if b.Drive.Key != l.slots[n].Info.Key || time.Since(b.Since) < 15*time.Minute {
			continue
		}
		switch b.Word {
		case station.WordHeld:
			l.ask(n, "eject")
		case station.WordHeldAtStart:
			l.ask(n, "rip")
		case station.WordOnHold:
			l.ask(n, "release")
		case station.WordEjectFailed, station.WordNeedsYou, station.WordFailed, station.WordDriveFault, station.WordEjected, station.WordPending, station.WordPaused:
			return true
		}
	}
	return false
}

// ask has the station do something with a drive, as its verbs do. What it
// refuses, a person leaves at that.
func (l *life) ask(n int, what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	key := l.slots[n].Info.Key
	l.hand.Note(operator.Entry{What: operator.Asked, Act: -1, Drive: n, Disc: -1, Code: what})
	var err error
	switch what {
	case "eject":
		err = l.station.Eject(ctx, key)
	case "rip":
		_, err = l.station.Rip(ctx, station.Request{Source: key})
	case "release":
		_, err = l.station.Release(ctx, key)
	}
	return err
}

func (l *life) fault(n int) operator.Fault {
	for _, f := range l.night.Faults {
		if f.N == n {
			return f
		}
	}
	return operator.Fault{Disc: -1}
}

// build makes what a process has: stores, catalog, station.
func (l *life) build(ctx context.Context) (err error) {
	if l.catalog, err = catalog.Open(ctx, l.path("catalog.db")); err != nil {
		return err
	}
	cfg := station.Config{
		Spool: l.spool(), Reserve: reserve, Eject: station.EjectWhen(l.night.Eject), Retries: 3,
		Program: catalog.Program{Name: "ripstation", Version: "test"}, Catalog: l.catalog, Events: l.bench.Events(), Log: zerolog.Nop(),
		WhenDark: station.WhenDark(l.night.Dark), StartDisc: station.StartDisc(l.night.Start), Failures: l.night.Failures, Tray: trays(l.night.Trays),
		Open: l.open,
	}
	for i := range l.night.Stores {
		dir, err := archive.NewDir(archive.DirConfig{Name: fmt.Sprintf("store%d", i), Root: l.path(fmt.Sprintf("store%d", i)), Create: true, PartSize: 256 << 10})
		if err != nil {
			return err
		}
		w := &weather{Dir: dir, number: i, dawn: dawn, faults: l.night.Faults}
		l.stores = append(l.stores, w)
		cfg.Stores = append(cfg.Stores, station.Store{Store: w, Required: i == 0 || l.night.Both})
	}
	l.station, err = station.New(cfg)
	return err
}

func trays(of map[string]string) station.Trays {
	is := func(key string) station.Tray { return station.Tray(of[key]) }
	return station.Trays{Done: is("done"), Incomplete: is("incomplete"), Refused: is("refused"), Already: is("already"), NeedsYou: is("needs_you"), Failed: is("failed")}
}

// open opens a drive of the bench, whose tray may be jammed.
func (l *life) open(ctx context.Context, d disc.Drive) (station.Drive, error) {
	real, err := l.bench.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	for n, s := range l.slots {
		if s.Info.Key == d.Key {
			return jammed{real, l, n}, nil
		}
	}
	return real, nil
}

type jammed struct {
	*simbench.Drive
	l *life
	n int
}

func (j jammed) Eject(ctx context.Context) error {
	j.l.mu.Lock()
	until := j.l.jam[j.n]
	j.l.mu.Unlock()
	if time.Now().Before(until) {
		return &disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1, Err: errors.New("the tray is jammed")}
	}
	return j.Drive.Eject(ctx)
}

// told is a notice as it is kept.
type told struct {
	station.Notice
	Boot int `json:"boot"`
}

func (l *life) listen(notices <-chan station.Notice) {
	for n := range notices {
		l.onRack(n)
		if n.Progress == nil {
			if err := note(l.path(noticesFile), told{n, l.boot}); err != nil {
				panic(err)
			}
		}
	}
}

// tick writes down how far the night is: a kill leaves no other word.
func (l *life) tick(ctx context.Context) {
	for {
		select {
		case <-time.After(time.Minute):
			if err := l.moment("tick", -1); err != nil {
				panic(err)
			}
			if err := l.rack(ctx); err != nil && ctx.Err() == nil {
				panic(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// kill ends the process as a kill does.
func (l *life) kill(f operator.Fault) {
	if err := l.moment("killed", f.N); err != nil {
		panic(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {}
}
