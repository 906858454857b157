package simdrive

import (
	"math"
	"math/rand/v2"

	"ripstation/disc"
)

// Surface is the face of a disc: a spiral from 24 to 58 millimetres on which
// the sectors lie one behind the other. It says which sectors a scratch or a
// stain hits. The same surface and seed give the same sectors.
type Surface struct {
	Medium  disc.Medium
	Sectors int64
}

const (
	innerRadius = 24.0 // millimetres
	outerRadius = 58.0
)

// sectorLength is how many millimetres of the spiral a sector takes: the speed
// of the medium (CD 1.3, DVD 3.49, BD 4.92 m/s) by its sectors a second.
func (s Surface) sectorLength() float64 {
	switch s.Medium {
	case disc.MediumDVD:
		return 3490.0 / 676
	case disc.MediumBD:
		return 4917.0 / 2195
	}
	return 1300.0 / 75
}

// radius is where a sector lies, for the disc filled to its edge by its
// sectors.
func (s Surface) radius(lba float64) float64 {
	part := lba / float64(max(s.Sectors, 1))
	return math.Sqrt(innerRadius*innerRadius + part*(outerRadius*outerRadius-innerRadius*innerRadius))
}

// Scratch is a radial scratch of the given width in millimetres, between two
// places on the disc as shares of its sectors (0 inner, 1 outer): a few
// sectors in every turn.
func (s Surface) Scratch(seed uint64, from, to, width float64) []disc.Extent {
	return s.turns(seed, from, to, func(float64) float64 { return width })
}

// Blob is a round stain of the given diameter in millimetres around a place,
// as a share of the sectors.
func (s Surface) Blob(seed uint64, at, diameter float64) []disc.Extent {
	half, mid := diameter/2, s.radius(at*float64(s.Sectors))
	share := func(r float64) float64 {
		r = min(max(r, innerRadius), outerRadius)
		return (r*r - innerRadius*innerRadius) / (outerRadius*outerRadius - innerRadius*innerRadius)
	}
	return s.turns(seed, share(mid-half), share(mid+half), func(r float64) float64 {
		return 2 * math.Sqrt(max(half*half-(r-mid)*(r-mid), 0))
	})
}

// turns goes round from one place to the other and takes from every turn what
// lies under the width at its radius.
func (s Surface) turns(seed uint64, from, to float64, width func(r float64) float64) []disc.Extent {
	rng := rand.New(rand.NewPCG(seed, 0x5CA7))
	length := s.sectorLength()
	at := from*float64(s.Sectors) + rng.Float64()*2*math.Pi*s.radius(from*float64(s.Sectors))/length
	end := min(to, 1) * float64(s.Sectors)
	var out []disc.Extent
	for at >= 0 && at < end {
		r := s.radius(at)
		if n := math.Ceil(width(r) / length); n > 0 {
			out = s.hit(out, int64(at), int64(n))
		}
		at += 2*math.Pi*r/length + rng.Float64() - 0.5
	}
	return out
}

// Rot is decay from the edge inwards: it begins at a share of the sectors and
// grows towards the edge, where it has taken the given share of them, in runs
// of up to 8 error-correction units.
func (s Surface) Rot(seed uint64, from, density float64) []disc.Extent {
	rng := rand.New(rand.NewPCG(seed, 0x0707))
	unit := s.Medium.ECCSectors()
	begin := int64(from * float64(s.Sectors))
	begin -= begin % unit
	var out []disc.Extent
	for at := max(begin, 0); at < s.Sectors; {
		near := float64(at-begin) / float64(max(s.Sectors-begin, 1))
		run := unit * (1 + rng.Int64N(8))
		if rng.Float64() < near*density {
			out = s.hit(out, at, run)
		}
		at += run
	}
	return out
}

// hit adds a run, joined to the last one where they touch.
func (s Surface) hit(out []disc.Extent, at, n int64) []disc.Extent {
	n = min(n, s.Sectors-at)
	if k := len(out) - 1; k >= 0 && int64(out[k].End()) >= at {
		out[k].Count = max(int64(out[k].End()), at+n) - int64(out[k].Start)
		return out
	}
	return append(out, disc.Extent{Start: disc.LBA(at), Count: n})
}
