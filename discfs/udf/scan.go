package udf

import (
	"errors"
	"fmt"
	"slices"

	"ripstation/discfs/tree"
)

// minIdentifier is the length of a file identifier descriptor without a name.
const minIdentifier = 38

// scan takes up the descriptors of one directory as its bytes come in. Where one
// does not prove itself the mirror's bytes are tried; then the next that does is
// looked for.
type scan struct {
	w    *walker
	d    *folder
	l    *listing
	fail func(error)
	held []byte // not yet taken up
	at   int64  // of held, in the directory
	// lost: where the next descriptor begins is not known.
	lost   bool
	broken bool // what follows held cannot be read, which was told
	over   bool // no more of it is looked at
}

// feed takes up what is whole. With last there is nothing behind p.
func (s *scan) feed(p []byte, last bool) {
	s.held = append(s.held, p...)
	for len(s.held) > 0 && !s.over {
		if s.lost && !s.find(last) {
			return
		}
		n, err := s.next(last)
		if err == nil && n == 0 {
			return
		}
		if err == nil {
			q := s.held[:n]
			s.drop(n)
			s.take(q)
			continue
		}
		if s.repair() {
			continue
		}
		if !s.broken {
			s.fail(fmt.Errorf("byte %d: %w; names may be missing", s.at, err))
		}
		s.charge(min(n, len(s.held)))
		s.lost = true
		s.drop(min(4, len(s.held)))
	}
}

// gap says that the bytes up to off cannot be read.
func (s *scan) gap(off int64) {
	s.broken = true
	s.feed(nil, true)
	s.held, s.at, s.lost, s.broken = nil, off, true, false
}

func (s *scan) drop(n int) { s.held, s.at = s.held[n:], s.at+int64(n) }

func (s *scan) take(q []byte) {
	const deleted, parent = 4, 8
	// Some writers have another block in the tag: then it proves nothing.
	if at := s.l.location(s.at - int64(len(q))); at >= 0 && int64(le32(q[12:])) != at {
		s.w.loose = true
	}
	if q[18]&(deleted|parent) == 0 {
		u, n := int(le16(q[36:])), int(q[19])
		s.w.identifier(s.d, q[18], string(q[minIdentifier+u:][:n]), parseLong(q[20:]))
	}
}

// identifierSize is how long a descriptor says that it is, with its padding.
func identifierSize(p []byte) int {
	return (minIdentifier + int(le16(p[36:])) + int(p[19]) + 3) &^ 3
}

// next proves the descriptor that held begins with, and says how long it is: 0
// when more is needed for that.
func (s *scan) next(last bool) (int, error) {
	p := s.held
	if len(p) < minIdentifier {
		if last {
			return 0, errors.New("bytes follow its last entry")
		}
		return 0, nil
	}
	n := identifierSize(p)
	if n > len(p) {
		if last {
			return 0, errors.New("its last entry is cut off")
		}
		return 0, nil
	}
	id, err := checkTag(p[:n], -1)
	if err == nil && id != tagIdentifier {
		err = errTag
	}
	return n, err
}

// find drops bytes up to a descriptor that proves itself. Descriptors begin at
// multiples of 4 bytes (UDF 2.60, 2.3.4). Without one it wants more bytes.
func (s *scan) find(last bool) bool {
	if k := int(-s.at & 3); k > 0 {
		s.drop(min(k, len(s.held)))
	}
	bs := s.w.r.bs
	for len(s.held) > 0 && !s.over {
		end := min(int(bs-s.at%bs), len(s.held))
		i, found := s.look(end, last)
		if !found {
			// The mirror may have this block.
			if q, by, err := s.l.mirror(s.at, end); err == nil && !slices.Equal(q, s.held[:end]) {
				old := slices.Clone(s.held[:end])
				copy(s.held, q)
				if k, ok := s.look(end, last); ok || k < end && i == end {
					s.l.swaps = append(s.l.swaps, swap{s.at, int64(end), by})
					i, found = k, ok
				} else {
					copy(s.held, old)
				}
			}
		}
		more := i < end
		s.drop(i)
		if more {
			s.lost = !found
			return found
		}
	}
	return false
}

// look gives where in the first end bytes of held a descriptor begins that
// proves itself, or one for which more bytes are needed, or end.
func (s *scan) look(end int, last bool) (i int, found bool) {
	for i = 0; i < end && !s.over; i += 4 {
		p := s.held[i:]
		if len(p) < minIdentifier {
			if last {
				break
			}
			return i, false
		}
		if le16(p) != tagIdentifier || tagSum(p) != p[4] || !s.placed(p, s.at+int64(i)) {
			continue
		}
		n := identifierSize(p)
		if n > len(p) {
			if !last {
				return i, false
			}
			continue
		}
		// A CRC that leaves out some of it proves too little here.
		if id, err := checkTag(p[:n], -1); err == nil && id == tagIdentifier && 16+int(le16(p[10:])) >= n-3 {
			return i, true
		}
		s.charge(n)
	}
	return end, false
}

// charge counts what was proved in vain.
func (s *scan) charge(n int) {
	if s.w.r.budget -= int64(n); s.w.r.budget < 0 {
		s.fail(tree.ErrBudget)
		s.over = true
	}
}

// placed reports whether a tag names the block that it stands in.
func (s *scan) placed(p []byte, off int64) bool {
	at := s.l.location(off)
	return at >= 0 && (s.w.loose || int64(le32(p[12:])) == at)
}

// repair puts the mirror's bytes in the place of the block that the descriptor
// at the begin of held begins in, or of those behind it, when it then proves
// itself.
func (s *scan) repair() bool {
	bs := int(s.w.r.bs)
	edge := min(bs-int(s.at%int64(bs)), len(s.held))
	if q, by, err := s.l.mirror(s.at, edge); err == nil && s.try(0, q, by) {
		return true
	}
	if len(s.held) < minIdentifier {
		return false
	}
	to := min((identifierSize(s.held)-edge+bs-1)/bs*bs+edge, len(s.held))
	if to <= edge {
		return false
	}
	q, by, err := s.l.mirror(s.at+int64(edge), to-edge)
	return err == nil && s.try(edge, q, by)
}

// try puts q into held, and takes it out again unless that helps.
func (s *scan) try(at int, q []byte, by []tree.Extent) bool {
	old := slices.Clone(s.held[at:][:len(q)])
	copy(s.held[at:], q)
	if _, err := s.next(true); err == nil {
		s.l.swaps = append(s.l.swaps, swap{s.at + int64(at), int64(len(q)), by})
		return true
	}
	copy(s.held[at:], old)
	return false
}
