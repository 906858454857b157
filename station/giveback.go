package station

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
)

// failedEnd is how the story of a disc that failed has ended.
type failedEnd struct {
	id, text string
	class    disc.Class
	eject    bool // the policy gives it back, and the drive may answer
}

// endFailed says that a disc failed. Whether it is given back is the policy's
// affair; a drive that does not answer is asked nothing more.
func (b *bay) endFailed(id string, w Word, err error, hint string, tries *retries) (time.Duration, bool) {
	f := &failedEnd{id: id, text: string(w) + ": " + err.Error(), class: disc.ClassOf(err)}
	switch f.class {
	case disc.ClassWedged, disc.ClassTransport, disc.ClassPermission:
	default:
		f.eject = b.s.cfg.Tray.of(trayFailed) == TrayEject
	}
	n := Notice{ID: id, Word: w, Text: err.Error(), Hint: hint, Final: !f.eject, Outcome: OutcomeFailed}
	if f.eject {
		n.Outcome = ""
	} else if b.s.cfg.Tray.of(trayFailed) == TrayHold {
		n.Hint += "; " + b.howToGet()
	}
	b.notice(n)
	tries.failed = f
	return 0, false
}

// failed counts a disc that has just failed, and gives it back if it shall be.
func (st *stay) failed(ctx context.Context) {
	f := st.tries.failed
	st.tries.failed = nil
	switch {
	case f == nil:
		return
	case st.ins == disc.Insertion{}: // the drive could not be asked what is in it
		if d := st.b.info(); f.eject {
			st.b.s.say(Notice{ID: f.id, Drive: d.Key, Node: d.Node, Final: true, Outcome: OutcomeFailed})
		}
		return
	}
	if f.class != disc.ClassPermission {
		st.b.failed(f.id, st.ins, OutcomeFailed)
	}
	if f.eject {
		st.now = st.b.giveBack(ctx, st.ins, f)
	}
}

// giveBack opens the tray under a disc that failed, as a story of its own.
func (b *bay) giveBack(ctx context.Context, ins disc.Insertion, f *failedEnd) *telling {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &telling{ins: ins, cancel: cancel, done: make(chan struct{}), out: OutcomeFailed}
	b.mu.Lock()
	b.opening = false
	b.mu.Unlock()
	go func() {
		defer close(t.done)
		defer cancel(nil)
		if b.s.cfg.Hold != nil {
			defer b.s.cfg.Hold(b.info().Key)()
		}
		t.err = b.giveFailed(ctx, ins, f)
	}()
	return t
}

func (b *bay) giveFailed(ctx context.Context, ins disc.Insertion, f *failedEnd) error {
	hint := "what was read is kept; put the disc in again to go on, or try another drive"
	d, err := b.s.cfg.Open(ctx, b.info())
	if err == nil {
		defer d.Close()
		identity, who, known := b.identityOf(ctx, f.id)
		if err = b.open(ctx, d, ins, f.id, f.text, hint); err == nil && known {
			b.gave(identity, who)
		}
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, errShut) || errors.Is(err, errNotThis) {
		return err
	}
	b.notice(Notice{ID: f.id, Word: WordEjectFailed, Text: f.text + ". The tray did not open: " + err.Error(), Hint: "press the drive's button, or use the emergency hole"})
	return fmt.Errorf("%w: %w", errShut, err)
}

// identityOf is what is known of a disc that was not read to its end, with
// sectors of it that were.
func (b *bay) identityOf(ctx context.Context, id string) (_ disc.Identity, who catalog.CarrierInfo, known bool) {
	j := b.s.job(id)
	if j == nil {
		return disc.Identity{}, who, false
	}
	file := j.file()
	identity := file.Identity
	samples, _, err := j.samples(ctx, identity.Recordable)
	identity.Samples = samples
	return identity, file.Carrier, err == nil
}
