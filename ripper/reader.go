package ripper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ripstation/disc"
)

// Reader is what a Pass works with: the map to find its way, the drive, and
// the Image that what was read goes to. It is used by one goroutine.
type Reader struct {
	img    *Image
	src    Source
	pipe   *pipe
	opt    Options
	drive  uint8
	pass   uint8
	unit   int64 // sectors of an ECC unit
	most   int64 // sectors of one read: whole ECC units where the source can
	open   parcel
	opened time.Time
	// confirmed is how far Confirm has come.
	confirmed disc.LBA

	mu    sync.Mutex // guards at and done, which the progress is made of
	at    disc.LBA
	done  PassResult
	given int64 // sectors that the passes before this one got
}

// Sectors is how many sectors the image has.
func (r *Reader) Sectors() int64 { return r.img.sectors }

// Unit is how many sectors share one error correction: the smallest read
// that is worth its time.
func (r *Reader) Unit() int64 { return r.unit }

// Next is the first stretch of the map at or behind from with a status of the
// set. Sectors that this pass has read may still have their old status there: a
// pass goes on behind what it has read.
func (r *Reader) Next(set disc.Statuses, from disc.LBA) (disc.Extent, bool) {
	r.img.mu.Lock()
	defer r.img.mu.Unlock()
	return r.img.m.Next(set, from)
}

// NextRun is Next for sectors that have the same evidence too.
func (r *Reader) NextRun(set disc.Statuses, from disc.LBA) (disc.Run, bool) {
	r.img.mu.Lock()
	defer r.img.mu.Unlock()
	e, ok := r.img.m.Next(set, from)
	if !ok {
		return disc.Run{}, false
	}
	run := r.img.m.At(e.Start)
	run.Count -= int64(e.Start - run.Start)
	run.Start = e.Start
	return run, true
}

// Clip is the beginning of e that is fit for one read: at most the sectors
// that the source takes, ending where an ECC unit or a chunk ends. With narrow it is one ECC unit. Sectors
// of a run-out stand alone.
func (r *Reader) Clip(e disc.Extent, narrow bool) disc.Extent {
	for _, out := range r.opt.RunOut {
		if out.Contains(e.Start) {
			e.Count = 1
		} else if out.Start > e.Start && out.Start < e.End() {
			e.Count = int64(out.Start - e.Start)
		}
	}
	to := func(step int64) int64 { return step - int64(e.Start)%step }
	e.Count = min(e.Count, r.most, to(r.img.tune.chunk))
	if narrow {
		e.Count = min(e.Count, to(r.unit))
	} else if end := int64(e.End()); end%r.unit != 0 && end/r.unit*r.unit > int64(e.Start) {
		e.Count = end/r.unit*r.unit - int64(e.Start)
	}
	return e
}

// Read reads e, which Clip gave, and passes it on as sectors of that status
// (read or suspect). A miss says that the drive has none to give: its class is
// ClassMedium, ClassProtected, or in a run-out ClassRefused; see Failed. Anything else is
// an error that ends the pass, and says nothing of the disc.
func (r *Reader) Read(ctx context.Context, e disc.Extent, as disc.Status) (miss *disc.ReadError, err error) {
	buf, err := r.room(e, as)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	miss, err = r.fetch(ctx, e, buf)
	if miss != nil || err != nil {
		return miss, errors.Join(err, r.ship())
	}
	r.open.c.Count += e.Count
	// A drive that is slow, or about to stick, must not hold back what it gave
	// before.
	now := time.Now()
	slow := now.Sub(begin) > r.img.tune.batchAge/4 || now.Sub(r.opened) > r.img.tune.batchAge/2
	unit := as == disc.StatusSuspect && int64(e.End())%r.unit == 0
	if slow || unit || int64(e.End())%r.img.tune.chunk == 0 {
		return nil, r.ship()
	}
	return nil, nil
}

// room is where e's bytes go: behind those of the open chunk when they follow
// it and have the same status, else into a new one.
func (r *Reader) room(e disc.Extent, as disc.Status) ([]byte, error) {
	c := &r.open.c
	size := r.img.tune.chunk * disc.SectorSize
	if r.open.buf != nil && (c.End() != e.Start || c.status != as || (c.Count+e.Count)*disc.SectorSize > size) {
		if err := r.ship(); err != nil {
			return nil, err
		}
	}
	if r.open.buf == nil {
		buf, err := r.pipe.buffer()
		if err != nil {
			return nil, err
		}
		r.open = parcel{buf: buf, c: chunk{Extent: disc.Extent{Start: e.Start}, status: as, Evidence: r.evidence()}}
		r.opened = time.Now()
	}
	from := c.Count * disc.SectorSize
	return r.open.buf[from : from+e.Count*disc.SectorSize], nil
}

// ship sends the open chunk on its way.
func (r *Reader) ship() error {
	x := r.open
	r.open = parcel{}
	if x.buf == nil {
		return nil
	}
	if x.c.Count == 0 {
		r.pipe.free <- x.buf
		return nil
	}
	return r.pipe.send(x)
}

// settle returns when all that was read is safe, and the map on the disk.
func (r *Reader) settle() error { return errors.Join(r.ship(), r.pipe.settle()) }

// fetch has the source fill p with e's sectors.
func (r *Reader) fetch(ctx context.Context, e disc.Extent, p []byte) (*disc.ReadError, error) {
	var patience time.Time
	for {
		err := r.src.ReadSectors(ctx, e.Start, p)
		r.count(e, err)
		if err == nil {
			return nil, nil
		}
		var miss *disc.ReadError
		class := disc.Class(0)
		if errors.As(err, &miss) {
			class = miss.Class
		}
		switch {
		case class == disc.ClassMedium || class == disc.ClassProtected || class == disc.ClassRefused && r.runOut(e):
			return miss, nil
		case class != disc.ClassNotReady:
			return nil, fmt.Errorf("read %s: %w", name(e), err)
		}
		if now := time.Now(); patience.IsZero() {
			patience = now.Add(r.opt.NotReadyWait)
		} else if now.After(patience) {
			return nil, fmt.Errorf("read %s: the drive was not ready for %s: %w", name(e), r.opt.NotReadyWait, err)
		}
		if err := wait(ctx, time.Second); err != nil {
			return nil, fmt.Errorf("read %s: %w", name(e), err)
		}
	}
}

// Failed enters that reads of e failed. With last it was the last try: e is
// unreadable, or in a run-out unrecorded; else it is skipped, to be tried again. Protected sectors are
// protected at once.
func (r *Reader) Failed(e disc.Extent, class disc.Class, last bool) error {
	s := disc.StatusSkipped
	switch {
	case class == disc.ClassProtected:
		s = disc.StatusProtected
	case last && r.runOut(e):
		s = disc.StatusUnrecorded
	case last:
		s = disc.StatusUnreadable
	}
	return r.img.mark(e, s, r.evidence())
}

// enough enters that e, which has failed before, is not tried any more.
func (r *Reader) enough(e disc.Extent) error {
	for e.Count > 0 {
		part, s := r.outside(e)
		if err := r.img.mark(part, s, disc.Evidence{Drive: r.drive, Pass: r.pass}); err != nil {
			return err
		}
		e = disc.Extent{Start: part.End(), Count: e.Count - part.Count}
	}
	return nil
}

// outside is the beginning of e that lies in a run-out, or outside of all, and
// what it is when it cannot be read.
func (r *Reader) outside(e disc.Extent) (disc.Extent, disc.Status) {
	for _, out := range r.opt.RunOut {
		if out.Contains(e.Start) {
			e.Count = min(e.Count, int64(out.End()-e.Start))
			return e, disc.StatusUnrecorded
		}
		if e.Contains(out.Start) {
			e.Count = int64(out.Start - e.Start)
		}
	}
	return e, disc.StatusUnreadable
}

// Skip enters that e was jumped over without a read.
func (r *Reader) Skip(e disc.Extent) error {
	return r.img.mark(e, disc.StatusSkipped, disc.Evidence{Drive: r.drive, Pass: r.pass})
}

// Tried reports whether this drive has tried the run in this pass or a later
// one already, before the rip was cut off.
func (r *Reader) Tried(run disc.Run) bool {
	return run.Drive == r.drive && run.Pass >= r.pass && run.Tries > 0
}

func (r *Reader) runOut(e disc.Extent) bool {
	for _, out := range r.opt.RunOut {
		if e.Start >= out.Start && e.End() <= out.End() {
			return true
		}
	}
	return false
}

func (r *Reader) count(e disc.Extent, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = e.Start
	r.done.Reads++
	if err == nil {
		r.done.Sectors += e.Count
	} else {
		r.done.Errors++
	}
}

// name says which sectors e are, for people.
func name(e disc.Extent) string {
	if e.Count == 1 {
		return fmt.Sprintf("sector %d", e.Start)
	}
	return fmt.Sprintf("sectors %d to %d", e.Start, e.End()-1)
}

// wait sleeps for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
