package operator

import (
	"fmt"
	"time"

	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
)

// Kind is what sort of disc it is.
type Kind string

const (
	Pressed    Kind = "pressed"
	Copy       Kind = "copy"       // a further copy of an earlier pressed disc
	Lookalike  Kind = "lookalike"  // label, size and descriptors of an earlier pressed disc; one file differs
	Recordable Kind = "recordable" // DVD-R
	Twin       Kind = "twin"       // a recordable that looks like an earlier one; one file differs
	Clone      Kind = "clone"      // a recordable with every byte of an earlier one
	Scratched  Kind = "scratched"  // pressed, some sectors cannot be read
	Audio      Kind = "audio"
	Blank      Kind = "blank"
)

// Disc is one physical disc of a night.
type Disc struct {
	Number  int    `json:"number"` // from 0
	Kind    Kind   `json:"kind"`
	Model   int    `json:"model"` // the number of the disc that it is like; else its own
	Item    string `json:"item"`  // the code on its case
	Label   string `json:"label"`
	Seed    uint64 `json:"seed"`
	Sectors int64  `json:"sectors"`
	// Own is how many sectors of it are in the file that no disc that is like it
	// has; 0: half of them.
	Own int64 `json:"own,omitempty"`
	// Bad sectors never read; Shy ones fail a few times.
	Bad []disc.Extent `json:"bad,omitempty"`
	Shy []disc.Extent `json:"shy,omitempty"`
}

// Name is short and says what it is.
func (d Disc) Name() string { return fmt.Sprintf("disc %d (%s)", d.Number, d.Kind) }

// Content numbers what the disc bears: discs of one content have the same
// bytes. -1 is a disc that no image is made of.
func (d Disc) Content() int {
	switch d.Kind {
	case Audio, Blank:
		return -1
	case Copy, Clone:
		return d.Model
	}
	return d.Number
}

// Recordable says that nothing but all bytes can tell the disc from another.
func (d Disc) Recordable() bool {
	return d.Kind == Recordable || d.Kind == Twin || d.Kind == Clone
}

// Imageable discs become a bag.
func (d Disc) Imageable() bool { return d.Content() >= 0 }

// image is what the disc bears. Discs that look alike differ in one file alone:
// the last, or, when it is a small one, the first.
func (d Disc) image() (*isoimage.Image, error) {
	const heads, trailer = 40, 160 // sectors of descriptors, tables and folders, at most; of nothing at the end
	room := d.Sectors - heads - trailer
	own := d.Own
	if own == 0 {
		own = room / 2
	}
	if own < 1 || own >= room {
		return nil, fmt.Errorf("%s: %d sectors are too few", d.Name(), d.Sectors)
	}
	model := d.seedOfModel()
	files := []isoimage.File{{Path: "SHARED.BIN", Size: (room - own) * disc.SectorSize, Content: isoimage.NewNoise(model)}}
	if f := (isoimage.File{Path: "OWN.BIN", Size: own * disc.SectorSize, Content: isoimage.NewNoise(d.Seed)}); d.Own == 0 {
		files = append(files, f)
	} else {
		files = append([]isoimage.File{f}, files...)
	}
	return isoimage.New(isoimage.Options{Label: d.Label, Seed: model, Sectors: d.Sectors,
		Created: time.Date(2001, 2, 3, 4, 5, int(model%60), 0, time.UTC), Files: files})
}

// seedOfModel is what discs that look alike have in common: the upper bits of
// their seeds.
func (d Disc) seedOfModel() uint64 { return d.Seed &^ 0xFF }

// Physical makes the disc. Each call gives another one of the same content.
func (d Disc) Physical() (*simdrive.Disc, error) {
	var p *simdrive.Disc
	switch d.Kind {
	case Audio:
		p = simdrive.AudioCD(d.Seed, 800, 900)
	case Blank:
		p = simdrive.BlankCDR()
	default:
		img, err := d.image()
		if err != nil {
			return nil, err
		}
		if d.Recordable() {
			p = simdrive.DVDR(img, d.Sectors)
		} else {
			p = simdrive.PressedCD(img, d.Sectors)
		}
	}
	p.Name = d.Name()
	p.Damage().Bad(d.Bad...)
	p.Damage().Fail(2, d.Shy...)
	return p, nil
}

// Bytes is what an image of the disc must be, bad sectors filled with zeroes.
// nil where there is none.
func (d Disc) Bytes() ([]byte, error) {
	if !d.Imageable() {
		return nil, nil
	}
	p, err := d.Physical()
	if err != nil {
		return nil, err
	}
	b, err := p.UserData(0, p.Sectors())
	if err != nil {
		return nil, err
	}
	for _, e := range d.Bad {
		clear(b[int64(e.Start)*disc.SectorSize : int64(e.End())*disc.SectorSize])
	}
	return b, nil
}

// Missing is how many of its sectors an image of the disc lacks.
func (d Disc) Missing() (n int64) {
	for _, e := range d.Bad {
		n += e.Count
	}
	return n
}
