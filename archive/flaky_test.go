package archive_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"testing"

	"ripstation/archive"
	"ripstation/internal/versitygw"
)

// flaky stands between a store and the real server and lets a test decide what
// happens to a request: answer it, pass it on, or pass it on and lose the reply.
type flaky struct {
	*httptest.Server
	mu   sync.Mutex
	rule func(w http.ResponseWriter, r *http.Request, pass func(w http.ResponseWriter)) bool // true: dealt with
	seen []string
}

func newFlaky(t *testing.T, server *versitygw.Server) *flaky {
	proxy := relay(server.Endpoint)
	f := &flaky{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		rule := f.rule
		f.seen = append(f.seen, r.Method+" "+r.URL.RequestURI())
		f.mu.Unlock()
		if rule == nil || !rule(w, r, func(w http.ResponseWriter) { proxy.ServeHTTP(w, r) }) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// relay passes everything on to a server.
func relay(endpoint string) http.Handler {
	host := strings.TrimPrefix(endpoint, "http://")
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", host },
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	}
}

func (f *flaky) set(rule func(w http.ResponseWriter, r *http.Request, pass func(w http.ResponseWriter)) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule, f.seen = rule, nil
}

func (f *flaky) count(method, part string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.seen {
		if strings.HasPrefix(s, method+" ") && strings.Contains(s, part) {
			n++
		}
	}
	return n
}

// cut drops the connection without an answer.
func cut(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

func isComplete(r *http.Request) bool { return r.Method == "POST" && r.URL.Query().Has("uploadId") }

func setup(t *testing.T, change func(*archive.S3Config)) (*versitygw.Server, *flaky, *archive.S3) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	f := newFlaky(t, server)
	return server, f, openS3(t, server, func(c *archive.S3Config) {
		c.Endpoint, c.Prefix = f.URL, "arch"
		if change != nil {
			change(c)
		}
	})
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, `<?xml version="1.0"?><Error><Code>`+code+`</Code><Message>because of `+code+`</Message></Error>`)
}

func readAll(t *testing.T, s archive.Store, key string) []byte {
	t.Helper()
	r, err := s.Read(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at < 0 {
		at += info.Size()
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}
