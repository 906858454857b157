package mmc

import (
	"errors"
	"fmt"
	"time"

	"ripstation/disc"
)

// opcode is the operation code of a command: byte 0 of its CDB.
type opcode byte

// Every operation code that this program can send. A test reads this file and
// holds each constant against the table below and against the codes that
// write.
const (
	opTestUnitReady      opcode = 0x00
	opRequestSense       opcode = 0x03
	opInquiry            opcode = 0x12
	opStartStopUnit      opcode = 0x1B
	opPreventAllow       opcode = 0x1E
	opReadCapacity       opcode = 0x25
	opRead10             opcode = 0x28
	opReadTOC            opcode = 0x43
	opGetConfiguration   opcode = 0x46
	opGetEventStatus     opcode = 0x4A
	opReadDiscInfo       opcode = 0x51
	opReadTrackInfo      opcode = 0x52
	opModeSense10        opcode = 0x5A
	opRead12             opcode = 0xA8
	opReadDiscStructure  opcode = 0xAD
	opSetCDSpeed         opcode = 0xBB
	opMechanismStatus    opcode = 0xBD
	opReadCD             opcode = 0xBE
	noOperationCode             = 0xFF // vendor-specific; never sent
	slowest                     = 60 * time.Second
	quickest                    = MinTimeout
	errRefusedByAllowing        = "operation code %02Xh is not one of those this program may send; nothing was sent"
)

// Deadlines: quick for what a drive answers from its memory, slow for what may
// have to be read from a bad disc or moves a tray. All are generous: on expiry
// the kernel aborts the command and then resets unit, bus and host, which hits
// every drive on that controller.
const (
	quick = MinTimeout
	fair  = 20 * time.Second
	slow  = 60 * time.Second
)

// operation is what is known of one command before it is sent.
type operation struct {
	name    string // as the standard writes it
	timeout time.Duration
	data    Direction
}

// operations is the allow-list, and the one place where deadlines stand.
var operations = map[opcode]operation{
	opTestUnitReady:     {"TEST UNIT READY", quick, NoData},
	opRequestSense:      {"REQUEST SENSE", quick, FromDrive},
	opInquiry:           {"INQUIRY", quick, FromDrive},
	opStartStopUnit:     {"START STOP UNIT", slow, NoData},
	opPreventAllow:      {"PREVENT ALLOW MEDIUM REMOVAL", quick, NoData},
	opReadCapacity:      {"READ CAPACITY", slow, FromDrive},
	opRead10:            {"READ(10)", slow, FromDrive},
	opReadTOC:           {"READ TOC/PMA/ATIP", slow, FromDrive},
	opGetConfiguration:  {"GET CONFIGURATION", fair, FromDrive},
	opGetEventStatus:    {"GET EVENT STATUS NOTIFICATION", quick, FromDrive},
	opReadDiscInfo:      {"READ DISC INFORMATION", slow, FromDrive},
	opReadTrackInfo:     {"READ TRACK INFORMATION", slow, FromDrive},
	opModeSense10:       {"MODE SENSE(10)", fair, FromDrive},
	opRead12:            {"READ(12)", slow, FromDrive},
	opReadDiscStructure: {"READ DISC STRUCTURE", slow, FromDrive},
	opSetCDSpeed:        {"SET CD SPEED", fair, NoData},
	opMechanismStatus:   {"MECHANISM STATUS", quick, FromDrive},
	opReadCD:            {"READ CD", slow, FromDrive},
}

var errNotSent = errors.New("nothing was sent to the drive")

// permit finds the operation of a command, or refuses the command: an
// operation code that is not in the table, or a direction that is not its own.
// Nothing in the table sends data to the drive.
func permit(cmd *Command) (operation, error) {
	if len(cmd.CDB) == 0 {
		return operation{}, &disc.ReadError{Op: "empty command", Class: disc.ClassRefused, LBA: -1, Err: errNotSent}
	}
	op, known := operations[opcode(cmd.CDB[0])]
	if !known {
		return operation{}, &disc.ReadError{Op: fmt.Sprintf("command %02Xh", cmd.CDB[0]), Class: disc.ClassRefused, LBA: -1,
			Err: fmt.Errorf("this program never sends this operation code: %w", errNotSent)}
	}
	if cmd.Dir != NoData && cmd.Dir != op.data {
		return operation{}, &disc.ReadError{Op: op.name, Class: disc.ClassRefused, LBA: -1,
			Err: fmt.Errorf("its data would go the wrong way: %w", errNotSent)}
	}
	return op, nil
}
