// Package systemclock asks the kernel about its clock.
package systemclock

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Synchronised reports whether a time server has set the clock and does so
// still (adjtimex(2), STA_UNSYNC).
func Synchronised() (bool, error) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, fmt.Errorf("ask the kernel for the state of its clock: %w", err)
	}
	return t.Status&unix.STA_UNSYNC == 0, nil
}
