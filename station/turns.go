package station

import (
	"cmp"
	"context"
	"slices"
	"time"

	"ripstation/archive"
)

// purpose is what an errand is for, the one that a tray waits for first.
type purpose int

const (
	sending   purpose = iota // a sealed image
	streaming                // a disc that is still being read
	looking                  // a copy that is read back
)

const (
	// patience is how long somebody waits for a turn until those who came later
	// come later, whatever they are for. A read-back has it only when it is
	// under way: its connection would not last for ever.
	patience = 30 * time.Second
	// handover is how long a turn is kept for whoever had the last one, and is
	// about to ask for the next.
	handover = 250 * time.Millisecond
	// inFlight is how many parts are on their way at most: one that moves, and
	// one whose answer is awaited.
	inFlight = 2
	// lookSlice is how many bytes are read back until others are let in.
	lookSlice = 4 << 20
)

// waiter is an errand in the queue.
type waiter struct {
	e      *errand
	bytes  bool // it needs the line; else only a store that is not away
	since  time.Time
	called chan struct{}
	given  bool // all its bytes have been given to the store, which has not answered
}

// turn is a turn for a request, or for a read-back. done gives it back and
// tells how it went.
func (d *desk) turn(ctx context.Context, e *errand, left, bytes int64) (done func(error), err error) {
	t, err := d.partTurn(ctx, e, left, bytes)
	return t.Done, err
}

// partTurn waits until an errand may have its next part or request: one at a
// time moves bytes, and while the answer to one part is awaited the next has
// its turn, of the same image or of another. Sealed images go first, the one
// with the least left before the others, so that the next tray opens soonest;
// then discs that are being read, in turn; then read-backs.
func (d *desk) partTurn(ctx context.Context, e *errand, left, bytes int64) (archive.Turn, error) {
	w := &waiter{e: e, bytes: bytes > 0, since: time.Now(), called: make(chan struct{})}
	d.mu.Lock()
	e.left = left
	if d.kept == e {
		d.kept = nil
	}
	d.waiting = append(d.waiting, w)
	d.pump()
	d.mu.Unlock()
	t := archive.Turn{
		Given: func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.given(w)
		},
		Done: func(err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.back(w, err)
		},
	}
	select {
	case <-w.called:
		return t, nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	i := slices.Index(d.waiting, w)
	if i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
	d.mu.Unlock()
	if i < 0 { // it was called at the same moment
		t.Done(context.Canceled)
	}
	return archive.Turn{}, ctx.Err()
}

// given lets the next part begin, that of the same errand before others for a
// moment. d.mu is held.
func (d *desk) given(w *waiter) {
	if !w.bytes || w.given || d.busy != w.e {
		return
	}
	w.given = true
	d.busy, d.kept = nil, w.e
	d.pending++
	d.wake(handover)
	d.pump()
}

// back takes a turn back. d.mu is held.
func (d *desk) back(w *waiter, err error) {
	d.out--
	switch {
	case w.given: // it was kept then
		d.pending--
	case w.bytes && d.busy == w.e:
		d.busy = nil
	}
	d.judge(w.e, err)
	if w.bytes && err == nil {
		d.took = time.Now()
	}
	if w.bytes && !w.given && err == nil && w.e.purpose != looking {
		d.kept = w.e
		d.wake(handover)
	}
	d.pump()
}

// pump gives turns to those who may have one now. d.mu is held.
func (d *desk) pump() {
	for {
		now := time.Now()
		if d.away.fails > 0 && (d.out > 0 || d.away.next.After(now)) {
			// One of them finds out whether the store is there again.
			if d.out == 0 && len(d.waiting) > 0 {
				d.wake(d.away.next.Sub(now))
			}
			return
		}
		w, soon := d.pick(now)
		if w == nil {
			if !soon.IsZero() {
				d.wake(soon.Sub(now))
			}
			return
		}
		d.waiting = slices.DeleteFunc(d.waiting, func(x *waiter) bool { return x == w })
		d.out++
		if w.bytes {
			d.busy = w.e
			w.e.begun = true
		}
		close(w.called)
	}
}

// pick is whose turn it is, or when to look again. d.mu is held.
func (d *desk) pick(now time.Time) (best *waiter, soon time.Time) {
	for _, w := range d.waiting {
		switch {
		case w.e.own.next.After(now):
			if soon.IsZero() || w.e.own.next.Before(soon) {
				soon = w.e.own.next
			}
		case !w.bytes:
			return w, now
		case d.busy != nil || d.pending >= inFlight:
		case d.kept != nil && d.kept != w.e && d.rank(d.kept.purpose) <= d.rank(w.e.purpose) && !w.aged(now):
		case best == nil || d.before(w, best, now):
			best = w
		}
	}
	return best, soon
}

// aged reports whether somebody has waited long enough to go before all.
func (w *waiter) aged(now time.Time) bool {
	return now.Sub(w.since) > patience && (w.e.purpose != looking || w.e.begun)
}

// rank orders what errands are for. While a disc waits for room in the spool,
// a read-back goes before discs that are being read: it lets an image leave.
func (d *desk) rank(p purpose) int {
	if p == looking && d.s.line.length() > 0 {
		return 2*int(sending) + 1
	}
	return 2 * int(p)
}

// before reports whether w has its turn before v, who came earlier.
func (d *desk) before(w, v *waiter, now time.Time) bool {
	if a, b := w.aged(now), v.aged(now); a || b {
		return a && !b
	}
	c := cmp.Or(cmp.Compare(d.rank(w.e.purpose), d.rank(v.e.purpose)), cmp.Compare(w.e.own.fails, v.e.own.fails))
	if c == 0 && w.e.purpose == sending {
		c = cmp.Compare(w.e.left, v.e.left)
	}
	return c < 0
}

// wake has the queue looked at again after a while, or sooner. d.mu is held.
func (d *desk) wake(after time.Duration) {
	at := time.Now().Add(after)
	if d.alarm != nil {
		if d.alarmAt.Before(at) {
			return
		}
		d.alarm.Stop()
	}
	var mine *time.Timer
	mine = time.AfterFunc(max(after, 0), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.alarm == mine {
			d.alarm = nil
		}
		d.kept = nil
		d.pump()
	})
	d.alarm, d.alarmAt = mine, at
}

// giveWay lets those in who go before an errand that has the line, and waits
// for its next turn then.
func (d *desk) giveWay(ctx context.Context, e *errand) error {
	d.mu.Lock()
	now := time.Now()
	wanted := slices.ContainsFunc(d.waiting, func(w *waiter) bool {
		return w.bytes && d.rank(w.e.purpose) < d.rank(e.purpose) && !w.e.own.next.After(now)
	})
	if !wanted {
		d.mu.Unlock()
		return nil
	}
	d.out--
	d.busy = nil
	d.pump()
	d.mu.Unlock()
	_, err := d.turn(ctx, e, e.left, 1) // given back by whoever was given the first one
	if err != nil {
		d.mu.Lock()
		d.out++ // the first one comes back all the same
		d.mu.Unlock()
	}
	return err
}
