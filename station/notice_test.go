package station

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"ripstation/catalog"
	"ripstation/ripper"
)

// Progress of several drives at once must not push words out of a slow
// listener's queue.
func TestSlowListenerLosesNoWord(t *testing.T) {
	var b board
	notices, stop := b.listen()
	defer stop()
	b.post(Notice{Text: "0"})
	for i := range 3 * maxQueue {
		b.post(Notice{Drive: fmt.Sprint(i % 3), Progress: &Progress{What: "reading", Done: int64(i)}})
	}
	b.post(Notice{Text: "1"})
	words, last := 0, map[string]int64{}
	for words < 2 {
		n := <-notices
		if n.Progress == nil {
			if n.Text != fmt.Sprint(words) {
				t.Fatalf("word %d is %q", words, n.Text)
			}
			words++
			continue
		}
		last[n.Drive] = n.Progress.Done
	}
	for k, done := range last {
		if done < 3*maxQueue-3 {
			t.Errorf("the last progress of drive %s is %d", k, done)
		}
	}
}

func TestPassing(t *testing.T) {
	for _, err := range []error{catalog.ErrBusy, catalog.ErrFull, syscall.ENOSPC, syscall.EDQUOT, ripper.ErrNoSpace} {
		if !passing(fmt.Errorf("write it: %w", err)) {
			t.Errorf("%v does not pass", err)
		}
	}
	for _, err := range []error{nil, catalog.ErrConflict, errParked, errors.New("x"), syscall.EIO} {
		if passing(err) {
			t.Errorf("%v passes", err)
		}
	}
}
