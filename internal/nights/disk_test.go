package nights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/internal/operator"
)

// A night's spool lies on a small file system of its own, so that a disk that
// is full is one. It is mounted in a mount namespace that lasts for the night,
// in the process that plays it; its lives are children of that one. Where no
// plain user may do that, the spool's disk is as large as the machine's, and
// never full.
const (
	// nightVariable is set in the environment of the process that plays a night:
	// its folder.
	nightVariable = "RIPSTATION_NIGHT_PLAYED"
	// diskVariable is set for its lives when the spool has a disk of its own.
	diskVariable = "RIPSTATION_NIGHT_DISK"

	noOwnDisk  = 77 // exit code
	playedFile = "played.json"
)

// refused says that the spools of nights have had no disk of their own.
var refused atomic.Bool

// played is how a night went.
type played struct {
	Flaws []string `json:"flaws"`
	Err   string   `json:"err"` // the night's own, not the station's
}

// TestPlayed plays one night, in a process of its own. It does nothing without
// a night.
func TestPlayed(t *testing.T) {
	dir := os.Getenv(nightVariable)
	if dir == "" || os.Getenv(lifeVariable) != "" {
		return
	}
	var n operator.Night
	b, err := os.ReadFile(filepath.Join(dir, nightFile))
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n.Disk > 0 {
		disk := filepath.Join(dir, "disk")
		switch err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", n.Disk)); {
		case errors.Is(err, syscall.EPERM):
			os.Exit(noOwnDisk)
		case err != nil:
			t.Fatalf("mount a disk for the night: %v", err)
		}
		t.Setenv(diskVariable, "1")
	}
	var p played
	if p.Flaws, err = play(t.Context(), dir, n); err != nil {
		p.Err = err.Error()
	}
	if keep := filepath.Join(dir, "kept"); os.Getenv("KEEP") != "" { // the disk goes with this process
		if err := os.CopyFS(keep, os.DirFS(filepath.Join(dir, "disk"))); err != nil {
			t.Log(err)
		}
	}
	if b, err = json.Marshal(p); err == nil {
		err = os.WriteFile(filepath.Join(dir, playedFile), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// withDisk plays the night in dir in a process whose spool has its own disk. ok
// is false where that cannot be.
func withDisk(ctx context.Context, dir string) (p played, ok bool, err error) {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPlayed$", "-test.timeout=0")
	cmd.Env = append(os.Environ(), nightVariable+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:   syscall.SIGKILL,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.Is(err, syscall.EPERM) || errors.As(err, &exit) && exit.ExitCode() == noOwnDisk {
		return p, false, nil
	}
	if err != nil {
		return p, true, fmt.Errorf("play the night in %s: %w\n%s", dir, err, tail(string(out), 4000))
	}
	b, err := os.ReadFile(filepath.Join(dir, playedFile))
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err == nil && p.Err != "" {
		err = errors.New(p.Err)
	}
	return p, true, err
}

// others is the file of other programs that take the spool's room in a fault.
func (l *life) others(f operator.Fault) string {
	return l.path(fmt.Sprintf("disk/others-%d.bin", f.N))
}

// fill takes what room the spool's disk has, but for what the fault leaves.
func (l *life) fill(f operator.Fault) error {
	if os.Getenv(diskVariable) == "" {
		return nil
	}
	file, err := os.OpenFile(l.others(f), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if err != nil {
		return nil // not even room for a name
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	at := info.Size()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &st); err != nil {
		return err
	}
	for block := int64(st.Bavail)*st.Bsize - f.Room; block >= st.Bsize; {
		block -= block % st.Bsize
		switch err := unix.Fallocate(int(file.Fd()), 0, at, block); {
		case errors.Is(err, unix.ENOSPC): // the station was faster
			block /= 2
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("fill the spool's disk: %w", err)
		default:
			at += block
			if err := unix.Fstatfs(int(file.Fd()), &st); err != nil {
				return err
			}
			block = min(block, int64(st.Bavail)*st.Bsize-f.Room)
		}
	}
	return nil
}

// makeRoom takes away what faults that are over have filled.
func (l *life) makeRoom() error {
	for _, f := range l.night.Faults {
		if f.What != operator.SpoolFull || time.Now().Before(dawn.Add(f.At+f.For)) {
			continue
		}
		if err := os.Remove(l.others(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// TestADiskIsFull holds the fault against the disk that it fills.
func TestADiskIsFull(t *testing.T) {
	if child() {
		return
	}
	n := operator.Draw(1, options)
	n.Disk, n.Acts, n.Faults = 24<<20, n.Acts[:2], []operator.Fault{{What: operator.SpoolFull, For: time.Hour, Disc: -1}}
	var all tales
	flaws := aNight(t, n, func(dir string) {
		all = tales{}
		if err := all.add(dir); err != nil {
			t.Error(err)
		}
	})
	if len(flaws) > 0 {
		t.Error(flaws)
	}
	if refused.Load() {
		t.Log("NOT PROVEN: this machine lets no plain user mount a file system of its own, so that no spool was full")
	} else if all["waited for space"] == 0 {
		t.Errorf("nobody waited for space: %v", all)
	}
}
