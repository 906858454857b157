package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/mmc"
)

// driveAlone is what the simulated drive costs by itself, read through the
// same commands by somebody who throws the data away.
type driveAlone struct {
	Own    float64 `json:"own_seconds"` // the drive's own time for the whole disc, on a clock of its own
	SHA256 string  `json:"sha256"`      // of what is on the disc

	// A sample, read at the drive's real speed.
	Bytes     int64   `json:"sample_bytes"`
	SampleOwn float64 `json:"sample_own_seconds"`
	Seconds   float64 `json:"sample_seconds"`
	CPU       float64 `json:"sample_cpu_seconds"`
}

// sampleBytes is the most that is read at real speed, half of it where the
// disc is slow and half where it is fast.
const sampleBytes = 256 << 20

func (c ripCase) sample() []disc.Extent {
	half := int64(sampleBytes / 2 / disc.SectorSize)
	if c.Sectors <= 2*half {
		return []disc.Extent{{Start: 0, Count: c.Sectors}}
	}
	return []disc.Extent{{Start: 0, Count: half}, {Start: disc.LBA(c.Sectors - half), Count: half}}
}

// readByDrive is a child's work.
func readByDrive(ctx context.Context, c ripCase) (a driveAlone, err error) {
	sum := sha256.New()
	a.Own, err = c.pace(ctx, []disc.Extent{{Start: 0, Count: c.Sectors}}, sum)
	if err != nil {
		return a, err
	}
	a.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if a.SampleOwn, err = c.pace(ctx, c.sample(), nil); err != nil {
		return a, err
	}
	d, err := c.insert(ctx, nil)
	if err != nil {
		return a, err
	}
	defer d.Close()
	before, err := useSoFar()
	if err != nil {
		return a, err
	}
	if a.Bytes, err = readAll(ctx, d, c.sample(), nil); err != nil {
		return a, err
	}
	after, err := useSoFar()
	used := after.since(before, "")
	a.Seconds, a.CPU = used.Seconds, used.CPU
	return a, err
}

// pace is the drive's own time for the extents, in seconds, which passes on a
// clock that does not wait.
func (c ripCase) pace(ctx context.Context, extents []disc.Extent, sum hash.Hash) (float64, error) {
	clock := simdrive.NewVirtualClock(time.Unix(0, 0))
	d, err := c.insert(ctx, clock)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	begin := clock.Now()
	if _, err := readAll(ctx, d, extents, sum); err != nil {
		return 0, err
	}
	return clock.Now().Sub(begin).Seconds(), nil
}

// insert gives the drive with the disc in it, ready to be read. A nil clock is
// real time.
func (c ripCase) insert(ctx context.Context, clock *simdrive.VirtualClock) (*mmc.Drive, error) {
	timing, err := c.timing()
	if err != nil {
		return nil, err
	}
	m, err := c.disc()
	if err != nil {
		return nil, err
	}
	o := simdrive.Options{Serial: "BENCH", Timing: timing}
	if clock != nil {
		o.Clock = clock
	}
	drive := simdrive.New(o)
	if err := drive.Insert(m); err != nil {
		return nil, err
	}
	if clock != nil {
		clock.Advance(timing.SpinUp)
	}
	d := mmc.New(drive.Transport())
	if _, err := d.Identify(ctx); err != nil {
		d.Close()
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return d, nil
}

// readAll reads the extents by the largest reads that the drive takes, one
// after the other.
func readAll(ctx context.Context, d *mmc.Drive, extents []disc.Extent, sum hash.Hash) (n int64, err error) {
	buf := make([]byte, d.MaxSectors()*disc.SectorSize)
	for _, e := range extents {
		for at := e.Start; at < e.End(); at += disc.LBA(d.MaxSectors()) {
			p := buf[:min(int64(len(buf)), int64(e.End()-at)*disc.SectorSize)]
			if err := d.ReadSectors(ctx, at, p); err != nil {
				return n, err
			}
			if sum != nil {
				sum.Write(p)
			}
			n += int64(len(p))
		}
	}
	return n, nil
}
