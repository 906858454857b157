package ripper

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"ripstation/disc"
)

// Confirm reads every suspect chunk a second time, after enough of the disc far
// away that no drive still has it in its cache. What agrees is read, what
// differs contested: the image keeps the bytes that came first. A chunk that does not
// read again stays suspect.
type Confirm struct{}

// Name is "confirm".
func (Confirm) Name() string { return "confirm" }

// farAway is how much is read before a second read is believed: 8 MiB, more
// than the cache of any drive known.
const farAway = 4096

// Run confirms.
func (Confirm) Run(ctx context.Context, r *Reader) error {
	for first := true; ; first = false {
		c, ok := r.suspect()
		if !ok {
			return nil
		}
		if first {
			if err := r.wander(ctx, c.Start); err != nil {
				return err
			}
		}
		if err := r.confirm(ctx, c); err != nil {
			return err
		}
		r.confirmed = c.End()
	}
}

// suspect is the next chunk of suspect sectors that this pass has not been to.
func (r *Reader) suspect() (chunk, bool) {
	r.img.mu.Lock()
	defer r.img.mu.Unlock()
	l := &r.img.led
	for i := l.search(r.confirmed); i < len(l.chunks); i++ {
		c := l.chunks[i]
		if c.status == disc.StatusSuspect && !r.Tried(r.img.m.At(c.Start)) {
			return c, true
		}
	}
	return chunk{}, false
}

// wander reads far away from lba, and throws it away.
func (r *Reader) wander(ctx context.Context, lba disc.LBA) error {
	buf, err := r.pipe.buffer()
	if err != nil {
		return err
	}
	defer func() { r.pipe.free <- buf }()
	var pos disc.LBA
	if int64(lba) < r.Sectors()/2 {
		pos = disc.LBA(max(r.Sectors()-2*farAway, int64(lba)))
	}
	for left := int64(farAway); left > 0; {
		e, ok := r.Next(disc.SetOf(disc.StatusRead), pos)
		if !ok {
			return nil
		}
		e = r.Clip(e, false)
		// Damage is no news here, and none of this pass's business.
		if _, err := r.fetch(ctx, e, buf[:e.Count*disc.SectorSize]); err != nil {
			return err
		}
		pos, left = e.End(), left-e.Count
	}
	return nil
}

// confirm reads a suspect chunk again and enters what comes of it.
func (r *Reader) confirm(ctx context.Context, c chunk) error {
	again, err := r.pipe.buffer()
	if err != nil {
		return err
	}
	defer func() { r.pipe.free <- again }()
	n := c.Count * disc.SectorSize
	for at := c.Start; at < c.End(); {
		e := r.Clip(disc.Extent{Start: at, Count: int64(c.End() - at)}, false)
		from := int64(at-c.Start) * disc.SectorSize
		miss, err := r.fetch(ctx, e, again[from:from+e.Count*disc.SectorSize])
		if err != nil {
			return err
		}
		if miss != nil {
			return r.img.mark(c.Extent, disc.StatusSuspect, r.evidence())
		}
		at = e.End()
	}
	held := make([]byte, n)
	whole := false
	if whole, err = r.img.holds(c, held); err == nil && whole {
		_, err = r.img.ReadAt(held, int64(c.Start)*disc.SectorSize)
	}
	if err != nil {
		return fmt.Errorf("compare %s: %w", name(c.Extent), err)
	}
	if !whole {
		// The spool has lost what the drive gave: the next reading begins anew.
		return errors.Join(r.settle(), r.img.withdraw([]chunk{c}), damaged([]disc.Extent{c.Extent}))
	}
	for _, part := range compare(c, held, again[:n]) {
		part.Evidence = r.evidence()
		if err := r.pipe.send(parcel{c: part}); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) evidence() disc.Evidence {
	return disc.Evidence{Drive: r.drive, Pass: r.pass, Tries: 1}
}

// compare splits a chunk into parts that two reads agree on and parts that
// they do not.
func compare(c chunk, held, again []byte) (parts []chunk) {
	for i := range c.Count {
		from := i * disc.SectorSize
		s := disc.StatusContested
		if bytes.Equal(held[from:from+disc.SectorSize], again[from:from+disc.SectorSize]) {
			s = disc.StatusRead
		}
		if n := len(parts); n > 0 && parts[n-1].status == s {
			parts[n-1].Count++
			continue
		}
		parts = append(parts, chunk{Extent: disc.Extent{Start: c.Start + disc.LBA(i), Count: 1}, status: s})
	}
	for i, p := range parts {
		from := int64(p.Start-c.Start) * disc.SectorSize
		parts[i].sum = sum256(held[from : from+p.Count*disc.SectorSize])
	}
	return parts
}
