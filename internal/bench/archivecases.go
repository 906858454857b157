package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
)

// archiveCases are the discs of make bench-archive.
type archiveCases struct {
	main   ripCase   // against the scripts, and against the drive
	face   ripCase   // what the preload face costs
	cpu    ripCase   // what sending costs, at the pace of a drive
	rounds int       // of cpu
	four   []ripCase // at once
}

func fourOf(sectors int64) (four []ripCase) {
	for i := range int64(4) {
		// Sizes of their own make them different discs.
		four = append(four, ripCase{fmt.Sprintf("disc %d of 4", i+1), "DVD", sectors + 16*i, "16x", 1})
	}
	return four
}

var fullArchive = archiveCases{
	main: ripCase{"DVD, 4.4 GB", "DVD", 2_148_438, "16x", 1},
	face: ripCase{"DVD, 512 MiB", "DVD", 512 << 20 / 2048, "16x", 1},
	cpu:  ripCase{"DVD, 1 GiB", "DVD", 1 << 30 / 2048, "16x", 1}, rounds: 5,
	four: fourOf(700_000_000 / 2048),
}

var quickArchive = archiveCases{
	main: ripCase{"DVD, 96 MiB", "DVD", 96 << 20 / 2048, "16x", 1},
	face: ripCase{"DVD, 64 MiB", "DVD", 64 << 20 / 2048, "16x", 1},
	cpu:  ripCase{"DVD, 128 MiB", "DVD", 128 << 20 / 2048, "", 1}, rounds: 1,
	four: fourOf(32 << 20 / 2048),
}

// progress is how a drive that is read without a pause gets on, on a clock of
// its own, and what is on the disc.
type progress struct {
	Own     float64
	SHA256  string
	moments []moment
	bytes   int64
}

// moment is how much has been read when.
type moment struct {
	seconds float64
	bytes   int64
}

// progressOf reads the disc once.
func (c ripCase) progressOf(ctx context.Context) (p progress, err error) {
	clock := simdrive.NewVirtualClock(time.Unix(0, 0))
	d, err := c.insert(ctx, clock)
	if err != nil {
		return p, err
	}
	defer d.Close()
	sum := sha256.New()
	begin := clock.Now()
	const stretch = 2048 // sectors
	for at := int64(0); at < c.Sectors; at += stretch {
		n, err := readAll(ctx, d, []disc.Extent{{Start: disc.LBA(at), Count: min(stretch, c.Sectors-at)}}, sum)
		if err != nil {
			return p, err
		}
		p.bytes += n
		p.moments = append(p.moments, moment{clock.Now().Sub(begin).Seconds(), p.bytes})
	}
	p.Own, p.SHA256 = clock.Now().Sub(begin).Seconds(), hex.EncodeToString(sum.Sum(nil))
	return p, nil
}

// mean is the drive's mean rate, in bytes a second.
func (p progress) mean() int64 { return int64(float64(p.bytes) / p.Own) }

// floor is the time from the first read until the last byte can have passed
// a link: whatever the drive gives after a moment has to pass after it.
func (p progress) floor(rate int64) float64 {
	least, before := float64(p.bytes)/float64(rate), int64(0)
	for _, s := range p.moments {
		// What came with this step was not there before its end.
		least = max(least, s.seconds+float64(p.bytes-before)/float64(rate))
		before = s.bytes
	}
	return least
}
