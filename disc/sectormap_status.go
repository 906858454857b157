package disc

import "fmt"

// Status is what is known of one sector.
type Status uint8

const (
	StatusUntried    Status = iota // nothing was tried
	StatusSkipped                  // jumped over, or read without success and to be tried again
	StatusUnreadable               // every try that was planned gave a medium error
	StatusProtected                // the drive refuses it for copy protection
	StatusUnrecorded               // the disc holds no recording there: nothing is missing
	StatusSuspect                  // read after it had failed, and not yet read twice alike
	StatusContested                // two reads gave different bytes; the image holds the first
	StatusRead                     // read without errors, or twice alike
)

var statusNames = [...]string{
	StatusUntried: "untried", StatusSkipped: "skipped", StatusUnreadable: "unreadable", StatusProtected: "protected",
	StatusUnrecorded: "unrecorded", StatusSuspect: "suspect", StatusContested: "contested", StatusRead: "read",
}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// ParseStatus is the status of that name.
func ParseStatus(name string) (Status, error) {
	for s, n := range statusNames {
		if n == name {
			return Status(s), nil
		}
	}
	return 0, fmt.Errorf("%.20q is not the name of a sector status", name)
}

// MarshalText gives the status's name.
func (s Status) MarshalText() ([]byte, error) {
	if int(s) >= len(statusNames) {
		return nil, fmt.Errorf("there is no sector status %d", uint8(s))
	}
	return []byte(statusNames[s]), nil
}

// UnmarshalText takes the status's name.
func (s *Status) UnmarshalText(b []byte) (err error) {
	*s, err = ParseStatus(string(b))
	return err
}

// HasBytes reports whether the image holds bytes of such a sector.
func (s Status) HasBytes() bool { return s >= StatusSuspect }

// Statuses is a set of statuses.
type Statuses uint16

// MissingStatuses are those of sectors of which the image holds no bytes though the disc
// should have some. DataStatuses are those of which it holds some.
const (
	MissingStatuses Statuses = 1<<StatusUntried | 1<<StatusSkipped | 1<<StatusUnreadable | 1<<StatusProtected
	DataStatuses    Statuses = 1<<StatusSuspect | 1<<StatusContested | 1<<StatusRead
	// BelievedStatuses are those of sectors whose bytes are the disc's: a contested one's
	// may not be.
	BelievedStatuses Statuses = 1<<StatusSuspect | 1<<StatusRead
)

// SetOf is the set of these statuses.
func SetOf(list ...Status) (set Statuses) {
	for _, s := range list {
		set |= 1 << s
	}
	return set
}

// Has reports whether s is in the set.
func (set Statuses) Has(s Status) bool { return set>>s&1 == 1 }
