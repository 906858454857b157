package mmc

import (
	"context"
	"fmt"

	"ripstation/disc"
)

// Mode pages (MMC-6, 7).
const (
	pageErrorRecovery = 0x01
	pageCapabilities  = 0x2A
)

const modeRoom = 252

// MODE SENSE(10) (SPC-4, 6.14): current values, no block descriptors.
func cdbModeSense(page byte, size uint16) []byte {
	b := cdb(opModeSense10, 10)
	b[1] = 0x08
	b[2] = page
	b[7], b[8] = byte(size>>8), byte(size)
	return b
}

// SET CD SPEED (MMC-6, 6.37). Speeds are in kB/s of 1000 bytes; FFFFh is the
// drive's best.
func cdbSetCDSpeed(read uint16) []byte {
	b := cdb(opSetCDSpeed, 12)
	b[2], b[3] = byte(read>>8), byte(read)
	b[4], b[5] = 0xFF, 0xFF
	return b
}

// parseModePage gives one mode page, from its page code on, out of a mode
// parameter list with the 8-byte header of MODE SENSE(10).
func parseModePage(page byte, b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("mode parameters of %d bytes", len(b))
	}
	b = b[:min(len(b), 2+be16(b))]
	if len(b) < 8 {
		return nil, fmt.Errorf("mode parameters of %d bytes", len(b))
	}
	start := 8 + be16(b[6:])
	if start+2 > len(b) || b[start]&0x3F != page {
		return nil, fmt.Errorf("no mode page %02Xh in the answer", page)
	}
	b = b[start:]
	return b[:min(len(b), 2+int(b[1]))], nil
}

func (d *Drive) modePage(ctx context.Context, page byte) ([]byte, error) {
	a, err := d.do(ctx, cdbModeSense(page, modeRoom), make([]byte, modeRoom), noAddress)
	if err != nil {
		return nil, err
	}
	p, err := parseModePage(page, a.data)
	if err != nil {
		return nil, badAnswer("MODE SENSE(10)", err)
	}
	return p, nil
}

// ErrorRecovery is mode page 01h (MMC-6, 7.3).
type ErrorRecovery struct {
	Parameters  byte // AWRE, ARRE, TB, RC, PER, DTE, DCR
	ReadRetries byte
}

func parseErrorRecovery(p []byte) (ErrorRecovery, error) {
	if len(p) < 4 {
		return ErrorRecovery{}, shortAnswer("MODE SENSE(10)", len(p))
	}
	return ErrorRecovery{Parameters: p[2], ReadRetries: p[3]}, nil
}

// ErrorRecovery asks how the drive treats read errors.
func (d *Drive) ErrorRecovery(ctx context.Context) (ErrorRecovery, error) {
	p, err := d.modePage(ctx, pageErrorRecovery)
	if err != nil {
		return ErrorRecovery{}, err
	}
	return parseErrorRecovery(p)
}

// Capabilities is mode page 2Ah (MMC-3, 6.3.11; legacy, and answered by every
// drive). Speeds are in kB/s of 1000 bytes, 0 when not told.
type Capabilities struct {
	Loading      byte // 0 caddy, 1 tray, 2 pop-up, 4 and 5 changer
	CanEject     bool
	Locked       bool
	MaxRead      int
	CurrentRead  int
	BufferKBytes int
}

func parseCapabilities(p []byte) (Capabilities, error) {
	if len(p) < 8 {
		return Capabilities{}, shortAnswer("MODE SENSE(10)", len(p))
	}
	c := Capabilities{Loading: p[6] >> 5, CanEject: p[6]&0x08 != 0, Locked: p[6]&0x02 != 0}
	if len(p) >= 14 {
		c.MaxRead, c.BufferKBytes = be16(p[8:]), be16(p[12:])
	}
	if len(p) >= 16 {
		c.CurrentRead = be16(p[14:])
	}
	return c, nil
}

// Capabilities asks for speeds, lock and loading mechanism.
func (d *Drive) Capabilities(ctx context.Context) (Capabilities, error) {
	p, err := d.modePage(ctx, pageCapabilities)
	if err != nil {
		return Capabilities{}, err
	}
	return parseCapabilities(p)
}

// SetSpeed asks for a read speed in kB/s of 1000 bytes as the drive counts
// them (CD 1x is 176, since it counts whole raw sectors); 0 is the drive's best.
// The drive takes what comes nearest, or refuses (class refused).
func (d *Drive) SetSpeed(ctx context.Context, kBps int) error {
	if kBps < 0 || kBps > 0xFFFF {
		return &disc.ReadError{Op: "SET CD SPEED", Class: disc.ClassRefused, LBA: -1, Err: fmt.Errorf("speed %d kB/s: must be from 0 to 65535", kBps)}
	}
	if kBps == 0 {
		kBps = 0xFFFF
	}
	_, err := d.do(ctx, cdbSetCDSpeed(uint16(kBps)), nil, noAddress)
	return err
}
