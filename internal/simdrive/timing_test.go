package simdrive

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

// took is the drive's time for a command.
func (b *bench) took(cdb string) time.Duration {
	b.Helper()
	began := b.clock.Now()
	b.do(cdb)
	return b.clock.Now().Sub(began)
}

func near(got, want time.Duration) bool {
	d := got - want
	return d < want/100+time.Microsecond && -d < want/100+time.Microsecond
}

// TestPace reads a disc at the drive's rate, from end to end, with and
// without constant angular velocity.
func TestPace(t *testing.T) {
	const sectors, rate = 64_000, 1_000_000
	for _, c := range []struct {
		name string
		tm   Timing
		want time.Duration
	}{
		{"constant", Timing{Rate: rate}, sectors * 2048 * time.Second / rate},
		// The mean over the disc of the radius' inverse: 2 r1/(r1+r0).
		{"CAV", Timing{Rate: rate, CAV: true}, sectors * 2048 * time.Second / rate * 116 / 82},
		{"no limit", Timing{}, 0},
	} {
		b := newBench(t, Options{Timing: c.tm}, PressedCD(nil, sectors))
		var sum time.Duration
		for lba := 0; lba < sectors; lba += 32 {
			sum += b.took(read10(lba, 32))
		}
		if !near(sum, c.want) {
			t.Errorf("%s: a disc takes %v, want %v", c.name, sum, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	m := PressedCD(nil, 100_000)
	m.Damage().Bad(disc.Extent{Start: 60_000, Count: 1})
	m.Damage().Slow(time.Second, disc.Extent{Start: 70_000, Count: 3})
	tm := Timing{Command: time.Millisecond, Seek: 300 * time.Millisecond, Error: 4 * time.Second, Rate: 2_048_000}
	b := newBench(t, Options{Timing: tm}, m)
	for _, c := range []struct {
		what string
		cdb  string
		want time.Duration
	}{
		{"a command that reads nothing", tur, time.Millisecond},
		{"the first read", read10(0, 100), time.Millisecond + 100*time.Millisecond + 100*time.Millisecond},
		{"reading on: the head went on meanwhile", read10(100, 100), 100 * time.Millisecond},
		{"over half the disc", read10(50_200, 1), 1*time.Millisecond + 200*time.Millisecond + time.Millisecond},
		{"a bad sector, seek and all", read10(60_000, 1), 4*time.Second + time.Millisecond + 119600*time.Microsecond},
		{"slow sectors", read10(70_000, 3), 3*time.Second + time.Millisecond + 120*time.Millisecond + 3*time.Millisecond},
	} {
		if got := b.took(c.cdb); !near(got, c.want) {
			t.Errorf("%s takes %v, want %v", c.what, got, c.want)
		}
	}
	b.good("1000 kB/s", "bb 00 03 e8 ff ff 00 00 00 00 00 00")
	b.took(read10(80_000, 1))
	if got, want := b.took(read10(80_001, 1000)), 2048*time.Millisecond; !near(got, want) {
		t.Errorf("a slowed read takes %v, want %v", got, want)
	}
	b.good("no limit", "bb 00 ff ff ff ff 00 00 00 00 00 00")
	b.took(read10(90_000, 1))
	if got, want := b.took(read10(90_001, 1000)), 1000*time.Millisecond; !near(got, want) {
		t.Errorf("a read at full speed takes %v, want %v", got, want)
	}
}

// TestReadAhead has an initiator that pauses between reads for less than the
// buffer holds, and then for more.
func TestReadAhead(t *testing.T) {
	b := newBench(t, Options{Timing: Timing{Rate: 2_048_000, Buffer: 2_048_000}}, PressedCD(nil, 100_000))
	b.took(read10(0, 100))
	b.clock.Advance(100 * time.Millisecond)
	if got := b.took(read10(100, 100)); got != 0 {
		t.Errorf("what the drive had read ahead takes %v", got)
	}
	b.clock.Advance(time.Hour)
	if got := b.took(read10(200, 1500)); !near(got, 500*time.Millisecond) {
		t.Errorf("1500 sectors after an hour take %v, want the 500 ms that the buffer does not hold", got)
	}
}

func TestWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := (WallClock{}).Sleep(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("slept %v (%v)", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := (WallClock{}).Sleep(ctx, time.Minute); err == nil || time.Since(began) != 61*time.Second {
			t.Errorf("slept on after the end: %v (%v)", time.Since(began), err)
		}
	})
}

// TestShapes draws damage on surfaces: inside the disc, in order, apart, the
// same for one seed, and of the expected amount.
func TestShapes(t *testing.T) {
	for _, s := range []Surface{{disc.MediumCD, 330_000}, {disc.MediumDVD, 2_295_104}, {disc.MediumBD, 12_219_392}} {
		for name, c := range map[string]struct {
			draw     func(seed uint64) []disc.Extent
			from, to float64 // where it may lie
			low, hi  float64 // share of the sectors there
		}{
			"scratch": {func(seed uint64) []disc.Extent { return s.Scratch(seed, 0.3, 0.5, 0.5) }, 0.3, 0.5, 0.001, 0.2},
			"blob":    {func(seed uint64) []disc.Extent { return s.Blob(seed, 0.5, 4) }, 0.4, 0.6, 0.001, 0.2},
			"rot":     {func(seed uint64) []disc.Extent { return s.Rot(seed, 0.9, 0.6) }, 0.9, 1, 0.2, 0.4},
		} {
			es, again, other := c.draw(1), c.draw(1), c.draw(2)
			sum, last := int64(0), int64(-1)
			for _, e := range es {
				if int64(e.Start) <= last || e.Count <= 0 {
					t.Fatalf("%s on %s: extent %+v behind %d", name, s.Medium, e, last)
				}
				last = int64(e.End())
				sum += e.Count
			}
			size := float64(s.Sectors)
			if len(es) < 10 || float64(es[0].Start) < c.from*size-32 || float64(last) > c.to*size+64 && last != s.Sectors || last > s.Sectors {
				t.Errorf("%s on %s: %d extents from %d to %d", name, s.Medium, len(es), es[0].Start, last)
			}
			if share := float64(sum) / size / (c.to - c.from); share < c.low || share > c.hi {
				t.Errorf("%s on %s hits %.4f of the sectors", name, s.Medium, share)
			}
			if !slices.Equal(es, again) || slices.Equal(es, other) {
				t.Errorf("%s on %s does not go by its seed", name, s.Medium)
			}
		}
	}
}
