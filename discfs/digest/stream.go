package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"iter"
	"slices"

	"ripstation/discfs/tree"
)

// stream is a sequence of bytes that one or more jobs want digests of.
type stream struct {
	jobs   []*Job
	hashes map[Algo]hash.Hash // while it is open
	first  int64              // the first byte of the image that it needs
	order  bool               // its pieces lie in the order of the image

	// Where it is while it is open.
	next func() (piece, bool)
	stop func()
	cur  piece // what comes next
	at   int64 // of cur in the job's bytes
	done bool  // all of it was digested
	lost bool  // a block of it was not given
}

// piece is a stretch of a stream: on the image, or a hole.
type piece struct {
	off int64 // tree.Hole for a hole
	n   int64
}

// key is the same for jobs of the same bytes.
func (j *Job) key() [32]byte {
	b := make([]byte, 0, 8+32*len(j.Extents))
	b = binary.AppendVarint(b, j.Size)
	b = binary.AppendUvarint(b, uint64(len(j.Extents)))
	for _, e := range j.Extents {
		for _, v := range []int64{e.Offset, e.Length, e.Unit, e.Gap} {
			b = binary.AppendVarint(b, v)
		}
	}
	for _, x := range j.Patches {
		b = binary.AppendVarint(b, x.Offset)
		b = binary.AppendUvarint(b, uint64(len(x.Bytes)))
		b = append(b, x.Bytes...)
	}
	return sha256.Sum256(b)
}

// pieces are those of a job, cut off at its size.
func (j *Job) pieces() iter.Seq[piece] {
	return func(yield func(piece) bool) {
		left := j.Size
		for _, e := range j.Extents {
			if left == 0 {
				return
			}
			e.Length = min(e.Length, left)
			left -= e.Length
			if e.Offset < 0 && e.Length > 0 {
				if !yield(piece{tree.Hole, e.Length}) {
					return
				}
				continue
			}
			for off, n := range e.Pieces() {
				if !yield(piece{off, n}) {
					return
				}
			}
		}
	}
}

// layout says where the first byte on the image is (-1: none), and whether pieces
// follow each other as on the image.
func (j *Job) layout() (first int64, order bool) {
	first, order = -1, true
	var end int64
	for p := range j.pieces() {
		if p.off < 0 {
			continue
		}
		if first < 0 {
			first = p.off
		}
		order = order && p.off >= end
		end = p.off + p.n
	}
	return first, order
}

// open makes the stream ready for its first byte.
func (s *stream) open() error {
	s.hashes = map[Algo]hash.Hash{}
	for _, j := range s.jobs {
		for _, a := range j.Algos {
			if s.hashes[a] != nil {
				continue
			}
			h, err := a.new()
			if err != nil {
				return err
			}
			s.hashes[a] = h
		}
	}
	s.next, s.stop = iter.Pull(s.jobs[0].pieces())
	s.at, s.cur = 0, piece{}
	s.advance()
	return nil
}

// advance goes to the next piece that needs the image; holes are digested on
// the way. It reports whether there is one.
func (s *stream) advance() bool {
	for s.cur.n == 0 {
		p, ok := s.next()
		if !ok {
			return false
		}
		if p.off >= 0 {
			s.cur = p
			break
		}
		for left := p.n; left > 0; {
			n := min(left, int64(len(zeroes)))
			s.write(zeroes[:n])
			left -= n
		}
	}
	return true
}

var zeroes [64 << 10]byte

// write digests the stream's next bytes, with patches laid over them.
func (s *stream) write(p []byte) {
	for _, x := range s.jobs[0].Patches {
		from, to := max(x.Offset, s.at), min(x.Offset+int64(len(x.Bytes)), s.at+int64(len(p)))
		if from < to {
			p = slices.Clone(p)
			copy(p[from-s.at:to-s.at], x.Bytes[from-x.Offset:])
		}
	}
	for _, h := range s.hashes {
		h.Write(p)
	}
	s.at += int64(len(p))
}

// close ends the stream: with sums when err is nil.
func (s *stream) close(err error) {
	if s.stop != nil {
		s.stop()
	}
	for _, j := range s.jobs {
		if j.Err = err; err != nil {
			continue
		}
		j.Sums = map[Algo][]byte{}
		for _, a := range j.Algos {
			j.Sums[a] = s.hashes[a].Sum(nil)
		}
	}
	s.hashes, s.next, s.stop = nil, nil, nil
}
