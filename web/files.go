package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// files streams a disc's files. It fails as any request does until the list is
// found; from then on the last line says how it ended.
func (s *Server) files(w http.ResponseWriter, r *http.Request) {
	var out *bufio.Writer
	ctl := http.NewResponseController(w)
	line := func(l FilesLine) error {
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		// There may be a million: they go out as the buffer fills.
		if out.Available() <= len(b) {
			if err := ctl.SetWriteDeadline(time.Now().Add(patience)); err != nil {
				return err
			}
		}
		_, err = out.Write(append(b, '\n'))
		return err
	}
	raw := func(v any, into func(json.RawMessage) FilesLine) error {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return line(into(b))
	}
	err := s.cfg.Books.Files(r.Context(), r.PathValue("id"), func(v any) error {
		w.Header().Set("Content-Type", "application/x-ndjson")
		out = bufio.NewWriterSize(w, 64<<10)
		return raw(v, func(b json.RawMessage) FilesLine { return FilesLine{List: b} })
	}, func(v any) error {
		return raw(v, func(b json.RawMessage) FilesLine { return FilesLine{File: b} })
	})
	if out == nil {
		if err == nil {
			err = &Error{Code: CodeFailed, Message: "the list of files was not found and no reason given"}
		}
		s.fail(w, r, err)
		return
	}
	last := FilesLine{Done: true}
	if err != nil {
		last = FilesLine{Error: faultOf(err)}
	}
	if err = line(last); err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = ctl.SetWriteDeadline(time.Time{}) // the connection may serve another request
	}
	if err != nil && r.Context().Err() == nil {
		s.cfg.Log.Warn().Err(err).Str("path", r.URL.Path).Msg("a list of files could not be sent")
	}
}

// Find decodes the files that fit into out.
func (c *Client) Find(ctx context.Context, q FileQuery, out any) error {
	v := url.Values{}
	for k, s := range map[string]string{"name": q.Name, "sha256": q.SHA256} {
		if s != "" {
			v.Set(k, s)
		}
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return c.call(ctx, http.MethodGet, "files?"+v.Encode(), nil, out)
}

// Files gives list what is known of a disc's list of files, and file each of
// them. An error of theirs ends it, and nil means that all were given.
func (c *Client) Files(ctx context.Context, id string, list, file func(json.RawMessage) error) error {
	resp, err := c.do(ctx, http.MethodGet, "show/"+url.PathEscape(id)+"/files", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var l FilesLine
		if err := dec.Decode(&l); err != nil {
			return fmt.Errorf("list the files of %s: the station broke off before the end: %w", id, bareURL(err))
		}
		switch {
		case l.Error != nil:
			return l.Error
		case l.Done:
			return nil
		case l.List != nil:
			err = list(l.List)
		case l.File != nil:
			err = file(l.File)
		}
		if err != nil {
			return err
		}
	}
}
