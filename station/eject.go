package station

import (
	"context"
	"errors"
	"fmt"
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
		return errParked
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// farewell opens the tray under the disc whose story is told, and says what
// became of it. The intent is on disk before the drive hears of it.
func (b *bay) farewell(ctx context.Context, d Drive, j *job) (Outcome, error) {
	f := j.file()
	word, text := verdict(*f.Sealed)
	stored := 0
	for _, st := range b.s.cfg.Stores {
		c := j.copyOf(st.Name())
		if c.stored() {
			stored++
		}
	}
	text = fmt.Sprintf("%s (%s). STORED IN %d OF %d", word, text, stored, len(b.s.cfg.Stores))
	if f.Eject == nil || f.Eject.Insertion != f.Insertion {
		err := j.update(func(f *jobFile) { f.Eject = &intent{Insertion: f.Insertion, Time: time.Now().UTC()} })
		if err != nil {
			return "", err
		}
	}
	crashpoint.Here("eject-intended")
	hint := ""
	if f.Carrier.Item == "" {
		hint = fmt.Sprintf("say which item it is: ripstation annotate %.8s --item ID", f.ID)
	}
	err := b.open(ctx, d, f.Insertion, j.ID, text, hint)
	if disc.ClassOf(err) == disc.ClassGone {
		b.notice(Notice{ID: j.ID, Word: WordEjected, Text: text + ". The disc has been taken out already", Hint: hint})
		err = nil
	}
	if err != nil {
		return "", err
	}
	crashpoint.Here("ejected")
	if err := j.update(func(f *jobFile) { f.Eject.Done = true }); err != nil {
		return "", err
	}
	return outcome(*f.Sealed), b.s.forget(j)
}

// open ejects the disc of one insertion and no other. A tray that stays shut
// is told and tried again; it never becomes a success.
func (b *bay) open(ctx context.Context, d Drive, ins disc.Insertion, id, text, hint string) error {
	opening := func(on bool) {
		b.mu.Lock()
		b.opening = on
		b.mu.Unlock()
	}
	for try := 1; ; try++ {
		now, err := d.Insertion(ctx)
		if err != nil {
			return err
		}
		if now != ins {
			return errNotThis
		}
		opening(true)
		err = d.Eject(ctx)
		if err == nil {
			b.notice(Notice{ID: id, Word: WordEjected, Text: text, Hint: hint})
			return nil
		}
		opening(false)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if c := disc.ClassOf(err); c == disc.ClassChanged || c == disc.ClassGone {
			return err // perhaps another disc by now: it has to be looked at first
		}
		b.notice(Notice{ID: id, Word: WordEjectFailed, Text: fmt.Sprintf("%s. The tray did not open: %v", text, err),
			Hint: "the disc is safe to take out: press the drive's button, or use the emergency hole"})
		if try == ejectTries {
			return fmt.Errorf("the tray did not open in %d tries: %w", try, err)
		}
		select {
		case <-time.After(b.s.cfg.EjectRetry):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ejectByHand opens the tray because a person asked for it. The bay tells no
// story at the moment.
func (b *bay) ejectByHand(ctx context.Context) error {
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
	b.notice(Notice{Word: WordEjected, Text: "ejected on request; a reading that was under way goes on when the disc comes back"})
	return nil
}
