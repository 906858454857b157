package ripper

import (
	"context"

	"ripstation/disc"
)

// Source is what sectors are read from: a drive, or an image file. It is used
// by one goroutine at a time.
type Source interface {
	// Capacity is the number of sectors that the source says there are.
	Capacity(ctx context.Context) (int64, error)
	// ReadSectors fills p, whole sectors of disc.SectorSize bytes, from lba: all of it or
	// an error, which is a *disc.ReadError when the drive had a say. When it
	// returns, nothing writes to p any more, also not a call that was given up.
	ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error
	// MaxSectors is the most that one ReadSectors may ask for, at least 1.
	MaxSectors() int
}
