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
	inbox chan any // disc.DriveEvent, asked, anewAsked, ejectAsked

	mu      sync.Mutex
	drive   disc.Drive
	view    BayStatus
	opening bool // the story is opening the tray
	// unplugged: the drive has left; its node may be another one's by now.
	unplugged bool

	witness witness

	atStart disc.Insertion // what the watcher met when it started

	// Only the story uses these, and there is one at a time; in between they are
	// the bay's own.
	given given
	back  bool // the disc in the drive is the one that was given back just now
	// stayed are the insertions of one stay of a disc: the drive told of new ones,
	// and nothing was seen to leave in between.
	stayed []disc.Insertion
	kept   *kept // the disc that is held here after its story
}

type asked struct {
	Request
	answer chan<- error
}

type ejectAsked struct{ answer chan<- error }

func newBay(s *Station, d disc.Drive) *bay {
	b := &bay{s: s, drive: d, inbox: make(chan any, 1024)}
	b.view = BayStatus{Drive: d, Word: WordEmpty}
	if why := b.holds(); why != "" {
		b.view.Word, b.view.Text, b.view.Hint = WordOnHold, why, releaseHint(d)
	}
	return b
}

func (b *bay) info() disc.Drive {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.drive
}

func (b *bay) there() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.unplugged
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
		case anewAsked:
			m.answer <- ErrBusy
		case ejectAsked:
			m.answer <- ErrBusy
		case releaseAsked:
			m.answer <- false
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

// run is the bay's life: events in, at most one story under way.
func (b *bay) run(ctx context.Context) {
	st := &stay{b: b}
	defer func() { st.stop(ctx, context.Canceled); b.s.line.leave(b) }()
	for {
		var done <-chan struct{}
		if st.now != nil {
			done = st.now.done
		}
		select {
		case <-ctx.Done():
			return
		case <-st.again:
			st.again = nil
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
			case anewAsked:
				m.answer <- st.anew(ctx, m)
			case releaseAsked:
				m.answer <- st.release(ctx)
			case ejectAsked:
				cut := st.stop(ctx, errButton)
				b.s.line.leave(b)
				err := ErrStopping
				answered := make(chan error, 1)
				go func() { answered <- b.ejectByHand(ctx, cut) }()
				if x, ok := await(ctx, b, answered); ok {
					err = x
				}
				if err != nil && cut {
					st.again = time.After(b.s.cfg.ButtonGrace)
				}
				m.answer <- err
			}
		}
	}
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
		if k := b.keptBefore(t.ins, ask); k != nil {
			t.out = k.outcome()
			b.s.batches.settled(t.ins)
			return
		}
		b.s.batches.arrive(ctx, b.info(), t.ins, time.Time{})
		if t.err = b.mayBegin(t.ins); t.err != nil {
			return
		}
		if t.out, t.err = b.story(ctx, d, t.ins, ask); t.err == nil {
			b.s.batches.settled(t.ins)
		}
	}()
	return t
}

// await waits for what a goroutine gives or closes. A command to a drive can
// fail to come back; when the station is to end, it is waited for StopGrace at
// most, and left behind.
func await[T any](ctx context.Context, b *bay, c <-chan T) (v T, back bool) {
	select {
	case v = <-c:
		return v, true
	case <-ctx.Done():
	}
	grace := time.NewTimer(b.s.cfg.StopGrace)
	defer grace.Stop()
	select {
	case v = <-c:
		return v, true
	case <-grace.C:
		b.s.cfg.Log.Error().Str("drive", b.info().Node).Dur("after", b.s.cfg.StopGrace).
			Msg("a command to the drive does not come back; the station ends without it, and what was read is kept")
		return v, false
	}
}

// accept takes what a person says of the disc whose story is told, or agrees
// that one be begun.
func (b *bay) accept(r Request, now *telling) error {
	if now == nil {
		if why := b.holds(); why != "" {
			return fmt.Errorf("%w: %s; %s", errOnHold, why, releaseHint(b.info()))
		}
		return nil
	}
	j := b.s.job(b.viewID())
	if j == nil || !b.s.claimed(b, j.ID) {
		return fmt.Errorf("%w: it is still finding out what disc is in it; try again in a moment", ErrBusy)
	}
	f := j.file()
	if r.Item != "" && f.Carrier.Item != "" && r.Item != f.Carrier.Item {
		return fmt.Errorf("%w: the disc in it is being read as item %q", ErrBusy, f.Carrier.Item)
	}
	if r.tells() && f.Disc.Medium != disc.MediumFile && !f.Step.atLeast(StepSealed) && !b.witness.after(r.said) {
		return fmt.Errorf("%w: %s", ErrBusy, unproved)
	}
	sealed := false
	err := j.update(func(f *jobFile) {
		// Asked here, since a seal may come in between: what is sealed stays as it is.
		if sealed = f.Step.atLeast(StepSealed); sealed {
			return
		}
		merge(&f.Carrier, &r)
		if r.Item != "" && f.Scan != nil && !f.Scan.Waits {
			f.Scan = nil // what was in doubt has been said
		}
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
