package mmc

import (
	"encoding/binary"
	"slices"

	"ripstation/disc"
)

// Formats of READ TOC/PMA/ATIP (MMC-6, 6.25.2).
const (
	tocTracks   = 0x00 // tracks of all sessions, by LBA
	tocSessions = 0x01 // first track of the last session
	tocRaw      = 0x02 // the Q sub-channel of the lead-in, in MSF
	tocATIP     = 0x04 // the pregroove of a recordable CD
)

// leadOut is the track number of the lead-out area.
const leadOut = 0xAA

// READ TOC/PMA/ATIP (MMC-6, 6.25), from the first track or session on.
func cdbReadTOC(format byte, size uint16) []byte {
	b := cdb(opReadTOC, 10)
	if format != tocTracks && format != tocSessions {
		b[1] = 0x02 // MSF: these formats have no other form
	}
	b[2] = format
	binary.BigEndian.PutUint16(b[7:], size)
	return b
}

// tocRoom holds 99 tracks with several raw entries for each of 99 sessions.
const tocRoom = 8192

// tocBody is what lies behind the 4-byte head of an answer to READ
// TOC/PMA/ATIP, bounded by the length in the head and by what came.
func tocBody(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, shortAnswer("READ TOC/PMA/ATIP", len(b))
	}
	end := min(len(b), 2+be16(b))
	return b[4:max(4, end)], nil
}

// tocTrack is one descriptor of format 0.
type tocTrack struct {
	number  int // leadOut for the lead-out area
	control byte
	start   disc.LBA
}

// parseTracks decodes format 0 (MMC-6, 6.25.3.2). Tracks that come twice and
// numbers that do not exist are dropped.
func parseTracks(b []byte) ([]tocTrack, error) {
	body, err := tocBody(b)
	if err != nil {
		return nil, err
	}
	var out []tocTrack
	seen := [256]bool{}
	for ; len(body) >= 8; body = body[8:] {
		n := body[2]
		if seen[n] || n == 0 || n > 99 && n != leadOut {
			continue
		}
		seen[n] = true
		out = append(out, tocTrack{number: int(n), control: body[1] & 0x0F, start: disc.LBA(int32(be32(body[4:])))})
	}
	if len(out) == 0 {
		return nil, shortAnswer("READ TOC/PMA/ATIP", len(b))
	}
	return out, nil
}

// lastSession is the answer of format 1 (MMC-6, 6.25.3.3).
type lastSession struct {
	sessions   int
	firstTrack int // of the last complete session
	start      disc.LBA
}

func parseLastSession(b []byte) (lastSession, error) {
	body, err := tocBody(b)
	if err != nil {
		return lastSession{}, err
	}
	if len(body) < 8 {
		return lastSession{}, shortAnswer("READ TOC/PMA/ATIP", len(b))
	}
	return lastSession{sessions: int(b[3]), firstTrack: int(body[2]), start: disc.LBA(int32(be32(body[4:])))}, nil
}

// Disc types in the lead-in (MMC-6, table 493: PSEC of POINT A0h).
const (
	discTypeROM = 0x00
	discTypeCDI = 0x10
	discTypeXA  = 0x20
)

// rawTOC is what format 2 tells (MMC-6, 6.25.3.4).
type rawTOC struct {
	sessionOf map[int]int      // by track number
	leadOuts  map[int]disc.LBA // by session number
	discType  byte             // of the first session: discTypeROM, discTypeCDI, discTypeXA
}

func parseRawTOC(b []byte) (rawTOC, error) {
	body, err := tocBody(b)
	if err != nil {
		return rawTOC{}, err
	}
	r := rawTOC{sessionOf: map[int]int{}, leadOuts: map[int]disc.LBA{}}
	typed := false
	for ; len(body) >= 11; body = body[11:] {
		e := body[:11]
		session, adr, point := int(e[0]), e[1]>>4, e[3]
		if session == 0 || session > 99 || adr != 1 {
			continue
		}
		switch {
		case point >= 1 && point <= 99:
			r.sessionOf[int(point)] = session
		case point == 0xA0 && !typed:
			r.discType, typed = e[9], true
		case point == 0xA2:
			r.leadOuts[session] = fromMSF(e[8], e[9], e[10])
		}
	}
	if len(r.sessionOf) == 0 {
		return rawTOC{}, shortAnswer("READ TOC/PMA/ATIP", len(b))
	}
	return r, nil
}

// fromMSF gives the LBA of a time in the program area or the lead-out of a CD
// (MMC-6, 4.2.3.6.6): 75 frames a second, LBA 0 at two seconds.
func fromMSF(m, s, f byte) disc.LBA {
	return disc.LBA((int32(m)*60+int32(s))*75 + int32(f) - 150)
}

// leadInMSF is fromMSF for a time in the lead-in: from 90 minutes on, the time
// counts up to 100 minutes at the lead-in's end.
func leadInMSF(m, s, f byte) disc.LBA {
	if m >= 90 {
		return fromMSF(m, s, f) - 100*60*75
	}
	return fromMSF(m, s, f)
}

// ATIP is the pregroove information of a recordable CD (MMC-6, 6.25.3.6).
// Pressed discs have none.
type ATIP struct {
	Rewritable bool
	LeadIn     disc.LBA // start of the lead-in; names the maker of the blank
	LeadOut    disc.LBA // last possible start of the lead-out
}

func parseATIP(b []byte) (ATIP, error) {
	body, err := tocBody(b)
	if err != nil {
		return ATIP{}, err
	}
	// Bit 7 of the first byte is always set, and the times are never zero: a
	// drive that answers zeroes for a pressed disc has no ATIP.
	if len(body) < 12 || body[0]&0x80 == 0 || body[8]|body[9]|body[10] == 0 {
		return ATIP{}, shortAnswer("READ TOC/PMA/ATIP", len(b))
	}
	return ATIP{Rewritable: body[2]&0x40 != 0, LeadIn: leadInMSF(body[4], body[5], body[6]), LeadOut: fromMSF(body[8], body[9], body[10])}, nil
}

// makeTOC puts the three answers together; last and raw may be nil.
func makeTOC(tracks []tocTrack, last *lastSession, raw *rawTOC) disc.TOC {
	toc := disc.TOC{Sessions: 1}
	if last != nil {
		toc.Sessions = max(toc.Sessions, last.sessions)
	}
	for _, t := range tracks {
		if t.number == leadOut {
			toc.LeadOut = t.start
			continue
		}
		session := 1
		switch {
		case raw != nil && raw.sessionOf[t.number] > 0:
			session = raw.sessionOf[t.number]
		case last != nil && last.sessions == 2 && t.number >= last.firstTrack:
			session = 2
		case last != nil && last.sessions > 2 && t.number >= last.firstTrack:
			session = last.sessions
		}
		toc.Sessions = max(toc.Sessions, session)
		toc.Tracks = append(toc.Tracks, disc.Track{
			Number: t.number, Session: session, Control: t.control, Data: t.control&0x04 != 0, Start: t.start,
		})
	}
	slices.SortStableFunc(toc.Tracks, func(a, b disc.Track) int { return a.Number - b.Number })
	return toc
}
