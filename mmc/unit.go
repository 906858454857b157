package mmc

import (
	"context"
	"encoding/binary"
)

// cdb makes a zeroed command descriptor block of n bytes.
func cdb(op opcode, n int) []byte {
	b := make([]byte, n)
	b[0] = byte(op)
	return b
}

func be16(b []byte) int    { return int(binary.BigEndian.Uint16(b)) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

// TEST UNIT READY (SPC-4, 6.47).
func cdbTestUnitReady() []byte { return cdb(opTestUnitReady, 6) }

// REQUEST SENSE (SPC-4, 6.39). size is the room for fixed-format sense data.
func cdbRequestSense(size byte) []byte {
	b := cdb(opRequestSense, 6)
	b[4] = size
	return b
}

// PREVENT ALLOW MEDIUM REMOVAL (MMC-6, 6.16). Only the two forms that allow
// exist here: locking is udev's business.
func cdbAllowRemoval(persistent bool) []byte {
	b := cdb(opPreventAllow, 6)
	if persistent {
		b[4] = 0x02
	}
	return b
}

// START STOP UNIT (MMC-6, 6.42) without IMMED, so that its status is that of
// the movement. eject opens the tray; else the disc is spun up.
func cdbStartStop(eject bool) []byte {
	b := cdb(opStartStopUnit, 6)
	b[4] = 0x01
	if eject {
		b[4] = loadEject
	}
	return b
}

// loadEject is the LOEJ bit: the tray is to move.
const loadEject = 0x02

// TestUnitReady asks whether the medium can be accessed: nil, or an error whose
// class and sense say why not.
func (d *Drive) TestUnitReady(ctx context.Context) error {
	_, err := d.do(ctx, cdbTestUnitReady(), nil, noAddress)
	return err
}

// RequestSense asks for sense data that belong to no command: the state of the
// drive. Key 0 means that all is well.
func (d *Drive) RequestSense(ctx context.Context) (Sense, error) {
	a, err := d.do(ctx, cdbRequestSense(senseRoom), make([]byte, senseRoom), noAddress)
	if err != nil {
		return Sense{}, err
	}
	s, ok := ParseSense(a.data)
	if !ok {
		return Sense{}, shortAnswer("REQUEST SENSE", len(a.data))
	}
	return s, nil
}

// senseRoom is how much sense data every drive gives in fixed form.
const senseRoom = 18
