package main

import (
	"fmt"
	"math"
	"time"

	"ripstation/disc"
	"ripstation/internal/blockreader"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// demoDisc is one disc of the demonstration, and how it ought to end.
type demoDisc struct {
	name string
	disc func() (*simdrive.Disc, error)
	want []station.Outcome
}

// demoDrive is one drive with the discs that go into it, one after the other.
type demoDrive struct {
	name  string
	opts  simdrive.Options
	discs []demoDisc
}

// Real drives at real speeds would take an hour. These are as quick as they
// can be while the story can still be followed.
var (
	demoCD  = simdrive.Timing{SpinUp: 700 * time.Millisecond, Seek: 40 * time.Millisecond, Error: 40 * time.Millisecond, Rate: 16 << 20, CAV: true}
	demoDVD = simdrive.Timing{SpinUp: 900 * time.Millisecond, Seek: 40 * time.Millisecond, Error: 40 * time.Millisecond, Rate: 24 << 20, CAV: true}
)

// demoDrives is the demonstration without an image of one's own: two drives,
// four discs.
func demoDrives() []demoDrive {
	const cdSectors, dvdSectors = 30_000, 60_000
	clean := func() (*simdrive.Disc, error) {
		iso, err := isoimage.New(isoimage.Options{Label: "COUNTY_MAPS_1998", Sectors: cdSectors, Seed: 1998, Joliet: true})
		if err != nil {
			return nil, err
		}
		return simdrive.PressedCD(iso, cdSectors), nil
	}
	scratched := func() (*simdrive.Disc, error) {
		iso, err := isoimage.New(isoimage.Options{Label: "ORAL_HISTORY_DVD_2", Sectors: dvdSectors, Seed: 2003, Joliet: true})
		if err != nil {
			return nil, err
		}
		d := simdrive.DVDROM(iso, dvdSectors)
		scratch(d, dvdSectors)
		return d, nil
	}
	audio := func() (*simdrive.Disc, error) { return simdrive.AudioCD(7, 12_000, 15_500, 9_800), nil }
	return []demoDrive{
		{"sim0", simdrive.Options{Vendor: "SIMDRIVE", Model: "CD-ROM 52X", Firmware: "1.00", Serial: "SIM0000001", Timing: demoCD}, []demoDisc{
			{"a clean pressed CD", clean, []station.Outcome{station.OutcomeDone}},
			{"the same CD again", clean, []station.Outcome{station.OutcomeAlready}},
			{"an audio CD", audio, []station.Outcome{station.OutcomeNeedsYou}},
		}},
		{"sim1", simdrive.Options{Vendor: "SIMDRIVE", Model: "DVD-ROM 16X", Firmware: "1.00", Serial: "SIM0000002", Timing: demoDVD, WholeECC: true}, []demoDisc{
			{"a scratched DVD", scratched, []station.Outcome{station.OutcomeIncomplete}},
		}},
	}
}

// scratch hurts a disc along a radius: once a turn an error-correction unit
// is hit. Most of them give way to another try, some never do.
func scratch(d *simdrive.Disc, sectors int64) {
	const unit = 16
	for turn := int64(0); turn < 12; turn++ {
		at := sectors/2 + int64(float64(turn)*(640+2*math.Sqrt(float64(turn))))
		e := disc.Extent{Start: disc.LBA(at / unit * unit), Count: 1}
		if turn%4 == 1 {
			d.Damage().Bad(e)
		} else {
			d.Damage().Fail(2, e)
		}
	}
}

// demoImage is the demonstration with an image of one's own in the drive. How
// it ends is the image's affair, so every end that the archive holds is right.
func demoImage(path string) ([]demoDrive, func() error, error) {
	src, err := blockreader.Open(path)
	if err != nil {
		return nil, nil, err
	}
	make := func() (*simdrive.Disc, error) {
		n, err := src.Size()
		if err != nil {
			return nil, err
		}
		return simdrive.Holding(src, n/disc.SectorSize), nil
	}
	drive := demoDrive{"sim0", simdrive.Options{Vendor: "SIMDRIVE", Model: "BD-ROM 12X", Firmware: "1.00", Serial: "SIM0000001", Timing: simdrive.Timing{SpinUp: demoCD.SpinUp}},
		[]demoDisc{{fmt.Sprintf("a disc with %s on it", one(path)), make, []station.Outcome{station.OutcomeDone, station.OutcomeAlready, station.OutcomeNeedsYou}}}}
	return []demoDrive{drive}, src.Close, nil
}
