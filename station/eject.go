package station

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ripstation/disc"
	"ripstation/internal/crashpoint"
)

var (
	errAnotherStory = errors.New("the drive reported a change of the disc")
	errTakenOut     = errors.New("the disc was taken out")
	errButton       = errors.New("somebody wants the disc out")
	// ErrBusy says that the bay has something to finish first.
	ErrBusy = errors.New("the drive is busy")
	// errShut says that the tray stays shut whatever is tried.
	errShut = errors.New("the tray did not open")
	// errNotThis says that the disc to be ejected has left already.
	errNotThis = errors.New("the disc in the drive is not the one that was to be ejected; the tray stays as it is")
)

// ejectTries is how often a tray that stays shut is asked to open.
const ejectTries = 10

// wait holds the disc in the drive until the policy lets the tray open.
func (b *bay) wait(ctx context.Context, j *job) error {
	select {
	case <-j.mayOpen:
		return nil
	default:
	}
	b.notice(Notice{ID: j.ID, Word: WordSending, Text: "the disc stays in the drive until the tray may open (eject.when = " + string(b.s.cfg.Eject) + ")"})
	select {
	case <-j.mayOpen:
		return nil
	case <-j.parked:
		return j.parkedBy()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// farewell opens the tray under the disc whose story is told, and says what
// became of it. The intent is on disk before the drive hears of it.
func (b *bay) farewell(ctx context.Context, d Drive, j *job) (Outcome, error) {
	f := j.file()
	word, text, out := ending(f)
	stored, lacking := 0, false
	for _, st := range b.s.cfg.Stores {
		c := j.copyOf(st.Name())
		if c.stored() {
			stored++
		} else if st.Required {
			lacking = true
		}
	}
	text = fmt.Sprintf("%s (%s). STORED IN %d OF %d", word, text, stored, len(b.s.cfg.Stores))
	id := f.ID
	hint := ""
	switch {
	case f.Compare.needless():
		id, text, hint = farewellCompared(f)
		out = OutcomeAlready
		b.carried(b.s.arrivals.of(j), id, nil)
	case lacking:
		hint = keepDisc(f.ID)
	case out == OutcomeNeedsYou:
		hint = fmt.Sprintf("keep the disc and look at it: ripstation show %.8s", f.ID)
	case f.Carrier.Item == "":
		hint = annotateHint(f.ID)
		if f.Scan != nil && f.Scan.Reason != "" {
			hint = f.Scan.Reason + "; " + hint
		}
	}
	flip := b.s.batches.flip(ctx, f.Batch, id)
	if flip != "" && hint == "" {
		hint = flip
	}
	if key := trayOf(out); b.s.cfg.Tray.of(key) == TrayHold && hasTray(d) {
		b.hold(seen{ins: f.Insertion, identity: f.Identity}, key, id, text, hint)
		return out, b.s.forget(j)
	}
	waits, err := b.s.intendEject(ctx, j)
	if err != nil {
		return "", err
	}
	opened := WordEjected
	if waits != nil {
		opened, text = WordPending, text+"; the copies go on by themselves"
		hint = rackHint(waits)
		if flip != "" {
			hint += "; " + flip
		}
	}
	crashpoint.Here("eject-intended")
	if err := b.openAs(ctx, d, f.Insertion, opened, id, text, hint); err != nil {
		return "", err
	}
	b.sayFlip(flip, id)
	b.gave(f.Identity, f.Carrier)
	crashpoint.Here("ejected")
	err = b.s.untilRecorded(ctx, j.ID, func() error { return j.update(func(f *jobFile) { f.Eject.Done = true }) })
	if err != nil {
		return "", err
	}
	return out, b.s.forget(j)
}

func (b *bay) open(ctx context.Context, d Drive, ins disc.Insertion, id, text, hint string) error {
	return b.openAs(ctx, d, ins, WordEjected, id, text, hint)
}

// openAs ejects the disc of one insertion and no other. One that has left
// already needs no eject, and one that came back gets none. A tray that stays shut is told and tried again; it
// never becomes a success.
func (b *bay) openAs(ctx context.Context, d Drive, ins disc.Insertion, opened Word, id, text, hint string) error {
	opening := func(on bool) {
		b.mu.Lock()
		b.opening = on
		b.mu.Unlock()
	}
	gone := func() {
		b.notice(Notice{ID: id, Word: opened, Text: text + ". The disc or its drive is not there any more", Hint: hint})
	}
	if b.back {
		b.staysShut(id, text)
		return nil
	}
	for try := 1; ; try++ {
		now, err := d.Insertion(ctx)
		if disc.ClassOf(err) == disc.ClassGone {
			gone()
			return nil
		}
		if err != nil {
			return err
		}
		if now != ins {
			return errNotThis
		}
		opening(true)
		err = d.Eject(ctx)
		if err == nil {
			b.s.arrivals.opened(ins.DriveKey)
			if !hasTray(d) && opened == WordEjected {
				opened = WordFinished
			}
			b.notice(Notice{ID: id, Word: opened, Text: text, Hint: hint})
			return nil
		}
		opening(false)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch disc.ClassOf(err) {
		case disc.ClassChanged:
			return err // perhaps another disc by now: it has to be looked at first
		case disc.ClassGone:
			gone() // somebody was quicker
			return nil
		}
		b.notice(Notice{ID: id, Word: WordEjectFailed, Text: fmt.Sprintf("%s. The tray did not open: %v", text, err),
			Hint: strings.TrimSuffix("press the drive's button, or use the emergency hole; then "+hint, "; then ")})
		if try == ejectTries {
			return fmt.Errorf("%w in %d tries: %w", errShut, try, err)
		}
		select {
		case <-time.After(b.s.cfg.EjectRetry):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stillThere asks a drive that was said to be empty. It gives the insertion
// that is in it, zero for none or when the drive does not say.
func (b *bay) stillThere(ctx context.Context) disc.Insertion {
	if b.s.cfg.Hold != nil {
		defer b.s.cfg.Hold(b.info().Key)()
	}
	d, err := b.s.cfg.Open(ctx, b.info())
	if err != nil {
		return disc.Insertion{}
	}
	defer d.Close()
	if st, err := d.Status(ctx); err != nil || (st != disc.TrayLoaded && st != disc.TrayNotReady) {
		return disc.Insertion{}
	}
	ins, err := d.Insertion(ctx)
	if err != nil {
		return disc.Insertion{}
	}
	return ins
}

// isEmpty reports whether it is the drive's own word that no disc is in it.
func (b *bay) isEmpty(ctx context.Context) bool {
	if b.s.cfg.Hold != nil {
		defer b.s.cfg.Hold(b.info().Key)()
	}
	d, err := b.s.cfg.Open(ctx, b.info())
	if err != nil {
		return false
	}
	defer d.Close()
	st, err := d.Status(ctx)
	return err == nil && (st == disc.TrayOpen || st == disc.TrayEmpty)
}

// ejectByHand opens the tray because a person asked for it. The bay tells no
// story at the moment; cut says that one was broken off for it.
func (b *bay) ejectByHand(ctx context.Context, cut bool) error {
	d, err := b.s.cfg.Open(ctx, b.info())
	if err != nil {
		return err
	}
	defer d.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := d.Eject(ctx); err != nil {
		b.notice(Notice{Word: WordEjectFailed, Text: err.Error(), Hint: "press the drive's button, or use the emergency hole"})
		return err
	}
	b.s.arrivals.opened(b.info().Key)
	n := Notice{Word: WordEjected, Text: "ejected on request"}
	if cut {
		told := b.takenOut(b.viewID())
		n.ID, n.Text, n.Hint, n.Final, n.Outcome = told.ID, n.Text+"; "+told.Text, told.Hint, true, told.Outcome
	}
	b.notice(n)
	return nil
}
