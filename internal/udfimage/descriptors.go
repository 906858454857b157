package udfimage

import (
	"encoding/binary"
	"unicode/utf16"
)

func put16(p []byte, v uint16)       { binary.LittleEndian.PutUint16(p, v) }
func put32(p []byte, v uint32)       { binary.LittleEndian.PutUint32(p, v) }
func put64(p []byte, v uint64)       { binary.LittleEndian.PutUint64(p, v) }
func get32(p []byte) int             { return int(binary.LittleEndian.Uint32(p)) }
func le32(p []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(p, v) }

// seal gives a descriptor its tag, whose CRC covers all of it (ECMA-167 3/7.2).
func seal(p []byte, id uint16, location int, rev uint16) { sealN(p, id, location, rev, len(p)-16) }

func sealN(p []byte, id uint16, location int, rev uint16, n int) {
	clear(p[:16])
	put16(p, id)
	put16(p[2:], 2)
	if rev >= 0x200 {
		put16(p[2:], 3)
	}
	put16(p[8:], crc(p[16:16+n]))
	put16(p[10:], uint16(n))
	put32(p[12:], uint32(location))
	var sum byte
	for _, b := range p[:16] {
		sum += b
	}
	p[4] = sum
}

// crc is that of 7.2.6, bit by bit.
func crc(p []byte) (c uint16) {
	for _, b := range p {
		c ^= uint16(b) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
	}
	return c
}

// characters is OSTA compressed Unicode, with 8 bits where they are enough.
func characters(s string) []byte {
	out := []byte{8}
	for _, r := range s {
		if r > 0xff {
			out = []byte{16}
			for _, u := range utf16.Encode([]rune(s)) {
				out = append(out, byte(u>>8), byte(u))
			}
			return out
		}
		out = append(out, byte(r))
	}
	return out
}

func dstring(s string, size int) []byte {
	p := make([]byte, size)
	if s != "" {
		p[size-1] = byte(copy(p[:size-1], characters(s)))
	}
	return p
}

// regid is an entity identifier (1/7.4) with the revision of UDF.
func regid(id string, rev uint16) []byte {
	p := make([]byte, 32)
	copy(p[1:24], id)
	put16(p[24:], rev)
	return p
}

func charset() []byte {
	return append([]byte{0}, []byte("OSTA Compressed Unicode"+string(make([]byte, 40)))...)
}

// stamp is 2001-02-03 04:05:06 UTC.
func stamp() []byte { return []byte{0, 0x10, 0xd1, 0x07, 2, 3, 4, 5, 6, 0, 0, 0} }

func longAD(n uint32, block int, ref uint16) []byte {
	p := make([]byte, 16)
	put32(p, n)
	put32(p[4:], uint32(block))
	put16(p[8:], ref)
	return p
}

// identifier is a file identifier descriptor (4/14.4), its tag still to come.
func identifier(name string, _ int, child int, ref uint16, flags byte) []byte {
	var id []byte
	if name != "" {
		id = characters(name)
	}
	p := make([]byte, (38+len(id)+3)&^3)
	put16(p[16:], 1)
	p[18], p[19] = flags, byte(len(id))
	copy(p[20:], longAD(bs, child, ref))
	copy(p[38:], id)
	return p
}

// entry is a file entry, from revision 2.00 an extended one (4/14.9, 4/14.17).
func (b *builder) entry(at int, kind byte, size int64, ads []byte, adKind uint16) []byte {
	p := make([]byte, bs)
	put16(p[20:], 4)
	put16(p[24:], 1)
	p[27] = kind
	put16(p[34:], adKind)
	put32(p[36:], 1<<32-1)
	put32(p[40:], 1<<32-1)
	put32(p[44:], 0x14a5|4<<10) // r-x for all, and what a directory needs
	put16(p[48:], 1)
	put64(p[56:], uint64(size))
	id, times, lengths := uint16(261), []int{72, 84, 96}, 168
	if b.rev >= 0x200 {
		id, times, lengths = 266, []int{80, 92, 104, 116}, 208
		put64(p[64:], uint64(size))
		put32(p[128:], 1)
		copy(p[168:], regid("*RIPSTATION TEST", b.rev))
	} else {
		put32(p[108:], 1)
		copy(p[128:], regid("*RIPSTATION TEST", b.rev))
	}
	for _, t := range times {
		copy(p[t:], stamp())
	}
	put32(p[lengths+4:], uint32(len(ads)))
	n := copy(p[lengths+8:], ads)
	sealN(p, id, at, b.rev, lengths+8+n-16)
	return p
}

// fileSet is the file set descriptor (4/14.1).
func (b *builder) fileSet(root int) []byte {
	p := make([]byte, bs)
	copy(p[16:], stamp())
	put16(p[28:], 3)
	put16(p[30:], 3)
	put32(p[32:], 1)
	put32(p[36:], 1)
	copy(p[48:], charset())
	copy(p[112:], dstring(b.o.Label, 128))
	copy(p[240:], charset())
	copy(p[304:], dstring(b.o.Label, 32))
	copy(p[400:], longAD(bs, root, b.ref()))
	copy(p[416:], regid("*OSTA UDF Compliant", b.rev))
	sealN(p, 256, 0, b.rev, 496)
	return p
}

// volume writes the recognition sequence and both descriptor sequences.
func (b *builder) volume(at func(int) []byte, length int) {
	nsr := "NSR02"
	if b.rev >= 0x200 {
		nsr = "NSR03"
	}
	for i, id := range []string{"BEA01", nsr, "TEA01"} {
		copy(at(16 + i)[1:], id)
		at(16 + i)[6] = 1
	}
	for _, first := range []int{32, 48} {
		b.primary(at(first), first)
		b.logical(at(first+1), first+1)
		b.partition(at(first+2), first+2, length)
		put32(at(first + 3)[16:], 4)
		sealN(at(first+3), 7, first+3, b.rev, 496) // unallocated space: none
		sealN(at(first+4), 8, first+4, b.rev, 496)
	}
	p := at(64) // integrity: closed
	copy(p[16:], stamp())
	put32(p[28:], 1)
	put64(p[40:], 1000)
	maps := uint32(len(b.maps()))
	put32(p[72:], maps)
	put32(p[76:], 46)
	for i := range maps {
		put32(p[80+4*maps+4*i:], uint32(length))
	}
	use := p[80+8*maps:]
	copy(use, regid("*RIPSTATION TEST", b.rev))
	put32(use[32:], b.files)
	put32(use[36:], b.dirs)
	for i, rev := range []uint16{min(b.rev, 0x250), b.rev, b.rev} { // to read, to write, at most written
		put16(use[40+2*i:], rev)
	}
	sealN(p, 9, 64, b.rev, 496)
	sealN(at(65), 8, 65, b.rev, 496)
}

func (b *builder) primary(p []byte, n int) {
	put32(p[16:], 1)
	copy(p[24:], dstring(b.o.Label, 32))
	put16(p[56:], 1)
	put16(p[58:], 1)
	put16(p[60:], 2)
	put16(p[62:], 2)
	put32(p[64:], 1)
	put32(p[68:], 1)
	copy(p[72:], dstring("0123456789abcdef"+b.o.Label, 128))
	copy(p[200:], charset())
	copy(p[264:], charset())
	copy(p[344:], regid("*RIPSTATION TEST", b.rev))
	copy(p[376:], stamp())
	copy(p[388:], regid("*RIPSTATION TEST", b.rev))
	sealN(p, 1, n, b.rev, 496)
}

// maps are the partition maps of the kind (3/10.7; UDF 2.60, 2.2.8 to 2.2.10).
func (b *builder) maps() [][]byte {
	one := []byte{1, 6, 1, 0, 0, 0}
	two := make([]byte, 64)
	two[0], two[1] = 2, 64
	put16(two[36:], 1)
	switch b.o.Kind {
	case Sparable:
		copy(two[4:], regid("*UDF Sparable Partition", b.rev))
		put16(two[40:], packet)
		two[42] = 2
		put32(two[44:], bs)
		put32(two[48:], 80)
		put32(two[52:], 112)
		return [][]byte{two}
	case Virtual150, Virtual201:
		copy(two[4:], regid("*UDF Virtual Partition", b.rev))
		return [][]byte{one, two}
	case Metadata, Metadata260:
		copy(two[4:], regid("*UDF Metadata Partition", b.rev))
		put32(two[40:], 0)
		put32(two[44:], 1)
		put32(two[48:], 1<<32-1) // no bitmap: a read-only partition
		put32(two[52:], packet)
		put16(two[56:], packet)
		two[58] = 1 // the mirror is a copy
		return [][]byte{one, two}
	}
	return [][]byte{one}
}

func (b *builder) logical(p []byte, n int) {
	put32(p[16:], 2)
	copy(p[20:], charset())
	copy(p[84:], dstring(b.o.Label, 128))
	put32(p[212:], bs)
	copy(p[216:], regid("*OSTA UDF Compliant", b.rev))
	copy(p[248:], longAD(bs, 0, b.ref()))
	copy(p[272:], regid("*RIPSTATION TEST", b.rev))
	put32(p[432:], 2*bs)
	put32(p[436:], 64)
	off := 440
	for _, m := range b.maps() {
		off += copy(p[off:], m)
	}
	put32(p[264:], uint32(off-440))
	put32(p[268:], uint32(len(b.maps())))
	sealN(p, 6, n, b.rev, off-16)
}

func (b *builder) partition(p []byte, n, length int) {
	put32(p[16:], 3)
	put16(p[20:], 1)
	id := "+NSR02"
	if b.rev >= 0x200 {
		id = "+NSR03"
	}
	copy(p[24:], regid(id, 0))
	put32(p[184:], 1) // read only
	if b.o.Kind == Sparable {
		put32(p[184:], 3)
	}
	put32(p[188:], start)
	put32(p[192:], uint32(length))
	copy(p[196:], regid("*RIPSTATION TEST", b.rev))
	sealN(p, 5, n, b.rev, 496)
}

func (b *builder) anchor(p []byte, n int) {
	put32(p[16:], 16*bs)
	put32(p[20:], 32)
	put32(p[24:], 16*bs)
	put32(p[28:], 48)
	sealN(p, 2, n, b.rev, 496)
}
