// Package badline is a TCP line on the loopback that goes wrong on order: it
// stands between a client and a server and delays, slows, resets and cuts what
// passes. What goes wrong is counted in bytes and connections, not in time, so
// that a test that fails can be run again.
package badline

import (
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Faults says what a line does. The zero value passes everything on.
type Faults struct {
	// Latency is how long every byte is on its way, each way.
	Latency time.Duration
	// BytesPerSecond is what a connection carries each way; 0 for no limit.
	BytesPerSecond int64
	// ResetAfter gives how many bytes connection n (from 0) carries, both ways
	// together, before both its ends are reset. Nil: none is.
	ResetAfter func(n int) int64
	// CutEvery takes the line down whenever it has carried so many bytes: all
	// connections are reset, and so are the next Refuse that are tried. 0: never.
	CutEvery int64
	Refuse   int
}

// Line is a line that is up until the test ends.
type Line struct {
	Addr string // "127.0.0.1:port"

	target string
	faults Faults
	l      net.Listener
	all    sync.WaitGroup
	resets atomic.Int64

	mu      sync.Mutex
	n       int // connections so far
	carried int64
	refuse  int
	live    map[*call]bool
	closed  bool
}

// call is one connection through the line.
type call struct {
	near, far *net.TCPConn
	left      atomic.Int64
	once      sync.Once
	over      chan struct{}
}

// Open lays a line to a server, with these faults.
func Open(t testing.TB, target string, f Faults) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{Addr: listener.Addr().String(), target: target, faults: f, l: listener, live: map[*call]bool{}}
	l.all.Go(l.accept)
	t.Cleanup(func() {
		listener.Close()
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.cut()
		l.all.Wait()
	})
	return l
}

// Resets is how many connections were reset or refused.
func (l *Line) Resets() int { return int(l.resets.Load()) }

// Endpoint is the line's near end as an S3 client wants it.
func (l *Line) Endpoint() string { return "http://" + l.Addr }

// Log2 picks for each connection a number of bytes between 2 to the least and
// 2 to the most, small ones as often as large ones, the same in every run.
func Log2(seed uint64, least, most int) func(n int) int64 {
	return func(n int) int64 {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		return int64(math.Exp2(float64(least) + r.Float64()*float64(most-least)))
	}
}

func (l *Line) accept() {
	for {
		c, err := l.l.Accept()
		if err != nil {
			return
		}
		near := c.(*net.TCPConn)
		l.mu.Lock()
		n := l.n
		l.n++
		refused := l.closed || l.refuse > 0
		if l.refuse > 0 {
			l.refuse--
		}
		l.mu.Unlock()
		var far net.Conn
		if !refused {
			far, err = net.Dial("tcp", l.target)
		}
		if refused || err != nil {
			l.resets.Add(1)
			reset(near)
			continue
		}
		k := &call{near: near, far: far.(*net.TCPConn), over: make(chan struct{})}
		k.left.Store(math.MaxInt64)
		if l.faults.ResetAfter != nil {
			k.left.Store(l.faults.ResetAfter(n))
		}
		l.mu.Lock()
		l.live[k] = true
		l.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { l.carry(k, k.far, k.near) })
		both.Go(func() { l.carry(k, k.near, k.far) })
		l.all.Go(func() {
			both.Wait()
			near.Close()
			far.Close()
			l.mu.Lock()
			delete(l.live, k)
			l.mu.Unlock()
		})
	}
}

// reset ends a connection as a dead machine's neighbour would: what is under
// way is lost, and the other side is told so.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	c.Close()
}

func (l *Line) drop(k *call) {
	k.once.Do(func() {
		close(k.over)
		reset(k.near)
		reset(k.far)
		l.resets.Add(1)
	})
}

func (l *Line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.live {
		l.drop(k)
	}
}

// parcel is a stretch of bytes and when it arrives.
type parcel struct {
	b   []byte
	due time.Time
}

// carry brings bytes from one end to the other until one of them is done.
func (l *Line) carry(k *call, to, from *net.TCPConn) {
	way := make(chan parcel, 64)
	var sender sync.WaitGroup
	sender.Go(func() {
		for p := range way {
			if d := time.Until(p.due); d > 0 {
				select {
				case <-time.After(d):
				case <-k.over:
				}
			}
			if _, err := to.Write(p.b); err != nil {
				from.CloseRead()
				break
			}
		}
		for range way { // what arrives after the end is lost
		}
		_ = to.CloseWrite()
	})
	free := time.Now()
	for {
		buf := make([]byte, 16<<10)
		n, err := from.Read(buf)
		if n > 0 {
			if left := k.left.Add(-int64(n)); left < 0 {
				n = int(max(0, int64(n)+left))
			}
			due := time.Now()
			if l.faults.BytesPerSecond > 0 {
				if free.Before(due) {
					free = due
				}
				free = free.Add(time.Duration(n) * time.Second / time.Duration(l.faults.BytesPerSecond))
				due = free
			}
			way <- parcel{buf[:n], due.Add(l.faults.Latency)}
			if k.left.Load() < 0 {
				l.drop(k)
			}
			l.count(int64(n))
		}
		if err != nil {
			break
		}
	}
	close(way)
	sender.Wait()
}

func (l *Line) count(n int64) {
	l.mu.Lock()
	before := l.carried
	l.carried += n
	down := l.faults.CutEvery > 0 && l.carried/l.faults.CutEvery != before/l.faults.CutEvery
	if down {
		l.refuse = l.faults.Refuse
	}
	l.mu.Unlock()
	if down {
		l.cut()
	}
}
