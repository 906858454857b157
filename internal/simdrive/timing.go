package simdrive

import (
	"math"
	"time"
)

// Timing is how long a drive takes. The zero value takes no time at all.
type Timing struct {
	Command time.Duration // every command, on top
	SpinUp  time.Duration // from closing the tray until the medium is ready
	Seek    time.Duration // from one end of the disc to the other; nearer is quicker, but never under a third
	Error   time.Duration // until the drive gives a bad sector up
	Rate    int64         // bytes of user data a second, at the outer edge; 0 is no limit
	CAV     bool          // constant angular velocity: the inner edge reads at 24/58 of Rate
	Buffer  int64         // bytes the drive reads ahead while nobody asks; 0 is 2 MiB
}

// Timings of ordinary drives at the speed in their name.
var (
	CD52x  = Timing{SpinUp: 5 * time.Second, Seek: 150 * time.Millisecond, Error: 4 * time.Second, Rate: 52 * 153_600, CAV: true}
	DVD16x = Timing{SpinUp: 6 * time.Second, Seek: 160 * time.Millisecond, Error: 4 * time.Second, Rate: 16 * 1_385_000, CAV: true}
	BD12x  = Timing{SpinUp: 12 * time.Second, Seek: 180 * time.Millisecond, Error: 4 * time.Second, Rate: 12 * 4_500_000, CAV: true}
)

// headState is where the head is and what speed was asked for.
type headState struct {
	next   int64     // the sector after the last one read
	due    time.Time // when the drive had it in its buffer
	limit  int64     // bytes a second by SET CD SPEED or SET STREAMING, 0 for none
	moving bool      // something has been read since the tray closed
}

// rateAt is the speed in bytes a second at a sector of a disc of the given
// size; 0 is no limit.
func (t Timing) rateAt(lba, sectors, limit int64) int64 {
	r := t.Rate
	if r > 0 && t.CAV && sectors > 0 {
		const inner, outer = 24.0, 58.0 // millimetres
		part := float64(lba) / float64(sectors)
		r = int64(float64(r) * math.Sqrt(inner*inner+part*(outer*outer-inner*inner)) / outer)
	}
	if limit > 0 && (r == 0 || limit < r) {
		// A limit means something only to a drive that takes time.
		if t.Rate > 0 {
			r = limit
		}
	}
	return r
}

// pace is how long a read of count sectors of size bytes at lba takes from
// now on, and moves the head. A drive reads ahead into its buffer, so an
// initiator that comes back a little late loses nothing.
func (t Timing) pace(h *headState, now time.Time, lba, count, size, sectors int64) time.Duration {
	rate := t.rateAt(lba, sectors, h.limit)
	start := now
	switch dist := lba - h.next; {
	case dist == 0 && h.moving:
		if rate > 0 {
			buffer := t.Buffer
			if buffer == 0 {
				buffer = 2 << 20
			}
			early := now.Add(-time.Duration(float64(buffer) / float64(rate) * float64(time.Second)))
			start = h.due
			if start.Before(early) {
				start = early
			}
		}
	case t.Seek > 0:
		if dist < 0 {
			dist = -dist
		}
		far := float64(dist) / float64(max(sectors, 1))
		start = now.Add(time.Duration(float64(t.Seek) * (1 + 2*min(far, 1)) / 3))
	}
	h.next, h.moving = lba+count, true
	h.due = start
	if rate > 0 {
		h.due = start.Add(time.Duration(float64(count*size) / float64(rate) * float64(time.Second)))
	}
	return max(h.due.Sub(now), 0)
}
