// Package drivelock keeps two processes from using one drive at a time.
//
// The lock is a name in the kernel's abstract socket namespace: it needs no
// folder that may be written, and it is gone when its process is, however that
// ended. The block node itself is never locked: udev passes over nodes that are.
package drivelock

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTaken says that another process uses the drive.
var ErrTaken = errors.New("another program of ripstation uses this drive")

var (
	mu   sync.Mutex
	held = map[uint64]*hold{} // by device number: this process' own
)

// hold is a name that this process has. Who finds it taken connects to it, and
// the kernel tells whose it is; nobody has to answer.
type hold struct {
	fd, users int
	sweep     *time.Timer
}

const (
	// askers is how many may have asked between two sweeps.
	askers = 64
	// sweepEvery is how often those who have asked are let go.
	sweepEvery = 20 * time.Second
)

// Take takes the drive behind a device node for this process, as often as it
// likes; release gives one taking back. The drive is free again after the
// last. When another process has it, the error wraps ErrTaken and names that
// process.
func Take(node string) (release func(), err error) {
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return nil, fmt.Errorf("lock drive %s: %w", node, err)
	}
	dev := uint64(st.Rdev)
	mu.Lock()
	defer mu.Unlock()
	h := held[dev]
	if h == nil {
		name := nameOf(dev)
		fd, err := bind(name)
		if errors.Is(err, unix.EADDRINUSE) {
			err = taken(name)
		}
		if err != nil {
			return nil, fmt.Errorf("lock drive %s: %w", node, err)
		}
		h = &hold{fd: fd}
		h.sweep = time.AfterFunc(sweepEvery, func() { swept(dev, h) })
		held[dev] = h
	}
	h.users++
	return sync.OnceFunc(func() { drop(dev) }), nil
}

func nameOf(dev uint64) string {
	return fmt.Sprintf("@ripstation/drive/%d:%d", unix.Major(dev), unix.Minor(dev))
}

// Owner is the process that has the drive behind a node, 0 when none has, or
// the kernel does not say. It takes nothing, and sends the drive nothing.
func Owner(node string) int {
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return 0
	}
	return owner(nameOf(st.Rdev))
}

func drop(dev uint64) {
	mu.Lock()
	defer mu.Unlock()
	h := held[dev]
	if h.users--; h.users == 0 {
		delete(held, dev)
		h.sweep.Stop()
		// A descriptor that only holds a name has nothing to lose on closing.
		_ = unix.Close(h.fd)
	}
}

// swept lets those go who have asked whose the drive is.
func swept(dev uint64, h *hold) {
	mu.Lock()
	defer mu.Unlock()
	if held[dev] != h {
		return
	}
	for {
		fd, _, err := unix.Accept4(h.fd, unix.SOCK_CLOEXEC)
		if err != nil {
			break
		}
		_ = unix.Close(fd)
	}
	h.sweep.Reset(sweepEvery)
}

// bind takes a name, and lets others ask whose it is.
func bind(name string) (int, error) {
	fd, err := socket()
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	if err := unix.Listen(fd, askers); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func socket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// taken is the error for a name that another process has.
func taken(name string) error {
	if pid := owner(name); pid > 0 {
		return fmt.Errorf("%w: process %d; wait until it has ended, or stop it", ErrTaken, pid)
	}
	return fmt.Errorf("%w; wait until it has ended, or stop it", ErrTaken)
}

// owner is the process that listens on a name, 0 when the kernel does not say.
func owner(name string) int {
	fd, err := socket()
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return 0
	}
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0
	}
	return int(cred.Pid)
}
