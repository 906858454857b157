package ripper

import (
	"context"

	"ripstation/disc"
)

// GiveUp makes unreadable what was tried and is skipped. It reads nothing: it
// stands where no retry is wanted.
type GiveUp struct{}

// Name is "give up".
func (GiveUp) Name() string { return "give up" }

// Run gives up.
func (GiveUp) Run(_ context.Context, r *Reader) error {
	var pos disc.LBA
	for {
		run, ok := r.NextRun(disc.SetOf(disc.StatusSkipped), pos)
		if !ok {
			return nil
		}
		if run.Tries > 0 {
			if err := r.enough(run.Extent); err != nil {
				return err
			}
		}
		pos = run.End()
	}
}

// Retry reads every skipped sector again: by ECC unit, and where that fails
// sector by sector. What it gets of sectors that had failed before is suspect. What
// fails stays skipped, or is unreadable when this was the last retry.
type Retry struct{ Last bool }

// Name is "retry".
func (Retry) Name() string { return "retry" }

// Run retries.
func (p Retry) Run(ctx context.Context, r *Reader) error {
	skipped := disc.SetOf(disc.StatusSkipped)
	var pos disc.LBA
	for {
		run, ok := r.NextRun(skipped, pos)
		if !ok {
			return nil
		}
		if r.Tried(run) {
			pos = run.End()
			continue
		}
		as := disc.StatusSuspect
		if run.Tries == 0 {
			as = disc.StatusRead
		}
		e := r.Clip(run.Extent, true)
		miss, err := r.Read(ctx, e, as)
		if err == nil && miss != nil {
			err = r.singly(ctx, e, as, miss.Class, p.Last)
		}
		if err != nil {
			return err
		}
		pos = e.End()
	}
}
