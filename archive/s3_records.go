package archive

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// recordsConn is a TLS connection whose records of one Write (16 KiB each,
// RFC 8446, 5.1) leave in one call of the kernel: a call for each would cost
// more than their encryption.
type recordsConn struct {
	*tls.Conn
	below *joined
	body  []byte // of ReadFrom
}

// bodyPiece is how much of a body is read, encrypted and sent at once: with less,
// waiting for the network and going on costs more. A connection holds it twice.
const bodyPiece = 512 << 10

// dialRecords makes the TLS connection on top of dial's, with its handshake
// done within timeout.
func dialRecords(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, addr string, cfg *tls.Config, timeout time.Duration) (net.Conn, error) {
	raw, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	cfg = cfg.Clone()
	if cfg.ServerName, _, err = net.SplitHostPort(addr); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	below := &joined{Conn: raw}
	c := &recordsConn{Conn: tls.Client(below, cfg), below: below}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// Write encrypts p and sends all of it.
func (c *recordsConn) Write(p []byte) (int, error) {
	c.below.hold()
	n, err := c.Conn.Write(p)
	if rerr := c.below.release(); rerr != nil {
		return 0, rerr // how much of p has left, nobody can tell; the connection is done for
	}
	return n, err
}

// ReadFrom sends a body; net/http would send it in pieces of 32 KiB.
func (c *recordsConn) ReadFrom(r io.Reader) (n int64, err error) {
	if c.body == nil {
		c.body = make([]byte, bodyPiece)
	}
	for {
		k, rerr := io.ReadFull(r, c.body)
		if k > 0 {
			w, err := c.Write(c.body[:k])
			if n += int64(w); err != nil {
				return n, err
			}
		}
		switch rerr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return n, nil
		default:
			return n, rerr
		}
	}
}

// joined keeps what is written while it is held, and writes it at once then.
type joined struct {
	net.Conn
	mu   sync.Mutex
	held bool
	buf  []byte
}

func (j *joined) hold() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = true
}

func (j *joined) release() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = false
	if len(j.buf) == 0 {
		return nil
	}
	_, err := j.Conn.Write(j.buf)
	j.buf = j.buf[:0]
	return err
}

// Write may come from the reading side, too, which answers a key update: the
// order of the records is that of their numbers.
func (j *joined) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held {
		j.buf = append(j.buf, p...)
		return len(p), nil
	}
	return j.Conn.Write(p)
}
