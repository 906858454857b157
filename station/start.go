package station

import (
	"errors"

	"ripstation/disc"
)

// StartDisc says what becomes of a disc that lies in a drive when the station
// starts and has no job of its own.
type StartDisc string

const (
	StartRip  StartDisc = "rip"  // it is read like any other
	StartHold StartDisc = "hold" // a person has to ask for it
)

// errHeldAtStart says that a disc was in the drive when the station started,
// and waits for a person.
var errHeldAtStart = errors.New("it was in the drive when the station started, and start.disc is \"hold\"")

// foundAtStart notes which insertion the watcher met when it started.
func (b *bay) foundAtStart(ins disc.Insertion) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.atStart = ins
}

// heldAtStart is errHeldAtStart for a disc that lay in the drive at start and
// that nobody has asked for since.
func (b *bay) heldAtStart(s seen, ask *Request) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.s.cfg.StartDisc != StartHold || ask != nil || b.atStart != s.ins {
		return nil
	}
	return errHeldAtStart
}
