package station

import (
	"ripstation/catalog"
	"ripstation/internal/systemclock"
)

// clockState is what a record says of the clock that its times are from.
func clockState() catalog.Clock {
	switch yes, err := systemclock.Synchronised(); {
	case err != nil:
		return catalog.ClockUnknown
	case yes:
		return catalog.ClockSynchronised
	default:
		return catalog.ClockFree
	}
}
