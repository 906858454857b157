package operator

import (
	"strings"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
)

// Moment is what an entry of the diary tells of.
type Moment string

const (
	Begun   Moment = "begun"   // an act
	Done    Moment = "done"    // an act
	Scan    Moment = "scan"    // of Code; Drive -1: without one
	Closed  Moment = "closed"  // the tray of Drive, with Disc on it
	Opened  Moment = "opened"  // by a person's button or paper clip
	Ejected Moment = "ejected" // by a command
	Taken   Moment = "taken"   // Disc from the open tray of Drive
	Read    Moment = "read"    // many sectors of Disc at once were given to the station
	// Asked says that a person has the station open Drive, or has it read what is
	// in it: Code is "eject" or "rip".
	Asked Moment = "asked"
	// Opening and Closing are of the batch named Code.
	Opening Moment = "batch opened"
	Closing Moment = "batch closed"
	// Corrected is a carrier that was given the identifier Code by a correction of
	// its batch; Decided one of which a person has said Code: "accepted",
	// "rejected", "retry".
	Corrected Moment = "corrected"
	Decided   Moment = "decided"
	Changed   Moment = "changed" // the drive says that it has another insertion, the disc is the same
	Started   Moment = "started" // the station, again
)

// Entry is one thing that happened at the bench.
type Entry struct {
	At      time.Time   `json:"at"`
	What    Moment      `json:"what"`
	Act     int         `json:"act"`
	Drive   int         `json:"drive"`
	Disc    int         `json:"disc"` // -1: none
	Code    string      `json:"code,omitempty"`
	Read    disc.Extent `json:"read,omitzero"`
	Carrier string      `json:"carrier,omitempty"`
	// Insertion is the key of what lies in the drive from now on, where it is known.
	Insertion disc.Insertion `json:"insertion,omitzero"`
}

// longRead is how many sectors a read has that is noted. Shorter ones are
// descriptors, samples, further tries, and what drives a sector out of the
// drive's cache before it is read again.
const longRead = 8

// Heard is what a drive's log says in the words of the diary; Disc is not set.
// False for what the diary passes over.
func Heard(drive int, e simdrive.Event) (Entry, bool) {
	out := Entry{At: e.Time, Act: -1, Drive: drive, Disc: -1}
	switch op := strings.TrimPrefix(e.Op, "button pressed: "); {
	case e.Kind == simdrive.EventTray && (op == "tray closed" || op == "tray pushed in" || strings.HasPrefix(op, "inserted ")):
		out.What = Closed
	case e.Kind == simdrive.EventTray && op == "tray opened" && op == e.Op:
		out.What = Ejected
	case e.Kind == simdrive.EventTray && (op == "tray opened" || op == "tray forced open"):
		out.What = Opened
	case e.Kind == simdrive.EventCommand && strings.HasPrefix(e.Op, "READ(") && e.Count >= longRead:
		out.What, out.Read = Read, disc.Extent{Start: e.LBA, Count: e.Count}
		return out, e.Status == 0 && e.Err == nil
	default:
		return out, false
	}
	return out, true
}

// Arrival is one stay of a disc in a closed drive.
type Arrival struct {
	Disc, Drive int
	From        time.Time
	To          time.Time // when the tray opened; zero: it is still in
	// Ejected: the station opened the tray.
	Ejected bool
	// Insertions are all keys that the drive gave it, where they are known.
	Insertions []disc.Insertion
	Reads      []disc.Extent // that were given to the station
	// Asked is how often a person asked the station to read what is in the drive.
	Asked int
	// Again: the disc was the last one in this drive before, so that it need not
	// count as one that came.
	Again bool
	// Codes are the identifiers that may stand on the disc's carrier for what was
	// scanned around this arrival.
	Codes []string
	// Beside: a scan waited when it came, whosever that was.
	Beside bool
}

// Arrivals reads the diary.
func Arrivals(diary []Entry) (all []*Arrival) {
	in, last := map[int]*Arrival{}, map[int]int{}
	wanted := map[int]time.Time{} // by drive: when a person last asked the station to open it
	for _, e := range diary {
		a := in[e.Drive]
		switch e.What {
		case Closed:
			if e.Disc < 0 {
				continue
			}
			a = &Arrival{Disc: e.Disc, Drive: e.Drive, From: e.At}
			if e.Insertion != (disc.Insertion{}) {
				a.Insertions = append(a.Insertions, e.Insertion)
			}
			was, met := last[e.Drive]
			a.Again, last[e.Drive] = met && was == e.Disc, e.Disc
			in[e.Drive] = a
			all = append(all, a)
		case Changed:
			if a != nil && e.Insertion != (disc.Insertion{}) {
				a.Insertions = append(a.Insertions, e.Insertion)
			}
		case Asked:
			if e.Code == "eject" {
				wanted[e.Drive] = e.At
			} else if a != nil {
				a.Asked++
			}
		case Opened, Ejected:
			if a != nil {
				a.To, a.Ejected = e.At, e.What == Ejected && e.At.Sub(wanted[e.Drive]) > time.Minute
				delete(in, e.Drive)
			}
		case Read:
			if a != nil {
				a.Reads = append(a.Reads, e.Read)
			}
		}
	}
	codes(diary, all)
	return all
}

// At is the arrival that was in a drive at a time, nil when none was. slack is
// how far the clocks may be apart.
func At(arrivals []*Arrival, drive int, t time.Time, slack time.Duration) *Arrival {
	for _, a := range arrivals {
		if a.Drive == drive && !t.Before(a.From.Add(-slack)) && (a.To.IsZero() || !t.After(a.To.Add(slack))) {
			return a
		}
	}
	return nil
}
