package mmc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ripstation/disc"
)

// maxAttentions bounds how many unit attentions in a row are taken for old
// news: a drive keeps a few, one for each reset and change.
const maxAttentions = 8

// readyPoll is how often a drive that is becoming ready is asked again.
const readyPoll = 500 * time.Millisecond

// Additional sense code qualifiers of MEDIUM NOT PRESENT.
const (
	trayClosed = 0x01
	trayOpen   = 0x02
)

// settle sends TEST UNIT READY until its answer is no unit attention. It gives
// that answer: nil or an error.
func (d *Drive) settle(ctx context.Context) error {
	var err error
	for range maxAttentions {
		if err = d.TestUnitReady(ctx); disc.ClassOf(err) != disc.ClassChanged {
			return err
		}
	}
	return err
}

// Status asks for tray and medium. TEST UNIT READY comes first, since most
// drives say it all in its sense data; MECHANISM STATUS next, because GET EVENT
// STATUS NOTIFICATION takes events away from the kernel, which lives on them.
// A medium that cannot be read is there all the same: TrayLoaded. With an
// error the status is TrayUnknown.
func (d *Drive) Status(ctx context.Context) (disc.TrayStatus, error) {
	err := d.settle(ctx)
	if err == nil {
		return disc.TrayLoaded, nil
	}
	var re *disc.ReadError
	if !errors.As(err, &re) {
		return disc.TrayUnknown, err
	}
	switch re.Class {
	case disc.ClassNotReady:
		return disc.TrayNotReady, nil
	case disc.ClassMedium, disc.ClassRefused, disc.ClassProtected:
		return disc.TrayLoaded, nil
	case disc.ClassGone:
	default:
		return disc.TrayUnknown, err
	}
	switch {
	case re.ASC != ascNoMedium:
		// The drive itself is gone.
		return disc.TrayUnknown, err
	case re.ASCQ == trayClosed:
		return disc.TrayEmpty, nil
	case re.ASCQ == trayOpen:
		return disc.TrayOpen, nil
	}
	return d.trayWithoutMedium(ctx)
}

// trayWithoutMedium tells an open tray from an empty one where the sense data
// of TEST UNIT READY do not.
func (d *Drive) trayWithoutMedium(ctx context.Context) (disc.TrayStatus, error) {
	m, err := d.Mechanism(ctx)
	if fatal(err) {
		return disc.TrayUnknown, err
	}
	if err == nil && m.DoorOpen {
		return disc.TrayOpen, nil
	}
	// Some drives never set the door bit, so a closed door wants a second word.
	event, err := d.MediaEvent(ctx)
	switch {
	case fatal(err):
		return disc.TrayUnknown, err
	case err == nil && event.TrayOpen:
		return disc.TrayOpen, nil
	}
	return disc.TrayEmpty, nil
}

// ready waits until the medium can be accessed, at most ReadyTimeout. It takes
// unit attentions for old news: what is in the drive now is what counts from
// here on. Errors other than not ready are given at once.
func (d *Drive) ready(ctx context.Context) error {
	deadline := d.now().Add(d.ReadyTimeout)
	started := false
	for {
		err := d.settle(ctx)
		var re *disc.ReadError
		if !errors.As(err, &re) || re.Class != disc.ClassNotReady {
			return err
		}
		// 02/04/02: initializing command required. A disc that was spun down.
		if !started && re.ASC == ascNotReady && re.ASCQ == 0x02 {
			started = true
			if _, err := d.do(ctx, cdbStartStop(false), nil, noAddress); fatal(err) && disc.ClassOf(err) != disc.ClassChanged {
				return err
			}
			continue
		}
		if !d.now().Before(deadline) {
			e := *re
			e.Err = fmt.Errorf("the drive was not ready after %s; take the disc out, look at it, and try it again or in another drive", d.ReadyTimeout)
			return &e
		}
		if err := d.sleep(ctx, readyPoll); err != nil {
			return err
		}
	}
}
