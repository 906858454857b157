package station

import (
	"context"

	"ripstation/disc"
)

// Drive is one opened drive as the station sees it. Every failed call is a
// *disc.ReadError. The bay that opened it is the only one that uses it.
type Drive interface {
	// Capacity is the number of sectors that the drive says there are.
	Capacity(ctx context.Context) (int64, error)
	// ReadSectors fills p, whole sectors, from lba: all of it or an error.
	ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error
	// MaxSectors is the most that one ReadSectors may ask for.
	MaxSectors() int

	Info(ctx context.Context) (disc.Drive, error)
	Status(ctx context.Context) (disc.TrayStatus, error)
	// Identify tells all that can be known before the first data is read.
	Identify(ctx context.Context) (disc.Disc, error)
	// Insertion is the arrival of the medium that is in the drive now.
	Insertion(ctx context.Context) (disc.Insertion, error)
	// Eject opens the tray and has seen it open when it returns nil.
	Eject(ctx context.Context) error
	Close() error
}

// Opener opens a drive that the watcher told of.
type Opener func(ctx context.Context, d disc.Drive) (Drive, error)
