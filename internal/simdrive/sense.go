package simdrive

import "encoding/binary"

// Sense is a sense key with its additional sense code and qualifier (SPC-4,
// 4.5.6). The zero value is "no sense".
type Sense struct{ Key, ASC, ASCQ byte }

// The sense that drives give, by what it means.
var (
	SenseNotReadyBecoming  = Sense{0x02, 0x04, 0x01} // in process of becoming ready
	SenseNoMediumClosed    = Sense{0x02, 0x3A, 0x01} // medium not present, tray closed
	SenseNoMediumOpen      = Sense{0x02, 0x3A, 0x02} // medium not present, tray open
	SenseUnrecoveredRead   = Sense{0x03, 0x11, 0x05} // L-EC uncorrectable error
	SenseTOCUnreadable     = Sense{0x03, 0x57, 0x00} // unable to recover table of contents
	SenseInternalFailure   = Sense{0x04, 0x44, 0x00} // internal target failure
	SenseListLength        = Sense{0x05, 0x1A, 0x00} // parameter list length error
	SenseInvalidOpcode     = Sense{0x05, 0x20, 0x00} // invalid command operation code
	SenseLBAOutOfRange     = Sense{0x05, 0x21, 0x00} // logical block address out of range
	SenseInvalidField      = Sense{0x05, 0x24, 0x00} // invalid field in CDB
	SenseInvalidParameter  = Sense{0x05, 0x26, 0x00} // invalid field in parameter list
	SenseSavingUnsupported = Sense{0x05, 0x39, 0x00} // saving parameters not supported
	SenseRemovalPrevented  = Sense{0x05, 0x53, 0x02} // medium removal prevented
	SenseIllegalMode       = Sense{0x05, 0x64, 0x00} // illegal mode for this track
	SenseNoKey             = Sense{0x05, 0x6F, 0x02} // copy protection key exchange failure, key not established
	SenseScrambled         = Sense{0x05, 0x6F, 0x03} // read of scrambled sector without authentication
	SenseMediumChanged     = Sense{0x06, 0x28, 0x00} // not ready to ready change, medium may have changed
	SensePowerOn           = Sense{0x06, 0x29, 0x00} // power on, reset or bus device reset occurred
	SenseParamsChanged     = Sense{0x06, 0x2A, 0x01} // mode parameters changed
)

// check is a CHECK CONDITION on its way out: the sense and, where the command
// names one, the address of the sector in the INFORMATION field.
type check struct {
	Sense
	info    int64
	hasInfo bool
}

func refuse(s Sense) *check              { return &check{Sense: s} }
func refuseAt(s Sense, lba int64) *check { return &check{Sense: s, info: lba, hasInfo: true} }

// encodeSense is current sense data in fixed format (SPC-4, 4.5.3: 18 bytes)
// or in descriptor format with an information descriptor where there is an
// address (SPC-4, 4.5.2).
func encodeSense(c check, descriptor bool) []byte {
	if descriptor {
		b := []byte{0x72, c.Key, c.ASC, c.ASCQ, 0, 0, 0, 0}
		if c.hasInfo {
			b[7] = 12
			b = append(b, 0x00, 0x0A, 0x80, 0x00)
			b = binary.BigEndian.AppendUint64(b, uint64(c.info))
		}
		return b
	}
	b := make([]byte, 18)
	b[0] = 0x70
	b[2] = c.Key
	b[7] = 10
	b[12], b[13] = c.ASC, c.ASCQ
	if c.hasInfo {
		b[0] |= 0x80
		binary.BigEndian.PutUint32(b[3:], uint32(c.info))
	}
	return b
}

// parseSense reads back what encodeSense wrote, for the log.
func parseSense(b []byte) (s Sense, info int64, hasInfo bool) {
	switch {
	case len(b) >= 14 && b[0]&0x7F == 0x70:
		return Sense{b[2] & 0x0F, b[12], b[13]}, int64(int32(binary.BigEndian.Uint32(b[3:]))), b[0]&0x80 != 0
	case len(b) >= 8 && b[0]&0x7F == 0x72:
		s = Sense{b[1] & 0x0F, b[2], b[3]}
		if len(b) >= 20 && b[8] == 0 && b[10]&0x80 != 0 {
			return s, int64(binary.BigEndian.Uint64(b[12:])), true
		}
	}
	return s, 0, false
}
