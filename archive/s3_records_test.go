package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// countedConn counts the calls that send.
type countedConn struct {
	net.Conn
	writes atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestRecordsLeaveTogether sends a part over TLS: the server has its bytes, and
// the kernel was called once for many records.
func TestRecordsLeaveTogether(t *testing.T) {
	got := make(chan []byte, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- b
		w.Write(b[:1000])
	}))
	srv.StartTLS()
	defer srv.Close()

	raw := &countedConn{}
	tr := srv.Client().Transport.(*http.Transport).Clone()
	secure := tr.TLSClientConfig
	tr.WriteBufferSize = 128 << 10
	tr.ForceAttemptHTTP2 = false
	tr.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			raw.Conn = c
			return raw, err
		}
		return dialRecords(ctx, dial, network, addr, secure, time.Minute)
	}
	defer tr.CloseIdleConnections()

	body := make([]byte, 8<<20+12345)
	rand.Read(body)
	for range 2 { // the second time on the same connection
		before := raw.writes.Load()
		resp, err := (&http.Client{Transport: tr}).Post(srv.URL, "application/octet-stream", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(answer, body[:1000]) {
			t.Fatalf("the answer has %d bytes, %v", len(answer), err)
		}
		if b := <-got; !bytes.Equal(b, body) {
			t.Fatalf("the server has %d bytes, want these %d", len(b), len(body))
		}
		if n, most := raw.writes.Load()-before, int64(len(body)/bodyPiece+10); n > most {
			t.Errorf("%d calls to send %d bytes, want %d at most", n, len(body), most)
		}
	}
}

// TestRecordsOfABrokenLine says what a connection says that breaks while a
// Write's records are sent.
func TestRecordsOfABrokenLine(t *testing.T) {
	here, there := net.Pipe()
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	defer cert.Close()
	go func() {
		s := tls.Server(there, cert.TLS)
		s.Handshake()
		io.ReadFull(s, make([]byte, 100))
		there.Close()
	}()
	dial := func(context.Context, string, string) (net.Conn, error) { return here, nil }
	c, err := dialRecords(t.Context(), dial, "tcp", "example.com:443", cert.Client().Transport.(*http.Transport).TLSClientConfig, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Write(make([]byte, 100)); n != 100 || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if n, err := c.Write(make([]byte, 1<<20)); n != 0 || err == nil {
		t.Errorf("wrote %d of a megabyte to a line that is gone, %v", n, err)
	}
}
