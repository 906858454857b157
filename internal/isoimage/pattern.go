package isoimage

import (
	"encoding/binary"
	"io"
)

const sectorSize = 2048

// patternWindow is how many bytes of noise the sectors of a pattern are cut
// from. It is small enough to stay in a processor's cache.
const patternWindow = 64 << 10

// Noise is endless data that costs little more than a copy: every sector of
// 2048 bytes is cut from a fixed piece of noise at a place of its own and
// stamped with its number and the seed, so that no two sectors are alike and
// none can be mistaken for another disc's. It knows no end; hold it in an
// [io.SectionReader] where there must be one.
type Noise struct {
	seed  uint64
	block []byte
}

// NewNoise makes the noise of a seed. The same seed gives the same bytes on
// every machine.
func NewNoise(seed uint64) *Noise {
	n := &Noise{seed: seed, block: make([]byte, patternWindow+sectorSize)}
	s := seed
	for i := 0; i < len(n.block); i += 8 {
		binary.LittleEndian.PutUint64(n.block[i:], mix(&s))
	}
	return n
}

// mix is the splitmix64 step: every state gives another well-spread number.
func mix(s *uint64) uint64 {
	*s += 0x9E3779B97F4A7C15
	z := *s
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// Sector is sector number i: a 16 byte stamp (number and seed, big-endian),
// then noise. It fills dst, which must hold 2048 bytes.
func (n *Noise) Sector(dst []byte, i int64) {
	s := n.seed ^ uint64(i)
	at := mix(&s) % patternWindow &^ 7
	copy(dst[:sectorSize], n.block[at:])
	binary.BigEndian.PutUint64(dst, uint64(i))
	binary.BigEndian.PutUint64(dst[8:], n.seed)
}

// ReadAt fills p from any offset; it never ends and never fails, except for a
// negative offset.
func (n *Noise) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	done := 0
	var part [sectorSize]byte
	for done < len(p) {
		i, in := off/sectorSize, int(off%sectorSize)
		if in == 0 && len(p)-done >= sectorSize {
			n.Sector(p[done:], i)
			done += sectorSize
			off += sectorSize
			continue
		}
		n.Sector(part[:], i)
		c := copy(p[done:], part[in:])
		done += c
		off += int64(c)
	}
	return done, nil
}
