package discfs_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs"
)

// hostileISO writes directories of ISO 9660 that no honest program writes: it
// puts down what it is told to.
type hostileISO []byte

func newHostileISO(sectors int) hostileISO {
	m := make(hostileISO, sectors*disc.SectorSize)
	pvd := m.sector(16)
	copy(pvd, "\x01CD001\x01")
	both32(pvd[80:], uint32(sectors))
	both16(pvd[120:], 1)
	both16(pvd[124:], 1)
	both16(pvd[128:], disc.SectorSize)
	pvd[881] = 1
	copy(m.sector(17), "\xffCD001\x01")
	return m
}

func (m hostileISO) sector(i int) []byte { return m[i*disc.SectorSize:][:disc.SectorSize] }

func both32(p []byte, v uint32) {
	binary.LittleEndian.PutUint32(p, v)
	binary.BigEndian.PutUint32(p[4:], v)
}

func both16(p []byte, v uint16) {
	binary.LittleEndian.PutUint16(p, v)
	binary.BigEndian.PutUint16(p[2:], v)
}

// root makes the directory at a sector the root.
func (m hostileISO) root(sector, size int) {
	record(m.sector(16)[156:156+34], "\x00", sector, size, 2)
}

func record(p []byte, name string, sector, size int, flags byte) int {
	n := 33 + len(name)
	n += n % 2
	p[0] = byte(n)
	both32(p[2:], uint32(sector))
	both32(p[10:], uint32(size))
	copy(p[18:25], []byte{100, 1, 1, 0, 0, 0, 0})
	p[25] = flags
	both16(p[28:], 1)
	p[32] = byte(len(name))
	copy(p[33:], name)
	return n
}

// list writes records one behind the other from a sector on, none over the end
// of one, and gives how many bytes of sectors they take.
func (m hostileISO) list(sector int, each func(i int) (name string, at, size int, flags byte), count int) int {
	at := sector * disc.SectorSize
	for i := range count {
		name, lba, size, flags := each(i)
		n := 34 + len(name)
		if at%disc.SectorSize+n > disc.SectorSize {
			at += disc.SectorSize - at%disc.SectorSize
		}
		at += record(m[at:], name, lba, size, flags)
	}
	end := (at + disc.SectorSize - 1) / disc.SectorSize * disc.SectorSize
	return end - sector*disc.SectorSize
}

// memory opens an image and gives what stays in use and what was allocated.
func memory(image []byte) (m *discfs.Image, kept, all int64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m = discfs.Open(bytes.NewReader(image), int64(len(image)), nil)
	runtime.ReadMemStats(&after)
	all = int64(after.TotalAlloc - before.TotalAlloc)
	runtime.GC()
	runtime.ReadMemStats(&after)
	return m, int64(after.HeapAlloc) - int64(before.HeapAlloc), all
}

// Images that are made to cost: what they cost is bounded by a constant and a
// multiple of their size.
func TestHostileImagesCostLittle(t *testing.T) {
	const constant, perByte = 64 << 20, 100
	self := func(sector, size int) (string, int, int, byte) { return "\x00", sector, size, 2 }
	for name, make := range map[string]func() hostileISO{
		"directories that are all one": func() hostileISO {
			m := newHostileISO(600)
			size := m.list(100, func(i int) (string, int, int, byte) { return fmt.Sprintf("F%05d", i), 20, 1, 0 }, 20_000)
			n := m.list(20, func(i int) (string, int, int, byte) { return fmt.Sprintf("D%04d", i), 100, size, 2 }, 3000)
			m.root(20, n)
			return m
		},
		"directories over each other": func() hostileISO {
			m := newHostileISO(600)
			m.list(100, func(i int) (string, int, int, byte) { return fmt.Sprintf("F%05d", i), 20, 1, 0 }, 20_000)
			n := m.list(20, func(i int) (string, int, int, byte) {
				return fmt.Sprintf("D%04d", i), 100 + i, (450 - i) * disc.SectorSize, 2
			}, 400)
			m.root(20, n)
			return m
		},
		"directories that hold themselves": func() hostileISO {
			m := newHostileISO(60)
			n := m.list(20, func(i int) (string, int, int, byte) {
				if i == 0 {
					return self(20, 10*disc.SectorSize)
				}
				return fmt.Sprintf("D%04d", i), 20 + i%20, 10 * disc.SectorSize, 2
			}, 1000)
			m.root(20, n)
			return m
		},
		"a deep path before many files": func() hostileISO {
			m := newHostileISO(2600)
			long := strings.Repeat("N", 200)
			for i := range 250 {
				m.list(20+i, func(int) (string, int, int, byte) {
					if i == 249 {
						return long, 300, 2200 * disc.SectorSize, 2
					}
					return long, 21 + i, disc.SectorSize, 2
				}, 1)
			}
			m.list(300, func(i int) (string, int, int, byte) { return fmt.Sprintf("F%05d", i), 20, 1, 0 }, 90_000)
			m.root(20, disc.SectorSize)
			return m
		},
		"a file of very many sections": func() hostileISO {
			m := newHostileISO(2600)
			n := m.list(20, func(i int) (string, int, int, byte) { return "A", 20, 1 << 31, 0x80 }, 100_000)
			m.root(20, n)
			return m
		},
		"one name very many times": func() hostileISO {
			m := newHostileISO(2600)
			n := m.list(20, func(i int) (string, int, int, byte) { return "A;1", 20, 1, 0 }, 100_000)
			m.root(20, n)
			return m
		},
		"a root and tables as large as can be": func() hostileISO {
			m := newHostileISO(60)
			both32(m.sector(16)[132:], 0xffffffff)
			binary.LittleEndian.PutUint32(m.sector(16)[140:], 18)
			binary.BigEndian.PutUint32(m.sector(16)[148:], 18)
			m.root(20, 0xfffff800)
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			image := make()
			m, kept, all := memory(image)
			size := int64(len(image))
			t.Logf("%d MiB stay, %d MiB were allocated, of an image of %d KiB", kept>>20, all>>20, size>>10)
			if kept > constant+perByte*size || all > 4*(constant+perByte*size) {
				t.Errorf("%d bytes stay in use, %d were allocated, for an image of %d", kept, all, size)
			}
			runtime.KeepAlive(m)
			examine(t, bytes.NewReader(image), size, nil, 1<<10, true)
			if strings.HasPrefix(name, "directories that") && !slices.ContainsFunc(m.Checks, func(c disc.Check) bool {
				return c.Outcome == disc.Failure && strings.Contains(c.Message, "listed already")
			}) {
				t.Error("no check says that directories lead to each other")
			}
		})
	}
}
