package station

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ripstation/disc"
)

// stay is what a bay knows of the disc that is in its drive.
type stay struct {
	b     *bay
	now   *telling       // nil when no story is told
	ins   disc.Insertion // zero when it is not known
	ask   *Request       // what a person said of this insertion
	tries retries
	again <-chan time.Time // when the story is told again by itself; nil: it is not
	sound *BayStatus       // what was shown before the watcher could not ask the drive
}

func (st *stay) start(ctx context.Context) {
	st.stop(ctx, errAnotherStory)
	if ctx.Err() != nil {
		return
	}
	st.now = st.b.begin(ctx, st.ins, st.ask)
}

// ended takes note of a story that came to its end by itself.
func (st *stay) ended(ctx context.Context) {
	t := st.now
	st.now = nil
	st.stays(t.ins)
	wait, retry := st.b.after(ctx, t.out, t.err, &st.tries)
	switch {
	case noMedium(t.err) && st.b.viewID() == "":
		st.b.sawItLeave()
		st.b.forgetKept()
		st.b.s.arrivals.empty(st.b.info().Key)
		st.b.s.batches.empty(st.b.info().Key)
		st.empty()
	case retry && passing(t.err):
		st.again = st.b.s.line.wait(st.b, t.err, st.tries.full)
		if surprising(t.err) {
			st.tries.full++
		}
	case retry:
		st.again = time.After(wait)
	default:
		st.b.s.line.leave(st.b)
		st.failed(ctx)
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
			if _, back := await(ctx, st.b, t.done); !back {
				st.now, st.again = nil, nil
				st.b.s.line.leave(st.b)
				return false
			}
			if cut = t.err != nil; cut {
				st.now = nil
				st.stays(t.ins)
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
		if st.ask != nil && st.ins != (disc.Insertion{}) && st.ins != m.Insertion {
			if st.ask.Item != "" {
				b.notice(Notice{Word: WordNeedsYou, Text: fmt.Sprintf("item %q was said of the disc that was in the drive before; it is not taken over for this one", st.ask.Item), Hint: "say again which item the disc in the drive is"})
			}
			st.ask = nil
		}
		st.tries, st.sound = retries{}, nil
		st.stays(m.Insertion)
		b.forgetID()
		if m.AtStart {
			b.foundAtStart(m.Insertion)
		}
		b.s.present(b.info().Key, st.ins, b.stayed)
		st.start(ctx)
	case disc.EventRemoved:
		// When the story itself opens the tray, it says so.
		if st.now == nil || !b.opens() {
			if !st.left(ctx) {
				b.gone(WordEmpty, "")
			}
			if st.now != nil {
				return // it is there after all
			}
			b.sawItLeave()
			b.forgetKept()
		}
		st.empty()
	case disc.EventDriveGone:
		b.absent(true)
		if id := b.viewID(); st.stop(ctx, errTakenOut) {
			n := b.takenOut(id)
			n.Word, n.Hint = WordDriveGone, "plug the drive in again with the disc in it, or put the disc into another one, to go on"
			b.notice(n)
		}
		b.gone(WordDriveGone, "the drive is not there any more; plug it in again to go on")
		st.leaves()
	case disc.EventEjectRequested:
		if st.stop(ctx, errButton) {
			b.s.line.leave(b)
			b.notice(b.pressed())
			st.again = time.After(b.s.cfg.ButtonGrace)
		}
	case disc.EventDriveFault:
		if view := b.shown(); st.now == nil && view.Word != WordDriveFault {
			b.notice(Notice{ID: view.ID, Word: WordDriveFault, Text: m.Text, Hint: "switch the drive off and on, or unplug it and plug it in again; it goes on by itself then"})
			st.sound = &view
		}
	case disc.EventDriveAdded:
		b.absent(false)
		if was := st.sound; was != nil {
			st.sound = nil
			if st.now == nil && b.shown().Word == WordDriveFault {
				b.notice(Notice{ID: was.ID, Word: was.Word, Text: was.Text, Hint: was.Hint})
			}
			return
		}
		if st.now == nil {
			st.tries = retries{}
			b.gone(WordEmpty, "")
			st.metEmpty(ctx)
		}
	}
}

// metEmpty asks a drive that was met, and of which no disc was told, whether it is
// empty, when the spool has a job of a disc that was in it: of an empty drive the
// watcher tells nothing, and the disc may have left while nobody looked. Its job
// would lie in the spool until the next disc.
func (st *stay) metEmpty(ctx context.Context) {
	key := st.b.info().Key
	if st.ins != (disc.Insertion{}) || !st.b.s.hasJobOf(key) {
		return
	}
	looked := make(chan bool, 1)
	go func() { looked <- st.b.isEmpty(ctx) }()
	if empty, _ := await(ctx, st.b, looked); empty {
		st.b.sawItLeave()
		st.b.forgetKept()
		st.empty()
	}
}

// left ends the story of a disc that is said not to be there any more. It
// reports whether there was something left to tell, and tells it. udev's
// helper cannot always see a disc through the commands of its story: then the
// drive has the last word, and the story begins anew.
func (st *stay) left(ctx context.Context) bool {
	cut := st.stop(ctx, errTakenOut)
	if !cut || ctx.Err() != nil {
		return cut
	}
	looked := make(chan disc.Insertion, 1)
	go func() { looked <- st.b.stillThere(ctx) }()
	if ins, _ := await(ctx, st.b, looked); ins != (disc.Insertion{}) {
		st.stays(ins)
		st.start(ctx)
		return true
	}
	st.b.notice(st.b.takenOut(st.b.viewID()))
	return true
}

// empty says that no disc is in the drive.
func (st *stay) empty() {
	st.leaves()
	st.b.s.present(st.b.info().Key, st.ins, nil)
}

// leaves forgets the disc that was in the drive.
func (st *stay) leaves() {
	st.ins, st.ask, st.tries, st.sound, st.b.stayed = disc.Insertion{}, nil, retries{}, nil, nil
	st.b.s.line.leave(st.b)
}

// longStay bounds how many insertions of one stay are remembered.
const longStay = 100

// stays notes the insertion that is in the drive now. What was there before
// was not seen to leave.
func (st *stay) stays(ins disc.Insertion) {
	st.ins = ins
	if b := st.b; ins != (disc.Insertion{}) && !slices.Contains(b.stayed, ins) {
		b.stayed = append(b.stayed[max(0, len(b.stayed)-longStay):], ins)
	}
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
