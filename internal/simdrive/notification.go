package simdrive

import "context"

// mediaEvent is an event of the media class (MMC-6, 6.7.2.6).
type mediaEvent byte

const (
	mediaNoChange     mediaEvent = 0
	mediaEjectRequest mediaEvent = 1
	mediaNew          mediaEvent = 2
	mediaRemoval      mediaEvent = 3
)

// Notification classes (MMC-6, 6.7.2.1), each a bit of the request.
const (
	classOperational = 1
	classPower       = 2
	classExternal    = 3
	classMedia       = 4

	supportedClasses = 1<<classOperational | 1<<classPower | 1<<classExternal | 1<<classMedia
)

// runGetEventStatus answers a polled GET EVENT STATUS NOTIFICATION (MMC-6,
// 6.7): the class of highest priority among those asked for that has an
// event, else the first of them with "no change". Only the media class ever
// has events.
func runGetEventStatus(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	if t.cdb[1]&1 == 0 { // asynchronous operation is not offered
		return nil, refuse(SenseInvalidField), nil
	}
	asked, alloc := t.cdb[4]&supportedClasses, alloc16(t.cdb[7:])
	if asked == 0 {
		return cut([]byte{0, 2, 0x80, supportedClasses}, alloc), nil, nil // NEA
	}
	class := byte(0)
	for c := byte(classOperational); c <= classMedia; c++ {
		if asked&(1<<c) == 0 {
			continue
		}
		if class == 0 || c == classMedia && len(t.n.media) > 0 {
			class = c
		}
	}
	b := []byte{0, 6, class, supportedClasses, 0, 0, 0, 0}
	switch class {
	case classPower:
		b[5] = 1 // active
		if d.idle {
			b[5] = 3 // standby
		}
	case classMedia:
		event := mediaNoChange
		// An event that the initiator has no room for stays (6.7.2.2).
		if len(t.n.media) > 0 {
			event = t.n.media[0]
			if alloc > 4 && t.max > 4 {
				t.n.media = t.n.media[1:]
			}
		}
		b[4] = byte(event)
		if d.tray == trayClosed && d.disc != nil {
			b[5] |= 2
		}
		if d.tray == trayOpen {
			b[5] |= 1
		}
	}
	return cut(b, alloc), nil, nil
}

// runMechanismStatus answers MECHANISM STATUS (MMC-6, 6.11) for a drive
// without a changer: 8 bytes, no slots.
func runMechanismStatus(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	b := make([]byte, 8)
	if d.tray == trayOpen {
		b[1] = 1 << 4
	}
	next := d.head.next
	b[2], b[3], b[4] = byte(next>>16), byte(next>>8), byte(next)
	return cut(b, alloc16(t.cdb[8:])), nil, nil
}

// runPreventAllow locks or unlocks the tray for this initiator (MMC-6, 6.14).
// The persistent states mean the same to this drive.
func runPreventAllow(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	t.n.prevent = t.cdb[4]&1 != 0
	return nil, nil, nil
}

// runStartStop starts, stops, loads or ejects (MMC-6, 6.46). Ejecting is
// refused with 05/53/02 while any initiator prevents removal.
func runStartStop(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	power, fl, loej, start := t.cdb[4]>>4, t.cdb[4]&4 != 0, t.cdb[4]&2 != 0, t.cdb[4]&1 != 0
	switch {
	case power != 0:
		if power != 2 && power != 3 { // idle, standby
			return nil, refuse(SenseInvalidField), nil
		}
	case fl: // format layer jumps belong to hybrid discs
		return nil, refuse(SenseInvalidField), nil
	case loej && !start:
		if d.tray == trayClosed {
			if d.locked() {
				return nil, refuse(SenseRemovalPrevented), nil
			}
			d.open(true)
			d.ejects.Add(1)
			d.note(EventTray, "tray opened")
		}
	case loej:
		if d.tray == trayOpen {
			d.close()
			d.note(EventTray, "tray closed")
		}
	case start:
		if c := d.notReady(); c != nil && c.ASC == 0x3A {
			return nil, c, nil
		}
		d.idle = false
	default:
		d.idle = true
	}
	return nil, nil, nil
}
