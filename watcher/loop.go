package watcher

import (
	"cmp"
	"context"
	"slices"
	"time"

	"ripstation/disc"

	"github.com/rs/zerolog"
)

const (
	firstReopen = time.Second // wait before udev is tried again, doubled up to lastReopen
	lastReopen  = 30 * time.Second
	stopGrace   = 2 * time.Second // for calls still out when Run is to end
)

// loop is what Run runs: one goroutine that owns all drives. Calls to drives
// run beside it and hand back a function to be run here.
type loop struct {
	w    *Watcher
	log  zerolog.Logger
	boot string

	drives map[string]*drive // by kernel name
	shared map[string]bool   // serial keys seen at two drives at once
	queue  []disc.DriveEvent // told, not yet fetched

	callCtx context.Context
	calls   map[*call]bool // out, abandoned ones too
	results chan func()
	done    chan struct{}

	src         <-chan Uevent // nil while udev cannot be heard
	listenedAt  time.Time     // when src was opened
	reopenAt    time.Time
	reopenWait  time.Duration
	reconcileAt time.Time
	glanceAt    time.Time
}

func newLoop(w *Watcher, boot string) *loop {
	return &loop{
		w: w, log: w.cfg.Logger, boot: boot,
		drives: map[string]*drive{}, shared: map[string]bool{},
		calls: map[*call]bool{}, results: make(chan func()), done: make(chan struct{}),
		reopenWait: firstReopen,
	}
}

func (l *loop) run(ctx context.Context) {
	// The source and the calls end with the loop, whatever ends it.
	ctx, cancel := context.WithCancel(ctx)
	l.callCtx = ctx
	defer l.stop(cancel)
	l.listen(ctx)
	l.reconcile(true)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		l.due(ctx, now)
		timer.Reset(time.Until(l.next(now)))
		var out chan<- disc.DriveEvent
		var head disc.DriveEvent
		if len(l.queue) > 0 {
			out, head = l.w.events, l.queue[0]
		}
		select {
		case <-ctx.Done():
			return
		case u, ok := <-l.src:
			if ok {
				l.heard(u)
			} else {
				l.deaf(nil)
			}
		case f := <-l.results:
			f()
		case <-l.w.wake:
			l.onRelease()
		case out <- head:
			l.queue = l.queue[1:]
		case <-timer.C:
		}
	}
}

// stop ends what run started: the source's channel closes, calls to drives
// come back, or are abandoned.
func (l *loop) stop(cancel context.CancelFunc) {
	cancel()
	close(l.done)
	if l.src != nil {
		for range l.src {
		}
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	for c := range l.calls {
		select {
		case <-c.returned:
		case <-grace.C:
			grace.Reset(0)
			l.w.abandon(c)
		}
	}
}

func (l *loop) listen(ctx context.Context) {
	src, err := l.w.cfg.Source.Listen(ctx)
	if err != nil {
		l.deaf(err)
		return
	}
	l.src, l.listenedAt = src, time.Now()
	if l.reopenWait > firstReopen {
		l.log.Info().Msg("udev can be heard again")
	}
}

// deaf notes that udev cannot be heard: because of err, or because its
// channel closed. Until it can, enumeration and status are all there is.
func (l *loop) deaf(err error) {
	if l.src != nil && time.Since(l.listenedAt) > lastReopen {
		l.reopenWait = firstReopen
	}
	if l.reopenWait == firstReopen {
		l.log.Error().Err(err).Msg("udev cannot be heard; discs are found by asking the drives, a few seconds later than usual")
	}
	l.src = nil
	l.reopenAt = time.Now().Add(l.reopenWait)
	l.reopenWait = min(2*l.reopenWait, lastReopen)
}

// due does what the clock asks for.
func (l *loop) due(ctx context.Context, now time.Time) {
	if l.src == nil && !now.Before(l.reopenAt) {
		l.listen(ctx)
		l.reconcileAt = now // events were lost meanwhile
	}
	if !now.Before(l.reconcileAt) {
		l.reconcile(false)
	}
	if !now.Before(l.glanceAt) {
		l.glance()
	}
	for _, d := range l.ordered() {
		switch {
		case d.call != nil && !d.call.abandoned:
			if !now.Before(d.call.deadline) {
				l.abandonCall(d)
			}
		case d.call != nil:
		case d.phase == waiting && !now.Before(d.nextAt):
			l.identify(d)
		case d.phase == announced && !now.Before(d.nextAt):
			l.check(d)
		}
	}
	if l.settled(now) {
		l.assignKeys(now)
	}
}

// next is when due has something to do again.
func (l *loop) next(now time.Time) time.Time {
	t := l.reconcileAt
	sooner := func(u time.Time) {
		if u.Before(t) {
			t = u
		}
	}
	sooner(l.glanceAt)
	if l.src == nil {
		sooner(l.reopenAt)
	}
	for _, d := range l.drives {
		switch {
		case d.call != nil:
			if !d.call.abandoned {
				sooner(d.call.deadline)
				if settled := d.call.started.Add(settleTime); d.phase == identifying && settled.After(now) {
					sooner(settled)
				}
			}
		case d.phase == waiting, d.phase == announced && !l.w.held(d.Key):
			sooner(d.nextAt)
		}
	}
	return t
}

// reconcile makes up for events that were lost, as udev loses them silently:
// it holds the drives known against those that are there.
func (l *loop) reconcile(atStart bool) {
	wait := l.w.cfg.Reconcile
	if l.src == nil {
		wait = min(wait, l.w.cfg.Poll)
	}
	l.reconcileAt = time.Now().Add(wait)
	present, err := l.w.cfg.Source.Enumerate()
	if err != nil {
		l.log.Warn().Err(err).Msg("the drives cannot be listed; those known are kept")
		return
	}
	seen := map[string]bool{}
	for _, u := range present {
		seen[u.Sysname] = true
		d := l.drives[u.Sysname]
		if d != nil && d.uevent.Devpath != u.Devpath {
			l.gone(d)
			d = nil
		}
		if d == nil {
			l.appear(u, atStart)
			continue
		}
		if d.phase == announced && l.w.held(d.Key) {
			l.missedWhileHeld(d, u)
		}
	}
	for _, d := range l.ordered() {
		if !seen[d.uevent.Sysname] {
			l.gone(d)
		}
	}
}

// onRelease looks at the drives whose last hold has ended.
func (l *loop) onRelease() {
	l.w.mu.Lock()
	keys := l.w.released
	l.w.released = map[string]bool{}
	l.w.mu.Unlock()
	for _, d := range l.ordered() {
		if keys[d.Key] && d.phase == announced {
			l.checkNow(d)
		}
	}
}

// ordered is the drives by kernel name, so that events come in one order.
func (l *loop) ordered() []*drive {
	s := make([]*drive, 0, len(l.drives))
	for _, d := range l.drives {
		s = append(s, d)
	}
	slices.SortFunc(s, func(a, b *drive) int {
		return cmp.Or(cmp.Compare(len(a.uevent.Sysname), len(b.uevent.Sysname)),
			cmp.Compare(a.uevent.Sysname, b.uevent.Sysname))
	})
	return s
}

func (l *loop) byKey(key string) *drive {
	for _, d := range l.drives {
		if d.phase == announced && d.Key == key {
			return d
		}
	}
	return nil
}

func (l *loop) emit(d *drive, kind disc.EventKind, at *disc.Insertion) {
	e := disc.DriveEvent{Kind: kind, Drive: d.Drive, Time: time.Now().UTC()}
	if at != nil {
		e.Insertion = *at
		e.AtStart = d.atStart
	}
	l.queue = append(l.queue, e)
}
