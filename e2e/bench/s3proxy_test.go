package bench

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// proxied runs a proxy in front of an upstream handler until the test ends.
func proxied(t *testing.T, upstream http.HandlerFunc) (*Proxy, *Log, string) {
	t.Helper()
	up := httptest.NewServer(upstream)
	t.Cleanup(up.Close)
	l := NewLog()
	p, err := NewProxy(up.URL, l)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx, lis) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return p, l, "http://" + lis.Addr().String()
}

func TestProxyLogsBeforeTheClientKnows(t *testing.T) {
	_, l, base := proxied(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
	for path, want := range map[string]string{
		"PUT /b/k?partNumber=1&uploadId=u": "UploadPart", "PUT /b/k": "PutObject", "POST /b/k?uploads": "CreateMultipartUpload",
		"POST /b/k?uploadId=u": "CompleteMultipartUpload", "GET /b/k?uploadId=u": "ListParts", "GET /b?uploads": "ListMultipartUploads",
		"GET /b?list-type=2": "ListObjectsV2", "HEAD /b/k": "HeadObject", "GET /b/k": "GetObject", "GET /b/k?attributes": "GET object",
		"DELETE /b/k?uploadId=u": "AbortMultipartUpload",
	} {
		method, target, _ := strings.Cut(path, " ")
		req, err := http.NewRequest(method, base+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		from := l.Mark()
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		events := l.Since(from, nil)
		if len(events) != 1 || events[0].S3 == nil || events[0].S3.Op != want || events[0].S3.Status != 200 {
			t.Errorf("%s is in the log as %v, want %s", path, events, want)
		}
		if method == http.MethodPut && string(body) != strings.TrimPrefix(base, "http://") {
			t.Errorf("the server saw the host %q, the client signed %q", body, base)
		}
	}
}

func TestProxyCutOffAndBack(t *testing.T) {
	arrived, free := make(chan struct{}), make(chan struct{})
	p, l, base := proxied(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b/slow" {
			close(arrived)
			select {
			case <-r.Context().Done():
			case <-free:
			}
		}
	})
	defer close(free)
	get := func(path string) error {
		r, err := http.Get(base + path)
		if err == nil {
			r.Body.Close()
		}
		return err
	}
	slow := make(chan error, 1)
	go func() { slow <- get("/b/slow") }()
	<-arrived
	p.Cut()
	if err := <-slow; err == nil {
		t.Error("a request under way has an answer although the server is cut off")
	}
	if err := get("/b/x"); err == nil {
		t.Error("a new request has an answer although the server is cut off")
	}
	p.Restore()
	if err := get("/b/x"); err != nil {
		t.Errorf("after Restore: %v", err)
	}
	if n := l.Since(0, S3("GetObject", "x")); len(n) != 1 {
		t.Errorf("the log has %d answered requests, want the one after Restore:\n%s", len(n), l.Text(0))
	}
}

// A slow link takes its time for both ways, and none any more afterwards.
func TestProxyOnASlowLink(t *testing.T) {
	const size, rate = 100_000, 400_000
	p, _, base := proxied(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	})
	echo := func() time.Duration {
		began := time.Now()
		r, err := http.Post(base+"/b/k", "", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || len(body) != size {
			t.Fatalf("%d bytes came back, %v", len(body), err)
		}
		return time.Since(began)
	}
	p.Slow(rate)
	if took := echo(); took < 2*size*time.Second/rate*9/10 {
		t.Errorf("%d bytes there and back over a link of %d bytes a second took %s", size, rate, took)
	}
	p.Slow(0)
	if took := echo(); took > size*time.Second/rate {
		t.Errorf("the link is slow although it need not be: %s", took)
	}
}
