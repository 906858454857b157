package simdrive

import (
	"context"

	"ripstation/disc"
)

// runReadCapacity answers READ CAPACITY (MMC-6, 6.21): the last sector of the
// last session and 2048, for every kind of disc.
func runReadCapacity(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	m := d.disc
	if m.NoTOC {
		return nil, refuse(SenseTOCUnreadable), nil
	}
	b := make([]byte, 8)
	be.PutUint32(b, uint32(max(m.capacity-1, 0)))
	be.PutUint32(b[4:], disc.SectorSize)
	return b, nil, nil
}

// msf is an address as minutes, seconds and frames (MMC-6, 4.2.3.6.3).
func msf(lba int64) [3]byte {
	f := lba + 150
	return [3]byte{byte(f / (60 * 75)), byte(f / 75 % 60), byte(f % 75)}
}

// address is a 4-byte address field in MSF or LBA form.
func address(lba int64, inMSF bool) []byte {
	if inMSF {
		a := msf(lba)
		return []byte{0, a[0], a[1], a[2]}
	}
	return be.AppendUint32(nil, uint32(lba))
}

// runReadTOC answers READ TOC/PMA/ATIP (MMC-6, 6.25): formats 0 (TOC), 1
// (session information), and on CDs 2 (full TOC) and 4 (ATIP, recordables
// only). The format may stand in the control byte, as older initiators have
// it (SFF-8020i; Linux asks so).
func runReadTOC(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	m, alloc := d.disc, alloc16(t.cdb[7:])
	inMSF := t.cdb[1]&2 != 0
	format := t.cdb[2] & 0x0F
	if format == 0 {
		format = t.cdb[9] >> 6
	}
	if m.NoTOC {
		return nil, refuse(SenseTOCUnreadable), nil
	}
	cd := m.Profile.Medium() == disc.MediumCD
	var b []byte
	switch {
	case format == 4 && cd && !m.Profile.pressed():
		b = m.atip()
	case m.blank():
	case format == 0:
		b = m.toc(int(t.cdb[6]), inMSF)
	case format == 1:
		b = m.sessionInfo(inMSF)
	case format == 2 && cd:
		b = m.fullTOC(int(t.cdb[6]))
	}
	if b == nil {
		return nil, refuse(SenseInvalidField), nil
	}
	be.PutUint16(b, uint16(len(b)-2))
	return cut(b, alloc), nil, nil
}

// toc is format 0: 8 bytes a track from the given one on, and the lead-out
// as track AAh (6.25.3.2). nil when there is no such track.
func (m *Disc) toc(from int, inMSF bool) []byte {
	last := m.tracks[len(m.tracks)-1]
	if from > last.number && from != 0xAA {
		return nil
	}
	b := []byte{0, 0, 1, byte(last.number)}
	entry := func(number int, control byte, at int64) {
		b = append(b, 0, 1<<4|control, byte(number), 0)
		b = append(b, address(at, inMSF)...)
	}
	for _, t := range m.tracks {
		if t.number >= from {
			entry(t.number, t.control(), t.start)
		}
	}
	entry(0xAA, last.control(), m.capacity)
	return b
}

// sessionInfo is format 1: the first track of the last complete session
// (6.25.3.3).
func (m *Disc) sessionInfo(inMSF bool) []byte {
	last := m.lastSession()
	t := m.firstTrack(last)
	b := []byte{0, 0, 1, byte(last), 0, 1<<4 | t.control(), byte(t.number), 0}
	return append(b, address(t.start, inMSF)...)
}

// fullTOC is format 2: the lead-ins' Q sub-channel, 11 bytes an entry, always
// in MSF (6.25.3.4), for the sessions from the given one on.
func (m *Disc) fullTOC(from int) []byte {
	if from > m.lastSession() {
		return nil
	}
	b := []byte{0, 0, 1, byte(m.lastSession())}
	entry := func(session int, adr, control, point byte, now, p [3]byte, zero byte) {
		b = append(b, byte(session), adr<<4|control, 0, point, now[0], now[1], now[2], zero, p[0], p[1], p[2])
	}
	for s := max(from, 1); s <= m.lastSession(); s++ {
		first := m.firstTrack(s)
		last := first
		for i := range m.tracks {
			if m.tracks[i].session == s {
				last = &m.tracks[i]
			}
		}
		entry(s, 1, first.control(), 0xA0, [3]byte{}, [3]byte{byte(first.number), m.DiscType, 0}, 0)
		entry(s, 1, last.control(), 0xA1, [3]byte{}, [3]byte{byte(last.number), 0, 0}, 0)
		entry(s, 1, last.control(), 0xA2, [3]byte{}, msf(m.leadOut(s)), 0)
		for _, t := range m.tracks {
			if t.session == s {
				entry(s, 1, t.control(), byte(t.number), [3]byte{}, msf(t.start), 0)
			}
		}
		if m.Profile.pressed() || s == m.lastSession() && !m.Appendable {
			continue
		}
		// Where the next session's program area may begin, and how far the
		// disc goes; two mode-5 pointers follow.
		next := m.leadOut(s) + sessionGap(m.Profile, s)
		end := max(blankCapacity, m.capacity)
		entry(s, 5, first.control(), 0xB0, msf(next), msf(end), 2)
		if s == 1 {
			entry(s, 5, first.control(), 0xC0, [3]byte{}, msf(leadInStart), 0)
		}
	}
	return b
}

// leadInStart is where a recordable's lead-in begins, 97:34:23: addresses
// before LBA -150 wrap at 100 minutes (MMC-6, 4.2.3.6.3).
const leadInStart = -11_077 + 450_000

// blankCapacity is how many sectors an 80-minute recordable can hold.
const blankCapacity = 359_846

// atip is format 4: absolute time in pregroove, 24 bytes of descriptor with
// A-values marked absent (6.25.3.6).
func (m *Disc) atip() []byte {
	leadIn, leadOut := msf(leadInStart), msf(blankCapacity)
	b := make([]byte, 28)
	b[4] = 0x80 | 5<<4 | 0 // always one, indicative target writing power, reference speed 0
	b[6] = 0x80            // always one; a CD-R of subtype 0
	if m.Profile.erasable() {
		b[6] |= 0x40
	}
	b[8], b[9], b[10] = leadIn[0], leadIn[1], leadIn[2]
	b[12], b[13], b[14] = leadOut[0], leadOut[1], leadOut[2]
	return b
}
