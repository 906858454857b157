package station

import (
	"testing"
	"time"

	"ripstation/disc"
)

// A bay whose turn it is and that does not come keeps nobody waiting for long.
func TestLineDoesNotWaitForADriveThatHangs(t *testing.T) {
	s := &Station{cfg: Config{Spool: t.TempDir()}}
	s.books = newBooks(s)
	l := newLine(s)
	s.line = l
	places := make([]*place, 3)
	for i := range places {
		places[i] = &place{b: newBay(s, disc.Drive{Key: string(rune('A' + i))}), dir: s.cfg.Spool, turn: make(chan time.Time, 1)}
		l.places = append(l.places, places[i])
		l.wanted.Add(1)
	}
	called := func() (n int) {
		for _, p := range places {
			if len(p.turn) > 0 {
				n++
			}
		}
		return n
	}
	l.call()
	if called() != 1 || len(places[0].turn) != 1 {
		t.Fatalf("%d were called, want the first one alone", called())
	}
	l.call()
	if called() != 1 || l.ahead(places[2].b) != 2 {
		t.Errorf("%d were called while it was the first one's turn", called())
	}
	places[0].called = time.Now().Add(-longestTurn)
	l.call()
	l.call()
	if len(places[1].turn) != 1 || l.length() != 2 || l.ahead(places[2].b) != 1 {
		t.Errorf("the second one was not called after %v; %d in the line", longestTurn, l.length())
	}
	l.leave(places[1].b)
	l.leave(places[1].b)
	if l.call(); len(places[2].turn) != 1 || l.length() != 1 {
		t.Errorf("the third one was not called when the second had left")
	}
}
