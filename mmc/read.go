package mmc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"ripstation/disc"
)

// MaxTransfer is the number of sectors moved by one command: 64 KiB, one ECC
// unit of a BD and two of a DVD. Every USB bridge takes that much (many stop at
// 120 KiB), and a command over damage costs no more than one unit.
const MaxTransfer = 32

// READ(10) (MMC-6, 6.17).
func cdbRead10(lba disc.LBA, sectors uint16) []byte {
	b := cdb(opRead10, 10)
	binary.BigEndian.PutUint32(b[2:], uint32(lba))
	binary.BigEndian.PutUint16(b[7:], sectors)
	return b
}

// READ(12) (MMC-6, 6.18).
func cdbRead12(lba disc.LBA, sectors uint32) []byte {
	b := cdb(opRead12, 12)
	binary.BigEndian.PutUint32(b[2:], uint32(lba))
	binary.BigEndian.PutUint32(b[6:], sectors)
	return b
}

func cdbRead(lba disc.LBA, sectors int) []byte {
	if sectors > 0xFFFF {
		return cdbRead12(lba, uint32(sectors))
	}
	return cdbRead10(lba, uint16(sectors))
}

// MaxSectors is the number of sectors that ReadSectors moves by one command.
func (d *Drive) MaxSectors() int { return MaxTransfer }

// ReadSectors reads len(p)/2048 sectors from lba into p, whole or not at all:
// after an error p holds nothing to be used. More than MaxSectors are read by
// several commands. The error's LBA is the sector that the sense data name if
// it is one of those asked for, else the first one of the command that did not
// come through; -1 when the error is of an earlier command.
func (d *Drive) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	if lba < 0 || len(p)%disc.SectorSize != 0 || int64(lba)+int64(len(p)/disc.SectorSize) > maxSectors {
		return &disc.ReadError{Op: "READ(10)", Class: disc.ClassRefused, LBA: lba,
			Err: fmt.Errorf("%d bytes from sector %d cannot be asked for", len(p), lba)}
	}
	for len(p) > 0 {
		n := min(len(p)/disc.SectorSize, d.MaxSectors())
		if err := d.readOnce(ctx, lba, p[:n*disc.SectorSize]); err != nil {
			return err
		}
		lba, p = lba+disc.LBA(n), p[n*disc.SectorSize:]
	}
	return nil
}

func (d *Drive) readOnce(ctx context.Context, lba disc.LBA, p []byte) error {
	err := d.read(ctx, lba, p)
	if errors.Is(err, errDeferred) {
		// The drive took the occasion to report an older error; this read has
		// not been carried out.
		err = d.read(ctx, lba, p)
	}
	return err
}

// read is one READ command.
func (d *Drive) read(ctx context.Context, lba disc.LBA, p []byte) error {
	sectors := len(p) / disc.SectorSize
	cdb := cdbRead(lba, sectors)
	asked := disc.Extent{Start: lba, Count: int64(sectors)}
	start := d.now()
	a, err := d.do(ctx, cdb, p, asked)
	took := d.now().Sub(start)
	if err != nil {
		return d.readError(err, asked, took < FastFailure)
	}
	if len(a.data) != len(p) {
		return shortRead(operations[opcode(cdb[0])].name, asked, len(a.data), len(p), a.sense)
	}
	d.hasRead.Store(true)
	return nil
}

// readError adjusts the error of a READ.
func (d *Drive) readError(err error, asked disc.Extent, fast bool) error {
	var re *disc.ReadError
	if !errors.As(err, &re) || re.Key == 0 {
		return err
	}
	e := *re
	if fast && d.hasRead.Load() && e.Key == keyIllegalRequest && refusesCommand(e.ASC) {
		e.Class = disc.ClassWedged
		e.Err = errors.New("the drive refuses at once a command that it has carried out before; eject the disc, then switch the drive off and on")
	}
	return &e
}

// refusesCommand tells additional sense codes that refuse the command as such
// from those that refuse this address.
func refusesCommand(asc byte) bool {
	switch asc {
	case ascInvalidOpcode, ascInvalidField, ascParameterList, ascCommandSequence:
		return true
	}
	return false
}

// shortRead is the error of a READ that moved fewer bytes than asked for. With
// a recovered error it is lost data; without one, the way to the drive failed.
func shortRead(op string, asked disc.Extent, got, want int, s Sense) error {
	e := &disc.ReadError{Op: op, Class: disc.ClassTransport, Key: s.Key, ASC: s.ASC, ASCQ: s.ASCQ,
		LBA: asked.Start, Err: fmt.Errorf("%d bytes came of %d", got, want)}
	if s.Key == keyRecovered {
		e.Class, e.LBA = disc.ClassMedium, s.sectorIn(asked)
	}
	return e
}

// sectorIn is the sector that the sense data name if it lies in asked, else
// the first one.
func (s Sense) sectorIn(asked disc.Extent) disc.LBA {
	if s.Valid && s.Information >= uint64(asked.Start) && s.Information < uint64(asked.End()) {
		return disc.LBA(s.Information)
	}
	return asked.Start
}
