package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func (s *shelf) Decide(_ context.Context, accept bool, in Deciding) ([]Settled, error) {
	out := []Settled{}
	for _, id := range in.IDs {
		out = append(out, Settled{ID: id, Disposition: fmt.Sprint(accept, " ", in.Reason, " ", in.Operator), Needs: []string{}})
	}
	return out, nil
}

func (s *shelf) Retry(_ context.Context, in RetryRequest) ([]Settled, error) {
	if len(in.IDs) == 0 {
		return nil, &Error{Code: CodeUsage, Message: "no disc is named"}
	}
	out := []Settled{}
	for _, id := range in.IDs {
		v := Settled{ID: id, Needs: []string{}}
		if !in.Cancel {
			v.Retry = &Marked{Drive: in.Drive, Operator: in.Operator}
		}
		out = append(out, v)
	}
	return out, nil
}

func (s *shelf) Add(_ context.Context, id string, in AddRequest, body []byte) (any, error) {
	return map[string]any{"id": id, "role": in.Role, "note": in.Note, "operator": in.Operator, "size": len(body)}, nil
}

func (s *shelf) Fetch(_ context.Context, id, sha256 string) ([]byte, error) {
	if id != "here" {
		return nil, &Error{Code: CodeNotFound, Message: "no such file"}
	}
	return []byte("<script>" + sha256), nil
}

func TestPeopleOverTheSocket(t *testing.T) {
	ctx := t.Context()
	b := start(t)
	if r, err := b.c.Review(ctx); err != nil || r.Wanting == nil || len(r.Wanting) != 0 {
		t.Errorf("review: %+v, %v", r, err)
	}
	for accept, want := range map[bool]string{true: "true why ada", false: "false why ada"} {
		out, err := b.c.Decide(ctx, accept, Deciding{IDs: []string{"here", "there"}, Reason: "why", Operator: "ada"})
		if err != nil || len(out) != 2 || out[1].Disposition != want {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if err := b.c.Note(ctx, "here", Noting{Text: "seen", Operator: "ada"}, &struct{}{}); err != nil || b.shelf.annotated["here"].Note != "seen" || b.shelf.annotated["here"].Operator != "ada" {
		t.Errorf("%v, %+v", err, b.shelf.annotated)
	}
	out, err := b.c.Retry(ctx, RetryRequest{IDs: []string{"here"}, Operator: "ada"})
	if err != nil || len(out) != 1 || out[0].Retry == nil || out[0].Anew == nil || out[0].Anew.Begun || out[0].Anew.Text == "" {
		t.Errorf("%+v, %v", out, err)
	}
	if out, err := b.c.Retry(ctx, RetryRequest{IDs: []string{"here"}, Cancel: true}); err != nil || out[0].Anew != nil {
		t.Errorf("%+v, %v", out, err)
	}
	e := (*Error)(nil)
	if _, err := b.c.Retry(ctx, RetryRequest{IDs: []string{"here"}, Drive: "sr77"}); !errors.As(err, &e) || e.Code != CodeNotFound || !strings.Contains(e.Message, "sr77") {
		t.Errorf("a drive that is not there: %v", err)
	}
}

// A photo may be large; nothing else may, and a photo not without end.
func TestPhotosOverTheSocket(t *testing.T) {
	ctx := t.Context()
	b := start(t)
	var got struct {
		ID, Role, Note, Operator string
		Size                     int
	}
	body := bytes.Repeat([]byte("x"), 10<<20)
	if err := b.c.Add(ctx, "here", AddRequest{Role: "disc", Note: "ä & ö=1", Operator: "ada"}, body, &got); err != nil || got.Size != len(body) || got.Note != "ä & ö=1" || got.Role != "disc" || got.Operator != "ada" {
		t.Errorf("%+v, %v", got, err)
	}
	e := (*Error)(nil)
	if err := b.c.Add(ctx, "here", AddRequest{Role: "disc"}, make([]byte, MaxFile+1), &got); !errors.As(err, &e) || e.Code != CodeUsage {
		t.Errorf("one byte too many: %v", err)
	}
	if err := b.c.Add(ctx, "here", AddRequest{Role: "disc"}, make([]byte, MaxFile), &got); err != nil || got.Size != MaxFile {
		t.Errorf("the most: %v", err)
	}
	if err := b.c.Note(ctx, "here", Noting{Text: strings.Repeat("x", maxBody)}, &struct{}{}); !errors.As(err, &e) || e.Code != CodeUsage {
		t.Errorf("a large note: %v", err)
	}
	if file, err := b.c.Fetch(ctx, "here", "abc"); err != nil || string(file) != "<script>abc" {
		t.Errorf("%q, %v", file, err)
	}
	if _, err := b.c.Fetch(ctx, "there", "abc"); !errors.As(err, &e) || e.Code != CodeNotFound {
		t.Errorf("%v", err)
	}
	resp, err := b.c.do(ctx, http.MethodGet, "show/here/added/abc", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if h := resp.Header; h.Get("Content-Type") != "application/octet-stream" || h.Get("Content-Disposition") != "attachment" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a stranger's bytes are sent as %v", h)
	}
	if _, err := b.c.do(ctx, http.MethodPost, "photo/here?colour=red", raw("x")); !errors.As(err, &e) || e.Code != CodeUsage {
		t.Errorf("%v", err)
	}
}
