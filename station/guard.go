package station

import (
	"context"
	"errors"

	"ripstation/disc"
)

// guarded is a drive for as long as one insertion lasts. The unit attention
// that tells of another disc reaches one command alone, and that may be
// somebody else's: the kernel's own, or udev's. So what was read counts only
// when the drive's insertion is still the same afterwards.
type guarded struct {
	Drive
	ins disc.Insertion
}

var errOtherInsertion = errors.New("the kernel has seen another disc come meanwhile")

// ReadSectors is the drive's, or an error of class changed.
func (g guarded) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	if err := g.Drive.ReadSectors(ctx, lba, p); err != nil {
		return err
	}
	now, err := g.Insertion(ctx)
	if err == nil && now != g.ins {
		return &disc.ReadError{Op: "READ", Class: disc.ClassChanged, LBA: lba, Err: errOtherInsertion}
	}
	return err
}
