package bench

import (
	"net"
	"time"
)

// Slow makes the link to the server as slow as so many bytes a second, both
// ways together; 0 ends it.
func (p *Proxy) Slow(bytesPerSecond int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate, p.free = bytesPerSecond, time.Time{}
	p.log.Note("the link to the S3 server carries %d bytes a second (0: as many as it can)", bytesPerSecond)
}

// carry waits as long as the link takes for n bytes.
func (p *Proxy) carry(n int) {
	p.mu.Lock()
	var wait time.Duration
	if p.rate > 0 {
		now := time.Now()
		if p.free.Before(now) {
			p.free = now
		}
		p.free = p.free.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
		wait = p.free.Sub(now)
	}
	p.mu.Unlock()
	if wait > 0 {
		<-time.After(wait)
	}
}

// link is a listener whose connections are as slow as the proxy says.
type link struct {
	net.Listener
	p *Proxy
}

func (l link) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &linkConn{c, l.p}, nil
}

type linkConn struct {
	net.Conn
	p *Proxy
}

// atOnce is the most that goes over a link in one piece: less than a client
// waits for between two signs of life, at any speed that is used.
const atOnce = 16 << 10

func (c *linkConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), atOnce)])
	c.p.carry(n)
	return n, err
}

func (c *linkConn) Write(b []byte) (done int, err error) {
	for len(b) > 0 {
		piece := b[:min(len(b), atOnce)]
		c.p.carry(len(piece))
		n, err := c.Conn.Write(piece)
		done += n
		if err != nil {
			return done, err
		}
		b = b[n:]
	}
	return done, nil
}

// reset breaks the connection off, rather than ending it in order.
func (c *linkConn) reset() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Conn.Close()
}
