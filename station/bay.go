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

// run is the bay's life: events in, at most one story under way.
func (b *bay) run(ctx context.Context) {
	var (
		now   *telling // nil when no story is told
		ins   disc.Insertion
		ask   *Request // what a person said of this insertion
		tries retries
		again <-chan time.Time
	)
	stop := func(why error) {
		if now != nil {
			now.cancel(why)
			<-now.done
			if now.err == nil { // it ended well at the same moment
				b.after(ctx, now.out, nil, &tries)
			}
			now = nil
		}
		again = nil
	}
	start := func() {
		stop(errAnotherStory)
		now = b.begin(ctx, ins, ask)
	}
	defer func() { stop(context.Canceled) }()
	for {
		var done <-chan struct{}
		if now != nil {
			done = now.done
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
			start()
		case <-done:
			out, err := now.out, now.err
			if now.ins != (disc.Insertion{}) {
				ins = now.ins
			}
			now = nil
			if wait, retry := b.after(ctx, out, err, &tries); retry {
				again = time.After(wait)
			}
		case m := <-b.inbox:
			switch m := m.(type) {
			case disc.DriveEvent:
				b.meet(m.Drive)
				switch m.Kind {
				case disc.EventInserted:
					if m.Insertion == ins {
						continue // the same arrival told twice
					}
					if now == nil {
						ask = nil // it was said of a disc that has left
					}
					ins, tries = m.Insertion, retries{}
					stop(errAnotherStory)
					b.forgetID()
					b.s.departed(b.info().Key, ins)
					start()
				case disc.EventRemoved:
					if now == nil || !b.opens() { // else the story itself opened the tray, and says so
						b.removed(now)
						stop(errTakenOut)
					}
					ins, ask, tries = disc.Insertion{}, nil, retries{}
					b.s.departed(b.info().Key, ins)
				case disc.EventEjectRequested:
					if now != nil {
						b.notice(Notice{Word: WordButton, Text: "reading is paused; the disc may be taken out", Hint: "put it in again to go on where it stopped"})
						stop(errButton)
						again = time.After(buttonGrace)
					}
				case disc.EventDriveGone:
					b.removed(now)
					stop(errTakenOut)
					b.gone(WordDriveGone, "the drive is not there any more; plug it in again to go on")
					ins, ask, tries = disc.Insertion{}, nil, retries{}
				case disc.EventDriveAdded:
					if now == nil {
						tries = retries{}
						b.gone(WordEmpty, "")
					}
				}
			case asked:
				err := b.accept(m.Request, now)
				if err == nil {
					ask = &m.Request
					if now == nil {
						tries = retries{}
						b.forgetID()
						start()
					}
				}
				m.answer <- err
			case ejectAsked:
				stop(errButton)
				m.answer <- b.ejectByHand(ctx)
			}
		}
	}
}

// buttonGrace is how long a bay waits after the eject button for the disc to
// leave before it goes on reading.
const buttonGrace = 20 * time.Second

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

// begin starts a story in its own goroutine. With no insertion known, the
// drive is asked for it.
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
		if t.ins == (disc.Insertion{}) {
			if t.ins, t.err = d.Insertion(ctx); t.err != nil {
				return
			}
		}
		t.out, t.err = b.story(ctx, d, t.ins, ask)
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
	if f.Step.atLeast(StepSealed) {
		return fmt.Errorf("%w: the image of this disc is sealed; say what it is with `ripstation annotate %.8s`", ErrBusy, f.ID)
	}
	if r.Item != "" && f.Carrier.Item != "" && r.Item != f.Carrier.Item {
		return fmt.Errorf("%w: the disc in it is being read as item %q", ErrBusy, f.Carrier.Item)
	}
	return j.update(func(f *jobFile) {
		merge(&f.Carrier, &r)
		if last := len(f.Captures) - 1; r.Operator != "" && last >= 0 {
			f.Captures[last].Operator = r.Operator
		}
	})
}
