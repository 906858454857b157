package station

import (
	"sync"
	"time"
)

// Notice is one step of a disc's story, as it happens.
type Notice struct {
	Time  time.Time `json:"time"`
	Drive string    `json:"drive"` // key of the drive, empty when none is concerned
	Node  string    `json:"node"`
	ID    string    `json:"id"` // the carrier, empty before it has one
	Word  Word      `json:"word"`
	Text  string    `json:"text"` // a sentence without the word
	Hint  string    `json:"hint"` // what to do next, or empty
	// Progress is set on notices of work under way; these may be dropped when
	// a listener is slow, others never are.
	Progress *Progress `json:"progress,omitempty"`
	// Final is true on the last notice of a disc in a bay: what Outcome says
	// is how it ended.
	Final   bool    `json:"final"`
	Outcome Outcome `json:"outcome,omitempty"`
}

// Outcome is how a disc's stay in a bay ended.
type Outcome string

const (
	OutcomeDone       Outcome = "done"
	OutcomeIncomplete Outcome = "incomplete" // archived, with sectors missing
	OutcomeAlready    Outcome = "already archived"
	OutcomeNeedsYou   Outcome = "needs you"
	OutcomeFailed     Outcome = "failed"
	OutcomeTakenOut   Outcome = "taken out"
)

// Progress tells how far the work on a disc is.
type Progress struct {
	What    string  `json:"what"` // "reading", "checking", "sending to NAME", "reading back from NAME"
	Pass    string  `json:"pass,omitempty"`
	Done    int64   `json:"done_bytes"`
	Total   int64   `json:"total_bytes"`
	Rate    float64 `json:"bytes_per_second"`
	Missing int64   `json:"sectors_missing"` // not read so far though tried
}

// board hands notices to all who listen.
type board struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
}

// listener keeps what is unread. A notice of progress replaces the one before
// of the same work.
type listener struct {
	mu     sync.Mutex
	queue  []Notice
	wake   chan struct{}
	closed bool
}

// maxQueue bounds what a listener that never reads can hold; what comes after
// is lost to it.
const maxQueue = 10000

func (b *board) post(n Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		l.push(n)
	}
}

func (l *listener) push(n Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := len(l.queue)
	// Only progress is passed over on the way back, so that the order of the words stays.
	for i := k - 1; n.Progress != nil && i >= 0 && l.queue[i].Progress != nil; i-- {
		if q := l.queue[i]; q.Drive == n.Drive && q.ID == n.ID && q.Progress.What == n.Progress.What {
			k = i
			break
		}
	}
	switch {
	case k < len(l.queue):
		l.queue[k] = n
	case k < maxQueue:
		l.queue = append(l.queue, n)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// listen gives notices from now on. The channel is closed after stop.
func (b *board) listen() (notices <-chan Notice, stop func()) {
	l := &listener{wake: make(chan struct{}, 1)}
	out, done := make(chan Notice), make(chan struct{})
	b.mu.Lock()
	if b.listeners == nil {
		b.listeners = map[*listener]struct{}{}
	}
	b.listeners[l] = struct{}{}
	b.mu.Unlock()
	go func() {
		defer close(out)
		for {
			l.mu.Lock()
			batch := l.queue
			l.queue = nil
			l.mu.Unlock()
			for _, n := range batch {
				select {
				case out <- n:
				case <-done:
					return
				}
			}
			if len(batch) > 0 {
				continue
			}
			select {
			case <-l.wake:
			case <-done:
				return
			}
		}
	}()
	var once sync.Once
	return out, func() {
		once.Do(func() {
			b.mu.Lock()
			delete(b.listeners, l)
			b.mu.Unlock()
			close(done)
		})
	}
}
