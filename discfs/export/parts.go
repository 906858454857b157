// Package export brings files of a disc out of its image: to a stream, or into
// a folder that nothing on the disc can lead out of. Bytes that were not read
// from the disc are never given as if they were its own.
package export

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// Source is an image with what is known of it.
type Source struct {
	Image io.ReaderAt
	Size  int64           // of the image, in bytes
	Map   *disc.SectorMap // nil: every sector was read
	// Digest gives the SHA-256 that is on record for a file, in lower-case
	// hexadecimal; ok is false when there is none. nil: none is known.
	Digest func(n *tree.Node) (sha256 string, ok bool)
}

// errContested is what bytes lack that are on the image and cannot be believed.
var errContested = fmt.Errorf("two reads of the disc gave different bytes: %w", tree.ErrAbsent)

// known says why bytes from off cannot be believed, if so, and for how many of
// the n bytes that holds. Sectors that were never recorded are missing too:
// their zeroes are not the disc's.
func (s *Source) known(off, n int64) (length int64, lack error) {
	if s.Map == nil {
		return n, nil
	}
	r := s.Map.At(disc.LBA(min(off/disc.SectorSize, disc.MaxSectors)))
	switch r.Status {
	case disc.StatusRead, disc.StatusSuspect:
	case disc.StatusContested:
		lack = errContested
	default:
		lack = tree.ErrAbsent
	}
	if r.Count == 0 { // behind the map
		return n, tree.ErrAbsent
	}
	return min(int64(r.End())*disc.SectorSize-off, n), lack
}

// part is a stretch of a file that stands in one piece on the image, or that
// has no bytes there.
type part struct {
	at, length int64 // in the file
	offset     int64 // in the image; tree.Hole: reads as zeroes, as the file system says
	lack       error // why there are no bytes: tree.ErrAbsent, ErrOutside, ErrShort
}

// parts are a file's stretches in their order; together they are n.Size bytes.
func (s *Source) parts(n *tree.Node) iter.Seq[part] {
	return func(yield func(part) bool) {
		at := int64(0)
		put := func(p part) bool {
			p.at, p.length = at, min(p.length, n.Size-at)
			at += p.length
			return p.length <= 0 || yield(p)
		}
		for _, e := range n.Extents {
			if at >= n.Size {
				return
			}
			if e.Offset < 0 {
				if !put(part{length: e.Length, offset: tree.Hole}) {
					return
				}
				continue
			}
			for off, length := range e.Pieces() {
				if at >= n.Size {
					return
				}
				if !s.piece(off, min(length, n.Size-at), put) {
					return
				}
			}
		}
		if at < n.Size {
			put(part{length: n.Size - at, lack: tree.ErrShort})
		}
	}
}

// piece cuts what lies in one place of the image by what is there.
func (s *Source) piece(off, length int64, put func(part) bool) bool {
	in := max(min(length, s.Size-off), 0)
	for end := off + in; off < end; {
		n, lack := s.known(off, end-off)
		if !put(part{length: n, offset: off, lack: lack}) {
			return false
		}
		off += n
	}
	return in == length || put(part{length: length - in, offset: off, lack: tree.ErrOutside})
}

// holes is how much more than the image's size a file may have: what it says
// was never recorded.
const holes = 1 << 30

// tooLarge says why a file cannot be brought out at all.
func (s *Source) tooLarge(n *tree.Node) error {
	if n.Size < 0 || n.Size > s.Size+holes {
		return fmt.Errorf("it says that it has %d bytes; the whole disc has %d", n.Size, s.Size)
	}
	return nil
}

// Missing are the bytes of a file that the image does not hold, in bytes of the
// file. why is what the first of them lack; nil when nothing is missing. There
// may be bytes missing nobody knows the place of: then why is set alone.
func (s *Source) Missing(n *tree.Node) (missing []tree.Extent, why error) {
	if err := s.tooLarge(n); err != nil {
		return nil, err
	}
	for p := range s.parts(n) {
		if p.lack == nil {
			continue
		}
		if why == nil {
			why = p.lack
		}
		if m := len(missing); m > 0 && missing[m-1].End() == p.at {
			missing[m-1].Length += p.length
		} else {
			missing = append(missing, tree.Extent{Offset: p.at, Length: p.length})
		}
	}
	if why == nil {
		why = n.Err
	}
	return missing, why
}

var errNoFile = errors.New("not a file")
