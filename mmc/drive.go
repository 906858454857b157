package mmc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"ripstation/disc"
)

// SAM-5 status codes (5.3.1).
const (
	statusGood    = 0x00
	statusCheck   = 0x02
	statusBusy    = 0x08
	statusSetFull = 0x28
	statusMask    = 0x3E // without the reserved and vendor bits
)

// Drive is one optical drive behind a Transport. Its methods may be called
// from several goroutines; their commands take turns. Every error is or
// wraps a *disc.ReadError, except ctx's own.
type Drive struct {
	// ReadyTimeout bounds the wait for a medium that is becoming ready;
	// EjectTimeout the wait for the tray to report itself open. Both may be
	// set before the first call.
	ReadyTimeout time.Duration
	EjectTimeout time.Duration

	t     Transport
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	// hasRead is set when a READ has succeeded on this drive, after which a
	// refusal of the command itself is a sick drive's answer.
	hasRead atomic.Bool
	medium  atomic.Pointer[disc.Medium] // as last identified; reads have their deadline by it
}

func (d *Drive) mediumNow() disc.Medium {
	if m := d.medium.Load(); m != nil {
		return *m
	}
	return disc.MediumUnknown
}

// New makes a Drive of a Transport. It sends nothing.
func New(t Transport) *Drive {
	return &Drive{ReadyTimeout: 60 * time.Second, EjectTimeout: 10 * time.Second, t: t, now: time.Now, sleep: sleep}
}

// Close closes the Transport.
func (d *Drive) Close() error { return d.t.Close() }

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// answer is a command's outcome when the drive gave one.
type answer struct {
	data  []byte // what was transferred
	sense Sense  // set for a recovered error
}

// do sends one command and turns everything but success into a
// *disc.ReadError. data is the room for the answer, nil for none; asked the
// sectors that it is about, or noAddress.
func (d *Drive) do(ctx context.Context, cdb, data []byte, asked disc.Extent) (answer, error) {
	cmd := &Command{CDB: cdb, Data: data}
	if len(data) > 0 {
		cmd.Dir = FromDrive
	}
	op, err := permit(cmd)
	if err != nil {
		return answer{}, err
	}
	cmd.Timeout = op.deadline(cdb, d.mediumNow(), asked)
	start := d.now()
	res, err := d.t.Do(ctx, cmd)
	took := d.now().Sub(start)
	if err != nil {
		return answer{}, transportError(err, op.name, asked.Start)
	}
	if res.Transferred < 0 || res.Transferred > len(data) {
		return answer{}, &disc.ReadError{Op: op.name, Class: disc.ClassTransport, LBA: asked.Start,
			Err: fmt.Errorf("%d bytes moved where %d were asked for", res.Transferred, len(data))}
	}
	got := answer{data: data[:res.Transferred]}
	switch res.Status & statusMask {
	case statusGood:
		return got, nil
	case statusCheck:
	case statusBusy, statusSetFull:
		return answer{}, &disc.ReadError{Op: op.name, Class: disc.ClassNotReady, LBA: asked.Start, Err: errors.New("the drive is busy")}
	default:
		return answer{}, &disc.ReadError{Op: op.name, Class: disc.ClassTransport, LBA: asked.Start, Err: fmt.Errorf("SCSI status %02Xh", res.Status)}
	}
	sense, ok := ParseSense(res.Sense)
	if !ok {
		return answer{}, &disc.ReadError{Op: op.name, Class: disc.ClassTransport, LBA: asked.Start, Err: errors.New("the command failed and the drive did not say why")}
	}
	class := Classify(sense, took)
	if class == 0 {
		got.sense = sense
		return got, nil
	}
	return answer{}, senseError(op.name, class, sense, asked)
}

// noAddress is what a command without an address asks for.
var noAddress = disc.Extent{Start: -1}

// senseError is the error of a CHECK CONDITION.
func senseError(op string, class disc.Class, s Sense, asked disc.Extent) error {
	e := &disc.ReadError{Op: op, Class: class, Key: s.Key, ASC: s.ASC, ASCQ: s.ASCQ, LBA: s.sectorIn(asked)}
	switch {
	case s.Deferred:
		e.LBA = -1
		e.Err = errDeferred
	case class == disc.ClassWedged:
		e.Err = errors.New("the drive reports a fault of its own, not of the disc; eject the disc, then switch the drive off and on")
	case class == disc.ClassProtected:
		e.Err = errors.New("the drive refuses for copy protection; this is not damage")
	case class == disc.ClassRefused && s.ASC == ascIncompatible:
		e.Err = errors.New("the drive cannot read this kind of disc, or cannot make out what it is; try another drive")
	}
	return e
}

// errDeferred marks the error of an earlier command, reported with this one
// (SPC-4, 4.5.5). This one was not carried out.
var errDeferred = errors.New("the error belongs to an earlier command")

// transportError makes sure that an error of the Transport names the command
// and the sector. The Transport itself cannot know the sector.
func transportError(err error, op string, address disc.LBA) error {
	var re *disc.ReadError
	if !errors.As(err, &re) {
		return err
	}
	e := *re
	if e.Op == "" {
		e.Op = op
	}
	if e.LBA <= 0 {
		e.LBA = address
	}
	return &e
}

// fatal reports whether err ends what is being done: after it no further
// command can be trusted to speak of the same disc, or to be answered at all.
// The other classes mean only that this one answer cannot be had.
func fatal(err error) bool {
	switch disc.ClassOf(err) {
	case disc.ClassMedium, disc.ClassProtected, disc.ClassRefused, disc.ClassNotReady:
		return false
	}
	return err != nil
}
