package simdrive

import (
	"slices"
	"sort"
	"sync"
	"time"

	"ripstation/disc"
)

// Fault is what is wrong with a sector. The zero Fault is a good sector: it
// heals.
type Fault struct {
	// Sense is how the sector fails; zero: it does not.
	Sense Sense
	// Fails is how many tries fail before the sector reads; 0: all of them.
	Fails int
	// GoodAt is the speed in kB/s (SET CD SPEED, SET STREAMING) at or below
	// which the sector reads; 0: at none. It goes before Fails.
	GoodAt int
	// Delay is how long the drive works on the sector, each try.
	Delay time.Duration
	// Wrong is which delivery of the sector, counted from 1, silently carries
	// other bytes; -1: every one, each time different; 0: none.
	Wrong int
	// Hang makes a read of the sector never come back, like [Drive.Hang].
	Hang bool
}

// Damage is a set of faults by sector. The zero value is an unhurt surface.
// All methods may be called from several goroutines.
type Damage struct {
	mu     sync.Mutex
	faults []faulty // in order, apart
	tries  map[int64]int
	given  map[int64]int
}

type faulty struct {
	start, end int64
	Fault
}

// Set gives every sector of the extents this fault, in place of what it had.
func (d *Damage) Set(f Fault, extents ...disc.Extent) {
	add := make([]faulty, 0, len(extents))
	for _, e := range extents {
		if e.Count > 0 {
			add = append(add, faulty{int64(e.Start), int64(e.Start) + e.Count, f})
		}
	}
	slices.SortFunc(add, func(a, b faulty) int { return int(a.start - b.start) })
	joined := add[:0]
	for _, a := range add {
		if n := len(joined); n > 0 && a.start <= joined[n-1].end {
			joined[n-1].end = max(joined[n-1].end, a.end)
			continue
		}
		joined = append(joined, a)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []faulty
	for _, o := range d.faults { // what is left of the old ones
		i := sort.Search(len(joined), func(i int) bool { return joined[i].end > o.start })
		at := o.start
		for ; i < len(joined) && joined[i].start < o.end; i++ {
			if joined[i].start > at {
				out = append(out, faulty{at, joined[i].start, o.Fault})
			}
			at = joined[i].end
		}
		if at < o.end {
			out = append(out, faulty{at, o.end, o.Fault})
		}
	}
	if f != (Fault{}) {
		out = append(out, joined...)
	}
	slices.SortFunc(out, func(a, b faulty) int { return int(a.start - b.start) })
	d.faults = out
	for _, j := range joined {
		if j.end-j.start < int64(len(d.tries)+len(d.given)) {
			for l := j.start; l < j.end; l++ {
				delete(d.tries, l)
				delete(d.given, l)
			}
			continue
		}
		for _, m := range []map[int64]int{d.tries, d.given} {
			for l := range m {
				if l >= j.start && l < j.end {
					delete(m, l)
				}
			}
		}
	}
}

// Bad makes sectors unreadable for good: 03/11/05.
func (d *Damage) Bad(extents ...disc.Extent) { d.Set(Fault{Sense: SenseUnrecoveredRead}, extents...) }

// Fail makes each sector fail n tries with 03/11/05 and read from then on.
func (d *Damage) Fail(n int, extents ...disc.Extent) {
	d.Set(Fault{Sense: SenseUnrecoveredRead, Fails: n}, extents...)
}

// Slow makes each sector take this much longer.
func (d *Damage) Slow(by time.Duration, extents ...disc.Extent) {
	d.Set(Fault{Delay: by}, extents...)
}

// Protect makes sectors scrambled: 05/6F/03.
func (d *Damage) Protect(extents ...disc.Extent) { d.Set(Fault{Sense: SenseScrambled}, extents...) }

// Lie makes the nth delivery of each sector, counted from 1, carry other
// bytes than the disc's, with no sign of it; -1 makes every one do so.
func (d *Damage) Lie(nth int, extents ...disc.Extent) { d.Set(Fault{Wrong: nth}, extents...) }

// Heal makes sectors good again.
func (d *Damage) Heal(extents ...disc.Extent) { d.Set(Fault{}, extents...) }

// Tries is how many times a drive has tried to read a sector that has a
// fault; 0 for a good one.
func (d *Damage) Tries(lba disc.LBA) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tries[int64(lba)]
}

// attempt is what a read of [start, end) meets: how long it takes on top, and
// the first sector that fails, -1 if none does. speed is in kB/s.
type attempt struct {
	delay time.Duration
	bad   int64
	sense Sense
	hang  bool
}

// try goes over the faults of [start, end) in order, up to the first that
// fails, and counts a try for each sector it passes.
func (d *Damage) try(start, end int64, speed int) attempt {
	a := attempt{bad: -1}
	d.mu.Lock()
	defer d.mu.Unlock()
	i := sort.Search(len(d.faults), func(i int) bool { return d.faults[i].end > start })
	for ; i < len(d.faults) && d.faults[i].start < end; i++ {
		f := &d.faults[i]
		for l := max(f.start, start); l < min(f.end, end); l++ {
			if d.tries == nil {
				d.tries = map[int64]int{}
			}
			d.tries[l]++
			a.delay += f.Delay
			if f.Hang {
				a.bad, a.hang = l, true
				return a
			}
			if f.Sense == (Sense{}) || f.GoodAt > 0 && speed <= f.GoodAt || f.Fails > 0 && d.tries[l] > f.Fails {
				continue
			}
			a.bad, a.sense = l, f.Sense
			return a
		}
	}
	return a
}

// deliver counts a delivery for each faulty sector of [start, end) and calls
// lie for those whose bytes are to be wrong this time.
func (d *Damage) deliver(start, end int64, lie func(lba int64, nth int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := sort.Search(len(d.faults), func(i int) bool { return d.faults[i].end > start })
	for ; i < len(d.faults) && d.faults[i].start < end; i++ {
		f := &d.faults[i]
		if f.Wrong == 0 {
			continue
		}
		for l := max(f.start, start); l < min(f.end, end); l++ {
			if d.given == nil {
				d.given = map[int64]int{}
			}
			d.given[l]++
			if f.Wrong == d.given[l] || f.Wrong < 0 {
				lie(l, d.given[l])
			}
		}
	}
}
