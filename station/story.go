package station

import (
	"context"
	"errors"

	"ripstation/disc"
)

// story is what happens to one disc from its insertion to its eject. Each step
// can be told again: what it did is on disk before the next one begins, and a
// story that was broken off is taken up at the step it was in.
func (b *bay) story(ctx context.Context, d Drive, ins disc.Insertion, ask *Request) (Outcome, error) {
	b.back = false
	b.s.arrivals.looks(ins.DriveKey)
	seen, err := b.identify(ctx, d, ins)
	if err != nil {
		return "", err
	}
	if seen.arrival = b.s.arrivals.meet(seen); b.s.arrivals.toldOnce(seen.arrival) {
		b.s.found(seen)
	}
	if k, err := b.stillHeld(ctx, d, seen, ask); k != nil || err != nil {
		return k.outcome(), err
	}
	if err := b.cameBack(ctx, d, seen, ask); err != nil {
		return "", err
	}
	if seen.refusal != "" {
		if err := b.heldAtStart(seen, ask); err != nil {
			return "", err
		}
		if ask, err = b.whose(ctx, seen.arrival, ask); err != nil {
			return "", err
		}
		return b.refuse(ctx, d, seen, ask)
	}
	j, not, ask, err := b.known(ctx, d, &seen, ask) // waits for whose it is where it looks like a known one
	if err != nil {
		return "", err
	}
	if not != nil {
		return b.already(ctx, d, seen, *not, ask)
	}
	if j.step().atLeast(StepRecorded) {
		if err := b.recordComing(ctx, j, seen, ask); err != nil {
			return "", err
		}
	}
	if err := b.s.openUploads(j); err != nil {
		return "", err
	}
	defer j.endStreams()
	in, err := b.read(ctx, d, j)
	if err != nil {
		return "", err
	}
	if err := b.settled(ctx, j); err != nil { // whose disc it is: the sealed record holds that
		return "", errors.Join(err, in.close())
	}
	if err := b.seal(ctx, j, in); err != nil {
		return "", err
	}
	b.tally(j)
	b.s.deliver(j) // sends, records, reads back, lets go of the spool; also without a drive
	if err := b.wait(ctx, j); err != nil {
		return "", err
	}
	if err := b.recordComing(ctx, j, seen, ask); err != nil {
		return "", err
	}
	return b.farewell(ctx, d, j)
}
