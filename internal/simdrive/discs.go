package simdrive

import (
	"io"

	"ripstation/disc"
	"ripstation/internal/isoimage"
)

// must lays out a disc whose layout was made here. Sizes that no disc can
// have give a disc without sectors.
func must(l Layout) *Disc {
	d, err := NewDisc(l)
	if err != nil {
		l.Sessions = []Session{{Tracks: []Track{{}}}}
		d, _ = NewDisc(l)
	}
	return d
}

func single(name string, p Profile, t Track) *Disc {
	return must(Layout{Name: name, Profile: p, Sessions: []Session{{Tracks: []Track{t}}}})
}

// noise is data for tracks that nobody brings data for, of no sector size.
func noise(seed uint64, bytes int64) io.ReaderAt {
	return io.NewSectionReader(isoimage.NewNoise(seed), 0, max(bytes, 0))
}

// PressedCD is a CD-ROM with one Mode 1 track.
func PressedCD(content io.ReaderAt, sectors int64) *Disc {
	return single("CD-ROM", ProfileCDROM, Track{Sectors: sectors, Content: content})
}

// CDR is a CD-R written track at once and closed: behind the data lie two
// run-out sectors, which READ CAPACITY and READ TRACK INFORMATION count and
// which cannot be read. It has an ATIP.
func CDR(content io.ReaderAt, sectors int64) *Disc {
	return single("CD-R", ProfileCDR, Track{Sectors: sectors, Content: content, RunOut: 2})
}

// Part is the data of one session.
type Part struct {
	Content io.ReaderAt
	Sectors int64
}

// MultiSessionCDR is a CD-R with one track-at-once data track a session, with
// run-out behind each and 11,400 and 6,900 unrecorded sectors between them.
func MultiSessionCDR(parts ...Part) *Disc {
	var ss []Session
	for _, p := range parts {
		ss = append(ss, Session{Tracks: []Track{{Mode: Mode2Form1, Sectors: p.Sectors, Content: p.Content, RunOut: 2}}})
	}
	return must(Layout{Name: "multi-session CD-R", Profile: ProfileCDR, Sessions: ss, DiscType: 0x20})
}

// AudioCD is a pressed CD with audio tracks of the given numbers of sectors
// (75 a second).
func AudioCD(seed uint64, tracks ...int64) *Disc {
	var ts []Track
	for i, n := range tracks {
		ts = append(ts, Track{Mode: ModeAudio, Sectors: n, Content: noise(seed+uint64(i)<<32, n*2352)})
	}
	return must(Layout{Name: "audio CD", Profile: ProfileCDROM, Sessions: []Session{{Tracks: ts}}})
}

// MixedMode is a pressed CD with a data track first and audio tracks behind
// it in the same session, 150 sectors of pregap between data and audio.
func MixedMode(content io.ReaderAt, sectors int64, seed uint64, audio ...int64) *Disc {
	ts := []Track{{Sectors: sectors, Content: content}}
	for i, n := range audio {
		t := Track{Mode: ModeAudio, Sectors: n, Content: noise(seed+uint64(i)<<32, n*2352)}
		if i == 0 {
			t.Pregap = 150
		}
		ts = append(ts, t)
	}
	return must(Layout{Name: "mixed-mode CD", Profile: ProfileCDROM, Sessions: []Session{{Tracks: ts}}})
}

// CDExtra is a pressed CD with audio in its first session and data in its
// second. The data start at LBA [CDExtraStart](audio...).
func CDExtra(content io.ReaderAt, sectors int64, seed uint64, audio ...int64) *Disc {
	var ts []Track
	for i, n := range audio {
		ts = append(ts, Track{Mode: ModeAudio, Sectors: n, Content: noise(seed+uint64(i)<<32, n*2352)})
	}
	data := Track{Mode: Mode2Form1, Sectors: sectors, Content: content}
	return must(Layout{Name: "CD-Extra", Profile: ProfileCDROM, DiscType: 0x20,
		Sessions: []Session{{Tracks: ts}, {Tracks: []Track{data}}}})
}

// CDExtraStart is where the data session of a CD-Extra with these audio
// tracks begins: what an ISO 9660 file system in it has to count from.
func CDExtraStart(audio ...int64) disc.LBA {
	at := sessionGap(ProfileCDROM, 1)
	for _, n := range audio {
		at += n
	}
	return disc.LBA(at)
}

// VideoCD is a pressed Video CD: a Mode 2 Form 1 track with the file system
// and Form 2 tracks with the pictures.
func VideoCD(content io.ReaderAt, sectors int64, seed uint64, video ...int64) *Disc {
	ts := []Track{{Mode: Mode2Form1, Sectors: sectors, Content: content}}
	for i, n := range video {
		ts = append(ts, Track{Mode: Mode2Form2, Sectors: n, Content: noise(seed+uint64(i)<<32, n*2324), Pregap: 150})
	}
	return must(Layout{Name: "Video CD", Profile: ProfileCDROM, DiscType: 0x20, Sessions: []Session{{Tracks: ts}}})
}

// BlankCDR is a CD-R nothing has been written to.
func BlankCDR() *Disc { return must(Layout{Name: "blank CD-R", Profile: ProfileCDR}) }

// UnreadableTOC is a CD whose table of contents the drive cannot read: every
// command that needs it fails with 03/57/00.
func UnreadableTOC() *Disc {
	return must(Layout{Name: "unreadable CD", Profile: ProfileCDROM, NoTOC: true, Sessions: []Session{{Tracks: []Track{{Sectors: 1}}}}})
}

// DVDROM is a pressed DVD; over 2,298,496 sectors it has two layers.
func DVDROM(content io.ReaderAt, sectors int64) *Disc {
	return single("DVD-ROM", ProfileDVDROM, Track{Sectors: sectors, Content: content})
}

// CSSDVD is a pressed DVD with CSS: the scrambled extents cannot be read
// without authentication (05/6F/03).
func CSSDVD(content io.ReaderAt, sectors int64, scrambled ...disc.Extent) *Disc {
	return must(Layout{Name: "CSS DVD", Profile: ProfileDVDROM, Protection: 1, Scrambled: scrambled,
		Sessions: []Session{{Tracks: []Track{{Sectors: sectors, Content: content}}}}})
}

// DVDR is a closed DVD-R with one border.
func DVDR(content io.ReaderAt, sectors int64) *Disc {
	return single("DVD-R", ProfileDVDR, Track{Sectors: sectors, Content: content, Incremental: true})
}

// DVDPlusR is a closed DVD+R with one session.
func DVDPlusR(content io.ReaderAt, sectors int64) *Disc {
	return single("DVD+R", ProfileDVDpR, Track{Sectors: sectors, Content: content})
}

// BDROM is a pressed Blu-ray disc.
func BDROM(content io.ReaderAt, sectors int64) *Disc {
	return single("BD-ROM", ProfileBDROM, Track{Sectors: sectors, Content: content})
}

// BDR is a closed BD-R.
func BDR(content io.ReaderAt, sectors int64) *Disc {
	return single("BD-R", ProfileBDR, Track{Sectors: sectors, Content: content})
}

// Holding is a pressed disc of the smallest kind that an image of this many
// sectors fits on: CD, DVD or BD.
func Holding(content io.ReaderAt, sectors int64) *Disc {
	switch {
	case sectors <= 99*60*75-150:
		return PressedCD(content, sectors)
	case sectors <= 2*2_200_000: // just over 9 GB
		return DVDROM(content, sectors)
	}
	return BDROM(content, sectors)
}
