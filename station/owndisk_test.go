package station_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"ripstation/station"
)

// ownDisk is set in the environment of a test that runs with a file system of
// its own for its spool.
const ownDisk = "RIPSTATION_TEST_OWN_DISK"

const noOwnDisk = 77

// onOwnDisk runs a test in a process, and a mount namespace, of its own whose
// spool is a small file system: a disk that is full is nothing to pretend.
func onOwnDisk(t *testing.T, kind, options string, test func(t *testing.T, r *rig)) {
	t.Helper()
	if os.Getenv(ownDisk) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.timeout=3m")
		cmd.Env = append(os.Environ(), ownDisk+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		exit := (*exec.ExitError)(nil)
		switch refused := errors.Is(err, syscall.EPERM) || errors.As(err, &exit) && exit.ExitCode() == noOwnDisk; {
		case refused && os.Getenv("CI") != "true":
			t.Skipf("NOT RUN, so nothing is proven here: this machine lets no plain user mount a file system of its own: %v\n%s", err, out)
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	r := newRig(t, func(c *station.Config) {
		must(t, os.MkdirAll(c.Spool, 0o750))
		err := syscall.Mount(kind, c.Spool, kind, 0, options)
		if errors.Is(err, syscall.EPERM) {
			os.Exit(noOwnDisk)
		}
		must(t, err)
	})
	test(t, r)
	if r.stop != nil { // it was started
		r.stop()
	}
	must(t, syscall.Unmount(r.cfg.Spool, syscall.MNT_DETACH))
}

// fill takes all the room that a file system has, and gives it back when free
// is called.
func (r *rig) fill() (free func()) {
	path := filepath.Join(r.cfg.Spool, "others.bin")
	f, err := os.Create(path)
	must(r.t, err)
	defer f.Close()
	for size := 1 << 20; size >= 512; size /= 2 {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			r.t.Errorf("fill the disk: %v", err)
		}
		err = nil
	}
	return func() { must(r.t, os.Remove(path)) }
}
