package station

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/atomicfile"
	"ripstation/internal/crashpoint"
	"ripstation/ripper"
)

// errParked says that a copy cannot be finished without a person. The disc
// stays in the drive.
var errParked = errors.New("a required copy cannot be finished")

// deliver starts the courier of a sealed image, once.
func (s *Station) deliver(j *job) {
	j.mu.Lock()
	started := j.delivering
	j.delivering = true
	j.mu.Unlock()
	if !started {
		s.start(func(ctx context.Context) {
			if err := s.courier(ctx, j); err != nil && ctx.Err() == nil {
				s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: err.Error(), Hint: "the image stays in the spool; mend the cause and restart the station"})
				close(j.parked)
			}
		})
	}
}

// courier is the part of the story that needs no drive: the image goes to
// every store, the record into the catalog, every copy is read back, and then
// the image leaves the spool.
func (s *Station) courier(ctx context.Context, j *job) error {
	var required, all sync.WaitGroup
	gate := make(chan struct{}) // closed once the record is committed
	stored, proven := make(chan error, len(s.desks)), make(chan error, len(s.desks))
	all.Add(len(s.desks))
	for _, d := range s.desks {
		if d.store.Required {
			required.Add(1)
		}
		s.start(func(ctx context.Context) {
			defer all.Done()
			err := s.send(ctx, d, j)
			if d.store.Required {
				stored <- err
			}
			if err == nil {
				select {
				case <-gate:
					err = s.readBack(ctx, d, j)
				case <-ctx.Done():
					err = ctx.Err()
				}
			}
			if d.store.Required {
				proven <- err
				required.Done()
			}
		})
	}
	if s.cfg.Eject == EjectImaged {
		if err := s.record(ctx, j); err != nil {
			return err
		}
		close(gate)
		close(j.mayOpen)
	}
	if err := s.collect(ctx, stored); err != nil {
		return err
	}
	if s.cfg.Eject != EjectImaged {
		if err := s.markStored(ctx, j); err != nil {
			return err
		}
		if err := s.record(ctx, j); err != nil {
			return err
		}
		close(gate)
	}
	if s.cfg.Eject == EjectStored {
		close(j.mayOpen)
	}
	if err := s.collect(ctx, proven); err != nil {
		return err
	}
	if s.cfg.Eject == EjectReadBack {
		close(j.mayOpen)
	}
	// Best-effort stores get their chance while the room is not needed.
	rest := make(chan struct{})
	go func() { all.Wait(); close(rest) }()
	select {
	case <-rest:
	case <-j.roomWanted:
	case <-ctx.Done():
		<-rest
		return ctx.Err()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	crashpoint.Here("read-back")
	return s.release(j)
}

// collect waits for every required store's answer; the first error ends it.
func (s *Station) collect(ctx context.Context, answers <-chan error) error {
	for _, d := range s.desks {
		if !d.store.Required {
			continue
		}
		select {
		case err := <-answers:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// send brings the bag into one store, for as long as it takes.
func (s *Station) send(ctx context.Context, d *desk, j *job) error {
	c := j.copyOf(d.store.Name())
	if c.stored() {
		return nil
	}
	if c.failed() {
		return fmt.Errorf("store %s: %w: %s", d.store.Name(), errParked, c.Detail)
	}
	done, err := d.turn(ctx, true)
	if err != nil {
		return err
	}
	defer done()
	bag, closeBag, err := s.bag(j)
	if err != nil {
		return err
	}
	defer closeBag()
	name := d.store.Name()
	if err := j.delivery(name, func(c *delivery) { c.State = catalog.Sending }); err != nil {
		return err
	}
	s.say(Notice{ID: j.ID, Word: WordSending, Text: "to " + name})
	var res archive.SendResult
	err = d.insist(ctx, func() (err error) {
		res, err = archive.Send(ctx, d.store, bag, archive.SendOptions{
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
	}, func(err error, wait time.Duration) {
		s.say(Notice{ID: j.ID, Word: WordWaitStore, Text: fmt.Sprintf("%s: %v; next try in %s", name, err, wait.Round(time.Second))})
	})
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
	if err := s.noteCopy(ctx, j, c, s.copyEvent(j, c, catalog.EventReplication, catalog.EventSuccess, "stored: the store accepted the bag with matching checksums")); err != nil {
		return err
	}
	done, err := d.turn(ctx, false)
	if err != nil {
		return err
	}
	defer done()
	f := j.file()
	want := archive.Expected{Prefix: c.Key, TagManifest: c.TagManifest,
		Payload: []archive.Payload{{Path: imagePath, Size: f.Sealed.Size, SHA512: f.Sealed.Digests.SHA512}}}
	var res archive.ReadBackResult
	err = d.insist(ctx, func() (err error) {
		res, err = archive.ReadBack(ctx, d.store, want)
		return err
	}, func(err error, wait time.Duration) {
		s.say(Notice{ID: j.ID, Word: WordWaitStore, Text: fmt.Sprintf("%s cannot be read back: %v; next try in %s", c.Store, err, wait.Round(time.Second))})
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
		return fmt.Errorf("store %s: %w: %s", c.Store, errParked, detail)
	}
	return nil
}

// release lets the image leave the spool. The small files stay until the disc
// has left its drive.
func (s *Station) release(j *job) error {
	for _, f := range []string{ripper.ImageFile, ripper.MapFile, ripper.LedgerFile} {
		if err := os.Remove(filepath.Join(j.dir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear spool: %w", err)
		}
	}
	if err := atomicfile.SyncDir(j.dir); err != nil {
		return err
	}
	if err := j.update(func(f *jobFile) { f.Step = StepDone }); err != nil {
		return err
	}
	s.say(Notice{ID: j.ID, Word: WordReleased, Text: "every copy that was waited for has been read back"})
	crashpoint.Here("spool-released")
	close(j.released)
	return s.forget(j)
}

// forget takes a done job out of the spool once its disc has left the drive.
func (s *Station) forget(j *job) error {
	f := j.file()
	if f.Step != StepDone || f.Eject == nil || !f.Eject.Done {
		return nil
	}
	s.mu.Lock()
	known := s.jobs[j.ID] == j
	if known {
		delete(s.jobs, j.ID)
	}
	s.mu.Unlock()
	if !known {
		return nil
	}
	return s.spool.discard(j)
}

// makeRoom has images leave that only best-effort stores still wait for. It
// reports whether any did.
func (s *Station) makeRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	freed := false
	for _, j := range s.jobs {
		j.mu.Lock()
		if j.Step == StepRecorded && !j.roomAsked && j.requiredProven(s.cfg.Stores) {
			j.roomAsked = true
			close(j.roomWanted)
			freed = true
		}
		j.mu.Unlock()
	}
	return freed
}

func (j *job) requiredProven(stores []Store) bool {
	for _, st := range stores {
		if d := j.copies[st.Name()]; st.Required && (d == nil || d.State != catalog.ReadBack) {
			return false
		}
	}
	return true
}
