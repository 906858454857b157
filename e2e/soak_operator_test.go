package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// stay is one disc in one drive, from the tray's closing to its opening: what
// the operator knows to be true.
type stay struct {
	piece *piece
	slot  *slot
	in    time.Time
	out   time.Time // zero: it is still in
	from  int       // where the host's log was then

	button bool   // the operator pressed the button, or forced the tray, or asked for the disc by `eject`
	why    string // of that
	asked  string // the identifier given by `rip --item`
	ripped string // the name of that command among the guest's programs
	told   int    // how often it was
	bound  bool   // the station agreed to it
	acted  bool   // the disc's habit has had its moment
	faults []trick
	looked station.Word // what the screen last said of it
	since  time.Time    // when it began to say that
}

// slot is one drive on the bench, with what a person sees of it.
type slot struct {
	*bench.Drive
	stay    *stay
	free    time.Time // when the operator turns to it again
	gone    bool      // it is unplugged
	hung    bool
	faulted time.Time // when the last fault that hit it was over

	mu     sync.Mutex // the drive's log comes from elsewhere
	deep   int64      // the highest sector of a long read since the tray closed
	opened time.Time  // when the tray opened last
	byUser bool       // by a hand on the drive itself
}

// hear takes note of what the drive does.
func (s *slot) hear(e simdrive.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Kind == simdrive.EventCommand && e.Count >= 16 && e.Status == 0 && strings.HasPrefix(e.Op, "READ"):
		s.deep = max(s.deep, int64(e.LBA)+e.Count)
	case e.Kind == simdrive.EventCommand && e.Op == "START STOP UNIT" && e.Status == 0 && e.Err == nil && len(e.CDB) > 4 && e.CDB[4]&3 == 2:
		s.opened, s.byUser = e.Time, false
	case e.Kind == simdrive.EventTray && (e.Op == "button pressed: tray opened" || e.Op == "tray forced open"):
		s.opened, s.byUser = e.Time, true
	}
}

// part is how much of the disc in it the drive has read in this stay.
func (s *slot) part() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stay == nil {
		return 0
	}
	return float64(s.deep) / float64(s.stay.piece.m.Sectors())
}

// soak is a bench with an operator and what befalls both.
type soak struct {
	*rig
	t        *testing.T
	r        *rand.Rand // of small delays; nothing that the script says
	script   *script
	slots    []*slot
	queue    []*piece // still to be presented, or once more
	shown    int      // discs presented so far
	hands    int      // names of the commands that run beside
	active   []*running
	todo     []fault
	crash    bool // the daemon shall die at a crash point
	began    time.Time
	calm     time.Time // since when nothing is wrong
	glance   time.Time
	oddity   []string // what was seen and is wrong
	ledger   []memory
	story    []string // what the daemon has said in all boots
	scans    []scanned
	noReader bool      // the station knows no scans
	lived    time.Time // when the daemon was last seen alive
	upsets   []span    // from when to when something befell a drive or the daemon
	kept     int       // how many lines of it are of the present boot
}

// newSoak sets the bench up with four drives of different speeds.
func newSoak(t *testing.T, ctx context.Context, b *bench.Bench, sc *script) *soak {
	t.Helper()
	o := &soak{rig: newRigOn(t, ctx, b), t: t, script: sc, r: rand.New(rand.NewPCG(sc.seed, 1)), began: time.Now(), calm: time.Now()}
	o.queue, o.todo = slices.Clone(sc.pieces), slices.Clone(sc.faults)
	for i := range 4 {
		name := fmt.Sprintf("q%d", i)
		s := &slot{}
		s.Drive = plug(t, ctx, b, simdrive.Options{Name: name, Vendor: "ACME", Model: "READER 9", Firmware: "1.23", Serial: strings.ToUpper(name),
			Timing: simdrive.Timing{Rate: int64(700+200*i) << 10, Buffer: 64 << 10, SpinUp: 300 * time.Millisecond}, Log: s.hear}, nil)
		t.Cleanup(s.Release)
		o.slots = append(o.slots, s)
	}
	return o
}

func (o *soak) note(format string, args ...any) {
	o.Log.Note("operator: "+format, args...)
}

func (o *soak) wrong(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	o.Log.Note("WRONG: %s", text)
	o.t.Log("WRONG: " + text)
	o.oddity = append(o.oddity, text)
}

// work is the operator's day: until every disc has been given back, every
// fault has come and gone, and nothing is left to send.
func (o *soak) work() {
	o.launch("")
	o.openBatch()
	for !o.finished() {
		if err := o.ctx.Err(); err != nil {
			o.wrong("the day is over and not everything is done: %s", o.left())
			return
		}
		o.watch()
		o.trouble()
		o.hearWhat()
		o.tend()
		o.look()
		o.pause()
	}
}

// pause waits for the next thing to happen, a moment at most.
func (o *soak) pause() {
	ctx, cancel := context.WithTimeout(o.ctx, 150*time.Millisecond)
	defer cancel()
	<-ctx.Done()
}

func (o *soak) finished() bool {
	if len(o.queue) > 0 || len(o.active) > 0 || len(o.todo) > 0 {
		return false
	}
	for _, s := range o.slots {
		if s.stay != nil || s.Disc() != nil || s.gone || s.hung {
			return false
		}
	}
	return true
}

func (o *soak) left() string {
	var parts []string
	for _, p := range o.queue {
		parts = append(parts, fmt.Sprintf("disc %d in the queue", p.no))
	}
	for _, s := range o.slots {
		if s.stay != nil {
			parts = append(parts, fmt.Sprintf("disc %d in %s, the screen says %q", s.stay.piece.no, s.Name, s.stay.looked))
		}
	}
	for _, f := range o.active {
		parts = append(parts, "still so: "+string(f.trick))
	}
	for _, f := range o.todo {
		parts = append(parts, "still to come: "+f.String())
	}
	return strings.Join(parts, "; ")
}

// watch sees which trays have opened.
func (o *soak) watch() {
	for _, s := range o.slots {
		st := s.stay
		if st == nil || s.Tray() != disc.TrayOpen {
			continue
		}
		s.mu.Lock()
		st.out = s.opened
		s.mu.Unlock()
		s.stay, s.free = nil, time.Now().Add(time.Duration(200+o.r.IntN(1500))*time.Millisecond)
		if st.button {
			o.note("%s has opened under disc %d: %s", s.Name, st.piece.no, st.why)
		} else {
			o.note("%s gives disc %d back", s.Name, st.piece.no)
			st.piece.finish(o.Log.Mark())
		}
	}
}

// finish notes that the station has done with the disc.
func (p *piece) finish(at int) {
	if !p.done && p.ended == 0 {
		p.ended = at
	}
	p.done = true
}

// tend does the next thing that is to be done with the hands.
func (o *soak) tend() {
	for _, s := range o.slots {
		if s.gone || s.hung {
			continue
		}
		switch {
		case s.stay != nil:
			o.interfere(s)
		case time.Now().Before(s.free):
		case s.Tray() == disc.TrayOpen && s.Disc() != nil:
			o.takeOut(s)
		default:
			o.present(s)
		}
	}
}

// pieceOf is the piece whose disc lies in a drive.
func (o *soak) pieceOf(m *simdrive.Disc) *piece {
	for _, p := range o.script.pieces {
		if p.m == m {
			return p
		}
	}
	return nil
}

// last is the last stay of a disc.
func (p *piece) last() *stay {
	if len(p.stays) == 0 {
		return nil
	}
	return p.stays[len(p.stays)-1]
}

// takeOut takes a disc from an open tray, or does what else its habit is.
func (o *soak) takeOut(s *slot) {
	p := o.pieceOf(s.Disc())
	st := p.last()
	if st.button { // the story was broken off
		if st.acted && (p.habit == early || p.habit == byHand) {
			o.pushIn(s, p)
			return
		}
		s.TakeOut()
		s.free = time.Now()
		if !p.done {
			o.queue = append(o.queue, p)
		}
		return
	}
	first := !slices.ContainsFunc(p.stays, func(x *stay) bool { return x != st && !x.button })
	switch {
	case p.habit == pushedBack && first:
		o.note("disc %d is pushed in again", p.no)
		o.pushIn(s, p)
		return
	case p.habit == lingers && first && time.Since(st.out) < 10*time.Second:
		return // the coffee
	}
	s.TakeOut()
	s.free = time.Now()
	if p.habit == elsewhere && first {
		o.note("disc %d goes into another drive", p.no)
		p.done = false
		o.queue = append(o.queue, p)
	}
}

// pushIn closes a tray with the disc that lies on it.
func (o *soak) pushIn(s *slot, p *piece) {
	o.enter(s, p)
	s.CloseTray()
}

// enter notes that a disc comes into a drive.
func (o *soak) enter(s *slot, p *piece) *stay {
	st := &stay{piece: p, slot: s, in: time.Now(), from: o.Log.Mark()}
	p.stays = append(p.stays, st)
	s.mu.Lock()
	s.deep = 0
	s.mu.Unlock()
	s.stay = st
	return st
}

// present puts the next disc of the queue into a free drive.
func (o *soak) present(s *slot) {
	i := slices.IndexFunc(o.queue, func(p *piece) bool {
		return p.last() == nil || p.last().slot != s // another drive than the last time
	})
	if i < 0 {
		return
	}
	p := o.queue[i]
	fresh := len(p.stays) == 0
	if fresh && p.pause && !o.rested() {
		return
	}
	o.queue = slices.Delete(o.queue, i, i+1)
	if fresh {
		o.shown++
		o.scanBefore(p, s)
	}
	st := o.enter(s, p)
	o.note("disc %d goes into %s", p.no, s.Name)
	o.insert(s.Drive, p.m)
	switch {
	case !fresh:
	case p.habit == told:
		o.sayWhat(st)
	case p.scan == inDrive:
		o.scan(scanned{code: p.code, slot: s})
	}
}

// sayWhat says what the disc is while it is read.
func (o *soak) sayWhat(st *stay) {
	o.hands++
	name := fmt.Sprintf("rip-%d", o.hands)
	_, err := o.Guest.Start(o.ctx, name, nil, bench.AsService("/usr/bin/ripstation", "--config", config, "--json", "rip", st.slot.Node, "--item", st.piece.code)...)
	if err != nil {
		o.note("rip --item could not be started: %v", err)
		return
	}
	st.asked, st.ripped = st.piece.code, name
	o.note("says that disc %d is %s", st.piece.no, st.asked)
}

// hearWhat hears how the commands have ended that say what a disc is.
func (o *soak) hearWhat() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for _, p := range o.script.pieces {
		for _, st := range p.stays {
			if st.ripped == "" {
				continue
			}
			if exit, err := o.Guest.AwaitExit(now, 0, st.ripped); err == nil {
				o.note("rip --item %s has ended with %d", st.asked, exit)
				st.bound, st.ripped = exit == 0 || exit == 3, ""
				if st.told++; !st.bound && st.told < 4 && st.slot.stay == st && !st.slot.gone && !st.slot.hung {
					o.sayWhat(st) // it may have come too early
				}
			}
		}
	}
}

// interfere does in mid-read what the disc's habit is.
func (o *soak) interfere(s *slot) {
	st := s.stay
	p := st.piece
	if st.acted || len(p.stays) > 1 || s.part() < p.at {
		return
	}
	switch p.habit {
	case early, takenAway:
		st.acted = true
		o.press(s, "the button in mid-read")
	case byHand:
		st.acted = true
		o.ask(s, "asked for in mid-read")
	case exchanged:
		i := slices.IndexFunc(o.queue, func(q *piece) bool { return q.last() == nil })
		if i < 0 {
			return
		}
		st.acted = true
		q := o.queue[i]
		o.queue = slices.Delete(o.queue, i, i+1)
		o.remember(p)
		o.note("a paper clip opens %s under disc %d; disc %d goes in", s.Name, p.no, q.no)
		st.button, st.why, st.out = true, "a paper clip", time.Now()
		s.ForceOpen()
		s.TakeOut()
		o.queue = append(o.queue, p)
		o.enter(s, q)
		o.shown++
		o.insert(s.Drive, q.m)
	}
}

// press presses the button because the operator wants the disc.
func (o *soak) press(s *slot, why string) {
	o.remember(s.stay.piece)
	o.note("the button of %s is pressed: %s", s.Name, why)
	s.stay.button, s.stay.why = true, why
	s.PressButton()
}

// ask has the station open the tray. A station that cannot is no fault: the
// button is there, too.
func (o *soak) ask(s *slot, why string) {
	o.remember(s.stay.piece)
	s.stay.button, s.stay.why = true, why
	out, exit := o.text("eject", s.Node)
	o.note("`eject %s`: exit %d: %s", s.Node, exit, strings.TrimSpace(out))
	if exit != 0 {
		s.PressButton()
	}
}

// needHand are the words under which a shut tray waits for the operator.
var needHand = []station.Word{station.WordEjected, station.WordEjectFailed, station.WordNeedsYou, station.WordFailed, station.WordDriveFault, station.WordFinished}

// look reads the screen now and then, and does what it says.
func (o *soak) look() {
	if time.Now().Before(o.glance) || o.quiet() {
		return
	}
	st, err := o.screen()
	o.glance = time.Now().Add(12 * time.Second)
	if err != nil {
		o.note("the screen shows nothing: %v", err)
		return
	}
	for _, bay := range st.Bays {
		i := slices.IndexFunc(o.slots, func(s *slot) bool { return strings.EqualFold(bay.Drive.Serial, s.Name) })
		if i < 0 || o.slots[i].stay == nil || o.slots[i].gone || o.slots[i].hung {
			continue
		}
		o.heed(o.slots[i], bay)
	}
}

// quiet reports that there is nothing to look at.
func (o *soak) quiet() bool {
	for _, s := range o.slots {
		if s.stay != nil && time.Since(s.stay.in) > 10*time.Second {
			return false
		}
	}
	return true
}

// patience is how long a disc may be in a drive while nothing is wrong and
// neither that drive nor the server has anything to do.
const patience = 4 * time.Minute

// heed does what a bay says.
func (o *soak) heed(s *slot, bay station.BayStatus) {
	st := s.stay
	if bay.Word != st.looked {
		st.looked, st.since = bay.Word, time.Now()
		return
	}
	wait := 6 * time.Second
	if bay.Word == station.WordEjected {
		wait = 20 * time.Second // it may be said of the disc before
	}
	if slices.Contains(needHand, bay.Word) && time.Since(st.since) > wait {
		o.note("%s says %s: %s (%s)", s.Name, bay.Word, bay.Text, bay.Hint)
		if bay.Word == station.WordEjected || bay.Word == station.WordFinished {
			st.piece.finish(o.Log.Mark()) // it was given back before, and is not read a second time
		} else if len(st.faults) == 0 && !st.piece.refused {
			o.wrong("%s says %s of disc %d, and nothing was wrong with it: %s", s.Name, bay.Word, st.piece.no, bay.Text)
		}
		if bay.Word == station.WordDriveFault {
			o.cycle(s)
		}
		o.press(s, string(bay.Word))
		return
	}
	if time.Since(st.in) > patience && time.Since(o.calm) > patience && len(o.active) == 0 && o.idle(s) {
		o.wrong("disc %d is in %s for %s, the screen says %s: %s", st.piece.no, s.Name, time.Since(st.in).Round(time.Second), bay.Word, bay.Text)
		o.press(s, "patience is at its end")
	}
}

// idle reports that for so long a drive has read nothing for anybody, and the
// server was asked for nothing: on a busy machine a guest is slow, not stuck.
func (o *soak) idle(s *slot) bool {
	reads := bench.ReadOf(s.Name, 0, 1<<31)
	recent := o.Log.Since(s.stay.from, func(e bench.Event) bool {
		return time.Since(e.At) < patience && (e.S3 != nil || reads(e))
	})
	return len(recent) == 0
}

// screen is what `status` shows.
func (o *soak) screen() (st station.Status, err error) {
	r := o.run("--json", "status")
	if r.Exit != 0 {
		return st, errors.New(strings.TrimSpace(r.Stderr))
	}
	return st, decode(r.Stdout, &st)
}

// cycle switches a drive off and on.
func (o *soak) cycle(s *slot) {
	o.note("%s is switched off and on", s.Name)
	if err := o.Unplug(o.ctx, s.Drive); err != nil {
		o.t.Fatal(err)
	}
	if err := o.PlugAgain(o.ctx, s.Drive); err != nil {
		o.t.Fatal(err)
	}
}

// launch starts the daemon.
func (o *soak) launch(point string) {
	o.crash = point != ""
	o.start(point)
	o.upset()
}

// upset notes that from now on the station may know less than a person.
func (o *soak) upset() { o.upsetSince(time.Now()) }

// upsetSince notes that what was upset was it from a time on.
func (o *soak) upsetSince(from time.Time) {
	o.calm = time.Now()
	o.upsets = append(o.upsets, span{from, o.calm})
}

// span is a time.
type span struct{ from, to time.Time }

// dead reports that the daemon has ended.
func (o *soak) dead() (status int, dead bool) {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	status, err := o.Guest.AwaitExit(now, o.mark, daemon)
	return status, err == nil
}

// end ends the daemon with a signal and waits for it.
func (o *soak) end(sig syscall.Signal) int {
	if err := o.Guest.Signal(o.ctx, daemon, sig); err != nil {
		if status, dead := o.dead(); dead {
			return status
		}
		o.t.Fatal(err)
	}
	status, err := o.Guest.AwaitExit(o.ctx, o.mark, daemon)
	if err != nil {
		o.t.Fatal(err)
	}
	return status
}
