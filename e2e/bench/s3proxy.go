package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Request is one S3 request with its answer, logged when the server has
// answered and the client does not know yet.
type Request struct {
	Op     string // PutObject, UploadPart, CompleteMultipartUpload, ...
	Bucket string
	Key    string
	Query  string
	Length int64 // of the request's body, -1 unknown
	Status int   // 0: no answer
}

func (r *Request) String() string {
	return fmt.Sprintf("%s %s/%s?%s %d bytes: %d", r.Op, r.Bucket, r.Key, r.Query, r.Length, r.Status)
}

// Proxy stands in front of an S3 server, keeps the log, and can be cut off. A
// client's signature stays good, since the Host it signed is handed on.
type Proxy struct {
	upstream *url.URL
	log      *Log

	mu    sync.Mutex
	cut   bool
	rate  int64     // bytes a second, 0 no limit
	free  time.Time // when the link has carried what it was given
	conns map[net.Conn]bool
}

// NewProxy returns a proxy for the server at upstream (http://host:port).
func NewProxy(upstream string, l *Log) (*Proxy, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, err
	}
	return &Proxy{upstream: u, log: l, conns: map[net.Conn]bool{}}, nil
}

// Cut makes the server go away: connections break, new ones are reset.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		c.Close()
	}
	p.log.Note("the S3 server is cut off")
}

// Restore ends a Cut.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
	p.log.Note("the S3 server is back")
}

// Run serves on l, which it closes, until ctx ends.
func (p *Proxy) Run(ctx context.Context, l net.Listener) error {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	quiet := log.New(io.Discard, "", 0) // what goes wrong is in the log as status 0
	proxy := &httputil.ReverseProxy{
		Transport: transport, ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(p.upstream)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			p.record(r.Request, r.StatusCode)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p.record(r, 0)
			panic(http.ErrAbortHandler) // no answer at all, as from a server that is gone
		},
	}
	srv := &http.Server{ErrorLog: quiet, ConnState: p.connState, Handler: fullDuplex(proxy)}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(link{l, p}); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the S3 proxy: %w", err)
	}
	return nil
}

// fullDuplex lets the server answer before the client's last byte was looked
// for. Else net/http closes the request's body with the first byte of the
// answer, the transport fails in its last look at that body, and the answer
// breaks off in the middle.
func fullDuplex(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			panic(err) // only from something that is no HTTP/1 server
		}
		h.ServeHTTP(w, r)
	})
}

func (p *Proxy) connState(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		if p.cut {
			if l, ok := c.(*linkConn); ok {
				l.reset()
			}
			return
		}
		p.conns[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(p.conns, c)
	}
}

func (p *Proxy) record(r *http.Request, status int) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	p.log.add(Event{S3: &Request{Op: operation(r, key), Bucket: bucket, Key: key, Query: r.URL.RawQuery, Length: r.ContentLength, Status: status}})
}

// operation gives the S3 name of a request.
func operation(r *http.Request, key string) string {
	q := r.URL.Query()
	switch {
	case key == "" && r.Method == http.MethodGet && q.Has("uploads"):
		return "ListMultipartUploads"
	case key == "" && r.Method == http.MethodGet && q.Has("list-type"):
		return "ListObjectsV2"
	case key == "":
		return r.Method + " bucket"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "UploadPart"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return "ListParts"
	case r.Method == http.MethodPut && !hasSub(q):
		return "PutObject"
	case r.Method == http.MethodGet && !hasSub(q):
		return "GetObject"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	}
	return r.Method + " object"
}

// hasSub reports a query that asks for something other than the object.
func hasSub(q url.Values) bool {
	for _, sub := range []string{"attributes", "retention", "legal-hold", "tagging", "acl"} {
		if q.Has(sub) {
			return true
		}
	}
	return false
}
