package mmc

import (
	"context"
	"fmt"

	"ripstation/disc"
)

// READ CAPACITY (MMC-6, 6.19).
func cdbReadCapacity() []byte { return cdb(opReadCapacity, 10) }

func parseCapacity(b []byte) (sectors int64, err error) {
	const op = "READ CAPACITY"
	if len(b) < 8 {
		return 0, shortAnswer(op, len(b))
	}
	last, block := int64(be32(b)), be32(b[4:])
	if block != disc.SectorSize {
		return 0, badAnswer(op, fmt.Errorf("sectors of %d bytes; only %d can be imaged", block, disc.SectorSize))
	}
	if last >= maxSectors {
		return 0, badAnswer(op, fmt.Errorf("last sector %d: more than any optical disc holds", last))
	}
	return last + 1, nil
}

// maxSectors bounds what a drive may claim: an LBA must fit disc.LBA. The
// largest disc there is, BD-R XL with four layers, has 62.5 million sectors.
const maxSectors = 1<<31 - 1

// Capacity asks for the number of sectors, last address plus one. A block
// length other than 2048 bytes is an error of class refused.
func (d *Drive) Capacity(ctx context.Context) (int64, error) {
	b, err := d.rawCapacity(ctx)
	if err != nil {
		return 0, err
	}
	return parseCapacity(b)
}

func (d *Drive) rawCapacity(ctx context.Context) ([]byte, error) {
	a, err := d.do(ctx, cdbReadCapacity(), make([]byte, 8), noAddress)
	return a.data, err
}
