package isoimage

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Where the UDF structures of a bridge image lie, in sectors: the anchor, the
// main and the reserve volume descriptor sequence, and what comes after them.
const (
	udfAnchor  = 256
	udfMain    = 257
	udfReserve = udfMain + udfSequence
	udfEnd     = udfReserve + udfSequence

	udfSequence = 16
)

// Descriptor tag identifiers (ECMA-167, 3/7.2.1).
const (
	tagPrimary     = 1
	tagAnchor      = 2
	tagPartition   = 5
	tagLogical     = 6
	tagUnallocated = 7
	tagTerminating = 8
)

// bridge writes the UDF structures into head, the recognition sequence from
// sector vrs on, and returns the anchor for the image's last sector.
func bridge(head []byte, o Options, sectors, vrs int64) []byte {
	for i, id := range []string{"BEA01", "NSR02", "TEA01"} {
		b := head[(vrs+int64(i))*sectorSize:]
		copy(b[1:], id)
		b[6] = 1
	}
	for _, start := range []int64{udfMain, udfReserve} {
		for i, build := range []func([]byte, Options, int64) uint16{primary, partition, logical, unallocated, terminating} {
			at := start + int64(i)
			b := head[at*sectorSize : (at+1)*sectorSize]
			binary.LittleEndian.PutUint32(b[16:], uint32(i))
			tag(b, build(b, o, sectors), o.Base+at)
		}
	}
	anchor := func(b []byte, at int64) {
		extent(b[16:], udfSequence, o.Base+udfMain)
		extent(b[24:], udfSequence, o.Base+udfReserve)
		tag(b, tagAnchor, o.Base+at)
	}
	anchor(head[udfAnchor*sectorSize:(udfAnchor+1)*sectorSize], udfAnchor)
	last := make([]byte, sectorSize)
	anchor(last, sectors-1)
	return last
}

// extent is an extent_ad (3/7.1): length in bytes, location.
func extent(b []byte, count, at int64) {
	binary.LittleEndian.PutUint32(b, uint32(count*sectorSize))
	binary.LittleEndian.PutUint32(b[4:], uint32(at))
}

// tag completes a descriptor of one sector with its tag (3/7.2): version 2,
// CRC-16 of the rest, checksum of the tag itself.
func tag(b []byte, id uint16, at int64) {
	const crcLength = 512 - 16
	le := binary.LittleEndian
	le.PutUint16(b, id)
	le.PutUint16(b[2:], 2)
	b[4] = 0
	le.PutUint16(b[8:], crc16(b[16:16+crcLength]))
	le.PutUint16(b[10:], crcLength)
	le.PutUint32(b[12:], uint32(at))
	sum := byte(0)
	for i, v := range b[:16] {
		if i != 4 {
			sum += v
		}
	}
	b[4] = sum
}

// crc16 is the CRC of descriptor tags: x^16+x^12+x^5+1 from 0 (3/7.2.6).
func crc16(b []byte) uint16 {
	v := uint16(0)
	for _, c := range b {
		v ^= uint16(c) << 8
		for range 8 {
			if v&0x8000 != 0 {
				v = v<<1 ^ 0x1021
			} else {
				v <<= 1
			}
		}
	}
	return v
}

// dstring writes s as 8-bit OSTA compressed Unicode into a field whose last
// byte is its length (1/7.2.12; UDF 2.1.1).
func dstring(b []byte, s string) {
	n := min(len(s), len(b)-2)
	if n == 0 {
		return
	}
	b[0] = 8
	copy(b[1:1+n], s)
	b[len(b)-1] = byte(n + 1)
}

// charspec is CS0 (1/7.2.1).
func charspec(b []byte) { copy(b[1:], "OSTA Compressed Unicode") }

// entity is a regid (1/7.4) with a UDF revision suffix where it is given.
func entity(b []byte, id string, suffix ...byte) {
	copy(b[1:], id)
	copy(b[24:], suffix)
}

// timestamp is 1/7.3, in UTC.
func timestamp(b []byte, t time.Time) {
	binary.LittleEndian.PutUint16(b, 1<<12)
	binary.LittleEndian.PutUint16(b[2:], uint16(t.Year()))
	b[4], b[5], b[6], b[7], b[8] = byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second())
}

const udfRevision102 = 0x02

func primary(b []byte, o Options, _ int64) uint16 {
	le := binary.LittleEndian
	dstring(b[24:56], o.Label)
	le.PutUint16(b[56:], 1) // volume sequence number
	le.PutUint16(b[58:], 1)
	le.PutUint16(b[60:], 2) // interchange level
	le.PutUint16(b[62:], 3)
	le.PutUint32(b[64:], 1)
	le.PutUint32(b[68:], 1)
	dstring(b[72:200], fmt.Sprintf("%016x%s", o.Seed, o.Label))
	charspec(b[200:264])
	charspec(b[264:328])
	entity(b[344:376], "*ripstation sim")
	timestamp(b[376:388], o.Created)
	entity(b[388:420], "*ripstation sim")
	return tagPrimary
}

func partition(b []byte, o Options, sectors int64) uint16 {
	le := binary.LittleEndian
	le.PutUint16(b[20:], 1) // allocated
	entity(b[24:56], "+NSR02")
	le.PutUint32(b[184:], 1) // read only
	le.PutUint32(b[188:], uint32(o.Base+udfEnd))
	le.PutUint32(b[192:], uint32(max(sectors-udfEnd-1, 0)))
	entity(b[196:228], "*ripstation sim")
	return tagPartition
}

func logical(b []byte, o Options, _ int64) uint16 {
	le := binary.LittleEndian
	charspec(b[20:84])
	dstring(b[84:212], o.Label)
	le.PutUint32(b[212:], sectorSize)
	entity(b[216:248], "*OSTA UDF Compliant", udfRevision102, 0x01)
	le.PutUint32(b[248:], sectorSize) // file set: one block, at the partition's start
	le.PutUint32(b[264:], 6)          // map table length
	le.PutUint32(b[268:], 1)
	entity(b[272:304], "*ripstation sim")
	b[440], b[441] = 1, 6 // type 1 map
	le.PutUint16(b[442:], 1)
	return tagLogical
}

func unallocated([]byte, Options, int64) uint16 { return tagUnallocated }

func terminating(b []byte, _ Options, _ int64) uint16 {
	clear(b[16:20])
	return tagTerminating
}
