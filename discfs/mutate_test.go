package discfs_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"ripstation/disc"
	"ripstation/discfs"
)

// maxMemory is how much Open may allocate over all, for an image that is small:
// what an image really holds comes on top of it.
const maxMemory = 64 << 20

// sealed recomputes a descriptor's checksum and CRC (ECMA-167, 3/7.2), so that
// a changed one is believed and what is behind it reached. Other sectors stay.
func sealed(sector []byte) {
	id := binary.LittleEndian.Uint16(sector)
	if !(id >= 1 && id <= 9 || id >= 256 && id <= 266) {
		return
	}
	n := min(int(binary.LittleEndian.Uint16(sector[10:])), len(sector)-16)
	var crc uint16
	for _, b := range sector[16 : 16+n] { // polynomial 0x1021, from zero
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	binary.LittleEndian.PutUint16(sector[8:], crc)
	sector[4] = 0
	var sum byte
	for _, b := range sector[:16] {
		sum += b
	}
	sector[4] = sum
}

// mutated is an image of which some sectors are changed.
type mutated struct {
	base    []byte
	sectors map[int64][]byte
}

func (m *mutated) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m.base)) {
		return 0, io.EOF
	}
	n := copy(p, m.base[off:])
	if len(m.sectors) > 0 {
		for s := off / disc.SectorSize; s*disc.SectorSize < off+int64(n); s++ {
			if c := m.sectors[s]; c != nil {
				from := s * disc.SectorSize
				if from >= off {
					copy(p[from-off:n], c)
				} else {
					copy(p[:n], c[off-from:])
				}
			}
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// edit gives a sector to be changed.
func (m *mutated) edit(s int64) []byte {
	c := m.sectors[s]
	if c == nil {
		c = make([]byte, disc.SectorSize)
		copy(c, m.base[s*disc.SectorSize:])
		m.sectors[s] = c
	}
	return c
}

// targets are the sectors of an image that are not empty: structures, and the
// few of small files.
func targets(base []byte) []int64 {
	var out []int64
	for i := int64(0); (i+1)*disc.SectorSize <= int64(len(base)); i++ {
		if len(bytes.Trim(base[i*disc.SectorSize:(i+1)*disc.SectorSize], "\x00")) > 0 {
			out = append(out, i)
		}
	}
	return out
}

// odd are values that lengths and places break on.
var odd = []uint32{0, 1, 2, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xc0000000, 0xfffff800, 0xffffffff}

// change makes one change.
func change(r *rand.Rand, m *mutated, where []int64) {
	s := where[r.IntN(len(where))]
	p := m.edit(s)
	// Most fields stand at the begin of a sector.
	at := r.IntN(disc.SectorSize)
	if r.IntN(2) == 0 {
		at = r.IntN(256)
	}
	v := odd[r.IntN(len(odd))]
	switch r.IntN(8) {
	case 0:
		p[at] ^= 1 << r.IntN(8)
	case 1:
		p[at] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(p[min(at, len(p)-2):], uint16(v))
	case 3:
		binary.LittleEndian.PutUint32(p[min(at, len(p)-4):], v)
	case 4: // a number in both byte orders
		at = min(at, len(p)-8)
		if r.IntN(2) == 0 {
			v = uint32(where[r.IntN(len(where))])
		}
		binary.LittleEndian.PutUint32(p[at:], v)
		binary.BigEndian.PutUint32(p[at+4:], v)
	case 5: // a place that exists: loops
		binary.LittleEndian.PutUint32(p[min(at, len(p)-4):], uint32(where[r.IntN(len(where))]))
	case 6: // one sector in place of another
		copy(p, m.base[where[r.IntN(len(where))]*disc.SectorSize:])
	case 7: // a piece somewhere else
		n := r.IntN(64)
		from := r.IntN(disc.SectorSize)
		copy(p[at:], bytes.Clone(p[from:min(from+n, len(p))]))
	}
	if r.IntN(4) > 0 {
		sealed(p)
	}
}

// Thousands of images with a few changes each: no panic, no end of work, no
// node that breaks its word.
func TestMutatedImages(t *testing.T) {
	const times = 600
	for i, s := range samples(t) {
		where := targets(s.bytes)
		var worst uint64
		var most counter
		for seed := range uint64(times) {
			r := rand.New(rand.NewPCG(uint64(i), seed))
			m := &mutated{s.bytes, map[int64][]byte{}}
			for range 1 + r.IntN(6) {
				change(r, m, where)
			}
			size := int64(len(s.bytes))
			if r.IntN(10) == 0 {
				size = r.Int64N(size)
				m.base = s.bytes[:size]
				for k := range m.sectors {
					if (k+1)*disc.SectorSize > size {
						delete(m.sectors, k)
					}
				}
			}
			func() {
				defer func() {
					if p := recover(); p != nil {
						t.Errorf("%s, seed %d: %v", s.name, seed, p)
						panic(p)
					}
				}()
				var before, after runtime.MemStats
				c := &counter{r: m}
				measure := seed%16 == 0
				if measure {
					runtime.ReadMemStats(&before)
				}
				if measure {
					discfs.Open(c, size, nil)
					runtime.ReadMemStats(&after)
					worst = max(worst, after.TotalAlloc-before.TotalAlloc)
				}
				most.bytes, most.calls = max(most.bytes, c.bytes), max(most.calls, c.calls)
				examine(t, m, size, nil, 4<<10, true)
			}()
			if t.Failed() {
				t.Fatalf("%s, seed %d", s.name, seed)
			}
		}
		if worst > maxMemory {
			t.Errorf("%s: Open allocated %d bytes over all", s.name, worst)
		}
		t.Logf("%s: at most %d KiB allocated, %d KiB read in %d calls of %d KiB", s.name, worst>>10, most.bytes>>10, most.calls, len(s.bytes)>>10)
	}
}

// A file system that fills a whole image with directories and names costs so
// much memory for each byte of the image, and no more.
func TestMemoryIsBoundedByWhatTheImageHolds(t *testing.T) {
	const perByte = 24 // nodes are some times the records that they come from; four trees can be over them
	for _, s := range samples(t) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := discfs.Open(bytes.NewReader(s.bytes), int64(len(s.bytes)), nil)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 1<<20+perByte*int64(len(s.bytes)) {
			t.Errorf("%s: %d bytes stay in use for an image of %d", s.name, used, len(s.bytes))
		}
		runtime.KeepAlive(m)
	}
}

// FuzzOpen changes real images in the sectors that hold anything, as a script
// says: which image, then one edit after the other: sector, offset, how many bytes,
// and the bytes.
func FuzzOpen(f *testing.F) {
	all := samples(f)
	where := make([][]int64, len(all))
	for i, s := range all {
		where[i] = targets(s.bytes)
		f.Add(byte(4*i), []byte{})
		for n := range min(len(where[i]), 40) {
			f.Add(byte(4*i+1), []byte{byte(n), 0, byte(10 * n), 4, 0xff, 0xff, 0xff, 0xff, byte(n + 1), 0, 2, 3, 1, 0, 0})
		}
	}
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		k := int(which) / 4 % len(all)
		m := &mutated{all[k].bytes, map[int64][]byte{}}
		var changed []int64
		for edits := 0; len(script) > 4 && edits < 32; edits++ {
			s := where[k][int(script[0])%len(where[k])]
			at := (int(script[1])<<8 | int(script[2])) % disc.SectorSize
			n := min(int(script[3])%32, len(script)-4)
			copy(m.edit(s)[at:], script[4:4+n])
			script = script[4+n:]
			changed = append(changed, s)
		}
		if which%4 < 3 { // the others are left with sums that are wrong
			for _, s := range slices.Compact(changed) {
				sealed(m.sectors[s])
			}
		}
		examine(t, m, int64(len(m.base)), nil, 1<<10, which%4 == 0)
	})
}
