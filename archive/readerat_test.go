package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// asked is a store that notes what is read of it, and lets a test answer.
type asked struct {
	archive.Store
	mu      sync.Mutex
	ranges  [][2]int64
	answer  func(n int, offset, length int64, r io.ReadCloser) (io.ReadCloser, error)
	now     atomic.Int64
	atOnce  atomic.Int64
	waiting chan struct{} // closed: answer at last
}

func (a *asked) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if n := a.now.Add(1); n > a.atOnce.Load() {
		a.atOnce.Store(n)
	}
	defer a.now.Add(-1)
	a.mu.Lock()
	n := len(a.ranges)
	a.ranges = append(a.ranges, [2]int64{offset, length})
	a.mu.Unlock()
	if a.waiting != nil {
		select {
		case <-a.waiting:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r, err := a.Store.Read(ctx, key, offset, length)
	if err != nil || a.answer == nil {
		return r, err
	}
	return a.answer(n, offset, length, r)
}

func (a *asked) total() (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.ranges {
		n += r[1]
	}
	return n
}

const objectKey = "k/image.iso"

func object(t *testing.T, body []byte) *asked {
	t.Helper()
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	if err := s.Put(t.Context(), objectKey, body); err != nil {
		t.Fatal(err)
	}
	return &asked{Store: s}
}

func readerAt(t *testing.T, s archive.Store, size int) *archive.ReaderAt {
	r := archive.NewReaderAt(t.Context(), s, objectKey, int64(size))
	t.Cleanup(func() { r.Close() })
	return r
}

// Whatever is asked for, the bytes are those of the object.
func TestReaderAtGivesTheBytes(t *testing.T) {
	for _, size := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 300_000, 6 << 20} {
		body := archivetest.Bytes(uint64(size), size)
		r := readerAt(t, object(t, body), size)
		if size < 1<<20 {
			if err := iotest.TestReader(io.NewSectionReader(r, 0, int64(size)), body); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
		rnd := rand.New(rand.NewPCG(1, uint64(size)))
		for range 60 {
			off := rnd.IntN(size + 1)
			p := make([]byte, rnd.IntN(size-off+1)/(1+rnd.IntN(50)))
			if n, err := r.ReadAt(p, int64(off)); n < len(p) || err != nil && (err != io.EOF || off+n < size) || !bytes.Equal(p, body[off:off+len(p)]) {
				t.Fatalf("%d bytes from %d of %d: %d, %v", len(p), off, size, n, err)
			}
		}
		p := make([]byte, 10)
		if n, err := r.ReadAt(p, int64(size)-min(int64(size), 4)); n != min(size, 4) || err != io.EOF {
			t.Errorf("over the end of %d bytes: %d, %v", size, n, err)
		}
		if _, err := r.ReadAt(p, -1); err == nil {
			t.Errorf("a negative offset is no error")
		}
	}
}

// Who reads on gets few, large requests, and nothing twice. Who looks in here
// and there moves little.
func TestReaderAtAsksForWhatIsWorthIt(t *testing.T) {
	body := archivetest.Bytes(7, 32<<20)
	s := object(t, body)
	r := readerAt(t, s, len(body))
	buf := make([]byte, 1<<20)
	for off := 0; off < len(body); off += len(buf) {
		if n, err := r.ReadAt(buf, int64(off)); n < len(buf) || !bytes.Equal(buf, body[off:off+n]) {
			t.Fatalf("at %d: %d, %v", off, n, err)
		}
	}
	requests, moved := r.Moved()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if requests > 24 || moved != int64(len(body)) || s.total() != moved {
		t.Errorf("in order: %d requests for %d bytes, %d moved, %d asked for", requests, len(body), moved, s.total())
	}
	if n := archive.Held(r); n > 16<<20 {
		t.Errorf("%d bytes are held", n)
	}
	s = object(t, body)
	r = readerAt(t, s, len(body))
	for i := range 40 {
		if _, err := r.ReadAt(buf[:2048], int64(i)*(3<<18)); err != nil {
			t.Fatal(err)
		}
	}
	if requests, moved := r.Moved(); requests != 40 || moved != 40*32<<10 {
		t.Errorf("here and there: %d requests, %d bytes", requests, moved)
	}
}

// Many readers at once ask for a place once, and never for more than a few at
// a time.
func TestReaderAtFromManySides(t *testing.T) {
	body := archivetest.Bytes(9, 24<<20)
	s := object(t, body)
	s.waiting = make(chan struct{})
	r := readerAt(t, s, len(body))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			buf := make([]byte, 100_000)
			for off := i % 4 * 5 << 20; off < 20<<20; off += len(buf) {
				if n, err := r.ReadAt(buf, int64(off)); err != nil || !bytes.Equal(buf, body[off:off+n]) {
					t.Errorf("at %d: %d, %v", off, n, err)
					return
				}
			}
		})
	}
	close(s.waiting)
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := s.atOnce.Load(); n > 4 {
		t.Errorf("%d requests at once", n)
	}
}

// Who waits for another's request is not given its failure.
func TestReaderAtOwesEveryoneARequest(t *testing.T) {
	body := archivetest.Bytes(5, 100_000)
	s := object(t, body)
	synctest.Test(t, func(t *testing.T) {
		s.waiting = make(chan struct{})
		s.answer = func(n int, _, _ int64, r io.ReadCloser) (io.ReadCloser, error) {
			if n == 0 {
				r.Close()
				return nil, errors.New("refused")
			}
			return r, nil
		}
		r := archive.NewReaderAt(t.Context(), s, objectKey, int64(len(body)))
		var failed atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := r.ReadAt(make([]byte, 10), 40_000); err != nil {
					failed.Add(1)
				}
			})
		}
		synctest.Wait()
		close(s.waiting)
		wg.Wait()
		if err := r.Close(); err != nil || failed.Load() != 1 || len(s.ranges) != 2 {
			t.Errorf("%d readers failed, %d requests, %v", failed.Load(), len(s.ranges), err)
		}
	})
}

// A failed request is an error of whoever made it and of nobody else, and is
// not remembered. Fewer bytes are never given as if they were all.
func TestReaderAtTellsFailures(t *testing.T) {
	body := archivetest.Bytes(3, 200_000)
	broken := errors.New("the line is cut")
	for name, c := range map[string]struct {
		answer func(n int, offset, length int64, r io.ReadCloser) (io.ReadCloser, error)
		want   error
	}{
		"refused": {func(_ int, _, _ int64, r io.ReadCloser) (io.ReadCloser, error) { r.Close(); return nil, broken }, broken},
		"cut": {func(_ int, _, _ int64, r io.ReadCloser) (io.ReadCloser, error) {
			return stream{io.MultiReader(io.LimitReader(r, 100), iotest.ErrReader(broken)), r}, nil
		}, broken},
		"short": {func(_ int, _, _ int64, r io.ReadCloser) (io.ReadCloser, error) {
			return stream{io.LimitReader(r, 100), r}, nil
		}, io.ErrUnexpectedEOF},
		"none": {func(_ int, _, _ int64, r io.ReadCloser) (io.ReadCloser, error) {
			return stream{io.LimitReader(r, 0), r}, nil
		}, io.ErrUnexpectedEOF},
		"bad at the end": {func(_ int, _, _ int64, r io.ReadCloser) (io.ReadCloser, error) {
			return stream{io.MultiReader(r, iotest.ErrReader(archive.ErrChecksum)), r}, nil
		}, archive.ErrChecksum},
	} {
		t.Run(name, func(t *testing.T) {
			s := object(t, body)
			s.answer = func(n int, offset, length int64, r io.ReadCloser) (io.ReadCloser, error) {
				if n == 0 {
					return c.answer(n, offset, length, r)
				}
				return r, nil
			}
			r := readerAt(t, s, len(body))
			buf := make([]byte, 1000)
			if n, err := r.ReadAt(buf, 5000); n != 0 || !errors.Is(err, c.want) {
				t.Errorf("%d, %v", n, err)
			}
			if _, err := r.ReadAt(buf, 5000); err != nil || !bytes.Equal(buf, body[5000:6000]) {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

type stream struct {
	io.Reader
	io.Closer
}

func TestReaderAtEnds(t *testing.T) {
	body := archivetest.Bytes(4, 100_000)
	s := object(t, body)
	s.waiting = make(chan struct{})
	r := archive.NewReaderAt(t.Context(), s, objectKey, int64(len(body)))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if n, err := r.ReadAt(make([]byte, 10), 0); n != 0 || !errors.Is(err, context.Canceled) {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if _, err := r.ReadAt(make([]byte, 10), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}

// wire passes connections on to a server and counts what comes back.
type wire struct {
	addr string
	got  atomic.Int64
}

func newWire(t *testing.T, server *versitygw.Server) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server.Addr)
			if err != nil {
				in.Close()
				continue
			}
			wg.Go(func() { io.Copy(out, in); out.Close() })
			wg.Go(func() { io.Copy(io.MultiWriter(in, count{&w.got}), out); in.Close() })
		}
	})
	return w
}

type count struct{ n *atomic.Int64 }

func (c count) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

// Over a real server: what the reader says it moved is what the line carried,
// but for the words around it.
func TestReaderAtOverS3(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	w := newWire(t, server)
	s := openS3(t, server, func(c *archive.S3Config) { c.Endpoint = "http://" + w.addr })
	body := archivetest.Bytes(8, 40<<20)
	path := server.File("discs", objectKey)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o644); err != nil {
		t.Fatal(err)
	}
	r := archive.NewReaderAt(t.Context(), s, objectKey, int64(len(body)))
	got, err := io.ReadAll(io.NewSectionReader(r, 0, int64(len(body))))
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	requests, moved := r.Moved()
	if over := w.got.Load() - moved; moved != int64(len(body)) || requests > 24 || over < 0 || over > 2000*requests {
		t.Errorf("%d requests, %d bytes moved, %d on the wire", requests, moved, w.got.Load())
	}
	t.Logf("40 MiB in %d requests, %d bytes on the wire", requests, w.got.Load())
	r.Close()
	if _, err := archive.NewReaderAt(t.Context(), s, objectKey+"x", 100).ReadAt(make([]byte, 1), 0); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	r = archive.NewReaderAt(t.Context(), s, objectKey, int64(len(body))+1)
	defer r.Close()
	if n, err := r.ReadAt(make([]byte, 10), int64(len(body))-5); err == nil || err == io.EOF {
		t.Errorf("an object shorter than was told: %d, %v", n, err)
	}
}
