package simdrive

import (
	"fmt"
	"strings"
	"time"

	"ripstation/disc"
)

// EventKind is what an Event tells of.
type EventKind string

const (
	EventCommand EventKind = "command" // a command was answered, or ended without an answer
	EventTray    EventKind = "tray"    // the tray moved, or a hand touched it
	EventFault   EventKind = "fault"   // the drive vanished, came back, hung, was reset
)

// Event is one line of the drive's log: a command with its outcome, or
// something that happened to the drive. Events of one drive come in the order
// of Seq, one at a time, and before the initiator has the answer.
type Event struct {
	Seq      uint64 // counted from 1 in each drive
	Time     time.Time
	Drive    string // Options.Name
	Kind     EventKind
	Nexus    int    // which initiator, counted from 1; 0 for a hand
	Op       string // the command by its standard name, or what happened: "tray opened"
	CDB      []byte
	LBA      disc.LBA // first sector asked for, -1 for a command without an address
	Count    int64    // sectors asked for
	Status   byte     // SAM-5 status
	Sense    []byte   // raw sense data, nil if none
	Err      error    // the command ended without an answer
	Duration time.Duration
}

// String is one line for a log that people read.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s #%d %s", e.Time.UTC().Format("15:04:05.000"), e.Drive, e.Seq, e.Op)
	if e.Kind != EventCommand {
		return b.String()
	}
	if e.LBA >= 0 {
		fmt.Fprintf(&b, " lba=%d count=%d", e.LBA, e.Count)
	}
	switch {
	case e.Err != nil:
		fmt.Fprintf(&b, " no answer: %v", e.Err)
	case len(e.Sense) > 0:
		s, _, _ := parseSense(e.Sense)
		fmt.Fprintf(&b, " status=%02x sense=%02x/%02x/%02x", e.Status, s.Key, s.ASC, s.ASCQ)
	default:
		fmt.Fprintf(&b, " status=%02x", e.Status)
	}
	return b.String()
}
