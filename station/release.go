package station

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/atomicfile"
	"ripstation/internal/crashpoint"
	"ripstation/ripper"
)

// release lets the image leave the spool. The small files stay until the disc
// has left its drive.
func (s *Station) release(j *job) error {
	if err := j.clear(); err != nil {
		return err
	}
	text := "every copy that was waited for has been read back"
	for _, st := range s.cfg.Stores {
		if c := j.copyOf(st.Name()); c.State == catalog.Stored && st.proof() == ProofChecksum {
			text = "every copy that was waited for has been read back, or was accepted with matching checksums where that is enough"
		}
	}
	s.say(Notice{ID: j.ID, Word: WordReleased, Text: text})
	crashpoint.Here("spool-released")
	for _, d := range s.desks {
		if c := j.copyOf(d.store.Name()); !c.stored() {
			s.start(func(ctx context.Context) { s.endUploads(ctx, d) })
		}
	}
	close(j.released)
	s.line.left()
	// No tray says that an image file has left. After a restart its job stays until the
	// file's story or the next event of a drive clears it: forgotten sooner, the
	// same file would be read again under another id.
	f := j.file()
	j.mu.Lock()
	before := j.before
	j.mu.Unlock()
	if before && f.Disc.Medium == disc.MediumFile {
		return nil
	}
	return s.forget(j)
}

// clear takes the image out of the spool.
func (j *job) clear() error {
	for _, f := range []string{ripper.ImageFile, ripper.MapFile, ripper.LedgerFile} {
		if err := os.Remove(filepath.Join(j.dir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear spool: %w", err)
		}
	}
	if err := atomicfile.SyncDir(j.dir); err != nil {
		return err
	}
	return j.update(func(f *jobFile) { f.Step = StepDone })
}

// forget takes a done job out of the spool once its disc has left the drive.
func (s *Station) forget(j *job) error {
	s.clearing.Lock()
	defer s.clearing.Unlock()
	f := j.file()
	s.mu.Lock()
	now := f.Step == StepDone && s.jobs[j.ID] == j && s.away(f)
	if now {
		delete(s.jobs, j.ID)
	}
	s.mu.Unlock()
	if !now || s.batches.leaves(j.ID) {
		return nil
	}
	return s.spool.discard(j)
}

// cleared waits until a done job that is being taken out of the spool is out of
// it: its disc may have come back at that moment.
func (s *Station) cleared() {
	s.clearing.Lock()
	defer s.clearing.Unlock()
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
		if d := j.copies[st.Name()]; st.Required && (d == nil || !st.proves(d.State)) {
			return false
		}
	}
	return true
}

// leaveOut tells, and has the catalog say, which best-effort stores have no
// copy when an image leaves the spool before its time. A copy that was
// accepted and not read back yet stays what it is.
func (s *Station) leaveOut(ctx context.Context, j *job) error {
	const detail = "the image left the spool before it was sent here: others needed the room"
	for _, st := range s.cfg.Stores {
		if c := j.copyOf(st.Name()); !st.Required && c.stored() && !st.proves(c.State) {
			// That it was accepted may not have come to the catalog before it was broken off.
			if err := s.noteStored(ctx, j, c, st.proof()); err != nil {
				return err
			}
			s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: "the copy in " + st.Name() + " was accepted, and not read back: the image left the spool before that, since others needed the room",
				Hint: fmt.Sprintf("read it when there is time: ripstation verify %.8s --store %s", j.ID, st.Name())})
		}
		if c := j.copyOf(st.Name()); !st.Required && !c.stored() && c.State != catalog.Missing {
			c.State, c.Detail = catalog.Damaged, detail // the way from queued to missing
			if err := s.noteCopy(ctx, j, c, s.copyEvent(j, c, catalog.EventReplication, catalog.EventFail, detail)); err != nil {
				return err
			}
			c.State = catalog.Missing
			if err := s.noteCopy(ctx, j, c, s.copyEvent(j, c, catalog.EventReplication, catalog.EventFail, detail)); err != nil {
				return err
			}
			if err := j.delivery(st.Name(), func(d *delivery) { d.State, d.Detail = c.State, detail }); err != nil {
				return err
			}
			s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: "no copy in " + st.Name() + ": " + detail, Hint: fmt.Sprintf("when that store has room and answers: ripstation repair %.8s --to %s", j.ID, st.Name())})
		}
	}
	return nil
}

// park leaves a job for a person: its disc stays in the drive, its image in
// the spool.
func (s *Station) park(j *job, why error) {
	s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: why.Error(), Hint: "the image stays in the spool; mend the cause and restart the station"})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.why, j.whySince = why, time.Now().UTC()
	close(j.parked)
}

// parkedBy says why a job is parked, nil when it is not.
func (j *job) parkedBy() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.why == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errParked, j.why)
}
