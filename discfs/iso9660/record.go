package iso9660

import (
	"encoding/binary"
	"errors"
	"time"
)

func le16(p []byte) uint16 { return binary.LittleEndian.Uint16(p) }
func le32(p []byte) uint32 { return binary.LittleEndian.Uint32(p) }

// Flags of a directory record (ECMA-119, 9.1.6).
const (
	flagHidden     = 1 << 0
	flagDirectory  = 1 << 1
	flagAssociated = 1 << 2
	flagProtection = 1 << 4
	flagMore       = 1 << 7 // not the last section of its file
)

// record is a directory record (ECMA-119, 9.1). p is all of it.
type record struct {
	p         []byte
	xar       byte // logical blocks
	lba       uint32
	size      uint32
	flags     byte
	unit, gap byte // logical blocks
	volume    uint16
	name      []byte
	use       []byte // system use
	orders    bool   // both byte orders agree
	hs        bool
}

var errRecord = errors.New("it is shorter than what it says it holds")

// parseRecord reads one record; p is at least as long as its first byte says.
func parseRecord(p []byte, hs bool) (r record, err error) {
	n := int(p[0])
	if n < 34 || n > len(p) {
		return r, errRecord
	}
	p = p[:n]
	names := int(p[32])
	if names == 0 || 33+names > n {
		return r, errRecord
	}
	r = record{p: p, xar: p[1], lba: le32(p[2:]), size: le32(p[10:]), flags: p[25], unit: p[26], gap: p[27], volume: le16(p[28:]), name: p[33 : 33+names], hs: hs}
	if hs {
		r.flags = p[24]
	}
	r.orders = r.lba == binary.BigEndian.Uint32(p[6:]) && r.size == binary.BigEndian.Uint32(p[14:]) && le16(p[28:]) == binary.BigEndian.Uint16(p[30:])
	use := 33 + names
	if names%2 == 0 {
		use++ // a padding byte (9.1.12)
	}
	if use < n {
		r.use = p[use:]
	}
	return r, nil
}

func (r record) dir() bool { return r.flags&flagDirectory != 0 }

// self and parent are the records that every directory begins with (6.8.2.2).
func (r record) self() bool   { return len(r.name) == 1 && r.name[0] == 0 }
func (r record) parent() bool { return len(r.name) == 1 && r.name[0] == 1 }

// time is the recording date; High Sierra's has no zone.
func (r record) time() time.Time { return shortDate(r.p[18:25], !r.hs) }

// shortDate reads a date of seven bytes (9.1.5), or of six and one that is none of it. It is zero when there is none.
func shortDate(p []byte, zone bool) time.Time {
	z := 0
	if zone {
		z = int(int8(p[6]))
	}
	t, _ := civil(1900+int(p[0]), int(p[1]), int(p[2]), int(p[3]), int(p[4]), int(p[5]), 0, z)
	return t
}
