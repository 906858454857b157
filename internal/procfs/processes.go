package procfs

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"ripstation/internal/smallfile"
)

// Process is one that runs.
type Process struct {
	PID  int
	Name string // as it calls itself, 15 bytes at most
}

// Processes are those that this process can see, by number.
func Processes(fsys fs.FS) ([]Process, error) {
	entries, err := fs.ReadDir(fsys, "proc")
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid <= 0 {
			continue
		}
		// The name alone: reading a process' arguments can wait for one that
		// is stuck in the kernel.
		if name := NameOf(fsys, pid); name != "" {
			all = append(all, Process{pid, name})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("/proc shows no process, not even this one")
	}
	slices.SortFunc(all, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	return all, nil
}

// NameOf is what a process calls itself, empty when it is not there.
func NameOf(fsys fs.FS, pid int) string {
	b, err := smallfile.Read(fsys, "proc/"+strconv.Itoa(pid)+"/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// Argument is the n-th word of a process' command line, 0 being the program;
// empty when there is none, or it is not known. It can wait for a process that
// is stuck in the kernel.
func Argument(fsys fs.FS, pid, n int) string {
	b, err := smallfile.Read(fsys, "proc/"+strconv.Itoa(pid)+"/cmdline")
	if err != nil {
		return ""
	}
	if words := strings.Split(string(b), "\x00"); n < len(words) {
		return words[n]
	}
	return ""
}

// Holders are the processes that have one of these paths open, by path. hidden
// is how many of them did not show what they have open: the kernel shows that
// to root and to the process' own user.
func Holders(fsys fs.FS, processes []Process, paths []string) (open map[string][]Process, hidden int) {
	open = map[string][]Process{}
	for _, p := range processes {
		dir := "proc/" + strconv.Itoa(p.PID) + "/fd"
		fds, err := fs.ReadDir(fsys, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // else it has ended
			hidden++
		}
		for _, fd := range fds {
			to, err := fs.ReadLink(fsys, dir+"/"+fd.Name())
			if err != nil || !slices.Contains(paths, to) {
				continue
			}
			if !slices.Contains(open[to], p) {
				open[to] = append(open[to], p)
			}
		}
	}
	return open, hidden
}

// BlockDriver reports whether a driver for this major number of block devices
// is there, as a module or in the kernel itself.
func BlockDriver(fsys fs.FS, major int) (bool, error) {
	b, err := smallfile.Read(fsys, "proc/devices")
	if err != nil {
		return false, err
	}
	_, block, _ := strings.Cut(string(b), "Block devices:\n")
	for line := range strings.Lines(block) {
		if n, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && n == strconv.Itoa(major) {
			return true, nil
		}
	}
	return false, nil
}
