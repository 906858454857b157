package archive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// newHTTPClient makes a client that never waits for ever: a connection on which
// nothing moves for stall is cut. Plain HTTP/1.1, so that a connection carries
// one request at a time and its silence is that request's.
func newHTTPClient(cfg S3Config, roots *x509.CertPool, stall time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 15 * time.Second}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newStallConn(c, stall), nil
	}
	secure := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &http.Client{
		Transport: bounded{&http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: dial,
			DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return dialRecords(ctx, dial, network, addr, secure, cfg.ConnectTimeout)
			},
			TLSClientConfig:       secure, // behind a proxy
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
