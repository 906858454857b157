package simdrive

import (
	"context"

	"ripstation/disc"
)

// runRead carries out READ(10) and READ(12) (MMC-6, 6.19 and 6.20): user data
// of 2048 bytes a sector. A read over a bad sector fails whole, with that
// sector's address in the sense data.
func runRead(ctx context.Context, d *Drive, t *task) ([]byte, *check, error) {
	lba, count := int64(be.Uint32(t.cdb[2:])), int64(be.Uint16(t.cdb[7:]))
	if t.cdb[0] == opRead12 {
		count = int64(be.Uint32(t.cdb[6:]))
	}
	t.lba, t.count = min(lba, maxLBA), count
	m := d.disc
	if c := m.addressable(lba, count); c != nil || count == 0 {
		return nil, c, nil
	}
	end := lba + count
	c, err := d.reach(ctx, t, m, lba, end, disc.SectorSize, func(a *area) bool {
		return a.track.Mode.UserBytes() == disc.SectorSize
	})
	if c != nil || err != nil {
		return nil, c, err
	}
	// An initiator that takes less than it asks for gets the first part.
	if most := int64(t.max) / disc.SectorSize; count > most {
		end = lba + most
	}
	buf := t.room((end - lba) * disc.SectorSize)
	for at := lba; at < end; {
		a := m.areaAt(at)
		run := min(end, a.end) - at
		p := buf[(at-lba)*disc.SectorSize:][:run*disc.SectorSize]
		if a.kind == areaPregap {
			clear(p)
		} else if err := readContent(a.track.Content, p, (at-a.track.start)*disc.SectorSize); err != nil {
			return nil, refuseAt(SenseUnrecoveredRead, at), nil
		}
		at += run
	}
	m.given(d, lba, end, func(at int64) []byte { return buf[(at-lba)*disc.SectorSize:][:disc.SectorSize] })
	return buf, nil, nil
}

// room is n bytes to put data into: the initiator's own buffer, if it has
// one in process.
func (t *task) room(n int64) []byte {
	if int64(len(t.buf)) >= n {
		return t.buf[:n:n]
	}
	return make([]byte, n)
}

// addressable is how the drive refuses an address that the disc has not got.
func (m *Disc) addressable(lba, count int64) *check {
	switch {
	case m.NoTOC:
		return refuse(SenseTOCUnreadable)
	case lba < 0 || lba > m.capacity || lba+count > m.capacity:
		return refuseAt(SenseLBAOutOfRange, max(lba, m.capacity))
	}
	return nil
}

// reach moves the head over [lba, end), takes the time for it, and says what
// it meets first: a sector of the wrong kind, a gap, damage. d.mu is held,
// and given up while time passes.
func (d *Drive) reach(ctx context.Context, t *task, m *Disc, lba, end, size int64, fits func(*area) bool) (*check, error) {
	var c *check
	stop := end // how far the head comes
	for at := lba; at < end && c == nil; {
		a := m.areaAt(at)
		switch {
		case a.kind == areaRunOut:
			c = refuseAt(m.RunOutSense, at)
		case a.kind == areaGap:
			c = refuseAt(m.GapSense, at)
		case !fits(a):
			c = refuseAt(SenseIllegalMode, at)
		}
		if c != nil {
			stop = at
		}
		at = a.end
	}
	for _, e := range m.Scrambled {
		if s, f := max(int64(e.Start), lba), min(int64(e.End()), stop); s < f {
			c, stop = refuseAt(SenseScrambled, s), s
		}
	}
	hurt := d.hurt(m, lba, stop)
	spent := hurt.delay
	if hurt.bad >= 0 {
		stop = max(hurt.bad, lba)
		if c = refuseAt(hurt.sense, stop); hurt.sense.Key == 0x03 {
			spent += d.opts.Timing.Error
		}
	}
	d.idle = false
	spent += d.opts.Timing.pace(&d.head, d.clock.Now(), lba, stop-lba, size, m.capacity)
	if err := d.wait(ctx, t, spent); err != nil {
		return nil, err
	}
	if hurt.hang {
		t.lba = stop
		never := make(chan struct{})
		if err := d.block(ctx, t, never); err != nil {
			return nil, err
		}
	}
	if spent > 0 { // the disc may have been taken away meanwhile
		if nr := d.notReady(); nr != nil {
			return nr, nil
		}
		if d.disc != m {
			return refuse(SenseMediumChanged), nil
		}
	}
	if c != nil && (c.Key == 0x03 || c.Key == 0x04) {
		d.errors++
		if d.opts.WedgeAfter > 0 && d.errors >= d.opts.WedgeAfter {
			d.wedged = true
		}
	}
	return c, nil
}

// hurt is what the disc's damage and the drive's do to a read of [lba, end).
func (d *Drive) hurt(m *Disc, lba, end int64) attempt {
	from, to := lba, end
	if d.opts.WholeECC {
		if unit := m.Profile.Medium().ECCSectors(); unit > 1 && from < to {
			from = from / unit * unit
			to = min((to+unit-1)/unit*unit, m.capacity)
		}
	}
	a := m.damage.try(from, to, d.speed())
	if a.bad >= 0 {
		to = a.bad
	}
	b := d.damage.try(from, to, d.speed())
	if b.bad < 0 {
		b.bad, b.sense, b.hang = a.bad, a.sense, a.hang
	}
	b.delay += a.delay
	if b.bad >= end { // behind what was asked for, but in the last one's unit
		b.bad = end - 1
	}
	return b
}

// given counts what an initiator gets, and spoils the sectors that are to be
// silently wrong this time.
func (m *Disc) given(d *Drive, lba, end int64, sector func(int64) []byte) {
	m.tally.add(lba, end)
	lie := func(at int64, nth int) {
		p := sector(at)
		i := (int(at)*31 + nth*7) % len(p)
		p[i] ^= 1 << (nth % 8)
		p[len(p)-1-i/2] ^= byte(nth) | 0x80
	}
	m.damage.deliver(lba, end, lie)
	d.damage.deliver(lba, end, lie)
}
