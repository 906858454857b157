package mmc

import (
	"encoding/binary"
	"time"

	"ripstation/disc"
)

// Sense is decoded sense data (SPC-4, 4.5), from either form.
type Sense struct {
	Key, ASC, ASCQ byte
	// Deferred is true for response codes 71h and 73h: the error is of an
	// earlier command, and says nothing of the sectors asked for now.
	Deferred bool
	// Information is the INFORMATION field, an LBA for commands that read.
	Information uint64
	// Valid says that Information was set.
	Valid bool
}

// Sense keys (SPC-4, table 44) that are told apart here.
const (
	keyNoSense        = 0x0
	keyRecovered      = 0x1
	keyNotReady       = 0x2
	keyMedium         = 0x3
	keyHardware       = 0x4
	keyIllegalRequest = 0x5
	keyUnitAttention  = 0x6
	keyDataProtect    = 0x7
	keyBlankCheck     = 0x8
)

// Additional sense codes (SPC-4, annex F; MMC-6, annex F) that are told apart
// here.
const (
	ascNotReady         = 0x04
	ascTrackingServo    = 0x09
	ascInvalidOpcode    = 0x20
	ascLBAOutOfRange    = 0x21
	ascInvalidField     = 0x24
	ascParameterList    = 0x26
	ascNotReadyToReady  = 0x28
	ascReset            = 0x29
	ascCommandSequence  = 0x2C
	ascIncompatible     = 0x30
	ascNoMedium         = 0x3A
	ascIllegalTrackMode = 0x64
	ascCopyProtection   = 0x6F
)

// ParseSense decodes sense data in fixed (70h, 71h) or descriptor (72h, 73h)
// form. ok is false when b is neither, or too short to hold a sense key.
func ParseSense(b []byte) (s Sense, ok bool) {
	if len(b) < 2 {
		return Sense{}, false
	}
	switch code := b[0] & 0x7F; code {
	case 0x70, 0x71:
		return parseFixed(b, code == 0x71)
	case 0x72, 0x73:
		return parseDescriptors(b, code == 0x73)
	}
	return Sense{}, false
}

// parseFixed decodes the fixed form (SPC-4, 4.5.3).
func parseFixed(b []byte, deferred bool) (Sense, bool) {
	if len(b) < 3 {
		return Sense{}, false
	}
	s := Sense{Key: b[2] & 0x0F, Deferred: deferred}
	if len(b) >= 7 && b[0]&0x80 != 0 {
		s.Information, s.Valid = uint64(binary.BigEndian.Uint32(b[3:])), true
	}
	// ADDITIONAL SENSE LENGTH counts from byte 8; what lies behind it is not
	// the drive's word.
	if len(b) >= 8 {
		b = b[:min(len(b), 8+int(b[7]))]
	}
	if len(b) >= 13 {
		s.ASC = b[12]
	}
	if len(b) >= 14 {
		s.ASCQ = b[13]
	}
	return s, true
}

// parseDescriptors decodes the descriptor form (SPC-4, 4.5.2).
func parseDescriptors(b []byte, deferred bool) (Sense, bool) {
	s := Sense{Key: b[1] & 0x0F, Deferred: deferred}
	if len(b) >= 3 {
		s.ASC = b[2]
	}
	if len(b) >= 4 {
		s.ASCQ = b[3]
	}
	if len(b) < 8 {
		return s, true
	}
	rest := b[8:min(len(b), 8+int(b[7]))]
	for len(rest) >= 2 {
		n := 2 + int(rest[1])
		if n > len(rest) {
			break
		}
		// Descriptor type 00h is Information; bit 7 of its third byte is VALID.
		if rest[0] == 0x00 && n >= 12 && rest[2]&0x80 != 0 {
			s.Information, s.Valid = binary.BigEndian.Uint64(rest[4:]), true
			break
		}
		rest = rest[n:]
	}
	return s, true
}

// FastFailure is the time under which a hardware error cannot be the work of
// the optics: a drive that really tried needs a turn of the disc and a few
// retries. Wedged drives answer at once.
const FastFailure = 500 * time.Millisecond

// Classify says what sense data mean for the disc, given how long the command
// took. It is 0 for a recovered error: the data are good if all of them came.
//
// Hardware errors (key 4) are ClassWedged, so that no sector is called
// damaged for them, with one exception: tracking and focus servo failures
// (04/09) that took longer than FastFailure are what scratched discs give, and
// are ClassMedium. A deferred error belongs to an earlier command: one that
// would blame the medium or the drive's workings becomes ClassTransport, which
// blames nobody.
func Classify(s Sense, took time.Duration) disc.Class {
	class := classifyCurrent(s, took)
	if s.Deferred && (class == 0 || class == disc.ClassMedium || class == disc.ClassWedged) {
		return disc.ClassTransport
	}
	return class
}

func classifyCurrent(s Sense, took time.Duration) disc.Class {
	switch s.Key {
	case keyRecovered:
		return 0
	case keyNotReady:
		switch s.ASC {
		case ascNoMedium:
			return disc.ClassGone
		case ascIncompatible:
			return disc.ClassRefused
		}
		return disc.ClassNotReady
	case keyMedium:
		return disc.ClassMedium
	case keyHardware:
		if s.ASC == ascTrackingServo && took > FastFailure {
			return disc.ClassMedium
		}
		return disc.ClassWedged
	case keyIllegalRequest:
		switch s.ASC {
		case ascCopyProtection:
			return disc.ClassProtected
		case ascNoMedium:
			return disc.ClassGone
		}
		return disc.ClassRefused
	case keyUnitAttention:
		return disc.ClassChanged
	case keyDataProtect:
		return disc.ClassProtected
	case keyBlankCheck:
		// Nothing is recorded there: the drive refuses the address.
		return disc.ClassRefused
	}
	// No sense with a CHECK CONDITION, aborted command (0B) and the keys that
	// no optical drive should use: the command has no trustworthy answer.
	return disc.ClassTransport
}
