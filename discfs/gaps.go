package discfs

import (
	"math"
	"sort"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// maxSteps bounds how many places are looked at to say what bad sectors stand
// in: a disc can name the same scratch in a million files.
const maxSteps = 5_000_000

// bad is a run of sectors that are not simply read.
type bad struct {
	off, end int64 // bytes
	status   disc.Status
	nth      int64 // how many bad sectors come before it
}

// gaps are the bad sectors of an image.
type gaps struct {
	runs  []bad // in the order of the image
	total int64 // sectors
	steps int64 // left; below zero, no more is looked at
}

// gapsOf are those sectors of a map whose status is none of except.
func gapsOf(sm *disc.SectorMap, except disc.Statuses) *gaps {
	g := &gaps{steps: maxSteps}
	if sm == nil {
		return g
	}
	for r := range sm.Runs() {
		if except.Has(r.Status) {
			continue
		}
		off := int64(r.Start) * disc.SectorSize
		g.runs = append(g.runs, bad{off, off + r.Count*disc.SectorSize, r.Status, g.total})
		g.total += r.Count
	}
	return g
}

// behind adds what lies behind the end of an image of size bytes, as if it were
// one long scratch. Runs of the map are cut off there.
func (g *gaps) behind(size int64) {
	for n := len(g.runs); n > 0 && g.runs[n-1].off >= size; n-- {
		g.runs = g.runs[:n-1]
	}
	if n := len(g.runs); n > 0 {
		g.runs[n-1].end = min(g.runs[n-1].end, size)
	}
	g.runs = append(g.runs, bad{off: size, end: math.MaxInt64})
}

// in gives the stretches of an extent's own bytes that lie in bad sectors, in
// their order, and reports whether that was all: false when there are no steps
// left.
func (g *gaps) in(e tree.Extent, yield func(r bad, from, to int64)) (all bool) {
	if e.Offset < 0 || e.Length <= 0 {
		return true
	}
	end, unit, stride := e.End(), e.Length, e.Length
	if e.Unit > 0 && e.Gap > 0 {
		unit, stride = e.Unit, e.Unit+e.Gap
	}
	i := sort.Search(len(g.runs), func(i int) bool { return g.runs[i].end > e.Offset })
	for ; i < len(g.runs) && g.runs[i].off < end; i++ {
		r := g.runs[i]
		// The first piece that ends in the run or behind it.
		for k := (max(e.Offset, r.off) - e.Offset) / stride; ; k++ {
			if g.steps--; g.steps < 0 {
				return false
			}
			off := e.Offset + k*stride
			if off >= min(end, r.end) {
				break
			}
			if from, to := max(off, r.off), min(off+unit, end, r.end); from < to {
				yield(r, from, to)
			}
		}
	}
	return true
}
