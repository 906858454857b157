package mmc

import (
	"context"
	"time"
)

// Direction is which way a command's data go.
type Direction uint8

const (
	NoData Direction = iota
	FromDrive
	ToDrive
)

// Command is one SCSI command descriptor block with its data buffer.
type Command struct {
	CDB     []byte // 6, 10, 12 or 16 bytes
	Dir     Direction
	Data    []byte        // filled (FromDrive) or sent (ToDrive)
	Timeout time.Duration // at least MinTimeout
}

// Result is the drive's answer to a command that reached it.
type Result struct {
	Status      byte   // SAM-5 status: 00h GOOD, 02h CHECK CONDITION, 08h BUSY
	Sense       []byte // raw sense data, fixed (70h, 71h) or descriptor (72h, 73h) format; nil if none
	Transferred int    // bytes moved
}

// Transport carries SCSI commands to one logical unit, one at a time. A
// CHECK CONDITION is a Result, not an error; an error is a *disc.ReadError and
// means that the command has no trustworthy answer (class transport, gone,
// permission or wedged).
type Transport interface {
	Do(ctx context.Context, cmd *Command) (Result, error)
	Close() error
}

// MinTimeout is the shortest deadline a command is given: a shorter one makes
// the kernel reset the bus, and with it every drive on it.
const MinTimeout = 10 * time.Second
