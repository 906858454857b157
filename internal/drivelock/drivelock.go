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

	"golang.org/x/sys/unix"
)

// ErrTaken says that another process uses the drive.
var ErrTaken = errors.New("another program of ripstation uses this drive")

var (
	mu   sync.Mutex
	held = map[uint64]*hold{} // by device number: this process' own
)

type hold struct{ fd, users int }

// Take takes the drive behind a device node for this process, as often as it
// likes; release gives one taking back. The drive is free again after the
// last.
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
		fd, err := bind(fmt.Sprintf("@ripstation/drive/%d:%d", unix.Major(dev), unix.Minor(dev)))
		if errors.Is(err, unix.EADDRINUSE) {
			err = ErrTaken
		}
		if err != nil {
			return nil, fmt.Errorf("lock drive %s: %w", node, err)
		}
		h = &hold{fd: fd}
		held[dev] = h
	}
	h.users++
	return sync.OnceFunc(func() { drop(dev) }), nil
}

func drop(dev uint64) {
	mu.Lock()
	defer mu.Unlock()
	h := held[dev]
	if h.users--; h.users == 0 {
		delete(held, dev)
		// A descriptor that only holds a name has nothing to lose on closing.
		_ = unix.Close(h.fd)
	}
}

func bind(name string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}
