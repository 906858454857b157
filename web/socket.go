package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrRunning says that a station already answers on the socket.
var ErrRunning = errors.New("a station is already running")

// ErrNotRunning says that nobody answers on the socket.
var ErrNotRunning = errors.New("no station is running")

// ErrNoAnswer says that somebody listens on the socket and does not answer.
var ErrNoAnswer = errors.New("the station does not answer")

// socket is a listener that holds its lock and takes its file away.
type socket struct {
	net.Listener
	lock *os.File
}

func (s socket) Close() error {
	err := s.Listener.Close() // removes the file
	return errors.Join(err, s.lock.Close())
}

// Listen makes the socket, for the user and the group of that name alone
// (0660). Where there is no such group, or this user may not give files to
// it, the socket stays with the user's own. A file that an earlier station
// left is replaced; ErrRunning when one answers on it, or has its lock.
func Listen(path, group string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make socket: %w", err)
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("make socket: %w; run this as the station's user, or name a folder of your own in station.socket", err)
	}
	if err != nil {
		return nil, fmt.Errorf("make socket: %w", err)
	}
	l, err := listen(path, group, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return socket{l, lock}, nil
}

func listen(path, group string, lock *os.File) (net.Listener, error) {
	// With the lock, no other starting station is between looking and listening.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("socket %s: %w", path, ErrRunning)
		}
		return nil, fmt.Errorf("lock socket %s: %w", path, err)
	}
	switch st, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("make socket: %w", err)
	case st.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("make socket %s: there is a file of that name, which is no socket; name another one in station.socket", path)
	default:
		c, err := net.DialTimeout("unix", path, 2*time.Second)
		if err == nil {
			c.Close()
			return nil, fmt.Errorf("socket %s: %w", path, ErrRunning)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket that an earlier station left: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("make socket: %w", err)
	}
	if err := share(path, group); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// share lets the group use the socket. The owner's rights are set first: the
// file is never open to more than it will be.
func share(path, group string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("set the mode of socket %s: %w", path, err)
	}
	if group == "" {
		return nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return nil // a person trying it out has no such group
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return fmt.Errorf("group %s: id %q: %w", group, g.Gid, err)
	}
	if err := os.Chown(path, -1, gid); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		return fmt.Errorf("give socket %s to group %s: %w", path, group, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return fmt.Errorf("set the mode of socket %s: %w", path, err)
	}
	return nil
}
