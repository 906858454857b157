package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ripstation/station"
)

// Deciding is what a person decided of discs, and why.
type Deciding struct {
	IDs      []string `json:"ids"` // or their beginnings
	Reason   string   `json:"reason"`
	Operator string   `json:"operator,omitempty"`
}

// Noting is what a person notes of a disc.
type Noting struct {
	Text     string `json:"text"`
	Operator string `json:"operator,omitempty"`
}

// RetryRequest asks that discs be read anew, or takes that back.
type RetryRequest struct {
	IDs      []string `json:"ids"`             // or their beginnings
	Drive    string   `json:"drive,omitempty"` // the only drive that may; empty for any
	Cancel   bool     `json:"cancel,omitempty"`
	Operator string   `json:"operator,omitempty"`
}

// Settled is a disc after a person's word.
type Settled struct {
	ID          string        `json:"id"`
	Item        *string       `json:"item"`
	Label       string        `json:"label"`
	Disposition string        `json:"disposition"`
	Needs       []string      `json:"needs"`
	Retry       *Marked       `json:"retry"`          // it is to be read anew; null when not
	Anew        *station.Anew `json:"anew,omitempty"` // what becomes of that, where a station runs
}

// Marked says that a disc is to be read anew.
type Marked struct {
	Drive    string    `json:"drive"` // empty for any
	Operator string    `json:"operator"`
	Since    time.Time `json:"since"`
}

// MaxFile is the most bytes that a file may have which a person adds.
const MaxFile = 64 << 20

// AddRequest says of a file what it shows.
type AddRequest struct {
	Role     string
	Note     string
	Operator string
}

// People is what the API takes from people who look after discs.
type People interface {
	Decide(ctx context.Context, accept bool, in Deciding) ([]Settled, error)
	Retry(ctx context.Context, in RetryRequest) ([]Settled, error)
	// Add takes a file whose bytes are body.
	Add(ctx context.Context, id string, in AddRequest, body []byte) (any, error)
	// Fetch gives a file's bytes, which are those of its digest.
	Fetch(ctx context.Context, id, sha256 string) ([]byte, error)
}

// people are the routes for it.
func (s *Server) people() {
	s.get("review", func(r *http.Request) (any, error) { return s.cfg.Station.Review(r.Context()) })
	for verb, accept := range map[string]bool{"accept": true, "reject": false} {
		handle(s, verb, func(r *http.Request, in Deciding) (any, error) { return s.cfg.Books.Decide(r.Context(), accept, in) })
	}
	handle(s, "note/{id}", func(r *http.Request, in Noting) (any, error) {
		return s.cfg.Books.Annotate(r.Context(), r.PathValue("id"), Annotation{Note: in.Text, Operator: in.Operator})
	})
	handle(s, "retry", s.retry)
	s.mux.HandleFunc("POST "+prefix+"photo/{id}", s.photo)
	s.mux.HandleFunc("GET "+prefix+"show/{id}/added/{sha256}", s.added)
}

// retry marks discs, and begins with those that lie in a drive.
func (s *Server) retry(r *http.Request, in RetryRequest) (any, error) {
	if in.Drive != "" && !in.Cancel {
		d, err := s.cfg.Station.DriveNamed(in.Drive)
		if err != nil {
			return nil, err
		}
		in.Drive = d.Key
	}
	out, err := s.cfg.Books.Retry(r.Context(), in)
	if err != nil || in.Cancel {
		return out, err
	}
	for i := range out {
		a, err := s.cfg.Station.ReadAnew(r.Context(), out[i].ID, in.Drive, in.Operator)
		if err != nil { // the mark stands
			a = station.Anew{Text: "it is marked, but its reading does not begin: " + err.Error()}
		}
		out[i].Anew = &a
	}
	return out, nil
}

// photo takes a file: what it is in the query, its bytes as the body.
func (s *Server) photo(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for k := range q {
		if k != "role" && k != "note" && k != "operator" {
			s.fail(w, r, &Error{Code: CodeUsage, Message: fmt.Sprintf("of a photo nothing is said by %q", k)})
			return
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxFile+1))
	if err == nil && len(body) > MaxFile {
		err = tooLarge()
	}
	if err != nil {
		s.fail(w, r, &Error{Code: CodeUsage, Message: "the photo did not come whole: " + err.Error(), Err: err})
		return
	}
	v, err := s.cfg.Books.Add(r.Context(), r.PathValue("id"), AddRequest{Role: q.Get("role"), Note: q.Get("note"), Operator: q.Get("operator")}, body)
	s.reply(w, r, v, err)
}

func tooLarge() error {
	return fmt.Errorf("it has more than %d bytes, which is the most", MaxFile)
}

// added gives a file's bytes.
func (s *Server) added(w http.ResponseWriter, r *http.Request) {
	body, err := s.cfg.Books.Fetch(r.Context(), r.PathValue("id"), r.PathValue("sha256"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	// A stranger's bytes: nobody is to show them as a page.
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Disposition", "attachment")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if _, err := w.Write(body); err != nil && r.Context().Err() == nil {
		s.cfg.Log.Warn().Err(err).Str("path", r.URL.Path).Msg("a file could not be sent")
	}
}

// Review is all that wants a person.
func (c *Client) Review(ctx context.Context) (out station.Review, err error) {
	return out, c.call(ctx, http.MethodGet, "review", nil, &out)
}

// Decide records that discs are accepted or rejected.
func (c *Client) Decide(ctx context.Context, accept bool, in Deciding) (out []Settled, err error) {
	verb := "reject"
	if accept {
		verb = "accept"
	}
	return out, c.call(ctx, http.MethodPost, verb, in, &out)
}

// Note puts a note into a disc's events and decodes its view into out.
func (c *Client) Note(ctx context.Context, id string, in Noting, out any) error {
	return c.call(ctx, http.MethodPost, "note/"+url.PathEscape(id), in, out)
}

// Retry asks that discs be read anew, or takes that back.
func (c *Client) Retry(ctx context.Context, in RetryRequest) (out []Settled, err error) {
	return out, c.call(ctx, http.MethodPost, "retry", in, &out)
}

// Add gives a file to a disc, and decodes the answer into out.
func (c *Client) Add(ctx context.Context, id string, in AddRequest, body []byte, out any) error {
	q := url.Values{"role": {in.Role}, "note": {in.Note}, "operator": {in.Operator}}
	return c.call(ctx, http.MethodPost, "photo/"+url.PathEscape(id)+"?"+q.Encode(), raw(body), out)
}

// Fetch gives a file's bytes as they came; the caller holds them against the
// digest.
func (c *Client) Fetch(ctx context.Context, id, sha256 string) ([]byte, error) {
	resp, err := c.do(ctx, http.MethodGet, "show/"+url.PathEscape(id)+"/added/"+url.PathEscape(sha256), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, MaxFile+1))
}
