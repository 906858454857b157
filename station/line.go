package station

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ripstation/catalog"
	"ripstation/ripper"
)

const (
	// lookForRoom is how often free space is looked at while a disc waits for
	// it: other programs make room, too, and tell nobody.
	lookForRoom = 5 * time.Second
	// longestTurn is how long a bay whose turn it is keeps the others waiting.
	// A drive that hangs must not hold them up.
	longestTurn = time.Minute
)

// line is the bays whose discs wait for room in the spool, in the order in
// which they began to wait. Nobody is sent away. A disc whose image was begun
// needs little and frees its room the sooner: it waits for that little alone.
type line struct {
	s *Station

	taking     sync.Mutex // held while room is counted and taken
	unreserved sync.Once  // it was told that the file system cannot set room aside

	wanted atomic.Int64 // places, for those who must not wait for mu

	mu     sync.Mutex
	places []*place
	room   chan struct{} // closed when an image has left
	wake   chan struct{}
}

// place is one bay's.
type place struct {
	b       *bay
	dir     string
	sectors int64 // 0: no image is known of, only small files
	begun   bool
	turn    chan time.Time
	called  time.Time // zero while it waits
	next    time.Time // not before, unless an image has left
}

func newLine(s *Station) *line {
	return &line{s: s, room: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// wait gives a bay its place, or has it keep the one that it has, and tells
// when its turn has come. err is what it met, tries how often before the file
// system had no room when it said that it had.
func (l *line) wait(b *bay, err error, tries int) <-chan time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.of(b)
	if p == nil {
		p = &place{b: b}
		l.places = append(l.places, p)
		l.wanted.Add(1)
	}
	now := time.Now()
	p.dir, p.sectors, p.begun = l.s.cfg.Spool, 0, true
	if j := l.s.job(b.viewID()); j != nil {
		p.dir, p.sectors = j.dir, j.file().Disc.Sectors
		if _, _, begun, err := ripper.Room(p.dir, p.sectors); err == nil {
			p.begun = begun
		}
	}
	if p.next = now; surprising(err) {
		p.next = now.Add(min(l.s.cfg.BackoffMin<<min(tries, 20), l.s.cfg.BackoffMax, 30*time.Second))
	}
	p.called, p.turn = time.Time{}, make(chan time.Time, 1)
	l.nudge()
	return p.turn
}

// leave gives a bay's place up.
func (l *line) leave(b *bay) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.of(b); p != nil {
		l.remove(p)
	}
}

func (l *line) remove(p *place) {
	l.places = slices.DeleteFunc(l.places, func(x *place) bool { return x == p })
	l.wanted.Add(-1)
	l.nudge()
}

func (l *line) of(b *bay) *place {
	for _, p := range l.places {
		if p.b == b {
			return p
		}
	}
	return nil
}

// ahead is how many bays with images to begin come before b.
func (l *line) ahead(b *bay) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.places {
		if p.b == b {
			return n
		}
		if !p.begun {
			n++
		}
	}
	return n
}

func (l *line) length() int { return int(l.wanted.Load()) }

// appeared is closed when an image leaves the spool from now on.
func (l *line) appeared() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.room
}

// left tells that an image has left the spool.
func (l *line) left() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.room)
	l.room = make(chan struct{})
	for _, p := range l.places {
		p.next = time.Time{}
	}
	l.nudge()
}

func (l *line) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run calls bays when there is room for them, until ctx ends.
func (l *line) run(ctx context.Context) {
	for {
		var timer <-chan time.Time
		if wait, waiting := l.call(); waiting {
			timer = time.After(wait)
		}
		select {
		case <-timer:
		case <-l.wake:
		case <-ctx.Done():
			return
		}
	}
}

// call gives their turn to those who have room. It says after how long to look
// again, if anybody is in the line.
func (l *line) call() (wait time.Duration, waiting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	wait = lookForRoom
	first, short := true, false
	for _, p := range slices.Clone(l.places) {
		if !p.called.IsZero() {
			if now.Sub(p.called) < longestTurn {
				first = first && p.begun
				continue
			}
			l.remove(p) // it stands at the end when it comes back
			continue
		}
		if !p.begun && !first {
			continue
		}
		first = first && p.begun
		if p.next.After(now) {
			wait = min(wait, p.next.Sub(now))
			continue
		}
		if !l.fits(p) {
			short = true
			continue
		}
		p.called = now
		p.turn <- now
	}
	if short {
		l.s.makeRoom()
	}
	return wait, len(l.places) > 0
}

// fits reports whether a bay's disc may go on. What cannot be found out, its
// story finds out.
func (l *line) fits(p *place) bool {
	if p.begun {
		need, free, _, err := ripper.Room(p.dir, p.sectors)
		return err != nil || need <= free
	}
	need, free, err := l.count(p.dir, p.sectors)
	return err != nil || need+l.s.cfg.Reserve <= free
}

// surprising reports whether the file system had no room, whatever was counted
// before.
func surprising(err error) bool {
	own := (*lack)(nil)
	return !errors.As(err, &own) || own.err != nil
}

// full reports whether a disk had no room for a write.
func full(err error) bool {
	return errors.Is(err, catalog.ErrFull) || errors.Is(err, ripper.ErrNoSpace) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
