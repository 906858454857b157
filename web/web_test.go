package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/blockreader"
	"ripstation/station"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a catalog's answers without a catalog.
type shelf struct {
	mu        sync.Mutex
	query     Query
	annotated map[string]Annotation
	handedOut []HandedOut
	audit     func(ctx context.Context, in AuditRequest, progress func(AuditProgress)) (any, error)
}

func (s *shelf) List(_ context.Context, q Query) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.query = q
	return []string{"one", "two"}, nil
}

func (s *shelf) Show(_ context.Context, id string) (any, error) {
	switch id {
	case "here":
		return map[string]string{"id": id}, nil
	case "broken":
		return nil, errors.New("the disk gives errors")
	}
	return nil, &Error{Code: CodeNotFound, Message: fmt.Sprintf("disc %q: not in the catalog", id)}
}

func (s *shelf) Find(_ context.Context, q FileQuery) (any, error) { return q, nil }

func (s *shelf) Files(ctx context.Context, id string, list, file func(any) error) error {
	switch id {
	case "here", "cut":
	default:
		_, err := s.Show(ctx, id)
		return err
	}
	err := list(map[string]string{"id": id})
	for i := 0; i < 20_000 && err == nil; i++ {
		err = file(i)
	}
	if id == "cut" && err == nil {
		err = errors.New("a row is damaged")
	}
	return err
}

func (s *shelf) Annotate(ctx context.Context, id string, a Annotation) (any, error) {
	s.mu.Lock()
	s.annotated[id] = a
	s.mu.Unlock()
	return s.Show(ctx, id)
}

func (s *shelf) Batches(context.Context) (any, error) { return []string{"17"}, nil }
func (s *shelf) BatchReport(_ context.Context, name string) (any, error) {
	return map[string]string{"name": name}, nil
}
func (s *shelf) BatchOpen(_ context.Context, in BatchOpen) (any, error)   { return in, nil }
func (s *shelf) BatchClose(_ context.Context, in BatchClose) (any, error) { return in, nil }
func (s *shelf) BatchShift(_ context.Context, in BatchShift) (any, error) { return in, nil }
func (s *shelf) BatchSwap(_ context.Context, in BatchSwap) (any, error)   { return in, nil }
func (s *shelf) BatchImport(_ context.Context, in BatchImport) (any, error) {
	if in.Batch == "99" {
		return nil, &Error{Code: CodeNotFound, Message: "no such batch"}
	}
	return len(in.List), nil
}

func (s *shelf) HandedOut(ctx context.Context, id string, h HandedOut) error {
	if _, err := s.Show(ctx, id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handedOut = append(s.handedOut, h)
	return nil
}

func (s *shelf) Repair(ctx context.Context, in RepairRequest, progress func(AuditProgress)) (any, error) {
	return s.Audit(ctx, AuditRequest{Disc: in.Disc}, progress)
}

func (s *shelf) Audit(ctx context.Context, in AuditRequest, progress func(AuditProgress)) (any, error) {
	return s.audit(ctx, in, progress)
}

// bench is a station that reads image files, with its API on a socket.
type bench struct {
	dir, socket string
	shelf       *shelf
	c           *Client
}

func start(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), shelf: &shelf{annotated: map[string]Annotation{}}}
	b.socket = filepath.Join(b.dir, "s")
	ctx, stop := context.WithCancel(context.Background())
	cat, err := catalog.Open(ctx, filepath.Join(b.dir, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := archive.NewDir(archive.DirConfig{Name: "local", Root: filepath.Join(b.dir, "store"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	st, err := station.New(station.Config{
		Spool: filepath.Join(b.dir, "spool"), Stores: []station.Store{{Store: store, Required: true}}, Eject: station.EjectStored,
		Catalog: cat, Log: zerolog.Nop(),
		Open: func(_ context.Context, d disc.Drive) (station.Drive, error) { return blockreader.Open(d.Node) },
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(b.socket, "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := st.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := New(Config{Station: st, Books: b.shelf, Program: "test", Log: zerolog.Nop()}).Run(ctx, l); err != nil {
			t.Error(err)
		}
	})
	if b.c, err = Dial(ctx, b.socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.c.Close()
		stop()
		wg.Wait()
		if err := cat.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(b.socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left behind: %v", err)
		}
	})
	return b
}

func code(err error) Code {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestBooksOverTheSocket(t *testing.T) {
	b, ctx := start(t), context.Background()
	v, err := b.c.Version(ctx)
	if err != nil || v.Program != "test" || v.PID != os.Getpid() {
		t.Errorf("version %+v, %v", v, err)
	}
	var list []string
	q := Query{Image: "incomplete", Copy: "read back", Item: "a&b=c/?", NeedsYou: true, Limit: 7}
	if err := b.c.List(ctx, q, &list); err != nil || len(list) != 2 || b.shelf.query != q {
		t.Errorf("list %q, %v; the query arrived as %+v", list, err, b.shelf.query)
	}
	var view map[string]string
	if err := b.c.Show(ctx, "here", &view); err != nil || view["id"] != "here" {
		t.Errorf("show %v, %v", view, err)
	}
	if err := b.c.Show(ctx, "../../etc", &view); code(err) != CodeNotFound || !strings.Contains(err.Error(), `"../../etc"`) {
		t.Errorf("an id that looks like a path: %v", err)
	}
	if err := b.c.Show(ctx, "broken", &view); code(err) != CodeFailed || !strings.Contains(err.Error(), "the disk gives errors") {
		t.Errorf("a failure: %v", err)
	}
	fq, got := FileQuery{Name: "a&b=%*\"'\x00\xff é", Limit: 3}, FileQuery{}
	if err := b.c.Find(ctx, fq, &got); err != nil || got.Name != strings.ToValidUTF8(fq.Name, "\uFFFD") || got.Limit != 3 {
		t.Errorf("find %+v, %v", got, err)
	}
	for id, want := range map[string]string{"here": "", "cut": "a row is damaged", "broken": "the disk gives errors", "../x": "not in the catalog"} {
		n, heads := 0, 0
		err := b.c.Files(ctx, id, func(json.RawMessage) error { heads++; return nil }, func(v json.RawMessage) error {
			if string(v) != fmt.Sprint(n) {
				t.Errorf("file %s at place %d", v, n)
			}
			n++
			return nil
		})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || (heads == 1) != (n == 20_000) {
			t.Errorf("files of %s: %d lists, %d files, %v", id, heads, n, err)
		}
	}
	enough := errors.New("enough")
	if err := b.c.Files(ctx, "here", func(json.RawMessage) error { return nil }, func(json.RawMessage) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a caller that stops: %v", err)
	}
	item, part := "ABC", 2
	if err := b.c.Annotate(ctx, "here", Annotation{Item: &item, Part: &part, Operator: "ada"}, &view); err != nil {
		t.Fatal(err)
	}
	if a := b.shelf.annotated["here"]; *a.Item != "ABC" || *a.Part != 2 || a.Title != nil || a.Operator != "ada" {
		t.Errorf("annotation arrived as %+v", a)
	}
}

// One image goes through the station; its story is heard from the first word
// to the final notice by a client that listened before it asked.
func TestRipIsHeardToItsEnd(t *testing.T) {
	b := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	image := filepath.Join(b.dir, "image.iso")
	if err := os.WriteFile(image, make([]byte, 40*disc.SectorSize), 0o600); err != nil {
		t.Fatal(err)
	}
	notices, err := b.c.Notices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.c.Rip(ctx, station.Request{Source: image, Item: "I1", Operator: "ada"})
	if err != nil || r.Drive.Node != image {
		t.Fatalf("%+v, %v", r, err)
	}
	words := map[station.Word]bool{}
	var final station.Notice
	for n := range notices {
		words[n.Word] = true
		if n.Final && n.Drive == r.Drive.Key {
			final = n
			break
		}
	}
	if final.Outcome != station.OutcomeDone || !words[station.WordInserted] || !words[station.WordComplete] || !words[station.WordRecorded] {
		t.Errorf("final %+v; words %v", final, words)
	}
	st, err := b.c.Status(ctx)
	if err != nil || len(st.Bays) != 1 || st.Bays[0].Drive.Node != image || len(st.Stores) != 1 {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestRefusals(t *testing.T) {
	b, ctx := start(t), context.Background()
	if _, err := b.c.Rip(ctx, station.Request{Source: filepath.Join(b.dir, "absent.iso")}); code(err) != CodeNotFound {
		t.Errorf("no such file: %v", err)
	}
	if _, err := b.c.Rip(ctx, station.Request{Source: b.dir}); code(err) != CodeFailed || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if err := b.c.Eject(ctx, "sr7"); code(err) != CodeNotFound {
		t.Errorf("no such drive: %v", err)
	}
	big := station.Request{Source: strings.Repeat("x", maxBody+1)}
	if _, err := b.c.Rip(ctx, big); code(err) != CodeUsage {
		t.Errorf("a request that is too large: %v", err)
	}
	raw := func(method, path, body string) (int, Error) {
		req, err := http.NewRequest(method, "http://x"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := b.c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var e Error
		text, _ := io.ReadAll(resp.Body)
		_ = json.Unmarshal(text, &e)
		return resp.StatusCode, e
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/v1/list?colour=red", "", 400, `cannot be narrowed by "colour"`},
		{"GET", "/api/v1/files?limit=x", "", 400, "limit is"},
		{"GET", "/api/v1/files?colour=red", "", 400, `looked for by "colour"`},
		{"GET", "/api/v1/list?limit=-1", "", 400, "limit is"},
		{"GET", "/api/v1/list?needs_you=perhaps", "", 400, "true or false"},
		{"POST", "/api/v1/rip", `{"sauce":"x"}`, 400, "sauce"},
		{"POST", "/api/v1/rip", `{"source":"x"} {}`, 400, "more than one"},
		{"POST", "/api/v1/rip", `[`, 400, "not the JSON"},
		{"POST", "/api/v1/rip", `{"source":"x","item":"a\nb"}`, 400, "control character"},
		{"GET", "/api/v1/rip", "", 404, "there is no GET"},
		{"GET", "/api/v2/status", "", 404, "the API is under /api/v1/"},
		{"DELETE", "/api/v1/show/here", "", 404, "there is no DELETE"},
	} {
		status, e := raw(c.method, c.path, c.body)
		if status != c.status || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s %s %s: %d %+v; want %d, %q", c.method, c.path, c.body, status, e, c.status, c.want)
		}
	}
}

func TestAuditStreams(t *testing.T) {
	b, ctx := start(t), context.Background()
	entered, leave := make(chan struct{}), make(chan struct{})
	b.shelf.audit = func(ctx context.Context, in AuditRequest, progress func(AuditProgress)) (any, error) {
		progress(AuditProgress{Store: "local", Done: 1, Total: 2})
		close(entered)
		<-leave
		return map[string]bool{"full": in.Full && in.Operator == "ada"}, nil
	}
	var wg sync.WaitGroup
	var seen []AuditProgress
	var report map[string]bool
	var first error
	wg.Go(func() {
		first = b.c.Audit(ctx, AuditRequest{Full: true, Operator: "ada"}, func(p AuditProgress) { seen = append(seen, p) }, &report)
	})
	<-entered
	if err := b.c.Audit(ctx, AuditRequest{}, nil, &report); code(err) != CodeConflict {
		t.Errorf("a second audit at the same time: %v", err)
	}
	close(leave)
	wg.Wait()
	if first != nil || !report["full"] || len(seen) != 1 || seen[0].Store != "local" {
		t.Errorf("report %v, progress %+v, %v", report, seen, first)
	}
	b.shelf.audit = func(context.Context, AuditRequest, func(AuditProgress)) (any, error) {
		return nil, &Error{Code: CodeConflict, Message: "cannot now", Hint: "wait"}
	}
	err := b.c.Audit(ctx, AuditRequest{}, nil, &report)
	if e := (*Error)(nil); !errors.As(err, &e) || e.Hint != "wait" {
		t.Errorf("an audit that fails: %v", err)
	}
	// A caller that leaves ends its audit.
	leaving, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := make(chan error, 1)
	b.shelf.audit = func(ctx context.Context, _ AuditRequest, _ func(AuditProgress)) (any, error) {
		cancel()
		<-ctx.Done()
		gone <- ctx.Err()
		return nil, ctx.Err()
	}
	err = b.c.Audit(leaving, AuditRequest{}, nil, &report)
	if err == nil {
		t.Fatal("an audit that was left gave no error")
	}
	if code(err) == CodeConflict {
		t.Fatalf("an audit that has been told as ended still runs: %v", err)
	}
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the audit ended with %v", err)
	}
}

// What leaves the archive is told to the station; repairs stream like audits,
// one at a time, and a look at one disc does not wait for a long audit.
func TestTheWayBack(t *testing.T) {
	b, ctx := start(t), context.Background()
	said := HandedOut{Version: 1, How: "restored", From: []string{"local"}, Operator: "ada"}
	if err := b.c.HandedOut(ctx, "here", said); err != nil || len(b.shelf.handedOut) != 1 || b.shelf.handedOut[0].How != "restored" {
		t.Errorf("%v, %+v", err, b.shelf.handedOut)
	}
	if err := b.c.HandedOut(ctx, "nowhere", said); code(err) != CodeNotFound {
		t.Errorf("an unknown disc: %v", err)
	}
	entered, leave := make(chan struct{}, 4), make(chan struct{})
	b.shelf.audit = func(_ context.Context, in AuditRequest, progress func(AuditProgress)) (any, error) {
		progress(AuditProgress{Store: "local"})
		entered <- struct{}{}
		<-leave
		return map[string]string{"disc": in.Disc}, nil
	}
	var wg sync.WaitGroup
	var full, one, mended map[string]string
	errs := make([]error, 3)
	wg.Go(func() { errs[0] = b.c.Audit(ctx, AuditRequest{Full: true}, nil, &full) })
	wg.Go(func() { errs[1] = b.c.Audit(ctx, AuditRequest{Full: true, Disc: "here"}, nil, &one) })
	wg.Go(func() { errs[2] = b.c.Repair(ctx, RepairRequest{Disc: "here"}, nil, &mended) })
	for range 3 {
		<-entered
	}
	if err := b.c.Repair(ctx, RepairRequest{Disc: "here"}, nil, &mended); code(err) != CodeConflict {
		t.Errorf("a second repair at the same time: %v", err)
	}
	close(leave)
	wg.Wait()
	if err := errors.Join(errs...); err != nil || full["disc"] != "" || one["disc"] != "here" || mended["disc"] != "here" {
		t.Errorf("%v, %v, %v, %v", err, full, one, mended)
	}
}

// A station that stops ends its streams, and the client says so.
func TestEndOfTheStationEndsTheStream(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(filepath.Join(dir, "s"), "")
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Open(context.Background(), filepath.Join(dir, "c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer cat.Close()
	store, err := archive.NewDir(archive.DirConfig{Name: "l", Root: filepath.Join(dir, "store"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	st, err := station.New(station.Config{Spool: filepath.Join(dir, "spool"), Stores: []station.Store{{Store: store, Required: true}},
		Eject: station.EjectStored, Catalog: cat, Log: zerolog.Nop(),
		Open: func(context.Context, disc.Drive) (station.Drive, error) { return nil, station.ErrNoDrive }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(Config{Station: st, Books: &shelf{}, Log: zerolog.Nop()}).Run(ctx, l) }()
	c, err := Dial(ctx, filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	notices, err := c.Notices(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("server: %v", err)
	}
	for range notices {
	}
	if _, err := c.Status(context.Background()); err == nil {
		t.Error("a stopped station answers")
	}
}
