package udf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"ripstation/discfs/tree"
)

func le16(p []byte) uint16 { return binary.LittleEndian.Uint16(p) }
func le32(p []byte) uint32 { return binary.LittleEndian.Uint32(p) }
func le64(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

// Tag identifiers (ECMA-167 3/7.2.1 and 4/7.2.1).
const (
	tagPrimary      = 1
	tagAnchor       = 2
	tagPointer      = 3
	tagPartition    = 5
	tagLogical      = 6
	tagTerminating  = 8
	tagIntegrity    = 9
	tagFileSet      = 256
	tagIdentifier   = 257
	tagAllocation   = 258
	tagIndirect     = 259
	tagFileEntry    = 261
	tagExtendedFile = 266
)

var errTag = errors.New("no descriptor stands there")

// checkTag proves a descriptor by itself: checksum of the tag, CRC of what it
// covers, and its own location (3/7.2). Location -1 is not held against it.
func checkTag(p []byte, location int64) (id uint16, err error) {
	if len(p) < 16 {
		return 0, errTag
	}
	id = le16(p)
	sum := tagSum(p)
	switch crc := int(le16(p[10:])); {
	case id == 0 && sum == 0 && p[4] == 0:
		return 0, errTag
	case sum != p[4]:
		return id, errors.New("the checksum of its tag is wrong")
	case 16+crc > len(p):
		return id, fmt.Errorf("its CRC covers %d bytes, more than there are", crc)
	case crc16(p[16:16+crc]) != le16(p[8:]):
		return id, errors.New("its CRC is wrong")
	case location >= 0 && int64(le32(p[12:])) != location:
		return id, fmt.Errorf("it says that it stands at block %d", le32(p[12:]))
	}
	return id, nil
}

// tagSum is the checksum of a tag (3/7.2.3).
func tagSum(p []byte) (sum byte) {
	for i, b := range p[:16] {
		if i != 4 {
			sum += b
		}
	}
	return sum
}

var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// crc16 is that of 7.2.6: x^16 + x^12 + x^5 + 1, from 0.
func crc16(p []byte) (c uint16) {
	for _, b := range p {
		c = c<<8 ^ crcTable[byte(c>>8)^b]
	}
	return c
}

// characters decodes OSTA compressed Unicode (UDF 2.60, 2.1.1): the first byte
// tells 8-bit from 16-bit characters.
func characters(p []byte) string {
	if len(p) == 0 {
		return ""
	}
	switch p[0] {
	case 8, 254:
		out := make([]rune, len(p)-1)
		for i, b := range p[1:] {
			out[i] = rune(b)
		}
		return string(out)
	case 16, 255:
		return tree.UTF16BE(p[1:])
	}
	return string(p) // no compression that is known: the bytes themselves
}

// dstring decodes a field of fixed length, whose last byte is the number of
// those used (1/7.2.12).
func dstring(field []byte) string {
	n := int(field[len(field)-1])
	if n == 0 || n > len(field)-1 {
		return ""
	}
	return characters(field[:n])
}

// stamp reads a timestamp (1/7.3). It is zero when there is none.
func stamp(p []byte) time.Time {
	zone := int(le16(p) & 0xfff)
	if zone >= 0x800 {
		zone -= 0x1000
	}
	if zone < -1440 || zone > 1440 || le16(p)>>12 != 1 {
		zone = 0 // -2047: none is given
	}
	year, month, day := int(int16(le16(p[2:]))), int(p[4]), int(p[5])
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || p[6] > 23 || p[7] > 59 || p[8] > 59 {
		return time.Time{}
	}
	micro := int(p[9])*10_000 + int(p[10])*100 + int(p[11])
	t := time.Date(year, time.Month(month), day, int(p[6]), int(p[7]), int(p[8]), micro*1000, time.UTC)
	if t.Day() != day {
		return time.Time{}
	}
	if t = t.Add(-time.Duration(zone) * time.Minute); t.Year() < 1 || t.Year() > 9999 { // what RFC 3339 can say
		return time.Time{}
	}
	return t
}
