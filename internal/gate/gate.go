// Package gate is an HTTP relay in front of an S3 server that a test can stop
// at every request: before any of it is passed on, in the middle of its body,
// and when the server has done it but nobody has been told.
package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// Point is a place in the life of a request.
type Point string

const (
	Before  Point = "before"   // nothing has been passed on
	MidBody Point = "mid-body" // half of the body has been passed on; only for requests with one
	After   Point = "after"    // the server has answered, the client has not been told
)

// Points are all of them, in order.
var Points = []Point{Before, MidBody, After}

// Request is one request as the gate saw it.
type Request struct {
	N      int // from 0, in order of arrival
	Method string
	Path   string
	Query  url.Values
	Length int64 // of the body
	Whole  bool  // all of the body was passed on; only for requests with one
}

// Part is the number of the part that the request sends, or "".
func (r Request) Part() string {
	if r.Method != http.MethodPut {
		return ""
	}
	return r.Query.Get("partNumber")
}

// Gate relays to one server.
type Gate struct {
	URL string

	target *url.URL
	client *http.Transport

	mu     sync.Mutex
	ended  *sync.Cond // of a request
	active int        // requests under way
	stop   func(r Request, p Point) bool
	seen   []*Request
}

// Open puts a gate before the server at endpoint until the test ends.
func Open(t testing.TB, endpoint string) *Gate {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{target: target, client: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	g.ended = sync.NewCond(&g.mu)
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	g.URL = s.URL
	return g
}

// Set begins a new count. stop is called at every point of every request, also
// from several goroutines; when it returns true the client's connection is cut
// there, and what the server has not got by then it never gets.
func (g *Gate) Set(stop func(r Request, p Point) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stop, g.seen = stop, nil
}

// Seen gives the requests since Set. It waits for those under way: a client
// that was killed may have sent more than the server has by then.
func (g *Gate) Seen() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.active > 0 {
		g.ended.Wait()
	}
	all := make([]Request, len(g.seen))
	for i, r := range g.seen {
		all[i] = *r
	}
	return all
}

var errStopped = errors.New("stopped at the gate")

// halfway stops in the middle of a body, and tells when all of it is passed on.
type halfway struct {
	io.Reader
	left, rest int64 // to the middle, to the end
	stop       func() bool
	whole      func()
	hit        bool
}

func (h *halfway) Read(p []byte) (int, error) {
	if h.left == 0 && !h.hit {
		h.hit = true
		if h.stop() {
			return 0, errStopped
		}
	}
	if !h.hit {
		p = p[:min(int64(len(p)), h.left)]
	}
	n, err := h.Reader.Read(p)
	if !h.hit {
		h.left -= int64(n)
	}
	if h.rest -= int64(n); h.rest == 0 && n > 0 {
		h.whole()
	}
	return n, err
}

// ServeHTTP relays one request.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	q := &Request{N: len(g.seen), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Length: r.ContentLength}
	g.seen = append(g.seen, q)
	stop := g.stop
	g.active++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.active--
		g.ended.Broadcast()
	}()
	asked := *q
	at := func(p Point) bool { return stop != nil && stop(asked, p) }
	if at(Before) {
		cut(w)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", g.target.Scheme, g.target.Host
	if r.ContentLength > 1 {
		out.Body = io.NopCloser(&halfway{Reader: r.Body, left: r.ContentLength / 2, rest: r.ContentLength, stop: func() bool { return at(MidBody) }, whole: func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			q.Whole = true
		}})
	} else if r.ContentLength == 0 {
		out.Body = nil
	}
	resp, err := g.client.RoundTrip(out)
	if err != nil { // stopped, or the server is not there
		cut(w)
		return
	}
	defer resp.Body.Close()
	if at(After) {
		cut(w)
		return
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		cut(w)
	}
}

// cut drops the connection, without an answer or in the middle of one.
func cut(w http.ResponseWriter) {
	if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
		c.Close()
		return
	}
	panic(http.ErrAbortHandler)
}
