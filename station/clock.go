package station

import (
	"golang.org/x/sys/unix"

	"ripstation/catalog"
)

// clockState asks the kernel whether a time server has set the clock
// (adjtimex(2), STA_UNSYNC).
func clockState() catalog.Clock {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return catalog.ClockUnknown
	}
	if t.Status&unix.STA_UNSYNC != 0 {
		return catalog.ClockFree
	}
	return catalog.ClockSynchronised
}
