package mmc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ripstation/disc"
)

// probe budgets: how many sectors are looked at in one track and in all, and
// after how many that cannot be read the looking ends.
const (
	probesPerTrack = 8
	probesInAll    = 64
	probesFailed   = 4
)

// probe looks at the headers of a few sectors of each data track of a CD: Mode
// 2 Form 2 sectors hold more than an image of 2048-byte sectors can.
func (s *survey) probe(ctx context.Context) error {
	if s.medium != disc.MediumCD || s.unreadable {
		return nil
	}
	toc := s.makeTOC()
	left, failed := probesInAll, 0
	for i, t := range toc.Tracks {
		if !t.Data || t.Blank {
			continue
		}
		end := int64(toc.LeadOut)
		if i+1 < len(toc.Tracks) {
			end = int64(toc.Tracks[i+1].Start)
		}
		for _, lba := range probePoints(t.Start, end) {
			if left--; left < 0 || failed >= probesFailed {
				return nil
			}
			h, err := s.d.header(ctx, lba)
			var re *disc.ReadError
			if errors.As(err, &re) && !fatal(err) {
				failed++
				s.blobs = append(s.blobs, disc.Blob{Name: fmt.Sprintf("READ CD %d", lba), Absent: err.Error()})
				continue
			}
			if err != nil {
				return err
			}
			s.headers[t.Number] = h
			if h.mode != 2 || h.form2 {
				break
			}
		}
	}
	return nil
}

// probePoints are the sectors of a track that are looked at: its first, the
// first behind a system area, and others spread evenly.
func probePoints(start disc.LBA, end int64) []disc.LBA {
	size := end - int64(start)
	var out []disc.LBA
	for i := range int64(probesPerTrack) {
		at := int64(0)
		switch {
		case i == 1:
			at = 16
		case i > 1:
			at = size * (i - 1) / (probesPerTrack - 1)
		}
		if lba := int64(start) + at; at < size && lba >= 0 && lba < maxSectors && !slices.Contains(out, disc.LBA(lba)) {
			out = append(out, disc.LBA(lba))
		}
	}
	return out
}

// header reads one whole CD sector for its headers.
func (d *Drive) header(ctx context.Context, lba disc.LBA) (sectorHeader, error) {
	a, err := d.do(ctx, cdbReadCD(lba), make([]byte, rawSectorSize), disc.Extent{Start: lba, Count: 1})
	if err != nil {
		return sectorHeader{}, err
	}
	return parseSectorHeader(a.data)
}
