package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what this process has used up to a moment.
type usage struct {
	at   time.Time
	cpu  time.Duration // user and system, all threads
	peak int64         // the most memory it ever had resident, in bytes (VmHWM)
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
	return u, nil
}
