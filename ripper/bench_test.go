package ripper

import (
	"context"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// fastSource gives sectors as fast as memory does: all that a benchmark of it
// costs is the ripper's own.
type fastSource struct {
	sectors int64
	pattern []byte
	// rate is what it gives at most, in bytes a second; 0 is no limit. worst is
	// how long it had to wait for the next question, at most.
	rate  float64
	next  time.Time
	worst time.Duration
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
	if s.rate > 0 {
		now := time.Now()
		if s.next.IsZero() {
			s.next = now
		}
		s.worst = max(s.worst, now.Sub(s.next))
		s.next = s.next.Add(time.Duration(float64(len(p)) / s.rate * float64(time.Second)))
		time.Sleep(s.next.Sub(now))
	}
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

// BenchmarkFollowedRip rips at the rate of a DVD at 16x, with a follower behind. It
// says how long after the last sector the seal has ended, how long the drive was kept waiting at
// most, what all of it costs in CPU time, and the most memory the process ever had.
func BenchmarkFollowedRip(b *testing.B) {
	const sectors = 1 << 30 / disc.SectorSize
	src := newFastSource(sectors)
	src.rate = 16 * 1.385e6
	var cpu, after float64
	for b.Loop() {
		src.next = time.Time{}
		img, err := Create(filepath.Join(b.TempDir(), "x"), sectors)
		if err != nil {
			b.Fatal(err)
		}
		begin := cpuSeconds(b)
		f := NewFollower(img)
		stop := following(b, f)
		if _, err := Rip(b.Context(), src, img, Options{Drive: "fast", Medium: disc.MediumDVD}); err != nil {
			b.Fatal(err)
		}
		last := time.Now()
		if err := stop(); err != nil {
			b.Fatal(err)
		}
		ahead := f.at
		s, err := Seal(b.Context(), img, SealOptions{Follower: f})
		if err != nil {
			b.Fatal(err)
		}
		after, cpu = after+time.Since(last).Seconds(), cpu+cpuSeconds(b)-begin
		if s.State != disc.ImageComplete || s.ReadBack != ReadDirect {
			b.Fatalf("sealed %s, read back by %s", s.State, s.ReadBack)
		}
		b.ReportMetric(float64(img.Size()-ahead)/(1<<20), "left-to-seal-MiB")
		if err := img.Close(); err != nil {
			b.Fatal(err)
		}
	}
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(after/float64(b.N), "s-after-last-sector")
	b.ReportMetric(cpu/float64(b.N), "cpu-s/GiB")
	b.ReportMetric(src.worst.Seconds(), "s-drive-waited")
	b.ReportMetric(float64(u.Maxrss)/1024, "peak-MiB")
}
