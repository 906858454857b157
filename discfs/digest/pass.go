package digest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ripstation/discfs/tree"
)

const (
	// maxOpen is how many files may be under way at once. Files one behind the other
	// need one, interleaved ones a few; those of a disc whose files lie over
	// each other are read again.
	maxOpen = 64
	// The bytes that all files together may refer to: so many times the
	// image's, and so many more. Copy-protected discs name the same bytes in
	// dozens of files.
	maxTimes = 4
	slack    = 64 << 20
)

// Pass takes the digests of jobs from an image that is read once in order. It
// is used by one goroutine.
type Pass struct {
	image   int64
	waiting []*stream // in the order of their first bytes
	open    []*stream
	again   []*stream            // for Finish
	pos     int64                // where the next block begins
	same    map[[32]byte]*stream // all, by their jobs' key
}

// New prepares a pass over an image of size bytes. have says which bytes were
// read from the disc; nil means all. Jobs that can have no sums get their Err
// at once.
func New(jobs []*Job, size int64, have func(off, n int64) bool) *Pass {
	same := map[[32]byte]*stream{}
	p := &Pass{image: size, same: same}
	budget := maxTimes*size + slack
	steps := budget / minUnit // pieces to be gone through one by one
	for _, j := range jobs {
		j.Sums = nil
		var pieces int64
		if pieces, j.Err = j.check(size); j.Err != nil {
			continue
		}
		key := j.key()
		if s := same[key]; s != nil {
			j.Err = s.jobs[0].Err
			s.jobs = append(s.jobs, j)
			continue
		}
		if j.Size > budget || pieces > steps {
			j.Err = ErrTooMuch
			continue
		}
		steps -= pieces
		s := &stream{jobs: []*Job{j}}
		same[key] = s
		if j.absent(have) {
			j.Err = tree.ErrAbsent
			continue
		}
		budget -= j.Size
		s.first, s.order = j.layout()
		if s.order {
			p.waiting = append(p.waiting, s)
		} else {
			p.again = append(p.again, s)
		}
	}
	slices.SortStableFunc(p.waiting, func(a, b *stream) int { return cmp.Compare(a.first, b.first) })
	return p
}

// Wants is the first byte at or behind off that a job still waits for; -1 when
// there is none.
func (p *Pass) Wants(off int64) int64 {
	next := int64(-1)
	for _, s := range p.open {
		if at := max(s.cur.off, off); next < 0 || at < next {
			next = at
		}
	}
	if len(p.waiting) > 0 {
		if at := max(p.waiting[0].first, off); next < 0 || at < next {
			next = at
		}
	}
	return next
}

// Block takes the image's next n bytes. Blocks follow each other from byte 0;
// what Wants does not name may be passed over. Without data (the disk did not
// give the block) the jobs that need it are left to Finish.
func (p *Pass) Block(off, n int64, data []byte) error {
	if off < p.pos || data != nil && int64(len(data)) != n {
		return fmt.Errorf("digest files: a block of %d bytes at byte %d, after byte %d", n, off, p.pos)
	}
	p.pos = off + n
	for len(p.waiting) > 0 && p.waiting[0].first < p.pos {
		s := p.waiting[0]
		p.waiting = p.waiting[1:]
		if len(p.open) >= maxOpen {
			p.turn(off, n, data)
		}
		if len(p.open) >= maxOpen {
			p.again = append(p.again, s)
			continue
		}
		if err := s.open(); err != nil {
			s.close(err)
			continue
		}
		p.open = append(p.open, s)
	}
	p.turn(off, n, data)
	return nil
}

// turn gives a block to all open streams, and closes those that end in it.
func (p *Pass) turn(off, n int64, data []byte) {
	workers := min(len(p.open), runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for _, s := range p.open {
			s.take(off, n, data)
		}
	} else {
		var wg sync.WaitGroup
		work := make(chan *stream)
		var broken atomic.Value
		for range workers {
			wg.Go(func() {
				for s := range work {
					func() {
						defer func() {
							if p := recover(); p != nil {
								broken.CompareAndSwap(nil, fmt.Sprint(p))
							}
						}()
						s.take(off, n, data)
					}()
				}
			})
		}
		for _, s := range p.open {
			work <- s
		}
		close(work)
		wg.Wait()
		if p := broken.Load(); p != nil {
			panic(p) // where the caller can see to it
		}
	}
	p.open = slices.DeleteFunc(p.open, func(s *stream) bool {
		switch {
		case s.lost:
			s.stop()
			s.hashes, s.next, s.stop = nil, nil, nil
			s.lost = false
			p.again = append(p.again, s)
		case s.done:
			s.close(nil)
		default:
			return false
		}
		return true
	})
}

// take digests what the block has of the stream.
func (s *stream) take(off, n int64, data []byte) {
	for {
		if !s.advance() {
			s.done = true
			return
		}
		if s.cur.off >= off+n {
			return
		}
		if data == nil || s.cur.off < off {
			s.lost = true
			return
		}
		part := min(s.cur.n, off+n-s.cur.off)
		s.write(data[s.cur.off-off:][:part])
		s.cur.off += part
		s.cur.n -= part
	}
}

// Finish reads again what the pass could not take in order. After it every job
// has its Sums or its Err.
func (p *Pass) Finish(ctx context.Context, r io.ReaderAt) error {
	again := slices.Concat(p.again, p.open, p.waiting)
	p.again, p.open, p.waiting = nil, nil, nil
	var buf []byte
	for i, s := range again {
		if s.stop != nil {
			s.stop()
		}
		if buf == nil {
			buf = make([]byte, min(256<<10, p.image))
		}
		err := s.reread(ctx, r, buf)
		s.close(err)
		if err := ctx.Err(); err != nil {
			for _, left := range again[i:] {
				left.close(err)
			}
			return fmt.Errorf("digest files: %w", err)
		}
	}
	return nil
}

// reread digests a stream by itself.
func (s *stream) reread(ctx context.Context, r io.ReaderAt, buf []byte) error {
	if err := s.open(); err != nil {
		return err
	}
	for s.advance() {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buf[:min(s.cur.n, int64(len(buf)))]
		if n, err := r.ReadAt(part, s.cur.off); n < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = tree.ErrOutside
			}
			return fmt.Errorf("byte %d: %w", s.cur.off, err)
		}
		s.write(part)
		s.cur.off += int64(len(part))
		s.cur.n -= int64(len(part))
	}
	return nil
}
