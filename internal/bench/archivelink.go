package main

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is a network of a given rate between the programs and the store: a TCP
// proxy that lets so many bytes a second through in each direction, whatever
// the number of connections. It adds no latency of its own.
type link struct {
	to       string
	rate     int64 // bytes a second in each direction; 0 is no limit
	up, down pace
	sent     atomic.Int64 // bytes towards the store
	// full is how many bytes are of interest, and passed when so many had gone
	// towards the store, in nanoseconds since 1970; 0 is not yet.
	full   atomic.Int64
	passed atomic.Int64
}

// pace gives out turns to send.
type pace struct {
	mu  sync.Mutex
	due time.Time // when all that was given out has passed
}

// slack is how late a sender may come without losing its share.
const slack = 20 * time.Millisecond

// turn is how long to wait until n bytes have passed at a rate.
func (p *pace) turn(now time.Time, n, rate int64) time.Duration {
	if rate == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if early := now.Add(-slack); p.due.Before(early) {
		p.due = early
	}
	p.due = p.due.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	return p.due.Sub(now)
}

// open listens on the loopback until ctx ends, and returns where.
func (k *link) open(ctx context.Context) (addr string, closed func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() { l.Close() })
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { k.carry(ctx, c) })
		}
	})
	return l.Addr().String(), func() { cancel(); all.Wait() }, nil
}

// carry carries one connection.
func (k *link) carry(ctx context.Context, from net.Conn) {
	defer from.Close()
	to, err := (&net.Dialer{}).DialContext(ctx, "tcp", k.to)
	if err != nil {
		return
	}
	defer to.Close()
	stop := context.AfterFunc(ctx, func() { from.Close(); to.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { k.pour(ctx, to, from, &k.up, &k.sent) })
	both.Go(func() { k.pour(ctx, from, to, &k.down, nil) })
	both.Wait()
}

// pour carries one direction, and its end.
func (k *link) pour(ctx context.Context, to, from net.Conn, p *pace, count *atomic.Int64) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			t := time.NewTimer(p.turn(time.Now(), int64(n), k.rate))
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
			if count != nil {
				if all, full := count.Add(int64(n)), k.full.Load(); all >= full && all-int64(n) < full {
					k.passed.Store(time.Now().UnixNano())
				}
			}
			if _, werr := to.Write(buf[:n]); werr != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			if c, ok := to.(*net.TCPConn); ok && err == io.EOF {
				_ = c.CloseWrite() // the other side sees it by itself
			} else {
				to.Close()
			}
			return
		}
	}
}
