package station

import (
	"strings"
	"testing"
	"time"

	"ripstation/disc"
)

// A bay that does not go on without a person is on the list, with what it says
// can be done; one that works, waits for a store or gave its disc back is not.
func TestBaysThatWantAPerson(t *testing.T) {
	for word, wants := range map[Word]bool{WordNeedsYou: true, WordDriveFault: true, WordEjectFailed: true, WordFailed: true, WordHeld: true, WordHeldAtStart: true,
		WordOnHold: true, WordReading: false, WordEmpty: false, WordSending: false, WordEjected: false, WordWaitForSpace: false} {
		b := BayStatus{Drive: disc.Drive{Key: "K", Node: "/dev/sr1"}, Word: word, Text: "why", Hint: "do this", Since: time.Unix(1, 0)}
		got := b.wanting()
		if len(got) > 0 != wants {
			t.Errorf("%s: %+v", word, got)
		}
		for _, w := range got {
			if w.Kind != WantingBay || w.Place != "/dev/sr1" || w.Since == nil || !strings.Contains(w.Reasons[0], "why") || w.Actions[0] != "do this" {
				t.Errorf("%s: %+v", word, w)
			}
		}
	}
}
