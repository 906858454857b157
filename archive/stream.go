package archive

import (
	"context"
	"errors"
	"io"
	"time"
)

// Growing is a file that is still being written.
type Growing interface {
	io.ReaderAt
	// Final reports whether n bytes from off are as they will be sealed, as far
	// as is known now.
	Final(off, n int64) bool
	// Changes tells of stretches that were final and are so no more, or may
	// have other bytes, since mark: 0 the first time, then what the last call
	// gave. next is closed when there is more to know.
	Changes(mark int) (again []Stretch, now int, next <-chan struct{})
}

// Summed is a Growing that somebody reads back and sums beside the stream.
// Its Changes tell of new sums, too.
type Summed interface {
	Growing
	// Sum gives the CRC64NVME of the MiB that begins at off, a whole number of
	// MiB, or of the shorter last one, as it was last read back and proved, in
	// order; ok is false when it was not.
	Sum(off int64) (crc uint64, ok bool)
}

// sumWait is how long after the last sum the next one is waited for. Who reads
// back is about to read the part anyhow; beyond an unreadable sector nobody is.
const sumWait = time.Second

// Stretch is a part of a file, in bytes.
type Stretch struct{ Off, Size int64 }

// StreamOptions are what a caller of Stream may hook in; all may be nil.
type StreamOptions struct {
	Hooks
	// Sent is called when the store holds a part, however it came by it: with
	// the bytes of the file that it holds in all. now says that it was sent
	// just now.
	Sent func(n int, held int64, now bool)
}

// stream is what Stream knows of the parts so far.
type stream struct {
	up   Upload
	file Growing
	size int64
	opts StreamOptions
	held map[int]bool
	odd  map[int]bool // not what they were a moment ago: they wait for the next change
	own  map[int]bool // changed once: what others summed may be from before
	sum  int64
	// Somebody's sums are known up to summed, and were not before heard.
	summed  int64
	heard   time.Time
	waiting bool // parts for their sums
	line    overlap
}

// Stream sends the parts of a file of size bytes while it is being written:
// each as soon as all of it is final, in whatever order, and again when it has
// changed after all. It completes nothing: what it sent is held against the
// seal by Send, which takes the same upload over.
//
// It goes on until the store holds every part and then waits for changes; it
// returns nil when until has ended, after the part that is on its way. ctx ends
// that, too. Errors are the store's, ErrUploadGone among them, that waiting
// does not mend.
func Stream(ctx, until context.Context, up Upload, file Growing, size int64, opts StreamOptions) error {
	s := &stream{up: up, file: file, size: size, opts: opts, held: map[int]bool{}, own: map[int]bool{}, heard: time.Now()}
	s.line = overlap{up: up, src: file, hooks: opts.Hooks, left: func() int64 { return s.size - s.sum }, over: s.over}
	defer s.line.end()
	if up.Stored() {
		return nil
	}
	for mark := 0; ; {
		again, now, next := file.Changes(mark)
		mark = now
		s.forget(again)
		s.odd = map[int]bool{}
		if err := s.round(ctx, until); err != nil {
			if until.Err() != nil && ctx.Err() == nil {
				return nil
			}
			return err
		}
		var late <-chan time.Time
		if s.waiting {
			late = time.After(sumWait)
		}
		select {
		case <-next:
		case <-late:
		case <-until.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// forget has the parts sent again that hold a stretch of those.
func (s *stream) forget(again []Stretch) {
	for _, a := range again {
		if a.Size <= 0 {
			continue
		}
		for n := a.Off / s.up.PartSize(); n <= (a.Off+a.Size-1)/s.up.PartSize(); n++ {
			s.drop(int(n))
			s.own[int(n)] = true
		}
	}
}

func (s *stream) drop(n int) {
	if s.held[n] {
		delete(s.held, n)
		s.sum -= s.length(n)
	}
}

func (s *stream) length(n int) int64 { return min(s.up.PartSize(), s.size-int64(n)*s.up.PartSize()) }

// round sends all that is final now. At its end nothing is on its way.
func (s *stream) round(ctx, until context.Context) error {
	err := s.send(ctx, until)
	if err != nil && until.Err() == nil {
		return err
	}
	if end := s.line.settle(until, ctx); end != nil {
		return end
	}
	return err
}

func (s *stream) send(ctx, until context.Context) error {
	s.waiting = false
	for n := range s.up.Parts() {
		if until.Err() != nil {
			return nil
		}
		final := s.file.Final(int64(n)*s.up.PartSize(), s.length(n))
		switch {
		case !final:
			s.drop(n)
		case s.held[n] || s.odd[n]:
		case s.early(n):
			s.waiting = true
		default:
			if err := s.part(ctx, until, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// listen takes note of new sums.
func (s *stream) listen() {
	file, ok := s.file.(Summed)
	for ok && s.summed < s.size {
		if _, ok = file.Sum(s.summed); ok {
			s.summed, s.heard = s.summed+mib, time.Now()
		}
	}
}

// early reports whether the sums of a part are about to come from who reads it
// back, who does so in order.
func (s *stream) early(n int) bool {
	s.listen()
	_, ok := s.others(n)
	return ok && time.Since(s.heard) < sumWait && s.summed < int64(n)*s.up.PartSize()+s.length(n)
}

// others is the file when what others summed of a part can be used.
func (s *stream) others(n int) (Summed, bool) {
	file, ok := s.file.(Summed)
	return file, ok && !s.own[n] && s.up.PartSize()%mib == 0
}

// part sends one part. What it must be is known before, so that the server can
// refuse what is not that; a file that changes in between is no failure.
func (s *stream) part(ctx, until context.Context, n int) error {
	w := part{n: n, size: s.length(n)}
	var err error
	if w.crc, err = s.sumOf(n); err != nil {
		return s.over(w, err)
	}
	if w.held = s.up.Has(n, w.crc); w.held {
		return s.over(w, nil)
	}
	return s.line.send(until, ctx, w)
}

// over takes note of how a part ended.
func (s *stream) over(w part, err error) error {
	if errors.Is(err, ErrSourceChanged) || errors.Is(err, ErrSource) {
		s.odd[w.n], s.own[w.n] = true, true // the reader of the disc, or the seal, will find what this is
		return nil
	}
	if err != nil {
		return err
	}
	s.held[w.n] = true
	s.sum += w.size
	if s.opts.Sent != nil {
		s.opts.Sent(w.n, s.sum, !w.held)
	}
	return nil
}

// sumOf is what part n must have: of each MiB what was summed when it was read
// back, and where that has not been done what the file gives.
func (s *stream) sumOf(n int) (crc uint64, err error) {
	off, size := int64(n)*s.up.PartSize(), s.length(n)
	file, ok := s.others(n)
	if !ok {
		return sumSection(s.file, off, size, nil)
	}
	for at := off; at < off+size; at += mib {
		length := min(mib, off+size-at)
		one, known := file.Sum(at)
		if !known {
			if one, err = sumSection(s.file, at, length, nil); err != nil {
				return 0, err
			}
		}
		crc = CombineCRC64NVME(crc, one, length)
	}
	return crc, nil
}
