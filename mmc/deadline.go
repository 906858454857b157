package mmc

import (
	"time"

	"ripstation/disc"
)

// Deadlines by the kind of command. All are generous: on expiry the kernel
// aborts the command and then resets unit, bus and host, which hits every drive
// on that controller, and a USB bridge that was reset once too often answers
// nobody until it is plugged in anew. None is under MinTimeout.
const (
	// fromMemory: a drive answers these without touching the disc. 30 s is what
	// the kernel gives its own; a drive that spins up a heavy disc, or is busy
	// with a command of another program, lets them wait that long.
	fromMemory = 30 * time.Second
	// fromLeadIn: these can send the pickup to the lead-in of a disc that it can
	// hardly follow. Drives were seen to try for half a minute.
	fromLeadIn = 60 * time.Second
	// spinningUp: from standstill to the first focus. A disc with many layers,
	// or a rotten one, is tried at one speed and layer after the other.
	spinningUp = 90 * time.Second
	// movingTray: the disc is braked first, then a worn tray may need a second
	// push.
	movingTray = 60 * time.Second
	// oneRead: a read may begin with a spin-up from standby (12 s on a BD), a
	// cold seek (1.5 s), and end with a unit that the drive gives up (9 s at
	// most in published timings; firmwares that try longer are known).
	oneRead = 60 * time.Second
	// oneUnit is added for every error-correction unit of a read: one that comes
	// back only after errors took 1.6 to 2.6 s.
	oneUnit = 3 * time.Second
)

// deadline is how long a command may take in the drive. medium is what is in
// it as far as it is known, asked the sectors that a read is about.
func (op operation) deadline(cdb []byte, medium disc.Medium, asked disc.Extent) time.Duration {
	switch cdb[0] {
	case byte(opRead10), byte(opRead12), byte(opReadCD):
		return op.timeout + units(medium, asked)*oneUnit
	case byte(opStartStopUnit):
		if len(cdb) > 4 && cdb[4]&loadEject != 0 {
			return movingTray
		}
	}
	return op.timeout
}

// units is how many error-correction units an extent touches at most. On a
// medium that is not known each sector is its own, as on a CD.
func units(medium disc.Medium, e disc.Extent) time.Duration {
	each := int64(1)
	if medium == disc.MediumDVD || medium == disc.MediumBD {
		each = medium.ECCSectors()
	}
	n := max(e.Count, 1)
	if each == 1 {
		return time.Duration(n)
	}
	first, last := int64(e.Start)/each, (int64(e.Start)+n-1)/each
	return time.Duration(last - first + 1)
}
