package station

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/crashpoint"
)

// errParked says that a copy cannot be finished without a person. The disc
// stays in the drive.
var errParked = errors.New("a required copy cannot be finished")

// deliver starts the courier of a sealed image, once.
func (s *Station) deliver(j *job) {
	j.mu.Lock()
	started := j.delivering
	if j.delivering = true; !started {
		j.sent = time.Now()
	}
	j.mu.Unlock()
	if started {
		return
	}
	s.start(func(ctx context.Context) {
		err := s.untilRecorded(ctx, j.ID, func() error { return s.courier(ctx, j) })
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.Error().Err(err).Str("id", j.ID).Msg("an image waits in the spool for a person")
		}
	})
}

// courier is the part of the story that needs no drive: the image goes to
// every store, the record into the catalog, every copy is read back, and then
// the image leaves the spool. An image that was read to be compared may leave
// at once. It may be tried again. What it started has ended when it returns.
func (s *Station) courier(ctx context.Context, j *job) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	effort, giveUp := context.WithCancel(ctx)
	defer giveUp()
	watch, blind := context.WithCancel(ctx) // whether a store is dark, while the tray waits
	defer blind()
	var posts, efforts sync.WaitGroup
	defer posts.Wait()
	defer func() {
		if err == nil || passing(err) || ctx.Err() != nil {
			cancel()
			return
		}
		blind()
		s.park(j, err) // the other copies go on
	}()
	if gone, err := s.compared(ctx, j); gone || err != nil {
		return err
	}
	gate := make(chan struct{}) // closed once the record is committed
	stored, proven := make(chan error, len(s.desks)), make(chan error, len(s.desks))
	for _, d := range s.desks {
		if d.store.Required {
			posts.Go(func() { proven <- s.post(ctx, d, j, gate, stored) })
			continue
		}
		efforts.Add(1)
		posts.Go(func() {
			defer efforts.Done()
			err := s.untilRecorded(effort, j.ID, func() error { return s.post(effort, d, j, gate, make(chan error, 1)) })
			if err != nil && effort.Err() == nil {
				s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: err.Error(), Hint: "the other copies go on without this one"})
			}
		})
	}
	var once sync.Once
	commit := func() error {
		if err := s.record(ctx, j); err != nil {
			return err
		}
		once.Do(func() { close(gate) })
		return nil
	}
	wait := trayWait{dark: s.darkness(watch, j, posts.Go), open: func() error {
		err := commit()
		if err == nil {
			j.open()
		}
		return err
	}}
	if s.cfg.Eject == EjectImaged {
		if err := wait.open(); err != nil {
			return err
		}
	}
	if err := s.collect(ctx, stored, &wait); err != nil {
		return err
	}
	if err := s.markStored(ctx, j); err != nil {
		return err
	}
	if err := commit(); err != nil {
		return err
	}
	if s.cfg.Eject != EjectReadBack {
		j.open()
		if err := s.offRack(ctx, j); err != nil {
			return err
		}
	}
	if err := s.collect(ctx, proven, &wait); err != nil {
		return err
	}
	j.open()
	if err := s.offRack(ctx, j); err != nil {
		return err
	}
	blind()
	// Best-effort stores get their chance while the room is not needed.
	s.line.nudge()
	rest := make(chan struct{})
	posts.Go(func() { efforts.Wait(); close(rest) })
	select {
	case <-rest:
	case <-j.roomWanted:
		giveUp() // an open file would keep the room
		<-rest
		if err := s.leaveOut(ctx, j); err != nil {
			return err
		}
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	crashpoint.Here("read-back")
	return s.release(j)
}

// post brings one store's copy as far as it goes: sent, which sent hears of,
// and, once the record is committed, read back.
func (s *Station) post(ctx context.Context, d *desk, j *job, gate <-chan struct{}, sent chan<- error) error {
	err := s.send(ctx, d, j)
	sent <- err
	select {
	case <-gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err == nil {
		return s.readBack(ctx, d, j)
	}
	if passing(err) || ctx.Err() != nil {
		return err
	}
	c := j.copyOf(d.store.Name())
	if !c.failed() { // its file in the spool could not be written either
		c.State, c.Detail = catalog.Damaged, err.Error()
	}
	return errors.Join(err, s.noteCopy(ctx, j, c, s.copyEvent(j, c, catalog.EventReplication, catalog.EventFail, "not stored: "+c.Detail)))
}

// open lets the job's tray open.
func (j *job) open() {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case <-j.mayOpen:
	default:
		close(j.mayOpen)
	}
}

// trayWait is what the tray does not wait for: once dark is closed, open is
// called, once.
type trayWait struct {
	dark <-chan struct{}
	open func() error
}

// collect waits for every required store's answer; the first error ends it.
func (s *Station) collect(ctx context.Context, answers <-chan error, w *trayWait) error {
	missing := 0
	for _, d := range s.desks {
		if d.store.Required {
			missing++
		}
	}
	for missing > 0 {
		select {
		case err := <-answers:
			if err != nil {
				return err
			}
			missing--
		case <-w.dark:
			w.dark = nil
			if err := w.open(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// send brings the bag into one store, for as long as it takes. A copy that
// could not be finished is tried again at the next start: somebody may have
// mended the cause.
func (s *Station) send(ctx context.Context, d *desk, j *job) error {
	c := j.copyOf(d.store.Name())
	if c.stored() {
		return nil
	}
	name := d.store.Name()
	up, err := j.takeOver(ctx, name)
	if err != nil {
		return err
	}
	e := d.open(sending)
	defer d.close(e)
	bag, closeBag, err := s.bag(j)
	if err != nil {
		return err
	}
	defer closeBag()
	if err := j.delivery(name, func(c *delivery) { c.State = catalog.Sending }); err != nil {
		return err
	}
	s.say(Notice{ID: j.ID, Word: WordSending, Text: "to " + name})
	var res archive.SendResult
	told := func(err error, wait time.Duration) {
		s.say(Notice{ID: j.ID, Word: WordWaitStore, Text: fmt.Sprintf("%s; next try in %s", of(name, err), wait.Round(time.Second))})
	}
	err = d.insist(ctx, e, func() (err error) {
		res, err = archive.Send(ctx, d.line, bag, archive.SendOptions{
			Hooks: d.hooks(e, told),
			Live: func(key string) archive.Upload {
				if key != bag.Key(imagePath) {
					return nil
				}
				return up
			},
			Sent: func(string, int) { crashpoint.Here("part-sent") },
			Progress: func(done, total int64) {
				j.progress(name, done)
				s.say(Notice{ID: j.ID, Word: WordSending, Progress: &Progress{What: "sending to " + name, Done: done, Total: total}})
			},
			BeforeComplete: func(string) error {
				now := time.Now().UTC()
				err := j.delivery(name, func(c *delivery) { c.Completing = &now })
				crashpoint.Here("before-complete")
				return err
			},
			AfterComplete: func(string, archive.Info) error {
				crashpoint.Here("after-complete")
				return nil
			},
		})
		return err
	}, told)
	if err != nil {
		if ctx.Err() == nil {
			detail := err.Error()
			err = errors.Join(err, j.delivery(name, func(c *delivery) { c.State, c.Detail = catalog.Damaged, detail }))
		}
		return err
	}
	now := time.Now().UTC()
	err = j.delivery(name, func(c *delivery) {
		c.State, c.StoredAt, c.TagManifest, c.Detail = catalog.Stored, &now, res.TagManifest, ""
	})
	if err == nil {
		s.say(Notice{ID: j.ID, Word: WordStored, Text: "accepted by " + name + " with matching checksums"})
	}
	return err
}

// readBack reads every byte of one store's copy and holds it against the seal.
// The catalog has the record by now.
func (s *Station) readBack(ctx context.Context, d *desk, j *job) error {
	c := j.copyOf(d.store.Name())
	if c.State == catalog.ReadBack {
		return nil
	}
	proof := d.store.proof()
	if err := s.noteStored(ctx, j, c, proof); err != nil {
		return err
	}
	if proof == ProofChecksum {
		return nil // what the store said is the proof that was asked for
	}
	e := d.open(looking)
	defer d.close(e)
	f := j.file()
	want := archive.Expected{Prefix: c.Key, TagManifest: c.TagManifest,
		Payload: []archive.Payload{{Path: imagePath, Size: f.Sealed.Size, SHA512: f.Sealed.Digests.SHA512}}}
	var res archive.ReadBackResult
	err := d.insist(ctx, e, func() error {
		done, err := d.turn(ctx, e, 0, f.Sealed.Size)
		if err != nil {
			return err
		}
		res, err = archive.ReadBack(ctx, polite{d.line, d, e}, want)
		done(err)
		return err
	}, func(err error, wait time.Duration) {
		s.say(Notice{ID: j.ID, Word: WordWaitStore, Text: fmt.Sprintf("cannot be read back: %s; next try in %s", of(c.Store, err), wait.Round(time.Second))})
	})
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	state, word, text, outcome := catalog.ReadBack, WordReadBack, fmt.Sprintf("%s: %d files, %d bytes re-read, digests equal", c.Store, res.Files, res.Bytes), catalog.EventSuccess
	detail := ""
	if len(res.Flaws) > 0 {
		state, word, outcome = catalog.Damaged, WordDamaged, catalog.EventFail
		for _, fl := range res.Flaws {
			if fl.Fault == archive.Missing {
				state = catalog.Missing
			}
			detail += fl.String() + "; "
		}
		text = c.Store + ": " + detail
	}
	c.State, c.Detail = state, detail
	if state == catalog.ReadBack {
		c.ReadBackAt = &now
	}
	// The catalog leads by now; a cut between the two costs one more reading back.
	if err := s.noteCopy(ctx, j, c, s.copyEvent(j, c, catalog.EventFixity, outcome, "read back: "+text)); err != nil {
		return err
	}
	if err := j.delivery(c.Store, func(d *delivery) { d.State, d.Detail, d.ReadBackAt = c.State, c.Detail, c.ReadBackAt }); err != nil {
		return err
	}
	s.say(Notice{ID: j.ID, Word: word, Text: text})
	if state != catalog.ReadBack {
		return fmt.Errorf("store %s: the copy is not as it was sent: %s", c.Store, detail)
	}
	return nil
}

// of is an error with the store's name in front, once.
func of(store string, err error) string {
	if text := err.Error(); strings.HasPrefix(text, "store "+store+":") {
		return text
	}
	return fmt.Sprintf("store %s: %v", store, err)
}
