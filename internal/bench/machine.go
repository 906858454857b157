package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// commit is set by the linker.
var commit string

// machine is where and when something was measured, and of which program.
type machine struct {
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Memory int64     `json:"memory_bytes"`
	Kernel string    `json:"kernel"`
	Go     string    `json:"go"`
	Commit string    `json:"commit"` // empty when not known; "-dirty" behind it: with changes
	Began  time.Time `json:"began"`
	// Load is the load average of the minute before: what else was going on.
	Load float64 `json:"load_average_before"`
	// Nice is the priority that the bench ran with, 0 for the ordinary one.
	Nice int `json:"nice"`
}

func (m machine) String() string {
	id, changed := strings.CutSuffix(m.Commit, "-dirty")
	of := "commit " + id[:min(12, len(id))]
	if id == "" {
		of = "commit not known"
	} else if changed {
		of += " with changes"
	}
	s := fmt.Sprintf("%s. %s, %d cores, %.0f GiB of memory. Linux %s, %s, %s. Load average before it began: %.2f.",
		m.Began.Format(time.DateOnly), m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.Kernel, m.Go, of, m.Load)
	if m.Nice != 0 {
		s += fmt.Sprintf(" It ran at nice %d.", m.Nice)
	}
	return s
}

func thisMachine() (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Commit: commit, Began: time.Now().UTC().Truncate(time.Second)}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return m, fmt.Errorf("ask for the kernel's version: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(u.Release[:])
	var err error
	if m.CPU, err = field("/proc/cpuinfo", "model name"); err != nil {
		return m, err
	}
	total, err := field("/proc/meminfo", "MemTotal")
	if err != nil {
		return m, err
	}
	if m.Memory, err = kibibytes(total); err != nil {
		return m, err
	}
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return m, fmt.Errorf("ask for the priority: %w", err)
	}
	m.Nice = 20 - nice // the system call gives 40 to 1 (getpriority(2))
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return m, err
	}
	first, _, _ := strings.Cut(string(load), " ")
	if m.Load, err = strconv.ParseFloat(first, 64); err != nil {
		return m, fmt.Errorf("read /proc/loadavg: %w", err)
	}
	return m, nil
}

// field is the value of the first line "NAME: VALUE" of a file of /proc.
func field(path, name string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v), nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return "", fmt.Errorf("read %s: it has no line %q", path, name)
}

// kibibytes reads "123 kB" as /proc writes it, in bytes.
func kibibytes(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSuffix(s, " kB"), 10, 64)
	if err != nil || !strings.HasSuffix(s, " kB") {
		return 0, fmt.Errorf("%q is no number of kB", s)
	}
	return n << 10, nil
}
