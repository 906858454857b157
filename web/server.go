package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"ripstation/disc"
	"ripstation/station"
)

// Config is what a Server needs. All fields but Log must be set.
type Config struct {
	Station *station.Station
	Books   Books
	Program string
	Log     zerolog.Logger
}

// Server answers the API.
type Server struct {
	cfg       Config
	mux       *http.ServeMux
	auditing  atomic.Bool
	repairing atomic.Bool
}

// New makes a Server; it listens nowhere.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, mux: http.NewServeMux()}
	s.get("version", func(*http.Request) (any, error) { return Version{Program: cfg.Program, PID: os.Getpid()}, nil })
	s.get("status", func(*http.Request) (any, error) { return cfg.Station.Status(), nil })
	s.get("drives", func(*http.Request) (any, error) { return cfg.Station.Status().Bays, nil })
	s.get("jobs", func(*http.Request) (any, error) { return cfg.Station.Status().Jobs, nil })
	s.get("list", func(r *http.Request) (any, error) {
		q, err := parseQuery(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return cfg.Books.List(r.Context(), q)
	})
	s.get("show/{id}", func(r *http.Request) (any, error) { return cfg.Books.Show(r.Context(), r.PathValue("id")) })
	s.mux.HandleFunc("GET "+prefix+"show/{id}/files", s.files)
	s.get("files", func(r *http.Request) (any, error) {
		q, err := parseFileQuery(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return cfg.Books.Find(r.Context(), q)
	})
	handle(s, "rip", func(r *http.Request, in station.Request) (any, error) {
		d, err := cfg.Station.Rip(r.Context(), in)
		return Ripping{Drive: d}, err
	})
	handle(s, "eject", func(r *http.Request, in EjectRequest) (any, error) {
		return struct{}{}, cfg.Station.Eject(r.Context(), in.Drive)
	})
	handle(s, "release", func(r *http.Request, in ReleaseRequest) (any, error) {
		was, err := cfg.Station.Release(r.Context(), in.Drive)
		return Released{Was: was}, err
	})
	handle(s, "annotate/{id}", func(r *http.Request, in Annotation) (any, error) {
		return cfg.Books.Annotate(r.Context(), r.PathValue("id"), in)
	})
	s.scans()
	s.people()
	s.mux.HandleFunc("GET "+prefix+"notices", s.notices)
	handle(s, "handed-out/{id}", func(r *http.Request, in HandedOut) (any, error) {
		return struct{}{}, cfg.Books.HandedOut(r.Context(), r.PathValue("id"), in)
	})
	s.batchRoutes()
	s.mux.HandleFunc("POST "+prefix+"audit", s.audit)
	s.mux.HandleFunc("POST "+prefix+"repair", s.repair)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &Error{Code: CodeNotFound, Message: fmt.Sprintf("there is no %s %q; the API is under %s", r.Method, r.URL.Path, prefix)})
	})
	return s
}

// Run serves on l until ctx is done, then ends all answers and returns nil. It
// closes l.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           bounded(s.mux),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		// The streams end with ctx; five seconds are for the rest.
		quiet, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err := srv.Shutdown(quiet)
		if err != nil {
			err = srv.Close()
		}
		stopped <- err
	})
	err := srv.Serve(l)
	if !stop() {
		return <-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the API: %w", err)
}

func (s *Server) get(path string, answer func(*http.Request) (any, error)) {
	s.mux.HandleFunc("GET "+prefix+path, func(w http.ResponseWriter, r *http.Request) {
		v, err := answer(r)
		s.reply(w, r, v, err)
	})
}

// handle takes a POST whose body is one JSON value of type In.
func handle[In any](s *Server, path string, answer func(*http.Request, In) (any, error)) {
	s.mux.HandleFunc("POST "+prefix+path, func(w http.ResponseWriter, r *http.Request) {
		in, err := body[In](r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		v, err := answer(r, in)
		s.reply(w, r, v, err)
	})
}

func body[In any](r *http.Request) (in In, err error) {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return in, &Error{Code: CodeUsage, Message: "the request is not the JSON that is expected: " + err.Error(), Err: err}
	}
	if dec.More() {
		return in, &Error{Code: CodeUsage, Message: "there is more than one JSON value in the request"}
	}
	return in, nil
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil && r.Context().Err() == nil {
		s.cfg.Log.Warn().Err(err).Str("path", r.URL.Path).Msg("an answer could not be sent")
	}
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := faultOf(err)
	if e.Code == CodeFailed {
		s.cfg.Log.Warn().Err(err).Str("path", r.URL.Path).Msg("a request failed")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf[e.Code])
	if err := json.NewEncoder(w).Encode(e); err != nil && r.Context().Err() == nil {
		s.cfg.Log.Warn().Err(err).Msg("an error could not be sent")
	}
}

// faultOf makes an Error of any error.
func faultOf(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		if statusOf[e.Code] == 0 {
			return &Error{Code: CodeFailed, Message: e.Message, Hint: e.Hint, Err: err}
		}
		return e
	}
	e := &Error{Code: CodeFailed, Message: err.Error(), Err: err}
	switch {
	case errors.Is(err, station.ErrNoDrive), errors.Is(err, fs.ErrNotExist):
		e.Code, e.Hint = CodeNotFound, "`ripstation drives` lists the drives; an image file is named by its path"
	case errors.Is(err, station.ErrRequest):
		e.Code = CodeUsage
	case errors.Is(err, station.ErrNotBound), errors.Is(err, station.ErrBusy):
		e.Code = CodeConflict
	case errors.Is(err, station.ErrNoDisc):
		e.Code = CodeNoDisc
	case errors.Is(err, fs.ErrPermission), disc.ClassOf(err) == disc.ClassPermission:
		e.Code = CodeForbidden
		e.Hint = fmt.Sprintf("the station runs as user id %d, which must be allowed to read it", os.Getuid())
	}
	return e
}

func parseQuery(v url.Values) (q Query, err error) {
	known := map[string]bool{"image": true, "copy": true, "item": true, "needs_you": true, "limit": true}
	for k := range v {
		if !known[k] {
			return q, &Error{Code: CodeUsage, Message: fmt.Sprintf("a list cannot be narrowed by %q", k)}
		}
	}
	q = Query{Image: v.Get("image"), Copy: v.Get("copy"), Item: v.Get("item")}
	if s := v.Get("needs_you"); s != "" {
		if q.NeedsYou, err = strconv.ParseBool(s); err != nil {
			return q, &Error{Code: CodeUsage, Message: fmt.Sprintf("needs_you is %q; it is true or false", s)}
		}
	}
	q.Limit, err = parseLimit(v)
	return q, err
}

func parseLimit(v url.Values) (n int, err error) {
	if s := v.Get("limit"); s != "" {
		if n, err = strconv.Atoi(s); err != nil || n < 0 {
			return 0, &Error{Code: CodeUsage, Message: fmt.Sprintf("limit is %q; it is a number", s)}
		}
	}
	return n, nil
}

func parseFileQuery(v url.Values) (q FileQuery, err error) {
	for k := range v {
		if k != "name" && k != "sha256" && k != "limit" {
			return q, &Error{Code: CodeUsage, Message: fmt.Sprintf("files cannot be looked for by %q", k)}
		}
	}
	q = FileQuery{Name: v.Get("name"), SHA256: v.Get("sha256")}
	q.Limit, err = parseLimit(v)
	return q, err
}
