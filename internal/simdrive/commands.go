package simdrive

import (
	"context"
	"encoding/binary"
)

// opRead12 has a longer count than READ(10), in another place.
const opRead12 = 0xA8

// commands are the operation codes the drive carries out (SPC-4, MMC-6,
// INF-8090). Every other one is refused with 05/20/00.
var commands map[byte]command

func init() {
	commands = map[byte]command{
		0x00: {name: "TEST UNIT READY", size: 6, medium: true, run: runTestUnitReady},
		0x03: {name: "REQUEST SENSE", size: 6, always: true, run: runRequestSense},
		0x12: {name: "INQUIRY", size: 6, always: true, run: runInquiry},
		0x1A: {name: "MODE SENSE(6)", size: 6, run: runModeSense6},
		0x1B: {name: "START STOP UNIT", size: 6, run: runStartStop},
		0x1E: {name: "PREVENT ALLOW MEDIUM REMOVAL", size: 6, run: runPreventAllow},
		0x25: {name: "READ CAPACITY", size: 10, medium: true, run: runReadCapacity},
		0x28: {name: "READ(10)", size: 10, medium: true, run: runRead},
		0x43: {name: "READ TOC/PMA/ATIP", size: 10, medium: true, run: runReadTOC},
		0x46: {name: "GET CONFIGURATION", size: 10, always: true, run: runGetConfiguration},
		0x4A: {name: "GET EVENT STATUS NOTIFICATION", size: 10, always: true, run: runGetEventStatus},
		0x51: {name: "READ DISC INFORMATION", size: 10, medium: true, run: runReadDiscInformation},
		0x52: {name: "READ TRACK INFORMATION", size: 10, medium: true, run: runReadTrackInformation},
		0x55: {name: "MODE SELECT(10)", size: 10, run: runModeSelect10},
		0x5A: {name: "MODE SENSE(10)", size: 10, run: runModeSense10},
		0xA0: {name: "REPORT LUNS", size: 12, always: true, run: runReportLUNs},
		0xA8: {name: "READ(12)", size: 12, medium: true, run: runRead},
		0xAC: {name: "GET PERFORMANCE", size: 12, medium: true, run: runGetPerformance},
		0xAD: {name: "READ DISC STRUCTURE", size: 12, medium: true, run: runReadDiscStructure},
		0xB6: {name: "SET STREAMING", size: 12, run: runSetStreaming},
		0xBB: {name: "SET CD SPEED", size: 12, run: runSetCDSpeed},
		0xBD: {name: "MECHANISM STATUS", size: 12, run: runMechanismStatus},
		0xBE: {name: "READ CD", size: 12, medium: true, run: runReadCD},
	}
}

// writing are the operation codes that would write, format, blank or close.
// They are refused like any unknown one, and counted.
var writing = map[byte]string{
	0x04: "FORMAT UNIT",
	0x0A: "WRITE(6)",
	0x19: "ERASE(6)",
	0x2A: "WRITE(10)",
	0x2C: "ERASE(10)",
	0x2E: "WRITE AND VERIFY(10)",
	0x35: "SYNCHRONIZE CACHE(10)",
	0x3B: "WRITE BUFFER",
	0x3F: "WRITE LONG(10)",
	0x41: "WRITE SAME(10)",
	0x53: "RESERVE TRACK",
	0x54: "SEND OPC INFORMATION",
	0x58: "REPAIR TRACK",
	0x5B: "CLOSE TRACK SESSION",
	0x5D: "SEND CUE SHEET",
	0x8A: "WRITE(16)",
	0x8E: "WRITE AND VERIFY(16)",
	0x91: "SYNCHRONIZE CACHE(16)",
	0x93: "WRITE SAME(16)",
	0xA1: "BLANK",
	0xAA: "WRITE(12)",
	0xAE: "WRITE AND VERIFY(12)",
	0xBF: "SEND DISC STRUCTURE",
}

var be = binary.BigEndian

// cut obeys an allocation length: no more than that many bytes.
func cut(b []byte, alloc int) []byte { return b[:min(len(b), alloc)] }

func alloc16(b []byte) int { return int(be.Uint16(b)) }

func runTestUnitReady(context.Context, *Drive, *task) ([]byte, *check, error) {
	return nil, nil, nil
}

// runRequestSense gives the waiting unit attention, else why the medium is
// not ready, else no sense (SPC-4, 6.39; 5.12 for pollable sense data).
func runRequestSense(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	c := &check{}
	if len(t.n.attentions) > 0 {
		c.Sense = t.n.attentions[0]
		t.n.attentions = t.n.attentions[1:]
	} else if nr := d.notReady(); nr != nil {
		c = nr
	}
	return cut(encodeSense(*c, t.cdb[1]&1 != 0), int(t.cdb[4])), nil, nil
}

// runReportLUNs gives the one logical unit, number 0 (SPC-4, 6.33).
func runReportLUNs(_ context.Context, _ *Drive, t *task) ([]byte, *check, error) {
	alloc := be.Uint32(t.cdb[6:])
	if t.cdb[2] > 2 || alloc < 16 {
		return nil, refuse(SenseInvalidField), nil
	}
	b := make([]byte, 16)
	b[3] = 8
	return b, nil, nil
}
