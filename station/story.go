package station

import (
	"context"

	"ripstation/disc"
)

// story is what happens to one disc from its insertion to its eject. Each step
// can be told again: what it did is on disk before the next one begins, and a
// story that was broken off is taken up at the step it was in.
func (b *bay) story(ctx context.Context, d Drive, ins disc.Insertion, ask *Request) (Outcome, error) {
	seen, err := b.identify(ctx, d, ins)
	if err != nil {
		return "", err
	}
	if back, err := b.cameBack(ctx, d, seen, ask); back || err != nil {
		return OutcomeNeedsYou, err
	}
	if seen.refusal != "" {
		return b.refuse(ctx, d, seen, ask)
	}
	j, held, err := b.known(ctx, d, seen, ask)
	if err != nil {
		return "", err
	}
	if held != nil {
		return b.already(ctx, d, seen, *held, ask)
	}
	if err := b.openUploads(j); err != nil {
		return "", err
	}
	defer j.endStreams()
	in, err := b.read(ctx, d, j)
	if err != nil {
		return "", err
	}
	if err := b.seal(ctx, j, in); err != nil {
		return "", err
	}
	b.s.deliver(j) // sends, records, reads back, lets go of the spool; also without a drive
	if err := b.wait(ctx, j); err != nil {
		return "", err
	}
	return b.farewell(ctx, d, j)
}
