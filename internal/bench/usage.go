package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what this process has used up to a moment.
type usage struct {
	at   time.Time
	cpu  time.Duration // user and system, all threads
	peak int64         // the most memory it ever had resident, in bytes (VmHWM)
	busy time.Duration // what all processors have worked since the machine started, for whomever
}

// since is what was used between before and u.
func (u usage) since(before usage, name string) stage {
	s := stage{Name: name, Seconds: u.at.Sub(before.at).Seconds(), CPU: (u.cpu - before.cpu).Seconds(), Peak: u.peak}
	if s.Seconds > 0 {
		// The kernel counts the machine's time in ticks of 10 ms.
		s.Others = max((u.busy-before.busy).Seconds()-s.CPU, 0) / s.Seconds
	}
	return s
}

// useSoFar asks the kernel. The peak is not taken from getrusage: there a
// process starts with the peak of the one that started it.
func useSoFar() (usage, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return usage{}, fmt.Errorf("ask for the CPU time used: %w", err)
	}
	u := usage{at: time.Now(), cpu: time.Duration(r.Utime.Nano() + r.Stime.Nano())}
	peak, err := field("/proc/self/status", "VmHWM")
	if err == nil {
		u.peak, err = kibibytes(peak)
	}
	if err != nil {
		return usage{}, fmt.Errorf("ask for the peak of memory: %w", err)
	}
	stat, err := os.ReadFile("/proc/stat")
	if err == nil {
		u.busy, err = busy(string(stat))
	}
	return u, err
}

// busy reads the first line of /proc/stat (proc(5)): ticks spent for user,
// nice, system, idle, iowait, irq, softirq and steal; guests are in user.
func busy(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat begins with %q: %w", line, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100), nil
}
