package archive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// newHTTPClient makes a client that never waits for ever: a connection on which
// nothing moves for stall is cut. Plain HTTP/1.1, so that a connection carries
// one request at a time and its silence is that request's.
func newHTTPClient(cfg S3Config, roots *x509.CertPool, stall time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 15 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return &stallConn{c, stall}, nil
			},
			TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   cfg.ConnectTimeout,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       30 * time.Second,
			MaxIdleConnsPerHost:   4,
			WriteBufferSize:       128 << 10,
			ReadBufferSize:        128 << 10,
			DisableCompression:    true,
		},
		// A signature is for one host: following would send it elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// stallConn is a connection that fails when no byte moves either way for a
// while. An upload that goes on keeps the wait for its answer alive.
type stallConn struct {
	net.Conn
	stall time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	_ = c.SetReadDeadline(time.Now().Add(c.stall)) // a dead connection tells by its next read
	return n, err
}

var errBodyTaken = errors.New("the request is over")

// lentBody is a caller's buffer on loan to a request. The HTTP transport may
// read on after the request has failed; take ends the loan, and when it has
// returned nobody reads the buffer any more.
type lentBody struct {
	mu   sync.Mutex
	body []byte
	pos  int64
	over bool
}

func (b *lentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errBodyTaken
	}
	if b.pos >= int64(len(b.body)) {
		return 0, io.EOF
	}
	n := copy(p, b.body[b.pos:])
	b.pos += int64(n)
	return n, nil
}

// Seek lets the SDK learn the length and rewind for another try.
func (b *lentBody) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += b.pos
	case io.SeekEnd:
		offset += int64(len(b.body))
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	b.pos = offset
	return offset, nil
}

func (b *lentBody) take() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over, b.body = true, nil
}
