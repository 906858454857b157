package archive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// newHTTPClient makes a client that never waits for ever: a connection on which
// nothing moves for stall is cut. Plain HTTP/1.1, so that a connection carries
// one request at a time and its silence is that request's.
func newHTTPClient(cfg S3Config, roots *x509.CertPool, stall time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 15 * time.Second}
	return &http.Client{
		Transport: bounded{&http.Transport{
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
		}},
		// A signature is for one host: following would send it elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxAnswer is more than any answer of S3 that is not an object takes: a page of
// 1000 keys of 1024 bytes is a fifth of it.
const maxAnswer = 8 * mib

// bounded cuts off answers that never end. Objects may be of any size.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(r)
	if err == nil && (resp.StatusCode >= 300 || r.URL.Query().Get("x-id") != "GetObject") {
		resp.Body = &boundedBody{resp.Body, maxAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the server's answer is longer than %d bytes", maxAnswer)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// stallConn is a connection that fails when no byte moves either way for a
// while. What the kernel still has to send counts as moving while it shrinks:
// on a slow line megabytes of an upload wait there after the last write.
type stallConn struct {
	net.Conn
	stall time.Duration
}

func (c *stallConn) Read(p []byte) (int, error) {
	for queued := c.queued(); ; {
		if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if n > 0 || !c.moved(err, &queued) {
			return n, err
		}
	}
}

func (c *stallConn) Write(p []byte) (written int, err error) {
	for queued := c.queued(); ; {
		if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || n == 0 && !c.moved(err, &queued) || !errors.Is(err, os.ErrDeadlineExceeded) {
			_ = c.SetReadDeadline(time.Now().Add(c.stall)) // a dead connection tells by its next read
			return written, err
		}
	}
}

// moved says of a call that ran into its deadline whether the other side has
// taken bytes since queued was counted.
func (c *stallConn) moved(err error, queued *int) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	before := *queued
	*queued = c.queued()
	return *queued != before
}

// queued is how many bytes sent the other side has not acknowledged; -1 when
// the kernel does not say.
func (c *stallConn) queued() int {
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
