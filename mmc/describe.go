package mmc

import (
	"slices"

	"ripstation/disc"
)

// makeTOC puts the table of contents and the track information together.
func (s *survey) makeTOC() disc.TOC {
	toc := makeTOC(s.toc, s.last, s.raw)
	for _, info := range s.tracks {
		i := slices.IndexFunc(toc.Tracks, func(t disc.Track) bool { return t.Number == info.Track })
		if i < 0 {
			i = len(toc.Tracks)
			toc.Tracks = append(toc.Tracks, disc.Track{Number: info.Track, Session: 1, Control: info.Control, Data: info.Control&0x04 != 0, Start: info.Start})
		}
		t := &toc.Tracks[i]
		t.Sectors, t.Blank = info.Size, info.Blank
		if info.DataMode == 1 || info.DataMode == 2 {
			t.Mode = int(info.DataMode)
		}
		if s.raw == nil && info.Session > 0 {
			t.Session = info.Session
		}
		if !t.Blank {
			toc.Sessions = max(toc.Sessions, t.Session)
		}
	}
	for i := range toc.Tracks {
		t := &toc.Tracks[i]
		if h, ok := s.headers[t.Number]; ok {
			t.Mode, t.Form2 = h.mode, h.form2
		}
	}
	slices.SortStableFunc(toc.Tracks, func(a, b disc.Track) int { return a.Number - b.Number })
	return toc
}

// disc draws the conclusions.
func (s *survey) disc() disc.Disc {
	out := disc.Disc{Medium: s.medium, TOC: s.makeTOC(), Blobs: s.blobs}
	if s.conf != nil {
		out.Profile, out.ProfileStr = s.conf.Profile, profileOf(s.conf.Profile).name
	}
	out.Recordable = s.recordable()
	out.Protection = s.protection()
	out.Kind = s.kind(out.TOC)
	out.Sizes = s.sizes(out.TOC)
	out.Sectors = s.sectors(out.TOC)
	if out.Kind == disc.KindBlank {
		out.Sectors = 0
	}
	out.Unrecorded = unrecorded(out.TOC, s.medium, s.raw, out.Sectors)
	if s.medium == disc.MediumCD && out.Recordable {
		out.RunOut = runOut(out.TOC, s.raw, s.tracks, out.Sectors)
	}
	if s.medium == disc.MediumCD {
		out.RunOut = merged(append(out.RunOut, behindCapacity(s.capacity, out.Sectors)...))
	}
	return out
}

// recordable gathers the evidence that this disc was written one by one. Drives
// that only read have little of it.
func (s *survey) recordable() bool {
	switch {
	case s.conf != nil && profileOf(s.conf.Profile).recordable,
		s.atip != nil,
		s.info != nil && (s.info.Erasable || s.info.Status != DiscFinalized),
		len(s.physical) > 0 && s.physical[0].recordable(),
		s.bdType == "BDR", s.bdType == "BDW":
		return true
	}
	return false
}

// protection is what the disc declares. A BD-ROM does not declare AACS where
// it can be read without authentication; the drive's AACS feature being current
// stands for it.
func (s *survey) protection() string {
	if name := protectionNames[s.cpst]; name != "" {
		return name
	}
	if s.conf != nil && s.conf.Profile == 0x0040 {
		if f, ok := s.conf.Feature(featureAACS); ok && f.Current {
			return "AACS"
		}
	}
	return ""
}

// kind says what sort of thing is recorded.
func (s *survey) kind(toc disc.TOC) disc.Kind {
	switch {
	case s.info != nil && s.info.Status == DiscEmpty:
		return disc.KindBlank
	case s.medium == disc.MediumDVD || s.medium == disc.MediumBD:
		if s.unreadable || s.toc == nil && s.capacity == 0 {
			return disc.KindNoTOC
		}
		return disc.KindData
	case s.toc == nil || s.unreadable:
		return disc.KindNoTOC
	}
	data, audio, form2, lastAudio, firstData := 0, 0, false, 0, 0
	for _, t := range toc.Tracks {
		switch {
		case t.Blank:
		case t.Data:
			data++
			form2 = form2 || t.Form2
			if firstData == 0 {
				firstData = t.Session
			}
		default:
			audio++
			lastAudio = max(lastAudio, t.Session)
		}
	}
	switch {
	case form2, s.raw != nil && s.raw.discType == discTypeCDI, s.info != nil && s.info.Type == discTypeCDI:
		return disc.KindVideoCD
	case data > 0 && audio == 0:
		return disc.KindData
	case data == 0 && audio > 0:
		return disc.KindAudio
	case data > 0 && firstData > lastAudio:
		return disc.KindCDExtra
	case data > 0:
		return disc.KindMixed
	}
	return disc.KindNoTOC
}

// sizes lists what everybody claims, in sectors from LBA 0.
func (s *survey) sizes(toc disc.TOC) []disc.SizeClaim {
	var out []disc.SizeClaim
	claim := func(source string, sectors int64) {
		if sectors > 0 {
			out = append(out, disc.SizeClaim{Source: source, Sectors: sectors})
		}
	}
	claim("READ CAPACITY", s.capacity)
	claim("READ TOC lead-out", int64(toc.LeadOut))
	claim("READ TRACK INFORMATION", s.trackEnd())
	if s.info != nil && s.medium == disc.MediumCD {
		claim("READ DISC INFORMATION last possible lead-out", int64(s.info.LastLeadOut))
	}
	claim("READ DISC STRUCTURE", s.physicalSectors())
	return out
}

// trackEnd is the end of the last track that is not blank.
func (s *survey) trackEnd() int64 {
	var end int64
	for _, t := range s.tracks {
		if !t.Blank {
			end = max(end, t.end())
		}
	}
	return end
}

// physicalSectors is the size of the data area by the disc's own structure: of
// one layer, of an opposite pair, or of two parallel layers together.
func (s *survey) physicalSectors() int64 {
	var n int64
	for i, p := range s.physical {
		if i == 0 || !p.Opposite {
			n += p.sectors()
		}
	}
	return n
}

// maxCDSectors is the address where a CD of 100 minutes, more than any has,
// would end.
const maxCDSectors = 100*60*75 - 150

// sectors is how much is to be imaged: what READ CAPACITY says. The lead-out
// of a CD counts too when it lies behind that, so that a drive that tells too
// little makes an image with holes that are told, not one that is short.
func (s *survey) sectors(toc disc.TOC) int64 {
	n := s.capacity
	if s.medium == disc.MediumCD {
		if lead := int64(toc.LeadOut); lead > n && lead <= maxCDSectors {
			n = lead
		}
		return n
	}
	if n == 0 {
		n = s.trackEnd()
	}
	if n == 0 {
		n = s.physicalSectors()
	}
	if n > maxSectors {
		return 0
	}
	return n
}
