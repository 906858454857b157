package simdrive

import (
	"context"

	"ripstation/disc"
)

// DVD layer 0 holds so many sectors at most before the disc needs another.
const dvdLayerSectors = 2_298_496

// bdLayerSectors is one layer of a 25 GB BD.
const bdLayerSectors = 12_219_392

// runReadDiscStructure answers READ DISC STRUCTURE (MMC-6, 6.23): for DVDs
// formats 00h (physical), 01h (copyright), 04h (manufacturing) and FFh (list),
// for BDs 00h (disc information) and FFh. The disc key (02h) and whatever else
// needs authentication is refused with 05/6F/02.
func runReadDiscStructure(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	m := d.disc
	kind, layer, format, alloc := t.cdb[1]&0x0F, t.cdb[6], t.cdb[7], alloc16(t.cdb[8:])
	medium := m.Profile.Medium()
	if kind == 0 && medium != disc.MediumDVD || kind == 1 && medium != disc.MediumBD || kind > 1 {
		return nil, refuse(SenseInvalidField), nil
	}
	var body []byte
	switch {
	case format == 0xFF:
		body = m.structureList()
	case int64(layer) >= m.layers():
	case kind == 0 && format == 0x00:
		body = m.dvdPhysical()
	case kind == 0 && format == 0x01:
		body = []byte{m.Protection, 0, 0, 0}
	case kind == 0 && format == 0x04 && m.Profile.pressed():
		body = make([]byte, 2048)
	case kind == 0 && m.Protection != 0 && (format == 0x02 || format == 0x07):
		return nil, refuse(SenseNoKey), nil
	case kind == 1 && format == 0x00:
		body = m.bdInformation()
	}
	if body == nil {
		return nil, refuse(SenseInvalidField), nil
	}
	b := append(make([]byte, 4), body...)
	be.PutUint16(b, uint16(len(b)-2))
	return cut(b, alloc), nil, nil
}

func (m *Disc) layers() int64 {
	per := int64(dvdLayerSectors)
	if m.Profile.Medium() == disc.MediumBD {
		per = bdLayerSectors
	}
	switch m.Profile {
	case ProfileDVDRDL, ProfileDVDpRDL:
		return 2
	}
	return max((m.capacity+per-1)/per, 1)
}

// structureList is format FFh: 4 bytes a format, all readable (6.23.3.2.27).
func (m *Disc) structureList() []byte {
	entry := func(format byte, n int) []byte {
		return []byte{format, 0x40, byte((n + 2) >> 8), byte(n + 2)}
	}
	if m.Profile.Medium() == disc.MediumBD {
		return append(entry(0x00, 4096), entry(0xFF, 8)...)
	}
	b := append(entry(0x00, 2048), entry(0x01, 4)...)
	n := 12
	if m.Profile.pressed() {
		b = append(b, entry(0x04, 2048)...)
		n += 4
	}
	return append(b, entry(0xFF, n)...)
}

// bookType is the first byte of the physical format information: book type
// and part version (6.23.3.2.1).
func (p Profile) bookType() byte {
	switch p {
	case ProfileDVDR:
		return 0x25
	case ProfileDVDRDL:
		return 0x26
	case ProfileDVDRW:
		return 0x32
	case ProfileDVDpRW:
		return 0x92
	case ProfileDVDpR:
		return 0xA1
	case ProfileDVDpRDL:
		return 0xE1
	}
	return 0x01
}

// dvdPhysical is format 00h: the physical format information of the lead-in,
// 2048 bytes, of which a pressed disc uses 17 (6.23.3.2.1).
func (m *Disc) dvdPhysical() []byte {
	const dataStart = 0x030000 // physical sector number of LBA 0
	b := make([]byte, 2048)
	layers := m.layers()
	b[0] = m.Profile.bookType()
	b[1] = 0<<4 | 2 // 120 mm, 10.08 Mbit/s
	layerType := byte(1)
	switch {
	case m.Profile.erasable():
		layerType = 4
	case !m.Profile.pressed():
		layerType = 2
	}
	b[2] = byte(layers-1)<<5 | layerType
	end, endLayer0 := dataStart+max(m.capacity-1, 0), int64(0)
	if layers > 1 {
		// Opposite track path: the second layer's numbers are the bitwise
		// complement of those they lie under.
		b[2] |= 1 << 4
		half := (m.capacity + 1) / 2
		endLayer0 = dataStart + half - 1
		end = 0xFFFFFF - endLayer0 + (m.capacity - half) - 1
		end &= 0xFFFFFF
	}
	put24 := func(at int, v int64) { b[at], b[at+1], b[at+2], b[at+3] = 0, byte(v>>16), byte(v>>8), byte(v) }
	put24(4, dataStart)
	put24(8, end)
	put24(12, endLayer0)
	return b
}

// bdInformation is format 00h of a BD: disc information, 4096 bytes of units
// of 112 bytes, one a layer (6.23.3.3.1; BD-ROM part 1).
func (m *Disc) bdInformation() []byte {
	b := make([]byte, 4096)
	name, layerType := "BDO", byte(1)
	switch m.Profile {
	case ProfileBDR:
		name, layerType = "BDR", 2
	case ProfileBDRE:
		name, layerType = "BDW", 4
	}
	layers := m.layers()
	for i := int64(0); i < layers && i < 4; i++ {
		u := b[i*112 : (i+1)*112]
		copy(u, "DI")
		u[2] = 1 // DI format
		u[3] = byte(layers)
		u[5] = byte(i) // sequence number
		u[6] = 0x20    // bytes in use
		copy(u[8:], name)
		u[11] = 0x01 // 120 mm, version 1
		u[12] = byte(layers)<<4 | layerType
		u[13] = 0x01 // channel bit length 74.5 nm: 25 GB a layer
		be.PutUint32(u[24:], 0x00100000)
		be.PutUint32(u[28:], uint32(0x00100000+max(m.capacity-1, 0)))
	}
	return b
}
