package ripper

import (
	"context"
	"path/filepath"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// fastSource gives sectors as fast as memory does: all that a benchmark of it
// costs is the ripper's own.
type fastSource struct {
	sectors int64
	pattern []byte
}

func newFastSource(sectors int64) *fastSource {
	s := &fastSource{sectors: sectors, pattern: make([]byte, 1<<20+4096)}
	x := uint64(88172645463325252)
	for i := range s.pattern {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		s.pattern[i] = byte(x)
	}
	return s
}

func (s *fastSource) Capacity(context.Context) (int64, error) { return s.sectors, nil }
func (s *fastSource) MaxSectors() int                         { return 64 }
func (s *fastSource) ReadSectors(_ context.Context, lba disc.LBA, p []byte) error {
	copy(p, s.pattern[int(lba)%2048:])
	return nil
}

func cpuSeconds(b *testing.B) float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkCleanRip rips and seals a clean BD-sized extract of 1 GiB. It says
// what a GiB costs in CPU time, and the most memory the process ever had.
func BenchmarkCleanRip(b *testing.B) {
	const sectors = 1 << 30 / disc.SectorSize
	src := newFastSource(sectors)
	var rip, seal float64
	for b.Loop() {
		img, err := Create(filepath.Join(b.TempDir(), "x"), sectors)
		if err != nil {
			b.Fatal(err)
		}
		begin := cpuSeconds(b)
		if _, err := Rip(b.Context(), src, img, Options{Drive: "fast", Medium: disc.MediumBD}); err != nil {
			b.Fatal(err)
		}
		middle := cpuSeconds(b)
		s, err := Seal(b.Context(), img, SealOptions{})
		if err != nil {
			b.Fatal(err)
		}
		rip, seal = rip+middle-begin, seal+cpuSeconds(b)-middle
		if s.State != disc.ImageComplete || s.ReadBack != ReadDirect {
			b.Fatalf("sealed %s, read back by %s", s.State, s.ReadBack)
		}
		if err := img.Close(); err != nil {
			b.Fatal(err)
		}
		debug.FreeOSMemory()
	}
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(rip/float64(b.N), "rip-cpu-s/GiB")
	b.ReportMetric(seal/float64(b.N), "seal-cpu-s/GiB")
	b.ReportMetric(float64(u.Maxrss)/1024, "peak-MiB")
}
