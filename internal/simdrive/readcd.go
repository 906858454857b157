package simdrive

import (
	"context"
	"encoding/binary"
)

// The main channel fields that READ CD selects (MMC-6, 6.18.2.6), in the
// order in which they lie in a sector.
const (
	fieldSync = 1 << iota
	fieldHeader
	fieldSubheader
	fieldUser
	fieldEDC
)

// fieldSizes are the fields' sizes by mode: sync, header, sub-header, user
// data, EDC and ECC (ECMA-130, clause 14; CD-ROM XA). A CD-DA sector is user
// data only.
var fieldSizes = map[Mode][5]int{
	Mode1:      {12, 4, 0, 2048, 288},
	Mode2Form1: {12, 4, 8, 2048, 280},
	Mode2Form2: {12, 4, 8, 2324, 4},
	ModeAudio:  {0, 0, 0, 2352, 0},
}

// runReadCD carries out READ CD (MMC-6, 6.18): the selected parts of each
// sector's main channel. C2 pointers and sub-channels are not offered. The
// expected sector type 3 (Mode 2 formless) fits nothing here.
func runReadCD(ctx context.Context, d *Drive, t *task) ([]byte, *check, error) {
	m := d.disc
	lba := int64(int32(be.Uint32(t.cdb[2:])))
	count := int64(t.cdb[6])<<16 | int64(be.Uint16(t.cdb[7:]))
	t.lba, t.count = lba, count
	expected := t.cdb[1] >> 2 & 7
	fields, ok := selected(t.cdb[9])
	if !ok || t.cdb[10]&7 != 0 || t.cdb[1]&0x80 != 0 || expected > 5 {
		return nil, refuse(SenseInvalidField), nil
	}
	if m.Profile.Medium().ECCSectors() > 1 {
		return nil, refuse(SenseIllegalMode), nil
	}
	if c := m.addressable(lba, count); c != nil || count == 0 {
		return nil, c, nil
	}
	end := lba + count
	// All sectors of one command are of one type: where another begins, a
	// drive stops (6.18.2.2).
	mode := Mode1
	if a := m.areaAt(lba); a.track != nil {
		mode = a.track.Mode
	}
	if !contiguous(fields, mode) {
		return nil, refuse(SenseInvalidField), nil
	}
	c, err := d.reach(ctx, t, m, lba, end, mode.UserBytes(), func(a *area) bool {
		return a.track.Mode == mode && fitsType(expected, mode)
	})
	if c != nil || err != nil {
		return nil, c, err
	}
	size := int64(0)
	for i, n := range fieldSizes[mode] {
		if fields&(1<<i) != 0 {
			size += int64(n)
		}
	}
	if size == 0 {
		return nil, nil, nil
	}
	if most := int64(t.max) / size; count > most {
		end = lba + most
	}
	buf := t.room((end - lba) * size)
	for at := lba; at < end; at++ {
		if err := m.sector(buf[(at-lba)*size:][:size], at, fields); err != nil {
			return nil, refuseAt(SenseUnrecoveredRead, at), nil
		}
	}
	m.given(d, lba, end, func(at int64) []byte { return buf[(at-lba)*size:][:size] })
	return buf, nil, nil
}

// selected are the fields that byte 9 of the CDB names; false if it asks for
// C2 pointers or for nothing it could mean.
func selected(b byte) (fields int, ok bool) {
	if b&0x06 != 0 {
		return 0, false
	}
	if b&0x80 != 0 {
		fields |= fieldSync
	}
	if b&0x20 != 0 {
		fields |= fieldHeader
	}
	if b&0x40 != 0 {
		fields |= fieldSubheader
	}
	if b&0x10 != 0 {
		fields |= fieldUser
	}
	if b&0x08 != 0 {
		fields |= fieldEDC
	}
	return fields, true
}

// contiguous says whether the selected fields that a sector of the mode has
// lie side by side: others cannot be asked for together (6.18.2.6, table of
// main channel selections).
func contiguous(fields int, mode Mode) bool {
	begun, ended := false, false
	for i, n := range fieldSizes[mode] {
		if n == 0 {
			continue
		}
		switch on := fields&(1<<i) != 0; {
		case on && ended:
			return false
		case on:
			begun = true
		case begun:
			ended = true
		}
	}
	return true
}

// fitsType holds a mode against the expected sector type: 0 any, 1 CD-DA,
// 2 Mode 1, 3 Mode 2 formless, 4 and 5 Mode 2 Form 1 and 2.
func fitsType(expected byte, mode Mode) bool {
	switch expected {
	case 0:
		return true
	case 1:
		return mode == ModeAudio
	case 2:
		return mode == Mode1
	case 4:
		return mode == Mode2Form1
	case 5:
		return mode == Mode2Form2
	}
	return false
}

// sector puts the selected fields of the sector at lba into dst.
func (m *Disc) sector(dst []byte, lba int64, fields int) error {
	a := m.areaAt(lba)
	mode := a.track.Mode
	sizes := fieldSizes[mode]
	user := make([]byte, sizes[3], 2352)
	if a.kind == areaRecorded {
		if err := readContent(a.track.Content, user, (lba-a.track.start)*int64(sizes[3])); err != nil {
			return err
		}
	}
	if mode == ModeAudio {
		if fields&fieldUser != 0 {
			copy(dst, user)
		}
		return nil
	}
	if fields == fieldUser {
		copy(dst, user)
		return nil
	}
	raw := rawSector(mode, lba, user)
	at, to := 0, 0
	for i, n := range sizes {
		if fields&(1<<i) != 0 {
			to += copy(dst[to:], raw[at:at+n])
		}
		at += n
	}
	return nil
}

// rawSector builds the 2352 bytes of a data sector around its user data
// (ECMA-130, clause 14).
func rawSector(mode Mode, lba int64, user []byte) []byte {
	b := make([]byte, 2352)
	for i := 1; i < 11; i++ {
		b[i] = 0xFF
	}
	for i, v := range msf(lba) {
		b[12+i] = v/10<<4 | v%10
	}
	switch mode {
	case Mode1:
		b[15] = 1
		copy(b[16:], user)
		binary.LittleEndian.PutUint32(b[2064:], edc(b[:2064]))
		addParity(b[12:])
	case Mode2Form1:
		b[15] = 2
		copy(b[16:], []byte{0, 0, 0x08, 0, 0, 0, 0x08, 0}) // data
		copy(b[24:], user)
		binary.LittleEndian.PutUint32(b[2072:], edc(b[16:2072]))
		// The header counts as zero in the parity of Mode 2 (CD-ROM XA).
		header := [4]byte(b[12:16])
		clear(b[12:16])
		addParity(b[12:])
		copy(b[12:], header[:])
	case Mode2Form2:
		b[15] = 2
		copy(b[16:], []byte{1, 1, 0x62, 0x0F, 1, 1, 0x62, 0x0F}) // real time, Form 2, video
		copy(b[24:], user)
		binary.LittleEndian.PutUint32(b[2348:], edc(b[16:2348]))
	}
	return b
}
