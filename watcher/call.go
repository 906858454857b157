package watcher

import (
	"context"
	"fmt"
	"time"

	"ripstation/disc"
)

// late is how long after its deadline a call is given up: one that heeds its
// context comes back before that.
const late = time.Second

// call is one call to Status or Identify that is out.
type call struct {
	key       string // the drive's, for Status
	started   time.Time
	deadline  time.Time
	again     bool          // something happened since: ask once more
	abandoned bool          // owned by the loop
	over      chan struct{} // closed when holders need not wait any more
	returned  chan struct{} // closed when the function has returned
}

// start runs f beside the loop, as the one call that is out for d; done is
// run by the loop with what f gave.
func start[T any](l *loop, d *drive, c *call, f func(context.Context) (T, error), done func(T, error)) {
	now := time.Now()
	timeout := l.w.cfg.StatusTimeout
	c.started, c.deadline = now, now.Add(timeout+late)
	d.call = c
	l.calls[c] = true
	go func() {
		ctx, cancel := context.WithTimeout(l.callCtx, timeout)
		v, err := f(ctx)
		cancel()
		l.w.finish(c)
		defer close(c.returned)
		select {
		case l.results <- func() {
			delete(l.calls, c)
			d.call = nil
			done(v, err)
		}:
		case <-l.done:
		}
	}()
}

// newCall makes a call of a drive's status known to those who would hold the
// drive; false when it is held.
func (w *Watcher) newCall(key string) (*call, bool) {
	c := &call{key: key, over: make(chan struct{}), returned: make(chan struct{})}
	if key == "" {
		return c, true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds[key] > 0 {
		return nil, false
	}
	w.inflight[key] = c
	return c, true
}

// finish lets holders go on. It may be called twice.
func (w *Watcher) finish(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-c.over:
		return
	default:
	}
	if w.inflight[c.key] == c {
		delete(w.inflight, c.key)
	}
	close(c.over)
}

func (w *Watcher) abandon(c *call) {
	if !c.abandoned {
		c.abandoned = true
		w.abandoned.Add(1)
		w.finish(c)
	}
}

// abandonCall gives up the call that is out for d. The drive is asked nothing
// more until it comes back after all.
func (l *loop) abandonCall(d *drive) {
	l.w.abandon(d.call)
	waited := time.Since(d.call.started)
	l.log.Error().Str("drive", d.Node).Dur("after", waited).
		Msg("the drive does not answer; it is left alone until it does (pull its plug if it stays so)")
	if d.phase == identifying {
		l.identifyByUdev(d)
	}
	l.fault(d, fmt.Sprintf("it has not answered for %s and is left alone until it does", waited.Round(time.Second)))
}

// check asks an announced drive for its status, unless it is held.
func (l *loop) check(d *drive) {
	c, ok := l.w.newCall(d.Key)
	if !ok {
		d.nextAt = time.Now().Add(l.w.cfg.Poll)
		return
	}
	drv := d.Drive
	// The count comes first: one that were newer than the status would make
	// an insertion of a medium that is on its way out.
	seq := max(d.eventSeq, l.w.cfg.Source.DiskSeq(d.uevent.Sysname))
	d.countSeen = max(d.countSeen, seq)
	start(l, d, c,
		func(ctx context.Context) (disc.TrayStatus, error) { return l.w.cfg.Status(ctx, drv) },
		func(st disc.TrayStatus, err error) { l.checked(d, c, seq, st, err) })
}

// checked takes in the status that a drive gave after the kernel had counted
// seq media changes.
func (l *loop) checked(d *drive, c *call, seq uint64, st disc.TrayStatus, err error) {
	now := time.Now()
	d.lastCheck, d.nextAt = now, now.Add(l.w.cfg.Poll)
	if l.drives[d.uevent.Sysname] != d {
		return
	}
	if c.abandoned {
		l.answers(d, err)
		return
	}
	// Who took the drive meanwhile gets a fresh look on release.
	if l.w.held(d.Key) {
		return
	}
	if err != nil {
		if s := err.Error(); s != d.lastErr {
			d.lastErr = s
			l.log.Warn().Err(err).Str("drive", d.Node).Msg("the drive's status cannot be told; it is asked again")
		}
		st = disc.TrayUnknown
		if d.failed++; d.failed >= faultAfter {
			l.fault(d, err.Error())
		}
	} else {
		d.lastErr = ""
		l.sound(d)
	}
	l.decide(d, seq, st, c.started)
	if c.again {
		d.nextAt = now
	}
}

// fault tells that a drive does not answer, or cannot be asked: once, and not
// before its key is known.
func (l *loop) fault(d *drive, text string) {
	known := d.fault != ""
	d.fault = text
	if d.phase == announced && !known {
		l.emit(d, disc.EventDriveFault, nil)
		l.queue[len(l.queue)-1].Text = text
	}
}

// sound tells that a drive can be asked again.
func (l *loop) sound(d *drive) {
	known := d.fault != "" && d.phase == announced
	d.fault, d.failed = "", 0
	if known {
		l.emit(d, disc.EventDriveAdded, nil)
	}
}

// faultAfter is how often in a row a drive cannot be asked until that is told:
// one that was just plugged in often refuses once.
const faultAfter = 2

// answers takes note that a call that was given up has come back. When those
// below have given the drive up for good, that was no answer of the drive.
func (l *loop) answers(d *drive, err error) {
	if disc.ClassOf(err) == disc.ClassWedged {
		return
	}
	l.log.Info().Str("drive", d.Node).Msg("the drive answers again")
	d.nextAt = time.Now() // what it says now is old
	l.sound(d)
}

// checkNow asks for d's status as soon as no other call to it is out.
func (l *loop) checkNow(d *drive) {
	if d.call != nil {
		d.call.again = true
		return
	}
	d.nextAt = time.Now()
}
