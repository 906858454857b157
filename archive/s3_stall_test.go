package archive_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/archive"
)

// deadlineConn counts how often a connection is given deadlines.
type deadlineConn struct {
	net.Conn
	times atomic.Int64
}

func (c *deadlineConn) SetDeadline(t time.Time) error {
	c.times.Add(1)
	return c.Conn.SetDeadline(t)
}

// A connection on which a byte moves now and then lives, either way; a silent
// one ends after its time; and what flows is given no deadline at each call.
func TestStalledConnection(t *testing.T) {
	const stall = time.Minute
	open := func(t *testing.T) (c net.Conn, deadlines *deadlineConn, far net.Conn) {
		near, far := net.Pipe()
		deadlines = &deadlineConn{Conn: near}
		c = archive.NewStallConn(deadlines, stall)
		t.Cleanup(func() { c.Close(); far.Close() })
		return c, deadlines, far
	}
	// silent holds the time of a call against that of the last byte.
	silent := func(t *testing.T, since time.Time, err error) {
		t.Helper()
		if took := time.Since(since); !errors.Is(err, os.ErrDeadlineExceeded) || took < stall || took > stall+stall/4 {
			t.Errorf("%v after %v", err, took)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c, deadlines, far := open(t)
		go func() { _, _ = io.Copy(io.Discard, far) }()
		for range 1000 {
			if _, err := c.Write(make([]byte, 16<<10)); err != nil {
				t.Fatal(err)
			}
		}
		if n := deadlines.times.Load(); n != 1 {
			t.Errorf("%d deadlines in no time", n)
		}
		last := time.Now()
		_, err := c.Read(make([]byte, 1))
		silent(t, last, err)
	})
	synctest.Test(t, func(t *testing.T) {
		c, _, far := open(t)
		var last time.Time
		go func() { // takes a byte whenever it is nearly too late
			for range 5 {
				time.Sleep(stall * 9 / 10)
				_, _ = far.Read(make([]byte, 1))
				last = time.Now()
			}
		}()
		n, err := c.Write(make([]byte, 100))
		if n != 5 {
			t.Errorf("%d bytes were written", n)
		}
		silent(t, last, err)
	})
	synctest.Test(t, func(t *testing.T) {
		c, _, far := open(t)
		last := time.Now()
		go func() { // a body that goes out keeps the wait for the answer alive
			for range 5 {
				time.Sleep(stall * 9 / 10)
				_, _ = c.Write([]byte{1})
				last = time.Now()
			}
		}()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		_, err := c.Read(make([]byte, 1))
		silent(t, last, err)
	})
}
