package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simbench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// bayOrder is what a child shall do.
type bayOrder struct {
	Case   bayCase `json:"case"`
	Wedged bool    `json:"wedged"` // one more drive hangs beside those that work
	Dir    string  `json:"dir"`
}

// bayRun is one station's work.
type bayRun struct {
	Seconds float64   `json:"seconds"` // until the last bay had read its disc
	Bays    []float64 `json:"bays"`    // each one's
	CPU     float64   `json:"cpu_seconds"`
	Others  float64   `json:"others_cores"` // what everything else kept busy meanwhile
}

// never is a drive whose read does not come back, whatever ends.
type never struct {
	*simbench.Drive
	once    *sync.Once
	entered chan struct{}
	until   chan struct{} // closed when the bench is over
}

func (d never) ReadSectors(context.Context, disc.LBA, []byte) error {
	d.once.Do(func() { close(d.entered) })
	<-d.until
	return &disc.ReadError{Op: "READ(10)", Class: disc.ClassWedged, LBA: -1}
}

func (c bayCase) disc(bay int) (*simdrive.Disc, error) {
	img, err := isoimage.New(isoimage.Options{Label: fmt.Sprintf("BAY_%d", bay), Seed: uint64(bay + 1), Sectors: c.Sectors})
	if err != nil {
		return nil, err
	}
	return simdrive.DVDROM(img, c.Sectors), nil
}

// workBays is a child's work.
func workBays(ctx context.Context, o bayOrder) (r bayRun, err error) {
	timing, err := ripCase{Medium: "DVD", Speed: o.Case.Speed}.timing()
	if err != nil {
		return r, err
	}
	timing.SpinUp = 0 // it is not what is measured
	store, err := archive.NewDir(archive.DirConfig{Name: "shelf", Root: filepath.Join(o.Dir, "store"), Create: true})
	if err != nil {
		return r, err
	}
	cat, err := catalog.Open(ctx, filepath.Join(o.Dir, "catalog.db"))
	if err != nil {
		return r, err
	}
	bench := simbench.New("bench")
	slots := make([]*simbench.Slot, o.Case.Bays+1)
	for i := range slots {
		slots[i] = bench.Add(simdrive.Options{Name: fmt.Sprintf("bay%d", i), Serial: fmt.Sprintf("BAY%d", i), Timing: timing})
	}
	last := slots[o.Case.Bays]
	hang := never{once: new(sync.Once), entered: make(chan struct{}), until: make(chan struct{})}
	defer close(hang.until)
	st, err := station.New(station.Config{
		Spool: filepath.Join(o.Dir, "spool"), Stores: []station.Store{{Store: store, Required: true}}, Eject: station.EjectStored, Retries: 3,
		Program: catalog.Program{Name: "ripstation", Version: "bench"}, Catalog: cat, Events: bench.Events(), StopGrace: 100 * time.Millisecond,
		Open: func(ctx context.Context, d disc.Drive) (station.Drive, error) {
			opened, err := bench.Open(ctx, d)
			if err != nil || d.Key != last.Info.Key {
				return opened, err
			}
			h := hang
			h.Drive = opened
			return h, nil
		},
		Log: zerolog.New(io.Discard).With().Timestamp().Logger(),
	})
	if err != nil {
		return r, errors.Join(err, cat.Close())
	}
	r, err = sevenDiscs(ctx, o, st, bench, slots, hang)
	return r, errors.Join(err, cat.Close())
}

// sevenDiscs runs the station until every disc of a bay that works is done.
func sevenDiscs(ctx context.Context, o bayOrder, st *station.Station, bench *simbench.Bench, slots []*simbench.Slot, hang never) (r bayRun, err error) {
	notices, over, end := running(ctx, st, bench)
	defer func() { err = errors.Join(err, end()) }()
	if o.Wedged {
		m, err := o.Case.disc(o.Case.Bays)
		if err != nil {
			return r, err
		}
		if err := slots[o.Case.Bays].Insert(m); err != nil {
			return r, err
		}
		select {
		case <-hang.entered:
		case <-time.After(time.Minute):
			return r, errors.New("the drive that is to hang was never read")
		}
	}
	bays := map[string]int{}
	discs := make([]*simdrive.Disc, o.Case.Bays)
	for i := range discs {
		if discs[i], err = o.Case.disc(i); err != nil {
			return r, err
		}
		bays[slots[i].Info.Key] = i
	}
	before, err := useSoFar()
	if err != nil {
		return r, err
	}
	for i, m := range discs {
		if err := slots[i].Insert(m); err != nil {
			return r, err
		}
	}
	r.Bays = make([]float64, o.Case.Bays)
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for read, done := 0, 0; done < o.Case.Bays; {
		quiet.Reset(silence)
		var n station.Notice
		select {
		case n = <-notices:
		case <-ctx.Done():
			return r, ctx.Err()
		case <-over:
			return r, errors.New("the station ended")
		case <-quiet.C:
			return r, fmt.Errorf("the station has said nothing for %s", silence)
		}
		bay, works := bays[n.Drive]
		if !works {
			continue
		}
		if n.Word == station.WordPass && r.Bays[bay] == 0 {
			r.Bays[bay] = time.Since(before.at).Seconds()
			if read++; read == o.Case.Bays {
				now, err := useSoFar()
				if err != nil {
					return r, err
				}
				all := now.since(before, "")
				r.Seconds, r.CPU, r.Others = all.Seconds, all.CPU, all.Others
			}
		}
		if n.Final {
			if done++; n.Outcome != station.OutcomeDone {
				return r, fmt.Errorf("the disc in %s ended as %q: %s", n.Drive, n.Outcome, n.Text)
			}
		}
	}
	return r, nil
}
