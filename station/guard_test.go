package station_test

import (
	"context"
	"sync/atomic"
	"testing"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// unheard is a drive in which the disc is exchanged once in mid-read, and put
// back: the unit attentions of both go to others than the station.
type unheard struct {
	station.Drive
	other *simdrive.Disc
	state *atomic.Int32 // 0: not yet, 1: the other disc is in, 2: the first is back
}

func (u unheard) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	if lba >= 3000 && u.state.CompareAndSwap(0, 1) {
		data, err := u.other.UserData(lba, int64(len(p)/disc.SectorSize))
		copy(p, data)
		return err
	}
	return u.Drive.ReadSectors(ctx, lba, p)
}

func (u unheard) Insertion(ctx context.Context) (disc.Insertion, error) {
	ins, err := u.Drive.Insertion(ctx)
	if n := u.state.Load(); n > 0 {
		u.state.Store(2)
		ins.DiskSeq += 100
	}
	return ins, err
}

// Sectors of another disc do not get into an image, also when the drive has
// told nobody at this bay that the disc was exchanged.
func TestExchangeThatNobodyHeardOf(t *testing.T) {
	state := &atomic.Int32{}
	r := newRig(t)
	open := r.cfg.Open
	r.cfg.Open = func(ctx context.Context, d disc.Drive) (station.Drive, error) {
		real, err := open(ctx, d)
		if err != nil {
			return nil, err
		}
		return unheard{real, simdrive.PressedCD(iso(t, "OTHER", 71, 6000), 6000), state}, nil
	}
	drive := r.add(simdrive.Options{})
	r.start()
	m := simdrive.PressedCD(iso(t, "MINE", 70, 6000), 6000)
	must(t, drive.Insert(m))
	x := r.ended(1, station.OutcomeDone)
	if state.Load() != 2 {
		t.Fatal("the disc was never exchanged")
	}
	sameAsDisc(t, r.image(x.ID, 1), m)
}
