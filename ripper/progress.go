package ripper

import (
	"sync"
	"time"

	"ripstation/disc"
)

// Progress is a moment of a rip.
type Progress struct {
	Pass     int         `json:"pass"` // from 1
	Passes   int         `json:"passes"`
	PassName string      `json:"pass_name"`
	LBA      disc.LBA    `json:"lba"`     // last asked for
	Sectors  disc.Counts `json:"sectors"` // as far as they are safe
	// Rate is what came from the drive in the last ten seconds or so, in bytes
	// a second.
	Rate float64 `json:"bytes_per_second"`
	// ETA is how long what is untried or skipped takes at this rate, in
	// seconds; -1 when nobody knows.
	ETA float64 `json:"eta_seconds"`
}

// how often progress is told, and over how much time the rate is taken.
const (
	tellEvery  = 500 * time.Millisecond
	rateWindow = 20 // of tellEvery
)

// reporter tells the progress from a goroutine of its own, so that it is told
// also while the drive works at one sector for a minute.
type reporter struct {
	stop chan struct{}
	wg   sync.WaitGroup
}

func reporting(r *Reader, passes int) *reporter {
	p := &reporter{stop: make(chan struct{})}
	if r.opt.Progress == nil {
		return p
	}
	p.wg.Go(func() {
		var m meter
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.opt.Progress(r.progress(&m, passes))
			case <-p.stop:
				r.opt.Progress(r.progress(&m, passes))
				return
			}
		}
	})
	return p
}

func (p *reporter) end() {
	close(p.stop)
	p.wg.Wait()
}

func (r *Reader) progress(m *meter, passes int) Progress {
	counts := r.img.Counts()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := Progress{Pass: r.done.Pass, Passes: passes, PassName: r.done.Name, LBA: r.at, Sectors: counts, ETA: -1}
	now.Rate = m.rate(time.Now(), r.given+r.done.Sectors)
	if left := counts.Untried + counts.Skipped; left == 0 {
		now.ETA = 0
	} else if now.Rate > 0 {
		now.ETA = float64(left*disc.SectorSize) / now.Rate
	}
	return now
}

// meter takes a rate over the last rateWindow moments.
type meter struct {
	times   []time.Time
	sectors []int64
}

func (m *meter) rate(now time.Time, sectors int64) float64 {
	m.times, m.sectors = append(m.times, now), append(m.sectors, sectors)
	if len(m.times) > rateWindow {
		m.times, m.sectors = m.times[1:], m.sectors[1:]
	}
	d := now.Sub(m.times[0]).Seconds()
	if d <= 0 {
		return 0
	}
	return float64((sectors-m.sectors[0])*disc.SectorSize) / d
}
