package mmc

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// Host status: why the way to the drive failed (the kernel's scsi_status.h).
const (
	didOK          = 0x00
	didNoConnect   = 0x01
	didTimeOut     = 0x03
	didBadTarget   = 0x04
	didTargetFail  = 0x10 // from here to didMediumError: the kernel's reading
	didMediumError = 0x13 // of the sense data, which is passed on as well
	driverSense    = 0x08 // sense data are there; no failure of its own
	driverTimeout  = 0x06
	driverMask     = 0x0F
)

// verdict looks at everything that SG_IO reports, in the order in which the
// parts outrank each other: errno; the info word; status, host status, driver
// status; sense data; residual. Any of them alone can hide a failure.
func verdict(op operation, c *sgCall, errno unix.Errno) (Result, error) {
	fail := func(class disc.Class, err error) (Result, error) {
		return Result{}, &disc.ReadError{Op: op.name, Class: class, LBA: -1, Err: err}
	}
	if errno != 0 {
		return fail(errnoClass(errno), withHint(errno))
	}
	r := c.reply
	moved := len(c.data) - int(r.resid)
	if r.resid < 0 || moved < 0 {
		return fail(disc.ClassTransport, fmt.Errorf("the kernel reports %d bytes not moved of %d", r.resid, len(c.data)))
	}
	res := Result{Status: r.status & statusMask, Transferred: moved}
	if res.Status == statusGood {
		res.Status = r.maskedStatus << 1 & statusMask
	}
	if n := min(int(r.sbLenWr), len(c.sense)); n > 0 {
		res.Sense = append([]byte(nil), c.sense[:n]...)
	}
	sense, ok := ParseSense(res.Sense)
	sensed := ok && sense.Key != keyNoSense
	if r.info&sgInfoOKMask == sgInfoOK && res.Status == statusGood && r.hostStatus == didOK && r.driverStatus&driverMask == 0 && !sensed {
		return res, nil
	}
	switch host := r.hostStatus; {
	case host == didOK:
	case host >= didTargetFail && host <= didMediumError && sensed:
		// Sense data decide, below.
	case host == didNoConnect, host == didBadTarget:
		return fail(disc.ClassGone, errors.New("the drive is not there any more; is it still plugged in and switched on?"))
	case host == didTimeOut:
		return fail(disc.ClassWedged, errors.New("the drive did not answer in time and the kernel gave the command up; switch the drive off and on"))
	default:
		return fail(disc.ClassTransport, fmt.Errorf("host status %02Xh; look at the cable and the USB hub", host))
	}
	switch driver := r.driverStatus & driverMask; driver {
	case 0, driverSense:
	case driverTimeout:
		return fail(disc.ClassWedged, errors.New("the kernel's driver gave the command up for time; switch the drive off and on"))
	default:
		return fail(disc.ClassTransport, fmt.Errorf("driver status %02Xh", driver))
	}
	if sensed && res.Status == statusGood {
		// Some bridges send sense data with GOOD. They count.
		res.Status = statusCheck
	}
	if res.Status == statusGood {
		return fail(disc.ClassTransport, errors.New("the kernel reports a failed command without saying how"))
	}
	return res, nil
}

// errnoClass is the class of an error of open or ioctl.
func errnoClass(err error) disc.Class {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return disc.ClassPermission
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENOMEDIUM):
		return disc.ClassGone
	case errors.Is(err, unix.ETIMEDOUT):
		return disc.ClassWedged
	case errors.Is(err, unix.ENOTTY):
		return disc.ClassRefused
	}
	return disc.ClassTransport
}

// withHint adds what to do next where it is known.
func withHint(err error) error {
	switch errnoClass(err) {
	case disc.ClassPermission:
		return fmt.Errorf("%w; the user must be in the group that owns the node (cdrom), and the node must be open for reading and writing", err)
	case disc.ClassGone:
		return fmt.Errorf("%w; is the drive plugged in and switched on?", err)
	}
	return err
}

func openError(path string, class disc.Class, err error) error {
	return &disc.ReadError{Op: "open " + path, Class: class, LBA: -1, Err: err}
}
