package isoimage

import (
	"encoding/binary"
	"time"
)

// maxExtent is the size of the largest extent that one directory record can
// name: a longer file has several (ECMA-119, 9.1.4), all but the last a whole
// number of sectors.
const maxExtent = 1<<32 - sectorSize

const (
	flagDirectory   = 0x02
	flagMultiExtent = 0x80
)

// both writes v in both byte orders (7.2.3, 7.3.3).
func both16(b []byte, v uint16) {
	binary.LittleEndian.PutUint16(b, v)
	binary.BigEndian.PutUint16(b[2:], v)
}

func both32(b []byte, v uint32) {
	binary.LittleEndian.PutUint32(b, v)
	binary.BigEndian.PutUint32(b[4:], v)
}

// recordDate is the seven-byte date (9.1.5).
func recordDate(t time.Time) []byte {
	return []byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()), 0}
}

// record is one directory record (9.1).
func record(id []byte, sector, size int64, flags byte, created time.Time) []byte {
	n := 33 + len(id)
	n += n & 1
	b := make([]byte, n)
	b[0] = byte(n)
	both32(b[2:], uint32(sector))
	both32(b[10:], uint32(size))
	copy(b[18:], recordDate(created))
	b[25] = flags
	both16(b[28:], 1)
	b[32] = byte(len(id))
	copy(b[33:], id)
	return b
}

// records are the directory records of a folder, none over a sector's end,
// padded to whole sectors. base is added to every address.
func (n *node) records(tree int, base int64, created time.Time) []byte {
	var out []byte
	add := func(r []byte) {
		if room := sectorSize - len(out)%sectorSize; len(r) > room {
			out = append(out, make([]byte, room)...)
		}
		out = append(out, r...)
	}
	up := n
	if n.parent != nil {
		up = n.parent
	}
	add(record([]byte{0}, base+n.sector[tree], n.size[tree], flagDirectory, created))
	add(record([]byte{1}, base+up.sector[tree], up.size[tree], flagDirectory, created))
	for _, c := range n.sorted(tree) {
		id := c.identifier(tree)
		if c.dir {
			add(record(id, base+c.sector[tree], c.size[tree], flagDirectory, created))
			continue
		}
		at, left := base+c.sector[0], c.size[0]
		for left > maxExtent {
			add(record(id, at, maxExtent, flagMultiExtent, created))
			at += maxExtent / sectorSize
			left -= maxExtent
		}
		add(record(id, at, left, 0, created))
	}
	if r := len(out) % sectorSize; r != 0 {
		out = append(out, make([]byte, sectorSize-r)...)
	}
	return out
}

// pathTable is the path table of a tree (9.4), in the given byte order.
func pathTable(folders []*node, tree int, base int64, order binary.ByteOrder) []byte {
	var out []byte
	for _, f := range folders {
		id := f.name(tree)
		parent := 1
		if f.parent != nil {
			parent = f.parent.number[tree]
		}
		b := make([]byte, 8+len(id)+len(id)&1)
		b[0] = byte(len(id))
		order.PutUint32(b[2:], uint32(base+f.sector[tree]))
		order.PutUint16(b[6:], uint16(parent))
		copy(b[8:], id)
		out = append(out, b...)
	}
	return out
}
