package ripper

import (
	"cmp"
	"context"
	"slices"

	"ripstation/disc"
)

// Bounds of what is read first. A directory that cannot be read must not hold
// the disc for hours, and a tree that is scattered over a whole disc comes with
// the sweep soon enough.
const (
	firstRounds = 64
	firstReads  = 500
	firstErrors = 16
	// firstGap is how many sectors between two wanted ones are read along:
	// a seek costs more.
	firstGap = 32
)

// First reads what Options.Wanted asks for: the structures and directories
// that tell which files the sectors belong to. It asks again as they arrive,
// since they lead to others. What fails is skipped, for the passes behind.
type First struct{}

// Name is "structures".
func (First) Name() string { return "structures" }

// Run reads round by round, until nothing new is wanted.
func (First) Run(ctx context.Context, r *Reader) error {
	if r.opt.Wanted == nil {
		return nil
	}
	reads, errs := 0, 0
	for range firstRounds {
		if err := r.settle(); err != nil {
			return err
		}
		list := r.near(r.opt.Wanted(r.img, r.img.Map().Believed()))
		before := reads
		for _, e := range list {
			for pos := e.Start; ; {
				part, ok := r.Next(disc.SetOf(disc.StatusUntried), pos)
				if !ok || part.Start >= e.End() {
					break
				}
				if reads >= firstReads || errs >= firstErrors {
					return nil
				}
				part.Count = min(part.Count, int64(e.End()-part.Start))
				part = r.Clip(part, false)
				reads++
				failed, err := r.first(ctx, part)
				if err != nil {
					return err
				}
				errs += failed
				pos = part.End()
			}
		}
		if reads == before {
			return nil
		}
	}
	return nil
}

// first reads one stretch, by ECC unit when it fails as a whole, and says how many
// units failed.
func (r *Reader) first(ctx context.Context, e disc.Extent) (failed int, err error) {
	miss, err := r.Read(ctx, e, disc.StatusRead)
	if err != nil || miss == nil {
		return 0, err
	}
	n := narrowTo(e, miss)
	for pos := e.Start; pos < e.End(); {
		unit := r.Clip(disc.Extent{Start: pos, Count: int64(e.End() - pos)}, true)
		pos = unit.End()
		if unit.Count < e.Count {
			if miss, err = r.Read(ctx, unit, n.status(unit)); err != nil {
				return failed, err
			}
		}
		switch {
		case miss == nil:
			continue
		case miss.Class == disc.ClassProtected:
			err = r.singly(ctx, unit, disc.StatusRead, miss.Class, false)
		default:
			err = r.Failed(unit, miss.Class, false)
		}
		if err != nil {
			return failed, err
		}
		failed++
	}
	return failed, nil
}

// near rounds what is wanted to ECC units, sorts it and joins what lies close
// together.
func (r *Reader) near(list []disc.Extent) []disc.Extent {
	var out []disc.Extent
	for _, e := range list {
		start := max(int64(e.Start)/r.unit*r.unit, 0)
		end := min((int64(e.End())+r.unit-1)/r.unit*r.unit, r.img.sectors)
		if start < end {
			out = append(out, disc.Extent{Start: disc.LBA(start), Count: end - start})
		}
	}
	slices.SortFunc(out, func(a, b disc.Extent) int { return cmp.Compare(a.Start, b.Start) })
	n := 0
	for _, e := range out {
		if n > 0 && int64(e.Start) <= int64(out[n-1].End())+firstGap {
			out[n-1].Count = max(out[n-1].Count, int64(e.End()-out[n-1].Start))
			continue
		}
		out[n] = e
		n++
	}
	return out[:n]
}
