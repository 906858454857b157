package station

import (
	"cmp"
	"context"
	"errors"
	"time"

	"ripstation/disc"
)

// guarded is a drive for as long as one insertion lasts. The unit attention
// that tells of another disc reaches one command alone, and that may be
// somebody else's: the kernel's own, or udev's. So what was read counts only
// when the drive's insertion is still the same afterwards.
type guarded struct {
	Drive
	ins     disc.Insertion
	witness *witness
}

var errOtherInsertion = errors.New("the kernel has seen another disc come meanwhile")

// ReadSectors is the drive's, or an error of class changed.
func (g guarded) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	begun := time.Now()
	read := g.Drive.ReadSectors(ctx, lba, p)
	if read != nil && disc.ClassOf(read) != disc.ClassMedium {
		return read
	}
	now, err := g.Insertion(ctx)
	if err == nil && now != g.ins {
		return &disc.ReadError{Op: "READ", Class: disc.ClassChanged, LBA: lba, Err: errOtherInsertion}
	}
	if err == nil {
		g.witness.saw(begun)
	}
	return cmp.Or(read, err)
}
