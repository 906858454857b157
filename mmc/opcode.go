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
	opTestUnitReady     opcode = 0x00
	opRequestSense      opcode = 0x03
	opInquiry           opcode = 0x12
	opStartStopUnit     opcode = 0x1B
	opPreventAllow      opcode = 0x1E
	opReadCapacity      opcode = 0x25
	opRead10            opcode = 0x28
	opReadTOC           opcode = 0x43
	opGetConfiguration  opcode = 0x46
	opGetEventStatus    opcode = 0x4A
	opReadDiscInfo      opcode = 0x51
	opReadTrackInfo     opcode = 0x52
	opModeSense10       opcode = 0x5A
	opRead12            opcode = 0xA8
	opReadDiscStructure opcode = 0xAD
	opSetCDSpeed        opcode = 0xBB
	opMechanismStatus   opcode = 0xBD
	opReadCD            opcode = 0xBE
)

// operation is what is known of one command before it is sent.
type operation struct {
	name    string        // as the standard writes it
	timeout time.Duration // see deadline.go
	data    Direction
}

// operations is the allow-list, and says which kind of deadline each has.
var operations = map[opcode]operation{
	opTestUnitReady:     {"TEST UNIT READY", fromMemory, NoData},
	opRequestSense:      {"REQUEST SENSE", fromMemory, FromDrive},
	opInquiry:           {"INQUIRY", fromMemory, FromDrive},
	opStartStopUnit:     {"START STOP UNIT", spinningUp, NoData},
	opPreventAllow:      {"PREVENT ALLOW MEDIUM REMOVAL", fromMemory, NoData},
	opReadCapacity:      {"READ CAPACITY", fromLeadIn, FromDrive},
	opRead10:            {"READ(10)", oneRead, FromDrive},
	opReadTOC:           {"READ TOC/PMA/ATIP", fromLeadIn, FromDrive},
	opGetConfiguration:  {"GET CONFIGURATION", fromMemory, FromDrive},
	opGetEventStatus:    {"GET EVENT STATUS NOTIFICATION", fromMemory, FromDrive},
	opReadDiscInfo:      {"READ DISC INFORMATION", fromLeadIn, FromDrive},
	opReadTrackInfo:     {"READ TRACK INFORMATION", fromLeadIn, FromDrive},
	opModeSense10:       {"MODE SENSE(10)", fromMemory, FromDrive},
	opRead12:            {"READ(12)", oneRead, FromDrive},
	opReadDiscStructure: {"READ DISC STRUCTURE", fromLeadIn, FromDrive},
	opSetCDSpeed:        {"SET CD SPEED", fromMemory, NoData},
	opMechanismStatus:   {"MECHANISM STATUS", fromMemory, FromDrive},
	opReadCD:            {"READ CD", oneRead, FromDrive},
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
