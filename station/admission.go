package station

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/go-units"

	"ripstation/catalog"
	"ripstation/ripper"
)

// lack says that the spool has no room for an image now. Whoever meets it
// waits in the line (line.go).
type lack struct {
	need, free, reserve int64
	ahead               int   // bays whose turn comes first
	err                 error // the file system's own word; nil when it was not asked
}

func (l *lack) Error() string {
	switch {
	case l.ahead == 1:
		return fmt.Sprintf("its image needs %s in the spool; one drive waits for room before it", sizeText(l.need))
	case l.ahead > 1:
		return fmt.Sprintf("its image needs %s in the spool; %d drives wait for room before it", sizeText(l.need), l.ahead)
	case l.err != nil:
		return l.err.Error()
	}
	text := fmt.Sprintf("its image needs %s in the spool, and %s are free", sizeText(l.need), sizeText(l.free))
	if l.reserve > 0 {
		text += fmt.Sprintf("; %s of them stay free (station.reserve)", sizeText(l.reserve))
	}
	return text
}

func (l *lack) Unwrap() error { return ripper.ErrNoSpace }

// sizeText is a number of bytes for a person.
func sizeText(n int64) string {
	return units.CustomSize("%.4g %s", float64(n), 1000, []string{"bytes", "kB", "MB", "GB", "TB", "PB"})
}

// image opens a job's image, or begins it where the spool has room for all of
// it and for what stays free beside it. A *lack when it has not.
func (l *line) image(ctx context.Context, b *bay, j *job, sectors int64) (*ripper.Image, error) {
	_, _, begun, err := ripper.Room(j.dir, sectors)
	if err != nil {
		return nil, err
	}
	if begun { // what it may need is little, and it frees its room the sooner
		return ripper.OpenOrCreate(ctx, j.dir, sectors)
	}
	l.taking.Lock()
	defer l.taking.Unlock()
	need, free, err := l.count(j.dir, sectors)
	if err != nil {
		return nil, err
	}
	if ahead := l.ahead(b); ahead > 0 {
		return nil, &lack{need: need, free: free, ahead: ahead}
	}
	if need+l.s.cfg.Reserve > free {
		return nil, &lack{need: need, free: free, reserve: l.s.cfg.Reserve}
	}
	img, err := ripper.OpenOrCreate(ctx, j.dir, sectors)
	if passing(err) {
		return nil, &lack{need: need, free: free, err: err}
	}
	if err != nil {
		return nil, err
	}
	if !img.Reserved() {
		l.unreserved.Do(func() {
			l.s.say(Notice{Word: WordNeedsYou, Text: "the file system of the spool " + l.s.cfg.Spool + " cannot set room aside for an image",
				Hint: "free space is watched in its place, and a disc waits when others fill it; put the spool on ext4, xfs or btrfs"})
		})
	}
	return img, nil
}

// count is what an image still needs, with what was promised to others and is
// not set aside, and what is free.
func (l *line) count(dir string, sectors int64) (need, free int64, err error) {
	if need, free, _, err = ripper.Room(dir, sectors); err != nil {
		return 0, 0, err
	}
	for _, j := range l.s.allJobs() {
		f := j.file()
		if j.dir == dir || f.Step.atLeast(StepSealed) {
			continue
		}
		// One that cannot be looked at has promised nothing that could be kept.
		if n, _, begun, err := ripper.Room(j.dir, f.Disc.Sectors); err == nil && begun {
			need += n
		}
	}
	return need, free, nil
}

func (s *Station) allJobs() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := make([]*job, 0, len(s.jobs))
	for _, j := range s.jobs {
		jobs = append(jobs, j)
	}
	return jobs
}

// SpoolStatus is the room in the spool.
type SpoolStatus struct {
	Free    int64 `json:"free_bytes"`
	Reserve int64 `json:"reserve_bytes"` // of them stay free
	Waiting int   `json:"waiting"`       // drives whose disc waits for room
	// Message says why the room is not known; empty when it is.
	Message string `json:"message"`
}

func (s *Station) spoolStatus() SpoolStatus {
	st := SpoolStatus{Reserve: s.cfg.Reserve, Waiting: s.line.length()}
	dir := s.cfg.Spool
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Dir(dir) // it is made when the station runs
	}
	var err error
	if _, st.Free, _, err = ripper.Room(dir, 0); err != nil {
		st.Message = err.Error()
	}
	return st
}

// passing reports whether a failure ends by itself or as soon as somebody
// makes room: a full disk, a lock.
func passing(err error) bool {
	return errors.Is(err, catalog.ErrBusy) || full(err)
}

// untilRecorded tries a write again while its failure is a passing one: after
// a while, and at once when room has appeared.
func (s *Station) untilRecorded(ctx context.Context, id string, write func() error) error {
	wait := s.cfg.BackoffMin
	said := ""
	for {
		appeared := s.line.appeared()
		err := write()
		if err == nil || !passing(err) {
			return err
		}
		if text := err.Error(); text != said {
			said = text
			s.say(Notice{ID: id, Word: WordWaitForSpace, Text: text, Hint: "make room on the disk of the spool and the catalog; nothing is lost meanwhile, and it goes on by itself"})
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, s.cfg.BackoffMax, 30*time.Second)
		case <-appeared:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
