package disc

import (
	"errors"
	"fmt"
)

// Class says what a failed drive command means for the disc and the job. The
// rooms branch on it, never on sense bytes.
type Class uint8

const (
	// ClassMedium: the sector is damaged (sense 03/xx, or 01/xx with data lost).
	ClassMedium Class = iota + 1
	// ClassProtected: the drive refuses for copy protection (05/6F/xx). Not damage.
	ClassProtected
	// ClassGone: no medium (02/3A), or the drive itself is no more.
	ClassGone
	// ClassNotReady: becoming ready, or in the middle of a long operation (02/04).
	ClassNotReady
	// ClassWedged: the drive answers fast and wrong, or a call did not come
	// back within its deadline. Not damage; the drive gets no more commands.
	ClassWedged
	// ClassTransport: the way to the drive failed: host or driver status, a
	// short transfer, an aborted command (0B).
	ClassTransport
	// ClassPermission: the kernel's command filter or the node's mode refused.
	ClassPermission
	// ClassChanged: unit attention. The medium may have changed (06/28) or the
	// drive was reset (06/29): pause and identify again.
	ClassChanged
	// ClassRefused: the drive refuses the command or its address (05/20, 05/21,
	// 05/24, 05/64). Not damage.
	ClassRefused
)

var classNames = [...]string{
	ClassMedium: "medium error", ClassProtected: "copy-protected", ClassGone: "no disc",
	ClassNotReady: "not ready", ClassWedged: "drive hangs", ClassTransport: "connection to the drive failed",
	ClassPermission: "permission denied", ClassChanged: "disc or drive changed", ClassRefused: "refused by the drive",
}

func (c Class) String() string {
	if int(c) < len(classNames) && classNames[c] != "" {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// ReadError is what every failed drive command becomes. Key, ASC and ASCQ are
// the sense data (SPC-4, 4.5), zero when there was none. LBA is the address
// that the sense data names when they name one, else the first one asked for;
// -1 for a command without an address.
type ReadError struct {
	Op             string // the command, by its standard name: "READ(10)"
	Class          Class
	Key, ASC, ASCQ byte
	LBA            LBA
	Err            error // what lies below, or nil
}

func (e *ReadError) Error() string {
	s := e.Op + ": " + e.Class.String()
	if e.LBA >= 0 {
		s += fmt.Sprintf(" at sector %d", e.LBA)
	}
	if e.Key|e.ASC|e.ASCQ != 0 {
		s += fmt.Sprintf(" (sense %02x/%02x/%02x)", e.Key, e.ASC, e.ASCQ)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ReadError) Unwrap() error { return e.Err }

// ClassOf is the class of the ReadError in err's chain, or 0 if there is none.
func ClassOf(err error) Class {
	var re *ReadError
	if errors.As(err, &re) {
		return re.Class
	}
	return 0
}
