package main

import (
	"fmt"

	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
)

// ripCase is one disc in one drive.
type ripCase struct {
	Name    string `json:"name"`
	Medium  string `json:"medium"` // CD, DVD, BD
	Sectors int64  `json:"sectors"`
	// Speed is the drive's: "52x" of its medium; empty for a drive that takes
	// no time.
	Speed string `json:"speed"`
	Runs  int    `json:"runs"`
}

func (c ripCase) bytes() int64 { return c.Sectors * 2048 }
func (c ripCase) gib() float64 { return float64(c.bytes()) / (1 << 30) }

// ripCases are the discs of the figures. The small one is in the BD drive, so
// that nothing but the size can make the difference between it and the BD.
var ripCases = []ripCase{
	{"small disc, 64 MB", "BD", 31_250, "12x", 1},
	{"CD, 0.7 GB", "CD", 341_797, "52x", 3},
	{"DVD, 4.4 GB", "DVD", 2_148_438, "16x", 3},
	{"BD, 25 GB", "BD", 12_219_392, "12x", 1}, // a whole layer
}

// quickCases try the bench out.
var quickCases = []ripCase{
	{"small disc, 8 MB", "BD", 8 << 20 / 2048, "", 1},
	{"CD, 32 MB", "CD", 32 << 20 / 2048, "", 3},
	{"DVD, 64 MB", "DVD", 64 << 20 / 2048, "", 1},
	{"BD, 256 MB", "BD", 256 << 20 / 2048, "", 1},
}

// disc makes the case's disc: a file system full of noise, made as it is read.
func (c ripCase) disc() (*simdrive.Disc, error) {
	img, err := isoimage.New(isoimage.Options{Label: "BENCH_" + c.Medium, Seed: uint64(c.Sectors), Sectors: c.Sectors})
	if err != nil {
		return nil, err
	}
	switch c.Medium {
	case "CD":
		return simdrive.PressedCD(img, c.Sectors), nil
	case "DVD":
		return simdrive.DVDROM(img, c.Sectors), nil
	case "BD":
		return simdrive.BDROM(img, c.Sectors), nil
	}
	return nil, fmt.Errorf("there is no medium %q", c.Medium)
}

func (c ripCase) timing() (simdrive.Timing, error) {
	switch c.Medium + " " + c.Speed {
	case "CD 52x":
		return simdrive.CD52x, nil
	case "DVD 16x":
		return simdrive.DVD16x, nil
	case "BD 12x":
		return simdrive.BD12x, nil
	}
	if c.Speed == "" {
		return simdrive.Timing{}, nil
	}
	return simdrive.Timing{}, fmt.Errorf("there is no %s drive with a speed of %q", c.Medium, c.Speed)
}
