package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// maxListBody bounds the one request that carries a file: a list of carriers, as
// JSON writes it.
const maxListBody = 2 << 20

// bounded limits what a caller may send.
func bounded(h http.Handler) http.Handler {
	plain, list, photo := http.MaxBytesHandler(h, maxBody), http.MaxBytesHandler(h, maxListBody), http.MaxBytesHandler(h, MaxFile+1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == prefix+"batch/import":
			list.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, prefix+"photo/"):
			photo.ServeHTTP(w, r)
		default:
			plain.ServeHTTP(w, r)
		}
	})
}

// BatchOpen begins a batch.
type BatchOpen struct {
	Name     string `json:"name"`
	Again    bool   `json:"again,omitempty"` // go on with a batch that was closed
	Operator string `json:"operator,omitempty"`
}

// BatchClose ends the batch that is open.
type BatchClose struct {
	Operator string `json:"operator,omitempty"`
}

// BatchImport gives a batch the list of what it ought to hold.
type BatchImport struct {
	Batch    string `json:"batch,omitempty"` // empty: the open one
	List     string `json:"list"`            // the CSV file as it is
	Operator string `json:"operator,omitempty"`
}

// BatchShift moves the identifiers of places one on or back.
type BatchShift struct {
	Batch    string `json:"batch,omitempty"` // empty: the open one, else the one closed last
	From     int    `json:"from"`
	To       int    `json:"to"`
	By       int    `json:"by"` // 1 or -1
	Operator string `json:"operator,omitempty"`
}

// BatchSwap exchanges the identifiers of two places.
type BatchSwap struct {
	Batch    string `json:"batch,omitempty"` // empty: the open one, else the one closed last
	A        int    `json:"a"`
	B        int    `json:"b"`
	Operator string `json:"operator,omitempty"`
}

// BatchBooks is what the API tells of batches.
type BatchBooks interface {
	Batches(ctx context.Context) (any, error)
	BatchReport(ctx context.Context, name string) (any, error)
	BatchOpen(ctx context.Context, in BatchOpen) (any, error)
	BatchClose(ctx context.Context, in BatchClose) (any, error)
	BatchImport(ctx context.Context, in BatchImport) (any, error)
	BatchShift(ctx context.Context, in BatchShift) (any, error)
	BatchSwap(ctx context.Context, in BatchSwap) (any, error)
}

func (s *Server) batchRoutes() {
	b := s.cfg.Books
	s.get("batches", func(r *http.Request) (any, error) { return b.Batches(r.Context()) })
	s.get("batch", func(r *http.Request) (any, error) { return b.BatchReport(r.Context(), r.URL.Query().Get("name")) })
	handle(s, "batch/open", func(r *http.Request, in BatchOpen) (any, error) { return b.BatchOpen(r.Context(), in) })
	handle(s, "batch/close", func(r *http.Request, in BatchClose) (any, error) { return b.BatchClose(r.Context(), in) })
	handle(s, "batch/import", func(r *http.Request, in BatchImport) (any, error) { return b.BatchImport(r.Context(), in) })
	handle(s, "batch/shift", func(r *http.Request, in BatchShift) (any, error) { return b.BatchShift(r.Context(), in) })
	handle(s, "batch/swap", func(r *http.Request, in BatchSwap) (any, error) { return b.BatchSwap(r.Context(), in) })
}

// Batches decodes the list of batches into out.
func (c *Client) Batches(ctx context.Context, out any) error {
	return c.call(ctx, http.MethodGet, "batches", nil, out)
}

// BatchReport decodes a batch's report into out.
func (c *Client) BatchReport(ctx context.Context, name string, out any) error {
	return c.call(ctx, http.MethodGet, "batch?"+url.Values{"name": {name}}.Encode(), nil, out)
}

// BatchOpen has the station begin a batch and decodes it into out.
func (c *Client) BatchOpen(ctx context.Context, in BatchOpen, out any) error {
	return c.call(ctx, http.MethodPost, "batch/open", in, out)
}

// BatchClose has the station end the open batch and decodes its report into out.
func (c *Client) BatchClose(ctx context.Context, in BatchClose, out any) error {
	return c.call(ctx, http.MethodPost, "batch/close", in, out)
}

// BatchImport gives a batch its list and decodes what of it is new into out.
func (c *Client) BatchImport(ctx context.Context, in BatchImport, out any) error {
	return c.call(ctx, http.MethodPost, "batch/import", in, out)
}

// BatchShift moves identifiers and decodes the discs into out.
func (c *Client) BatchShift(ctx context.Context, in BatchShift, out any) error {
	return c.call(ctx, http.MethodPost, "batch/shift", in, out)
}

// BatchSwap exchanges identifiers and decodes the discs into out.
func (c *Client) BatchSwap(ctx context.Context, in BatchSwap, out any) error {
	return c.call(ctx, http.MethodPost, "batch/swap", in, out)
}
