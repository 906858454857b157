package isoimage

import (
	"fmt"
	"io"
	"sort"
	"time"
)

// File is one file of an image.
type File struct {
	// Path has its folders separated by "/". The ISO 9660 tree gets it in
	// capitals, with "_" for what ECMA-119, 7.4.1 does not allow.
	Path string
	Size int64
	// Content gives the bytes; nil is noise of the image's seed. What lies
	// behind its end is zero.
	Content io.ReaderAt
}

// Options say what is to be in an image.
type Options struct {
	Label string // at most 32 characters; in the primary descriptor in capitals
	// Files; none: a few small ones and noise up to the last sector.
	Files []File
	// Sectors is the size of the image and the volume; 0 is what the files
	// take. What they leave over is zero.
	Sectors int64
	Seed    uint64 // of the noise
	// Base is the address on the disc of the image's first sector, for a
	// session that does not begin at 0. All addresses in the image count from
	// the disc's sector 0.
	Base   int64
	Joliet bool // a second tree with the names as given (Joliet level 3)
	// UDF adds a volume recognition sequence, anchors and volume descriptor
	// sequences (ECMA-167, parts 2 and 3), so that the image is recognised as
	// a bridge disc. There is no UDF directory tree in it.
	UDF bool
	// Created stands in every descriptor and record; the zero time is
	// 2001-02-03 04:05:06 UTC.
	Created time.Time
}

// Placed is where a file lies in an image.
type Placed struct {
	Path   string
	Sector int64 // the first one, counted in the image
	Size   int64 // bytes
}

// Image is an ISO 9660 image. ReadAt may be called from several goroutines.
type Image struct {
	sectors  int64
	noise    *Noise
	segments []segment // in order, apart; what lies between is zero
	files    []Placed
}

// segment is a run of bytes in the image.
type segment struct {
	start, size int64
	content     io.ReaderAt // nil: noise
	held        []byte
}

// Sectors is the image's size in sectors of 2048 bytes.
func (m *Image) Sectors() int64 { return m.sectors }

// Size is the image's size in bytes.
func (m *Image) Size() int64 { return m.sectors * sectorSize }

// Files are the files with their places, in the order they were given.
func (m *Image) Files() []Placed { return append([]Placed(nil), m.files...) }

// ReadAt reads from the image; io.EOF at its end.
func (m *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read image: offset %d", off)
	}
	if off >= m.Size() {
		return 0, io.EOF
	}
	var end error
	if rest := m.Size() - off; int64(len(p)) > rest {
		p, end = p[:rest], io.EOF
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		i := sort.Search(len(m.segments), func(i int) bool { return m.segments[i].start+m.segments[i].size > at })
		if i == len(m.segments) {
			clear(p[done:])
			break
		}
		s := &m.segments[i]
		if at < s.start {
			n := int(min(s.start-at, int64(len(p)-done)))
			clear(p[done : done+n])
			done += n
			continue
		}
		n := int(min(s.start+s.size-at, int64(len(p)-done)))
		if err := m.fill(p[done:done+n], s, at); err != nil {
			return done, err
		}
		done += n
	}
	return len(p), end
}

func (m *Image) fill(p []byte, s *segment, at int64) error {
	switch {
	case s.held != nil:
		copy(p, s.held[at-s.start:])
	case s.content == nil:
		_, err := m.noise.ReadAt(p, at)
		return err
	default:
		n, err := s.content.ReadAt(p, at-s.start)
		clear(p[min(max(n, 0), len(p)):])
		if n < len(p) && err != io.EOF {
			return fmt.Errorf("read image: %w", err)
		}
	}
	return nil
}
