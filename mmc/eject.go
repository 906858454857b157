package mmc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ripstation/disc"
)

// trayPoll is how often the tray is looked at after START STOP UNIT.
const trayPoll = 250 * time.Millisecond

// Eject unlocks the tray, opens it, and returns nil only when the drive reports
// it open. udev locks the tray when a disc arrives, and the kernel's own eject
// call does nothing on a locked one without saying so.
//
// A drive that pulls discs in through a slot has no tray to report: there,
// no medium where one was before counts as ejected, after EjectTimeout.
//
// A unit attention stops it with class changed before the tray moves: the disc
// in the drive may be another one than the caller means.
func (d *Drive) Eject(ctx context.Context) error {
	before, err := d.trayNow(ctx)
	if err != nil {
		return notEjected(err)
	}
	for _, persistent := range []bool{false, true} {
		// A drive without a lock, or without the persistent one, refuses; then
		// START STOP UNIT has the last word.
		_, err := d.do(ctx, cdbAllowRemoval(persistent), nil, noAddress)
		if fatal(err) {
			return notEjected(err)
		}
	}
	if _, err := d.do(ctx, cdbStartStop(true), nil, noAddress); err != nil {
		return notEjected(err)
	}
	return d.confirmOpen(ctx, before)
}

// trayNow is Status for an eject: it takes no unit attention for old news.
func (d *Drive) trayNow(ctx context.Context) (disc.TrayStatus, error) {
	if err := d.TestUnitReady(ctx); disc.ClassOf(err) == disc.ClassChanged {
		return disc.TrayUnknown, err
	}
	return d.Status(ctx)
}

// confirmOpen polls the tray until it is open.
func (d *Drive) confirmOpen(ctx context.Context, before disc.TrayStatus) error {
	deadline := d.now().Add(d.EjectTimeout)
	for {
		after, err := d.Status(ctx)
		if err != nil {
			return notEjected(err)
		}
		if after == disc.TrayOpen {
			return nil
		}
		if !d.now().Before(deadline) {
			if after == disc.TrayEmpty && (before == disc.TrayLoaded || before == disc.TrayNotReady) {
				return nil
			}
			return notEjected(&disc.ReadError{Op: "START STOP UNIT", Class: disc.ClassNotReady, LBA: -1,
				Err: fmt.Errorf("the drive took the command, but %s later its tray is reported as %s", d.EjectTimeout, after)})
		}
		if err := d.sleep(ctx, trayPoll); err != nil {
			return err
		}
	}
}

// notEjected says in plain words that the tray is still shut. The class of the
// cause stays.
func notEjected(cause error) error {
	var re *disc.ReadError
	if !errors.As(cause, &re) {
		return cause
	}
	if re.Class == disc.ClassChanged {
		return fmt.Errorf("the tray was not opened, because the drive reports a change and the disc in it may be another one: %w", cause)
	}
	return fmt.Errorf("the tray was not opened; press the drive's button, and if it stays shut use the emergency hole: %w", cause)
}
