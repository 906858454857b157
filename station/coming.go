package station

import (
	"context"
	"fmt"
	"slices"
)

// afterSeal reports whether a disc came after the image of a job that it belongs to
// was sealed: it was seen to leave the drive, or comes in another one. It may be
// the same disc or a further copy of its pressing, which no drive can tell from
// it. One that lay in its drive while the station was stopped never left it, as
// far as anybody knows.
func (b *bay) afterSeal(f jobFile, s seen) bool {
	if !f.Step.atLeast(StepSealed) {
		return false
	}
	b.mu.Lock()
	atStart := b.atStart
	b.mu.Unlock()
	last := f.Captures[len(f.Captures)-1].Insertion
	same := last == s.ins || slices.Contains(b.stayed, last)
	lay := last.DriveKey == s.ins.DriveKey && (atStart == s.ins || slices.Contains(b.stayed, atStart))
	return !same && !lay
}

// recordComing records the coming of such a disc, once: a capture of its carrier
// that gave no image. The record has to be in the catalog by then.
func (b *bay) recordComing(ctx context.Context, j *job, s seen, ask *Request) error {
	f := j.file()
	if !f.Coming {
		return nil
	}
	id := f.ID
	if f.Compare.needless() {
		id = f.Compare.Equal.Carrier
	}
	who, err := b.s.cfg.Catalog.Carrier(ctx, id)
	if err != nil {
		return err
	}
	reason := fmt.Sprintf("its image, version %d, was in the spool and on its way: descriptors and sample sectors agree with it", f.ImageVersion)
	if _, err := b.recordAlready(ctx, s, ask, id, who.Item != "", reason); err != nil {
		return err
	}
	return b.s.untilRecorded(ctx, j.ID, func() error { return j.update(func(f *jobFile) { f.Coming = false }) })
}
