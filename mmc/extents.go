package mmc

import (
	"slices"

	"ripstation/disc"
)

// What lies between two sessions of a CD, in sectors (Orange Book II; MMC-6,
// 4.2.3.7): the first lead-out, every later one, a lead-in, and the pregap of the first
// track behind it.
const (
	firstLeadOut = 90 * 75
	laterLeadOut = 30 * 75
	leadIn       = 60 * 75
	pregap       = 150
)

// runOutBlocks end a track that was written track at once.
const runOutBlocks = 2

// sessionGap is the size of the gap behind a session.
func sessionGap(session int) int64 {
	if session == 1 {
		return firstLeadOut + leadIn + pregap
	}
	return laterLeadOut + leadIn + pregap
}

// byStart gives the tracks that hold something, in the order in which they
// lie.
func byStart(toc disc.TOC) []disc.Track {
	var out []disc.Track
	for _, t := range toc.Tracks {
		if !t.Blank && t.Start >= 0 {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b disc.Track) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return 0
	})
	return out
}

// unrecorded finds the extents of [0, sectors) that hold no recording: gaps
// between sessions, border zones, and tracks that the drive calls blank. Where
// two sources differ the smaller extent is taken, since a sector wrongly left
// out is lost, and one wrongly read is only told as unreadable.
func unrecorded(toc disc.TOC, medium disc.Medium, raw *rawTOC, sectors int64) []disc.Extent {
	var out []disc.Extent
	add := func(start, end int64) {
		start, end = max(start, 0), min(end, sectors)
		if start < end {
			out = append(out, disc.Extent{Start: disc.LBA(start), Count: end - start})
		}
	}
	for _, t := range toc.Tracks {
		if t.Blank && t.Start >= 0 && t.Sectors > 0 {
			add(blankPart(t, toc))
		}
	}
	tracks := byStart(toc)
	for i := 1; i < len(tracks); i++ {
		a, b := tracks[i-1], tracks[i]
		if b.Session <= a.Session {
			continue
		}
		if start, ok := gapStart(a, b, medium, raw); ok {
			add(start, int64(b.Start))
		}
	}
	return merged(out)
}

// blankPart is a blank track up to the next one that holds something.
func blankPart(t disc.Track, toc disc.TOC) (start, end int64) {
	start, end = int64(t.Start), int64(t.Start)+t.Sectors
	for _, u := range byStart(toc) {
		switch from, to := int64(u.Start), int64(u.Start)+u.Sectors; {
		case from >= start:
			end = min(end, from)
		default:
			start = max(start, to)
		}
	}
	return start, end
}

// gapStart is where the recording of a's session ends, before b's begins.
func gapStart(a, b disc.Track, medium disc.Medium, raw *rawTOC) (int64, bool) {
	if medium == disc.MediumCD {
		start := int64(b.Start) - sessionGap(a.Session)
		if raw != nil {
			start = max(start, int64(raw.leadOuts[a.Session]))
		}
		return start, start > int64(a.Start)
	}
	return int64(a.Start) + a.Sectors, a.Sectors > 0
}

// merged sorts extents and joins those that overlap or touch.
func merged(in []disc.Extent) []disc.Extent {
	slices.SortFunc(in, func(a, b disc.Extent) int { return int(int64(a.Start) - int64(b.Start)) })
	var out []disc.Extent
	for _, e := range in {
		if n := len(out); n > 0 && e.Start <= out[n-1].End() {
			if e.End() > out[n-1].End() {
				out[n-1].Count = int64(e.End()) - int64(out[n-1].Start)
			}
			continue
		}
		out = append(out, e)
	}
	return out
}

// runOut finds the sectors of a recordable CD's data tracks that may be
// unreadable without damage, as disc.Disc.RunOut has them. Tracks that were
// written in packets have none at their ends that are known.
func runOut(toc disc.TOC, raw *rawTOC, infos []TrackInformation, sectors int64) []disc.Extent {
	packet := map[int]bool{}
	for _, t := range infos {
		packet[t.Track] = t.Packet
	}
	var out []disc.Extent
	add := func(after disc.Track, start, end int64) {
		if start > int64(after.Start) && end <= sectors {
			out = append(out, disc.Extent{Start: disc.LBA(start), Count: end - start})
		}
	}
	tracks := byStart(toc)
	for i, t := range tracks {
		if !t.Data || packet[t.Number] {
			continue
		}
		if i+1 < len(tracks) && tracks[i+1].Session == t.Session {
			next := int64(tracks[i+1].Start)
			add(t, next-pregap-runOutBlocks, next)
			continue
		}
		end := int64(toc.LeadOut)
		if i+1 < len(tracks) {
			end = int64(tracks[i+1].Start) - sessionGap(t.Session)
			if raw != nil {
				end = max(end, int64(raw.leadOuts[t.Session]))
			}
		}
		add(t, end-runOutBlocks, end)
	}
	return out
}

// behindCapacity are the last sectors of a CD that its lead-out counts and READ
// CAPACITY does not: drives may leave out run-out or a postgap. More than that
// is not explained away.
func behindCapacity(capacity, sectors int64) []disc.Extent {
	n := sectors - capacity
	if capacity == 0 || n <= 0 || n > pregap+runOutBlocks {
		return nil
	}
	return []disc.Extent{{Start: disc.LBA(capacity), Count: n}}
}
