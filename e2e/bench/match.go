package bench

import (
	"strings"

	"ripstation/internal/simdrive"
)

// Match accepts or passes over an event.
type Match func(Event) bool

// Command accepts a drive's command by its standard name, whatever its outcome.
func Command(drive, op string) Match {
	return func(e Event) bool {
		return e.Drive != nil && e.Drive.Kind == simdrive.EventCommand && e.Drive.Drive == drive && e.Drive.Op == op
	}
}

// Done accepts a command that ended with status GOOD.
func Done(drive, op string) Match {
	return And(Command(drive, op), func(e Event) bool { return e.Drive.Err == nil && e.Drive.Status == 0 })
}

// Eject accepts a START STOP UNIT that asks for the tray to open, whatever its
// outcome (MMC-6, 6.42: LoEj without Start).
func Eject(drive string) Match {
	return And(Command(drive, "START STOP UNIT"), func(e Event) bool {
		return len(e.Drive.CDB) > 4 && e.Drive.CDB[4]&0x03 == 0x02
	})
}

// Tray accepts a movement of a drive's tray, or a hand on it, by its words.
func Tray(drive, what string) Match {
	return func(e Event) bool {
		return e.Drive != nil && e.Drive.Kind == simdrive.EventTray && e.Drive.Drive == drive && strings.Contains(e.Drive.Op, what)
	}
}

// ReadOf accepts a command that reads at least one of the sectors from first
// to first+count-1.
func ReadOf(drive string, first, count int64) Match {
	return func(e Event) bool {
		d := e.Drive
		return d != nil && d.Kind == simdrive.EventCommand && d.Drive == drive && d.Count > 0 &&
			strings.HasPrefix(d.Op, "READ") && int64(d.LBA) < first+count && first < int64(d.LBA)+d.Count
	}
}

// S3 accepts an answered request by its operation's name (PutObject,
// UploadPart, ...) and the end of its key, if it succeeded.
func S3(op, keySuffix string) Match {
	return func(e Event) bool {
		return e.S3 != nil && e.S3.Op == op && e.S3.Status/100 == 2 && strings.HasSuffix(e.S3.Key, keySuffix)
	}
}

// And accepts what all accept.
func And(all ...Match) Match {
	return func(e Event) bool {
		for _, m := range all {
			if !m(e) {
				return false
			}
		}
		return true
	}
}
