package tree

import (
	"errors"
	"fmt"
	"io"
)

var (
	// ErrOutside says that bytes lie behind the end of the image. Nothing was
	// tried.
	ErrOutside = errors.New("behind the end of the image")
	// ErrAbsent says that bytes are not there yet, or were never read from the
	// disc: the image holds nothing that could be believed.
	ErrAbsent = errors.New("not read from the disc")
	// ErrBudget says that a file system has had more bytes read than an honest
	// one could need.
	ErrBudget = errors.New("the structures refer to more bytes than the image has; the rest was not looked at")
)

// slack is how many bytes the structures of an image may have read beyond
// twice its size.
const slack = 16 << 20

// Source is what structures are read from: an image, an archived one by
// ranges, a drive. It bounds how much a hostile disc can have read, and notes
// what was not there.
type Source struct {
	r      io.ReaderAt
	size   int64
	have   func(off, n int64) bool // nil: all of it is there
	wanted []Extent
	spent  int64
}

// NewSource reads from r, which has size bytes.
func NewSource(r io.ReaderAt, size int64) *Source { return &Source{r: r, size: size} }

// Gate makes the source give only what have says is there; the rest is
// ErrAbsent, and in Wanted.
func (s *Source) Gate(have func(off, n int64) bool) *Source {
	s.have = have
	return s
}

// Size is the image's, in bytes.
func (s *Source) Size() int64 { return s.size }

// Wanted are the places that were asked for and not there, in the order of
// asking.
func (s *Source) Wanted() []Extent { return s.wanted }

// Read gives exactly n bytes from off. Its error wraps ErrOutside, ErrAbsent
// or ErrBudget, or is the reader's own. n must come from a bound of the caller's own,
// or be held against Size before: it is allocated.
func (s *Source) Read(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || off > s.size || int64(n) > s.size-off {
		return nil, fmt.Errorf("%d bytes at byte %d: %w", n, off, ErrOutside)
	}
	if s.have != nil && !s.have(off, int64(n)) {
		s.wanted = append(s.wanted, Extent{Offset: off, Length: int64(n)})
		return nil, fmt.Errorf("%d bytes at byte %d: %w", n, off, ErrAbsent)
	}
	if s.spent += int64(n); s.spent > 2*s.size+slack {
		return nil, ErrBudget
	}
	p := make([]byte, n)
	got, err := s.r.ReadAt(p, off)
	switch {
	case got == n:
		return p, nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return nil, fmt.Errorf("read %d bytes at byte %d: %w", n, off, err)
}

// ReadAt makes a Source an io.ReaderAt over the same bytes, gated and bounded
// in the same way but for the budget, which is for structures.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("byte %d: %w", off, ErrOutside)
	}
	if off >= s.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > s.size-off
	if short {
		p = p[:s.size-off]
	}
	if s.have != nil && !s.have(off, int64(len(p))) {
		s.wanted = append(s.wanted, Extent{Offset: off, Length: int64(len(p))})
		return 0, fmt.Errorf("%d bytes at byte %d: %w", len(p), off, ErrAbsent)
	}
	n, err := s.r.ReadAt(p, off)
	if n == len(p) && short {
		return n, io.EOF
	}
	return n, err
}
