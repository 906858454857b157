package simdrive

import (
	"context"

	"ripstation/disc"
)

// runReadDiscInformation answers READ DISC INFORMATION, data type 0 (MMC-6,
// 6.22): 34 bytes, no OPC tables.
func runReadDiscInformation(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	m, alloc := d.disc, alloc16(t.cdb[7:])
	if t.cdb[1]&7 != 0 {
		return nil, refuse(SenseInvalidField), nil
	}
	if m.NoTOC {
		return nil, refuse(SenseTOCUnreadable), nil
	}
	b := make([]byte, 34)
	be.PutUint16(b, uint16(len(b)-2))
	first, lastFirst, last := 1, 1, 1
	const complete, finalized = 3, 2
	switch {
	case m.blank():
		b[2] = 0
	case m.Appendable:
		b[2] = 0<<2 | 1 // a further, empty session; disc incomplete
	default:
		b[2] = complete<<2 | finalized
	}
	sessions := m.lastSession()
	if !m.blank() {
		last = len(m.tracks)
		lastFirst = m.firstTrack(sessions).number
		if m.Appendable { // the empty session has an invisible track
			sessions++
			last++
			lastFirst = last
		}
	}
	if m.Profile.erasable() {
		b[2] |= 1 << 4
	}
	b[3], b[4], b[5], b[6] = byte(first), byte(sessions), byte(lastFirst), byte(last)
	b[7] = 1 << 5 // unrestricted use
	cd := m.Profile.Medium() == disc.MediumCD
	if cd {
		b[8] = m.DiscType
		if m.blank() {
			b[8] = 0xFF
		}
	}
	for i := 16; i < 24; i++ { // lead-in start and last lead-out: none
		b[i] = 0xFF
	}
	if cd && (m.blank() || m.Appendable) {
		leadOut := msf(blankCapacity)
		b[20], b[21], b[22], b[23] = 0, leadOut[0], leadOut[1], leadOut[2]
	}
	return cut(b, alloc), nil, nil
}

// runReadTrackInformation answers READ TRACK INFORMATION (MMC-6, 6.26) by
// address, track or session: 36 bytes on a CD, 48 elsewhere. On an appendable
// or blank disc the track behind the last one, and track FFh, is the
// invisible track.
func runReadTrackInformation(_ context.Context, d *Drive, t *task) ([]byte, *check, error) {
	m, alloc := d.disc, alloc16(t.cdb[7:])
	by, n := t.cdb[1]&3, int64(be.Uint32(t.cdb[2:]))
	if m.NoTOC {
		return nil, refuse(SenseTOCUnreadable), nil
	}
	if t.cdb[1]&4 != 0 || by == 3 {
		return nil, refuse(SenseInvalidField), nil
	}
	var found *placed
	invisible := false
	open := m.blank() || m.Appendable
	switch by {
	case 0:
		for i := range m.tracks {
			p := &m.tracks[i]
			if n >= p.start-p.Pregap && n < p.start+p.size() {
				found = p
			}
		}
		if found == nil && n > maxLBA || found == nil && n >= m.capacity && !open {
			return nil, refuse(SenseLBAOutOfRange), nil
		}
		invisible = found == nil && n >= m.capacity && open
	case 1:
		if n >= 1 && n <= int64(len(m.tracks)) {
			found = &m.tracks[n-1]
		}
		invisible = open && (n == 0xFF || n == int64(len(m.tracks))+1)
	case 2:
		if n >= 1 && n <= int64(len(m.Sessions)) {
			found = m.firstTrack(int(n))
		}
		invisible = open && n == int64(len(m.Sessions))+1
	}
	size := 48
	if m.Profile.Medium() == disc.MediumCD {
		size = 36
	}
	b := make([]byte, size)
	be.PutUint16(b, uint16(size-2))
	switch {
	case invisible:
		m.invisibleTrack(b)
	case found != nil:
		m.trackInformation(b, found)
	default:
		return nil, refuse(SenseInvalidField), nil
	}
	return cut(b, alloc), nil, nil
}

func (m *Disc) trackInformation(b []byte, p *placed) {
	b[2], b[3] = byte(p.number), byte(p.session)
	b[5] = p.control()
	switch p.Mode {
	case ModeAudio:
		b[6] = 0x0F
	case Mode2Form1, Mode2Form2:
		b[6] = 0x02
	default:
		b[6] = 0x01
	}
	if p.Incremental {
		b[6] |= 1 << 5 // packets, of variable size
	}
	be.PutUint32(b[8:], uint32(p.start))
	size := p.size()
	if p.TrackInfoExact {
		size = p.Sectors
	}
	be.PutUint32(b[24:], uint32(size))
	if m.Profile.Medium() != disc.MediumCD {
		b[7] = 1 << 1 // LRA_V
		be.PutUint32(b[28:], uint32(max(p.start+p.Sectors-1, 0)))
	}
}

// invisibleTrack is the unrecorded rest of an open disc (MMC-6, 4.2.3.3.2).
func (m *Disc) invisibleTrack(b []byte) {
	start := int64(0)
	session := 1
	if !m.blank() {
		start = m.capacity + sessionGap(m.Profile, len(m.Sessions))
		session = len(m.Sessions) + 1
	}
	free := max(openCapacity(m.Profile)-start, 0)
	b[2], b[3] = byte(len(m.tracks)+1), byte(session)
	b[5] = 4
	b[6] = 1<<6 | 0x0F // blank
	b[7] = 1           // NWA_V
	be.PutUint32(b[8:], uint32(start))
	be.PutUint32(b[12:], uint32(start))
	be.PutUint32(b[16:], uint32(free))
	be.PutUint32(b[24:], uint32(free))
}

// openCapacity is how many sectors an empty disc of the profile takes.
func openCapacity(p Profile) int64 {
	switch p.Medium() {
	case disc.MediumDVD:
		return 2_295_104
	case disc.MediumBD:
		return 12_219_392
	}
	return blankCapacity
}
