package archive

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stallConn is a connection that fails when no byte moves either way for a
// while. What the kernel still has to send counts as moving while it shrinks:
// on a slow line megabytes of an upload wait there after the last write.
//
// The kernel is asked about it, and given deadlines, once in an interval and
// not with each of the 64 calls that a MiB takes. A deadline is only when to
// look; whether the connection is dead the time since the last byte says.
type stallConn struct {
	net.Conn
	stall, interval time.Duration

	mu     sync.Mutex
	moved  time.Time // when a byte moved last, or somebody began to wait for one
	set    time.Time // when the deadlines were set
	queued int       // bytes that the other side had not acknowledged then
}

func newStallConn(c net.Conn, stall time.Duration) *stallConn {
	return &stallConn{Conn: c, stall: stall, interval: min(time.Second, stall/8)}
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.touch(); err != nil {
		return 0, err
	}
	for {
		n, err := c.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.dead() {
			return n, err
		}
	}
}

func (c *stallConn) Write(p []byte) (written int, err error) {
	if err := c.touch(); err != nil {
		return 0, err
	}
	for {
		n, err := c.Conn.Write(p[written:])
		written += n
		if n > 0 {
			_ = c.touch() // a dead connection tells by its next call
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.dead() {
			return written, err
		}
	}
}

// touch takes note that a byte has moved, or that somebody waits for one from
// now on.
func (c *stallConn) touch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved = time.Now()
	if c.moved.Sub(c.set) < c.interval {
		return nil
	}
	return c.renew(c.moved)
}

// dead is asked when a deadline has passed: it sets the next one, or says that
// it has been silent for too long.
func (c *stallConn) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, before := time.Now(), c.queued
	if err := c.renew(now); err != nil {
		return true
	}
	if c.queued != before {
		c.moved = now
	}
	return now.Sub(c.moved) >= c.stall
}

// renew sets the deadlines. c.mu is held.
func (c *stallConn) renew(now time.Time) error {
	c.set, c.queued = now, c.outstanding()
	return c.SetDeadline(now.Add(2 * c.interval))
}

// outstanding is how many bytes sent the other side has not acknowledged; -1
// when the kernel does not say.
func (c *stallConn) outstanding() int {
	n := -1
	if sc, ok := c.Conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				if q, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
					n = q
				}
			})
		}
	}
	return n
}
