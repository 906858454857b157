package station

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ripstation/disc"
)

// maxFailures bounds drives.failures.
const maxFailures = 1000

// errOnHold says that a drive begins no disc: too many in a row came to no
// good end in it.
var errOnHold = errors.New("the drive is on hold")

// failed takes note of a disc that failed or came out incomplete in this
// drive. One that is read again for a better image counts once; one that fails
// again counts again, so that a tray that closes by itself comes to an end.
func (b *bay) failed(id string, ins disc.Insertion, out Outcome) {
	limit, before, now := b.s.cfg.Failures, "", ""
	if limit == 0 {
		return
	}
	d := b.info()
	b.s.books.change(d, func(r *bayRow) {
		before = b.s.onHold(*r)
		seen := slices.ContainsFunc(r.Failures, func(f bayFailure) bool {
			return f.Insertion == ins || out == OutcomeIncomplete && f.ID == id
		})
		if !seen {
			r.Failures = append(r.Failures, bayFailure{ID: id, Insertion: ins, Outcome: out, Time: time.Now().UTC()})
			r.Failures = r.Failures[max(0, len(r.Failures)-maxFailures):]
		}
		now = b.s.onHold(*r)
	})
	if before == "" && now != "" {
		b.s.say(Notice{Drive: d.Key, Node: d.Node, Word: WordOnHold, Text: now + "; the next disc is not begun", Hint: releaseHint(d)})
	}
}

// worked takes note of a disc that this drive has read: nothing is in a row
// any more.
func (b *bay) worked() {
	if len(b.s.books.row(b.info().Key).Failures) > 0 {
		b.s.books.change(b.info(), func(r *bayRow) { r.Failures = nil })
	}
}

// tally counts a disc whose image was sealed. It may be told again. What
// another drive has read says nothing of this one.
func (b *bay) tally(j *job) {
	f := j.file()
	last := f.Captures[len(f.Captures)-1]
	if f.Sealed == nil || last.Insertion.DriveKey != b.info().Key {
		return
	}
	switch f.Sealed.State {
	case disc.ImageIncomplete:
		b.failed(f.ID, last.Insertion, OutcomeIncomplete)
	case disc.ImageComplete:
		b.worked()
	}
}

// onHold says why a bay holds, and nothing when it does not.
func (s *Station) onHold(r bayRow) string {
	n := len(r.Failures)
	if s.cfg.Failures == 0 || n < s.cfg.Failures {
		return ""
	}
	incomplete := 0
	for _, f := range r.Failures {
		if f.Outcome == OutcomeIncomplete {
			incomplete++
		}
	}
	what := "failed or came out incomplete"
	switch incomplete {
	case 0:
		what = "failed"
	case n:
		what = "came out incomplete"
	}
	if n == 1 {
		return "the last disc in it " + what + ": clean its lens or try it in another drive"
	}
	return fmt.Sprintf("%d discs in a row %s: clean its lens or try them in another drive", n, what)
}

// holds says why this bay holds, and nothing when it does not.
func (b *bay) holds() string { return b.s.onHold(b.s.books.row(b.info().Key)) }

func releaseHint(d disc.Drive) string {
	return "then `ripstation drives release " + driveWord(d) + "`"
}

// mayBegin is errOnHold when the bay holds and the disc is a next one: what was
// begun before is brought to its end.
func (b *bay) mayBegin(ins disc.Insertion) error {
	why := b.holds()
	if why == "" {
		return nil
	}
	for _, j := range b.s.allJobs() {
		if j.file().Insertion == ins {
			return nil
		}
	}
	return fmt.Errorf("%w: %s", errOnHold, why)
}

// release sets a bay free and begins with the disc that lies in it.
func (st *stay) release(ctx context.Context) (was bool) {
	b := st.b
	was = b.holds() != ""
	b.s.books.change(b.info(), func(r *bayRow) { r.Failures = nil })
	if !was {
		return false
	}
	switch {
	case st.now != nil:
	case b.word() == WordOnHold && b.s.lies(b.info().Key):
		st.tries = retries{}
		st.start(ctx)
	case b.word() == WordOnHold:
		b.notice(Notice{Word: WordEmpty, Text: "set free"})
	}
	return true
}

func (b *bay) word() Word {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view.Word
}

// lies reports whether a drive that was heard of has a disc in it.
func (s *Station) lies(driveKey string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.discs[driveKey] != disc.Insertion{}
}

type releaseAsked struct{ answer chan<- bool }

// Release sets a drive free that is on hold, and forgets the discs that failed
// in it in a row. It reports whether it was on hold.
func (s *Station) Release(ctx context.Context, drive string) (was bool, err error) {
	select {
	case <-s.ready:
	case <-s.ended:
		return false, ErrStopping
	case <-ctx.Done():
		return false, ctx.Err()
	}
	b, err := s.find(drive)
	if errors.Is(err, ErrNoDrive) {
		key, known := s.books.keyOf(drive)
		if !known {
			return false, err
		}
		was = s.onHold(s.books.row(key)) != ""
		s.books.change(disc.Drive{Key: key}, func(r *bayRow) { r.Failures = nil })
		return was, nil
	}
	if err != nil {
		return false, err
	}
	answer := make(chan bool, 1)
	b.send(releaseAsked{answer})
	select {
	case was = <-answer:
		return was, nil
	case <-s.ended:
		return false, ErrStopping
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// ReleaseDrive is Release where no station runs: spool is the folder of its
// jobs, failures is drives.failures. known is false when nothing is kept of
// such a drive.
func ReleaseDrive(spoolDir, drive string, failures int) (was, known bool, err error) {
	path := filepath.Join(spoolDir, baysFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	unlock, err := (&spool{dir: spoolDir}).lock()
	if err != nil {
		return false, false, err
	}
	defer unlock()
	s := &Station{cfg: Config{Spool: spoolDir, Failures: failures}}
	rows, err := readBays(path)
	if err != nil {
		return false, false, err
	}
	var wrong error
	k := &books{path: path, rows: rows, wrong: func(err error) { wrong = errors.Join(wrong, err) }}
	key, known := k.keyOf(drive)
	if !known {
		return false, false, nil
	}
	was = s.onHold(k.row(key)) != ""
	k.change(disc.Drive{Key: key}, func(r *bayRow) { r.Failures = nil })
	return was, true, wrong
}
