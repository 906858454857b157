package iscsi

import (
	"context"
	"encoding/binary"
)

const (
	cdbReadCapacity10 = 0x25
	cdbGetEventStatus = 0x4a
	cdbInquiry        = 0x12
	cdbReportLUNs     = 0xa0

	statusGood           = 0x00
	statusCheckCondition = 0x02
)

// attaching stands before a unit while QEMU connects to it. QEMU gives up a
// unit whose READ CAPACITY fails at that moment, which an empty drive's must.
// So until the guest's own kernel has shown itself, by its first GET EVENT
// STATUS NOTIFICATION, a READ CAPACITY that would fail for want of a medium is
// answered with one block of 2048 bytes. QEMU never sends that command itself.
type attaching struct {
	unit  Unit
	guest bool // only the session's one executor touches it
}

func (a *attaching) Execute(ctx context.Context, cdb, dataOut []byte, alloc int) (byte, []byte, []byte, error) {
	status, in, sense, err := a.unit.Execute(ctx, cdb, dataOut, alloc)
	switch {
	case err != nil || a.guest || len(cdb) == 0:
	case cdb[0] == cdbGetEventStatus:
		a.guest = true
	case cdb[0] == cdbReadCapacity10 && status == statusCheckCondition && senseKey(sense) == 0x02:
		var one [8]byte
		binary.BigEndian.PutUint32(one[4:], 2048)
		return statusGood, one[:min(len(one), alloc)], nil, nil
	}
	return status, in, sense, err
}

// senseKey reads the key of fixed or descriptor sense (SPC-4, 4.5); FFh if
// there is none.
func senseKey(sense []byte) byte {
	if len(sense) < 3 {
		return 0xff
	}
	switch sense[0] & 0x7f {
	case 0x70, 0x71:
		return sense[2] & 0x0f
	case 0x72, 0x73:
		return sense[1] & 0x0f
	}
	return 0xff
}

// otherLUN answers for every logical unit number but 0, where nothing is
// (SPC-4, 6.6.2: peripheral qualifier 3, type 1Fh).
func otherLUN(cdb []byte, alloc int) (byte, []byte, []byte) {
	if len(cdb) > 0 && cdb[0] == cdbInquiry {
		none := make([]byte, 36)
		none[0], none[4] = 0x7f, 31
		return statusGood, none[:min(len(none), alloc)], nil
	}
	sense := make([]byte, 18)
	sense[0], sense[2], sense[7], sense[12] = 0x70, 0x05, 10, 0x25 // logical unit not supported
	return statusCheckCondition, nil, sense
}
