package mmc

import "context"

// classMedia is the media class of GET EVENT STATUS NOTIFICATION (MMC-6,
// table 281).
const classMedia = 4

// GET EVENT STATUS NOTIFICATION (MMC-6, 6.7), polled, for one class.
func cdbGetEventStatus(class byte, size uint16) []byte {
	b := cdb(opGetEventStatus, 10)
	b[1] = 0x01
	b[4] = 1 << class
	b[7], b[8] = byte(size>>8), byte(size)
	return b
}

// MediaEventCode is what happened since the last time anybody asked (MMC-6,
// table 293).
type MediaEventCode byte

const (
	MediaNoChange     MediaEventCode = 0
	MediaEjectRequest MediaEventCode = 1
	MediaNew          MediaEventCode = 2
	MediaRemoval      MediaEventCode = 3
	MediaChanged      MediaEventCode = 4
)

// MediaEvent is the media class's event and status.
type MediaEvent struct {
	Code     MediaEventCode
	Present  bool // a medium is in the drive
	TrayOpen bool
}

func parseMediaEvent(b []byte) (MediaEvent, error) {
	const op = "GET EVENT STATUS NOTIFICATION"
	// Byte 2: NEA (no event available) and the class that answers.
	if len(b) < 6 || be16(b) < 4 || b[2]&0x80 != 0 || b[2]&0x07 != classMedia {
		return MediaEvent{}, shortAnswer(op, len(b))
	}
	return MediaEvent{Code: MediaEventCode(b[4] & 0x0F), Present: b[5]&0x02 != 0, TrayOpen: b[5]&0x01 != 0}, nil
}

// MediaEvent polls the media class. A drive hands each event out once: whoever
// asks takes it away from the kernel, which asks too.
func (d *Drive) MediaEvent(ctx context.Context) (MediaEvent, error) {
	a, err := d.do(ctx, cdbGetEventStatus(classMedia, 8), make([]byte, 8), noAddress)
	if err != nil {
		return MediaEvent{}, err
	}
	return parseMediaEvent(a.data)
}

// MECHANISM STATUS (MMC-6, 6.11).
func cdbMechanismStatus(size uint16) []byte {
	b := cdb(opMechanismStatus, 12)
	b[8], b[9] = byte(size>>8), byte(size)
	return b
}

// Mechanism is the head of the answer to MECHANISM STATUS.
type Mechanism struct {
	DoorOpen bool
	Fault    bool
	Slots    int // 0 for a drive that is no changer
}

func parseMechanism(b []byte) (Mechanism, error) {
	if len(b) < 8 {
		return Mechanism{}, shortAnswer("MECHANISM STATUS", len(b))
	}
	return Mechanism{Fault: b[0]&0x80 != 0, DoorOpen: b[1]&0x10 != 0, Slots: int(b[5] & 0x3F)}, nil
}

// Mechanism asks for the state of tray and door. Unlike MediaEvent it takes
// nothing away from anybody.
func (d *Drive) Mechanism(ctx context.Context) (Mechanism, error) {
	a, err := d.do(ctx, cdbMechanismStatus(8), make([]byte, 8), noAddress)
	if err != nil {
		return Mechanism{}, err
	}
	return parseMechanism(a.data)
}
