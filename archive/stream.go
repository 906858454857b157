package archive

import (
	"context"
	"errors"
	"io"
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
	sum  int64
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
	s := &stream{up: up, file: file, size: size, opts: opts, held: map[int]bool{}}
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
		select {
		case <-next:
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

// round sends all that is final now.
func (s *stream) round(ctx, until context.Context) error {
	for n := range s.up.Parts() {
		if until.Err() != nil {
			return nil
		}
		final := s.file.Final(int64(n)*s.up.PartSize(), s.length(n))
		switch {
		case !final:
			s.drop(n)
		case !s.held[n] && !s.odd[n]:
			if err := s.part(ctx, until, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// part sends one part. What the file gives is summed first, so that the server
// can refuse what is not that; a file that changes in between is no failure.
func (s *stream) part(ctx, until context.Context, n int) error {
	crc, err := sumSection(s.file, int64(n)*s.up.PartSize(), s.length(n), nil)
	sent := false
	if err == nil && !s.up.Has(n, crc) {
		sent = true
		err = s.opts.persist(until, s.size-s.sum, s.length(n), func() error { return s.up.PartFrom(ctx, n, s.file, crc) })
	}
	if errors.Is(err, ErrSourceChanged) || errors.Is(err, ErrSource) {
		s.odd[n] = true // the reader of the disc, or the seal, will find what this is
		return nil
	}
	if err != nil {
		return err
	}
	s.held[n] = true
	s.sum += s.length(n)
	if s.opts.Sent != nil {
		s.opts.Sent(n, s.sum, sent)
	}
	return nil
}
