package ripper

import (
	"context"

	"ripstation/disc"
)

// Pass is one way over the map. It can be run again after it was cut off
// anywhere: what it has done is in the map.
type Pass interface {
	// Name is a word or two for people: "sweep".
	Name() string
	// Run ends when there is nothing left for this pass to do. An error says
	// that the drive or the spool can not go on; damage is none.
	Run(ctx context.Context, r *Reader) error
}

// DefaultPasses are a first look for structures, a sweep, a pass over what it jumped, that many retries of
// what failed, and a confirming read of what a retry gave.
func DefaultPasses(retries int) []Pass {
	passes := []Pass{First{}, Sweep{}, Fill{}}
	for i := range retries {
		passes = append(passes, Retry{Last: i == retries-1})
	}
	if retries == 0 {
		passes = append(passes, GiveUp{})
	}
	return append(passes, Confirm{})
}

// cleanRun is how many sectors in a row must be read before damage is taken
// to be behind.
const cleanRun = 256

// Sweep reads every untried sector once, in order, with the largest reads the
// source takes. A read that fails is done again by ECC unit; a unit that fails
// is skipped. While failures follow each other with less than 256 sectors
// between them, it jumps further each time, twice as far: most of the disc is
// read before the time goes into the damage.
type Sweep struct{}

// Name is "sweep".
func (Sweep) Name() string { return "sweep" }

// Run sweeps.
func (Sweep) Run(ctx context.Context, r *Reader) error {
	untried := disc.SetOf(disc.StatusUntried)
	farthest := max(r.Sectors()/128/r.Unit(), 1)
	var jump, clean int64 = 0, cleanRun // jump in ECC units
	var n narrowing
	var pos disc.LBA
	for {
		e, ok := r.Next(untried, pos)
		if !ok {
			return nil
		}
		e = r.Clip(e, clean < cleanRun || n.covers(e))
		miss, err := r.Read(ctx, e, n.status(e))
		switch {
		case err != nil:
			return err
		case miss == nil:
			clean += e.Count
		case e.Count > r.Unit():
			n = narrowTo(e, miss)
			continue // pos stays: the same again, by ECC unit
		case miss.Class == disc.ClassProtected:
			if err := r.singly(ctx, e, disc.StatusRead, miss.Class, false); err != nil {
				return err
			}
		default:
			if err := r.Failed(e, miss.Class, false); err != nil {
				return err
			}
			if clean >= cleanRun {
				jump = 0
			} else {
				jump = min(max(1, 2*jump), farthest)
			}
			clean = 0
			if over, ok := r.Next(untried, e.End()); ok && jump > 0 && over.Start == e.End() {
				over.Count = min(over.Count, jump*r.Unit())
				if err := r.Skip(over); err != nil {
					return err
				}
			}
		}
		pos = e.End()
	}
}

// narrowing is a read that failed and is done again by ECC unit.
type narrowing struct {
	whole disc.Extent
	at    disc.LBA // the sector that the drive named, or the first when it named none
}

func narrowTo(e disc.Extent, miss *disc.ReadError) narrowing { return narrowing{e, miss.LBA} }

func (n narrowing) covers(e disc.Extent) bool { return n.whole.Contains(e.Start) }

// status is what sectors are whose unit reads now: suspect when it is the one that has failed
// before. When the drive may not have said which that was, it may be any.
func (n narrowing) status(e disc.Extent) disc.Status {
	unsaid := n.at <= n.whole.Start || !n.whole.Contains(n.at)
	if n.covers(e) && (unsaid || e.Contains(n.at)) {
		return disc.StatusSuspect
	}
	return disc.StatusRead
}

// Fill reads what the sweep jumped over, without jumping: with large reads, by
// ECC unit where one fails.
type Fill struct{}

// Name is "fill".
func (Fill) Name() string { return "fill" }

// Run fills.
func (Fill) Run(ctx context.Context, r *Reader) error {
	skipped := disc.SetOf(disc.StatusSkipped)
	var pos disc.LBA
	var n narrowing
	for {
		run, ok := r.NextRun(skipped, pos)
		if !ok {
			return nil
		}
		if run.Tries > 0 {
			pos = run.End()
			continue
		}
		e := r.Clip(run.Extent, n.covers(run.Extent))
		miss, err := r.Read(ctx, e, n.status(e))
		switch {
		case err != nil:
			return err
		case miss == nil:
		case e.Count > r.Unit():
			n = narrowTo(e, miss)
			continue
		case miss.Class == disc.ClassProtected:
			err = r.singly(ctx, e, disc.StatusRead, miss.Class, false)
		default:
			err = r.Failed(e, miss.Class, false)
		}
		if err != nil {
			return err
		}
		pos = e.End()
	}
}

// singly reads the sectors of e, a unit of which a read has failed with class, one by one.
func (r *Reader) singly(ctx context.Context, e disc.Extent, as disc.Status, class disc.Class, last bool) error {
	if e.Count == 1 {
		return r.Failed(e, class, last)
	}
	for lba := e.Start; lba < e.End(); lba++ {
		one := disc.Extent{Start: lba, Count: 1}
		miss, err := r.Read(ctx, one, as)
		if err == nil && miss != nil {
			err = r.Failed(one, miss.Class, last)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
