package simdrive

import (
	"fmt"
	"io"
	"slices"
	"sort"

	"ripstation/disc"
)

// Mode is what a track's sectors hold.
type Mode uint8

const (
	Mode1      Mode = iota // 2048 bytes of user data; also every sector of a DVD or BD
	Mode2Form1             // CD-ROM XA, 2048 bytes
	Mode2Form2             // CD-ROM XA, 2324 bytes: Video CD, CD-i
	ModeAudio              // CD-DA, 2352 bytes
)

// UserBytes is the number of bytes of user data in one sector of the mode.
func (m Mode) UserBytes() int64 {
	switch m {
	case Mode2Form2:
		return 2324
	case ModeAudio:
		return 2352
	}
	return 2048
}

// Track is one track as it was recorded.
type Track struct {
	Mode    Mode
	Sectors int64       // recorded sectors
	Content io.ReaderAt // user data, Mode.UserBytes() a sector; nil, or past its end: zeros
	// RunOut is the number of sectors behind the recorded ones that belong to
	// the track by the table of contents and cannot be read: two at the end of
	// a track-at-once track of a CD-R.
	RunOut int64
	// Pregap is the number of sectors before the track's start that belong to
	// no track's recording: 150 where data and audio tracks meet.
	Pregap int64
	// Incremental says that the track was written in packets.
	Incremental bool
	// TrackInfoExact makes READ TRACK INFORMATION give the recorded size
	// without the run-out. Drives differ in this.
	TrackInfoExact bool
}

// Session is one session (on DVD-R: border) of a disc.
type Session struct {
	Tracks []Track
	// Gap is the number of sectors between the session before this one and the
	// first track: lead-out, lead-in and pregap. 0 takes what the medium has
	// (CD: 11,400 behind the first session, 6,900 behind later ones).
	Gap int64
}

// Layout says what a disc is made of.
type Layout struct {
	Name     string // for logs
	Profile  Profile
	Sessions []Session // none: a blank disc
	// Appendable leaves the last session open for more: disc status
	// "incomplete". Blank discs are always so.
	Appendable bool
	// NoTOC makes the drive unable to read the table of contents: 03/57/00.
	NoTOC bool
	// Protection is the copyright protection system type of READ DISC
	// STRUCTURE format 01h: 0 none, 1 CSS or CPPM, 2 CPRM.
	Protection byte
	// Scrambled are the extents that a drive gives only after authentication:
	// READ fails with 05/6F/03.
	Scrambled []disc.Extent
	// DiscType is the disc type of the table of contents: 00h CD-DA or CD-ROM,
	// 10h CD-i, 20h CD-ROM XA.
	DiscType byte
	// RunOutSense and GapSense are how the drive refuses run-out sectors and
	// gaps between sessions. Zero: 03/11/05 for run-out, as if it were damage,
	// and 05/64/00 for gaps. Both occur on real drives.
	RunOutSense, GapSense Sense
}

// Disc is a disc with its geometry, its data and its damage. It goes on
// having them when it is moved from one drive to another. All methods may be
// called from several goroutines.
type Disc struct {
	Layout
	damage Damage
	tally  tally
	areas  []area // in order of LBA, without holes, from 0 to capacity
	tracks []placed
	// capacity is the number of sectors from LBA 0 to the last session's
	// lead-out.
	capacity int64
}

// placed is a track with its place on the disc.
type placed struct {
	*Track
	number, session int
	start           int64
}

// size is the number of sectors that belong to the track.
func (p placed) size() int64 { return p.Sectors + p.RunOut }

type areaKind uint8

const (
	areaRecorded areaKind = iota
	areaPregap            // reads as zeros of the mode of its track
	areaRunOut
	areaGap
)

// area is a run of sectors of one nature.
type area struct {
	start, end int64
	kind       areaKind
	track      *placed
}

const maxLBA = 1<<31 - 1

// NewDisc lays a disc out.
func NewDisc(l Layout) (*Disc, error) {
	d := &Disc{Layout: l}
	d.Scrambled = slices.Clone(l.Scrambled)
	if d.RunOutSense == (Sense{}) {
		d.RunOutSense = SenseUnrecoveredRead
	}
	if d.GapSense == (Sense{}) {
		d.GapSense = SenseIllegalMode
	}
	n := 0
	for _, s := range l.Sessions {
		n += len(s.Tracks)
		if len(s.Tracks) == 0 {
			return nil, fmt.Errorf("lay out disc %q: a session without tracks", l.Name)
		}
	}
	if n > 99 {
		return nil, fmt.Errorf("lay out disc %q: %d tracks, a disc has 99 at most", l.Name, n)
	}
	d.tracks = make([]placed, 0, n)
	at := int64(0)
	add := func(count int64, kind areaKind, t *placed) {
		if count > 0 {
			d.areas = append(d.areas, area{at, at + count, kind, t})
			at += count
		}
	}
	for i, s := range l.Sessions {
		if i > 0 {
			gap := s.Gap
			if gap <= 0 {
				gap = sessionGap(l.Profile, i)
			}
			add(gap, areaGap, nil)
		}
		for _, t := range slices.Clone(s.Tracks) {
			if t.Sectors < 0 || t.RunOut < 0 || t.Pregap < 0 || at+t.Sectors+t.RunOut+t.Pregap > maxLBA {
				return nil, fmt.Errorf("lay out disc %q: track %d has an impossible size", l.Name, len(d.tracks)+1)
			}
			d.tracks = append(d.tracks, placed{Track: &t, number: len(d.tracks) + 1, session: i + 1})
			p := &d.tracks[len(d.tracks)-1]
			add(t.Pregap, areaPregap, p)
			p.start = at
			add(t.Sectors, areaRecorded, p)
			add(t.RunOut, areaRunOut, p)
		}
	}
	if at > maxLBA {
		return nil, fmt.Errorf("lay out disc %q: %d sectors are more than a disc can have", l.Name, at)
	}
	d.capacity = at
	return d, nil
}

// sessionGap is how far apart two sessions lie when nothing else is said.
func sessionGap(p Profile, session int) int64 {
	switch p.Medium() {
	case disc.MediumCD:
		if session == 1 {
			return 6750 + 4500 + 150
		}
		return 2250 + 4500 + 150
	case disc.MediumDVD:
		return 12288
	}
	return 0
}

// Sectors is the number of sectors from LBA 0 to the end of the last session,
// gaps and run-out included: what READ CAPACITY tells.
func (d *Disc) Sectors() int64 { return d.capacity }

// Unrecorded are the extents of gaps and run-out inside [0, Sectors).
func (d *Disc) Unrecorded() []disc.Extent {
	var out []disc.Extent
	for _, a := range d.areas {
		if a.kind == areaRunOut || a.kind == areaGap {
			out = append(out, disc.Extent{Start: disc.LBA(a.start), Count: a.end - a.start})
		}
	}
	return out
}

// Damage is what is wrong with the disc's surface. Faults may be added while
// the disc is being read.
func (d *Disc) Damage() *Damage { return &d.damage }

// UserData reads n sectors of 2048 bytes from lba as a faultless drive would
// give them, past all damage and without counting. Sectors that hold no such
// data (audio, Form 2, run-out, gaps, scrambled or not) are zero, except
// scrambled ones, which are given.
func (d *Disc) UserData(lba disc.LBA, n int64) ([]byte, error) {
	if lba < 0 || n < 0 || int64(lba)+n > d.capacity {
		return nil, fmt.Errorf("read disc %q: sectors %d to %d are not on it", d.Name, lba, int64(lba)+n)
	}
	p := make([]byte, n*disc.SectorSize)
	for i := int64(0); i < n; {
		a := d.areaAt(int64(lba) + i)
		run := min(n-i, a.end-int64(lba)-i)
		if a.kind == areaRecorded && a.track.Mode.UserBytes() == disc.SectorSize {
			off := (int64(lba) + i - a.track.start) * disc.SectorSize
			if err := readContent(a.track.Content, p[i*disc.SectorSize:(i+run)*disc.SectorSize], off); err != nil {
				return nil, fmt.Errorf("read disc %q: %w", d.Name, err)
			}
		}
		i += run
	}
	return p, nil
}

// Reads is how many times the data of a sector were given to an initiator.
func (d *Disc) Reads(lba disc.LBA) int { return d.tally.count(int64(lba)) }

// EachRead calls f for every run of sectors that were given equally often, in
// order of LBA, leaving out those that never were.
func (d *Disc) EachRead(f func(e disc.Extent, times int)) { d.tally.each(f) }

// areaAt is the area that holds lba, which must lie in [0, capacity).
func (d *Disc) areaAt(lba int64) *area {
	i := sort.Search(len(d.areas), func(i int) bool { return d.areas[i].end > lba })
	return &d.areas[i]
}

func (d *Disc) blank() bool { return len(d.Sessions) == 0 }

// lastSession is the number of the last session that is complete or open for
// more; 1 on a blank disc.
func (d *Disc) lastSession() int { return max(len(d.Sessions), 1) }

// leadOut is the address behind the last track of a session.
func (d *Disc) leadOut(session int) int64 {
	end := int64(0)
	for _, t := range d.tracks {
		if t.session <= session {
			end = t.start + t.size()
		}
	}
	return end
}

// firstTrack is the first track of a session, nil if there is none.
func (d *Disc) firstTrack(session int) *placed {
	for i := range d.tracks {
		if d.tracks[i].session == session {
			return &d.tracks[i]
		}
	}
	return nil
}

// control is the CONTROL field of the track in the table of contents: 4 for
// data recorded uninterrupted, 5 recorded incrementally, 0 for audio.
func (p placed) control() byte {
	switch {
	case p.Mode == ModeAudio:
		return 0
	case p.Incremental:
		return 5
	}
	return 4
}
