package bench

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"ripstation/internal/simdrive"
)

// Event is one thing that happened on the host's side of the bench: a drive's
// command or movement, an S3 request, or what a test noted. Exactly one of
// Drive, S3 and Note is set. Seq rises by one with each event, whatever its
// source, so that it tells what came before what.
type Event struct {
	Seq   int
	At    time.Time
	Drive *simdrive.Event
	S3    *Request
	Note  string
}

func (e Event) String() string {
	at := e.At.UTC().Format("15:04:05.000")
	switch {
	case e.Drive != nil:
		return fmt.Sprintf("%6d %s", e.Seq, e.Drive)
	case e.S3 != nil:
		return fmt.Sprintf("%6d %s s3 %s", e.Seq, at, e.S3)
	}
	return fmt.Sprintf("%6d %s -- %s", e.Seq, at, e.Note)
}

// Log is the one host-side log. Events are only ever added.
type Log struct {
	mu      sync.Mutex
	events  []Event
	changed chan struct{}
}

// NewLog returns an empty log.
func NewLog() *Log { return &Log{changed: make(chan struct{})} }

func (l *Log) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Seq, e.At = len(l.events), time.Now()
	l.events = append(l.events, e)
	close(l.changed)
	l.changed = make(chan struct{})
}

// OfDrive is the sink for a simulated drive's log.
func (l *Log) OfDrive(e simdrive.Event) { l.add(Event{Drive: &e}) }

// Note adds a line of a test's own.
func (l *Log) Note(format string, args ...any) { l.add(Event{Note: fmt.Sprintf(format, args...)}) }

// Mark is the Seq that the next event will have.
func (l *Log) Mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// Since gives the events from Seq from on that match accepts; a nil match
// accepts all.
func (l *Log) Since(from int, match Match) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Event
	for _, e := range l.events[min(from, len(l.events)):] {
		if match == nil || match(e) {
			out = append(out, e)
		}
	}
	return out
}

// First gives the first event from Seq from on that match accepts.
func (l *Log) First(from int, match Match) (Event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events[min(from, len(l.events)):] {
		if match(e) {
			return e, true
		}
	}
	return Event{}, false
}

// Await gives the first event from Seq from on that match accepts, as soon as
// it is there.
func (l *Log) Await(ctx context.Context, from int, what string, match Match) (Event, error) {
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if e, ok := l.First(from, match); ok {
			return e, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// Step is one event that a story must have.
type Step struct {
	What  string
	Match Match
}

// Order finds the steps in the log from Seq from on, each after the one
// before. It gives the events, and an error that names the first step that is
// not there or that came too early.
func (l *Log) Order(from int, steps ...Step) ([]Event, error) {
	var found []Event
	at := from
	for i, s := range steps {
		e, ok := l.First(at, s.Match)
		if !ok {
			early, was := l.First(from, s.Match)
			switch {
			case was && i > 0:
				return found, fmt.Errorf("%s came at %d, before %s at %d", s.What, early.Seq, steps[i-1].What, found[i-1].Seq)
			default:
				return found, fmt.Errorf("%s is not in the log", s.What)
			}
		}
		found = append(found, e)
		at = e.Seq + 1
	}
	return found, nil
}

// Text gives the log from Seq from on for people: runs of good reads, and of
// what a kernel asks a drive all day, are folded into one line.
func (l *Log) Text(from int) string {
	var b strings.Builder
	var last string
	folded := 0
	flush := func() {
		if folded > 0 {
			fmt.Fprintf(&b, "       ... and %d more of these\n", folded)
		}
		folded = 0
	}
	for _, e := range l.Since(from, nil) {
		kind := chatter(e)
		if kind != "" && kind == last {
			folded++
			continue
		}
		flush()
		last = kind
		fmt.Fprintln(&b, e)
	}
	flush()
	return b.String()
}

// chatter names what an event is one of many of, and "" for one that must be
// seen.
func chatter(e Event) string {
	d := e.Drive
	if d == nil || d.Kind != simdrive.EventCommand || d.Err != nil {
		return ""
	}
	switch {
	case d.Count > 0 && d.Status == 0:
		return d.Drive + " reads"
	case len(d.CDB) > 0 && polls[d.CDB[0]]:
		return d.Drive + " polls"
	}
	return ""
}

// polls are TEST UNIT READY, INQUIRY, READ CAPACITY(10), GET CONFIGURATION,
// GET EVENT STATUS NOTIFICATION, and the ATA command udev tries.
var polls = map[byte]bool{0x00: true, 0x12: true, 0x25: true, 0x46: true, 0x4a: true, 0x85: true}
