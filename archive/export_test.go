package archive

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// Held is how many bytes a ReaderAt keeps.
func Held(r *ReaderAt) (n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.used.Front(); e != nil; e = e.Next() {
		n += int64(len(e.Value.(*stretch).data))
	}
	return n
}

// NewStallConn is a connection that fails when it is silent for so long.
func NewStallConn(c net.Conn, stall time.Duration) net.Conn { return newStallConn(c, stall) }

// DialTo has a store's requests come to h, whatever name they are for.
func DialTo(t *testing.T, s *S3, h http.Handler) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s.quick.Transport.(bounded).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}
}

var Unjoined = unjoined
