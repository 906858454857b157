package station

import (
	"context"
	"fmt"
	"sync"
	"time"

	"ripstation/disc"
)

// bay is the one owner of a drive. It tells one disc's story at a time, and
// breaks it off when the drive says that the disc may be another.
type bay struct {
	s     *Station
	inbox chan any // disc.DriveEvent, asked, ejectAsked

	mu      sync.Mutex
	drive   disc.Drive
	view    BayStatus
	opening bool // the story is opening the tray

	given given // only the story uses it, and there is one at a time
}

type asked struct {
	Request
	answer chan<- error
}

type ejectAsked struct{ answer chan<- error }

func newBay(s *Station, d disc.Drive) *bay {
	b := &bay{s: s, drive: d, inbox: make(chan any, 1024)}
	b.view = BayStatus{Drive: d, Word: WordEmpty}
	return b
}

func (b *bay) info() disc.Drive {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drive
}

// send never blocks: a bay that waits for a stuck drive must not hold up the
// others. What is dropped then, the watcher's next look at the drive makes up
// for.
func (b *bay) send(m any) {
	select {
	case b.inbox <- m:
	default:
		b.s.cfg.Log.Warn().Str("drive", b.info().Key).Msg("the drive does not answer and its events pile up; one was dropped")
		switch m := m.(type) {
		case asked:
			m.answer <- ErrBusy
		case ejectAsked:
			m.answer <- ErrBusy
		}
	}
}

// telling is a story under way.
type telling struct {
	ins    disc.Insertion
	cancel context.CancelCauseFunc
	done   chan struct{}
	out    Outcome
	err    error
}

// stay is what a bay knows of the disc that is in its drive.
type stay struct {
	b     *bay
	now   *telling       // nil when no story is told
	ins   disc.Insertion // zero when it is not known
	ask   *Request       // what a person said of this insertion
	tries retries
	again <-chan time.Time // when the story is told again by itself; nil: it is not
}

// run is the bay's life: events in, at most one story under way.
func (b *bay) run(ctx context.Context) {
	st := &stay{b: b}
	defer func() { st.stop(ctx, context.Canceled) }()
	for {
		var done <-chan struct{}
		if st.now != nil {
			done = st.now.done
		}
		select {
		case <-ctx.Done():
			return
		case <-st.again:
			st.start(ctx)
		case <-done:
			st.ended(ctx)
		case m := <-b.inbox:
			switch m := m.(type) {
			case disc.DriveEvent:
				b.meet(m.Drive)
				st.event(ctx, m)
			case asked:
				m.answer <- st.asked(ctx, m.Request)
			case ejectAsked:
				cut := st.stop(ctx, errButton)
				err := b.ejectByHand(ctx, cut)
				if err != nil && cut {
					st.again = time.After(b.s.cfg.ButtonGrace)
				}
				m.answer <- err
			}
		}
	}
}

func (st *stay) start(ctx context.Context) {
	st.stop(ctx, errAnotherStory)
	st.now = st.b.begin(ctx, st.ins, st.ask)
}

// ended takes note of a story that came to its end by itself.
func (st *stay) ended(ctx context.Context) {
	t := st.now
	st.now, st.ins = nil, t.ins
	if wait, retry := st.b.after(ctx, t.out, t.err, &st.tries); retry {
		st.again = time.After(wait)
	}
}

// stop breaks the story off. It reports whether there was one that had not
// come to its end yet; the end of any other has been told.
func (st *stay) stop(ctx context.Context, why error) (cut bool) {
	if t := st.now; t != nil {
		select {
		case <-t.done:
		default:
			t.cancel(why)
			<-t.done
			if cut = t.err != nil; cut {
				st.now, st.ins = nil, t.ins
			}
		}
	}
	if st.now != nil {
		st.ended(ctx)
	}
	cut = cut || st.again != nil
	st.again = nil
	return cut
}

func (st *stay) event(ctx context.Context, m disc.DriveEvent) {
	b := st.b
	switch m.Kind {
	case disc.EventInserted:
		if m.Insertion == st.ins {
			return // the same arrival told twice
		}
		if st.now == nil || b.s.job(b.viewID()) != nil {
			st.ask = nil // it was said of a disc that has left, or is in its job
		}
		st.stop(ctx, errAnotherStory)
		st.ins, st.tries = m.Insertion, retries{}
		b.forgetID()
		b.s.present(b.info().Key, st.ins)
		st.start(ctx)
	case disc.EventRemoved:
		// When the story itself opens the tray, it says so.
		if (st.now == nil || !b.opens()) && !st.left(ctx) {
			b.gone(WordEmpty, "")
		}
		st.ins, st.ask, st.tries = disc.Insertion{}, nil, retries{}
		b.s.present(b.info().Key, st.ins)
	case disc.EventDriveGone:
		st.left(ctx)
		b.gone(WordDriveGone, "the drive is not there any more; plug it in again to go on")
		st.ins, st.ask, st.tries = disc.Insertion{}, nil, retries{}
	case disc.EventEjectRequested:
		if st.stop(ctx, errButton) {
			b.notice(b.pressed())
			st.again = time.After(b.s.cfg.ButtonGrace)
		}
	case disc.EventDriveAdded:
		if st.now == nil {
			st.tries = retries{}
			b.gone(WordEmpty, "")
		}
	}
}

// left ends the story of a disc that is not there any more. It reports
// whether there was something left to tell, and tells it.
func (st *stay) left(ctx context.Context) bool {
	cut := st.stop(ctx, errTakenOut)
	if cut {
		st.b.notice(st.b.takenOut(st.b.viewID()))
	}
	return cut
}

// asked takes what a person says of the disc. The drive is asked anew which
// insertion that is.
func (st *stay) asked(ctx context.Context, r Request) error {
	if err := st.b.accept(r, st.now); err != nil {
		return err
	}
	st.ask = &r
	if st.now == nil {
		st.ins, st.tries = disc.Insertion{}, retries{}
		st.b.forgetID()
		st.start(ctx)
	}
	return nil
}

// meet takes over what the watcher newly knows of the drive: its node may
// have changed.
func (b *bay) meet(d disc.Drive) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.Node != "" {
		b.drive.Node = d.Node
	}
	if d.Model != "" {
		b.drive.Vendor, b.drive.Model, b.drive.Firmware, b.drive.Serial = d.Vendor, d.Model, d.Firmware, d.Serial
	}
	b.view.Drive = b.drive
}

// begin starts a story in its own goroutine. The drive is asked which
// insertion it has: what was said of another one is not about this disc.
func (b *bay) begin(ctx context.Context, ins disc.Insertion, ask *Request) *telling {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &telling{ins: ins, cancel: cancel, done: make(chan struct{})}
	b.mu.Lock()
	b.opening = false
	b.mu.Unlock()
	go func() {
		defer close(t.done)
		defer cancel(nil)
		defer b.s.unclaim(b)
		if b.s.cfg.Hold != nil {
			defer b.s.cfg.Hold(b.info().Key)()
		}
		d, err := b.s.cfg.Open(ctx, b.info())
		if err != nil {
			t.err = err
			return
		}
		defer d.Close()
		if t.ins, t.err = d.Insertion(ctx); t.err != nil {
			return
		}
		if ins != (disc.Insertion{}) && ins != t.ins {
			ask = nil
		}
		b.s.batches.arrive(ctx, b.info(), t.ins)
		if t.out, t.err = b.story(ctx, d, t.ins, ask); t.err == nil {
			b.s.batches.placed(t.ins)
		}
	}()
	return t
}

// accept takes what a person says of the disc whose story is told, or agrees
// that one be begun.
func (b *bay) accept(r Request, now *telling) error {
	if now == nil {
		return nil
	}
	j := b.s.job(b.viewID())
	if j == nil {
		return fmt.Errorf("%w: it is still finding out what disc is in it; try again in a moment", ErrBusy)
	}
	f := j.file()
	if r.Item != "" && f.Carrier.Item != "" && r.Item != f.Carrier.Item {
		return fmt.Errorf("%w: the disc in it is being read as item %q", ErrBusy, f.Carrier.Item)
	}
	sealed := false
	err := j.update(func(f *jobFile) {
		// Asked here, since a seal may come in between: what is sealed stays as it is.
		if sealed = f.Step.atLeast(StepSealed); sealed {
			return
		}
		merge(&f.Carrier, &r)
		if last := len(f.Captures) - 1; r.Operator != "" && last >= 0 {
			f.Captures[last].Operator = r.Operator
		}
	})
	if sealed {
		return fmt.Errorf("%w: the image of this disc is sealed; say what it is with `ripstation annotate %.8s`", ErrBusy, f.ID)
	}
	if err == nil && r.Item != "" {
		b.s.arrivals.namedJob(j, &r)
	}
	return err
}
