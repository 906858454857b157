package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// A server that takes the connection and never answers, or stops in the
// middle, is given up.
func TestDeadNetwork(t *testing.T) {
	body := archivetest.Bytes(3, archivetest.PartSize)
	_, f, s := setup(t, func(c *archive.S3Config) { c.StallTimeout = 150 * time.Millisecond })
	if err := s.Put(t.Context(), "k", body); err != nil {
		t.Fatal(err)
	}
	u, err := s.Begin(t.Context(), "u", int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	defer close(over)
	for name, c := range map[string]struct {
		stall func(w http.ResponseWriter)
		do    func() error
	}{
		"silence": {func(http.ResponseWriter) { <-over }, func() error { return u.Part(t.Context(), 0, body) }},
		"half a body": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "5242880")
			w.Write(body[:1000])
			w.(http.Flusher).Flush()
			<-over
		}, func() error {
			r, err := s.Read(t.Context(), "k", 0, -1)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		}},
	} {
		f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
			c.stall(w)
			return true
		})
		ended := make(chan error, 1)
		go func() { ended <- c.do() }()
		select {
		case err := <-ended:
			if err == nil || errors.Is(err, archive.ErrPermanent) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: hangs", name)
		}
	}
}

// An upload that is slow but moves is not given up: writes keep the wait for
// the answer alive.
func TestSlowNetwork(t *testing.T) {
	body := archivetest.Bytes(4, archivetest.PartSize)
	_, f, s := setup(t, func(c *archive.S3Config) { c.StallTimeout = 400 * time.Millisecond })
	f.set(func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) bool {
		if r.Method == "PUT" {
			r.Body = struct {
				io.Reader
				io.Closer
			}{&slowReader{r: r.Body, pause: 15 * time.Millisecond}, r.Body}
		}
		return false
	})
	u, err := s.Begin(t.Context(), "u", int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := u.Part(t.Context(), 0, body); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 800*time.Millisecond {
		t.Fatalf("%v: not slow enough to prove anything", d)
	}
	if n := f.count("PUT", "partNumber"); n != 1 {
		t.Fatalf("sent %d times", n)
	}
}

// slowReader gives 64 KiB a turn.
type slowReader struct {
	r     io.Reader
	pause time.Duration
}

func (s *slowReader) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.r.Read(p[:min(len(p), 64<<10)])
}

// The caller's buffer is its own again when Part returns, also when the request
// failed while it was still being sent. The race detector is the judge.
func TestBufferIsGivenBack(t *testing.T) {
	_, f, s := setup(t, nil)
	body := archivetest.Bytes(5, archivetest.PartSize)
	u, err := s.Begin(t.Context(), "u", int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		refuse(w, 403, "AccessDenied") // before the body is read: the rest may be sent into a closed connection
		return true
	})
	for i := range 5 {
		if err := u.Part(t.Context(), 0, body); err == nil {
			t.Fatal(err)
		}
		for j := range body {
			body[j] = byte(i)
		}
	}
	over, begun := make(chan struct{}), make(chan struct{}, 1)
	defer close(over)
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		io.CopyN(io.Discard, r.Body, 1000)
		begun <- struct{}{}
		io.Copy(io.Discard, r.Body)
		<-over
		return true
	})
	for i := range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { // given up while the body is on its way
			<-begun
			cancel()
		}()
		if err := u.Part(ctx, 0, body); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		for j := range body {
			body[j] = byte(i)
		}
	}
}

// The server is killed in the middle of an upload and started again: what it
// confirmed is still there, and the upload goes on.
func TestServerKilledInMidUpload(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	body := archivetest.Bytes(6, 3*archivetest.PartSize)
	u, err := openS3(t, server, nil).Begin(t.Context(), "k", int64(len(body)))
	if err == nil {
		err = u.Part(t.Context(), 0, body[:archivetest.PartSize])
	}
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	err = u.Part(t.Context(), 1, body[archivetest.PartSize:2*archivetest.PartSize])
	if err == nil || errors.Is(err, archive.ErrPermanent) || !strings.Contains(err.Error(), "cannot reach the server") {
		t.Fatal(err)
	}
	server.Restart()
	s := openS3(t, server, nil)
	if u, err = s.Begin(t.Context(), "k", int64(len(body))); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		b := body[n*archivetest.PartSize : (n+1)*archivetest.PartSize]
		if has := u.Has(n, archive.CRC64NVME(b)); has != (n == 0) {
			t.Fatalf("part %d: has it: %v", n, has)
		} else if !has {
			if err := u.Part(t.Context(), n, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := u.Complete(t.Context(), archive.CRC64NVME(body)); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, "k"); !bytes.Equal(got, body) {
		t.Fatal("other bytes")
	}
}

// Credentials by the default chain, and a server that is not there at all.
func TestDefaultChainAndNoServer(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	t.Setenv("AWS_ACCESS_KEY_ID", versitygw.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", versitygw.SecretKey)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	s := openS3(t, server, func(c *archive.S3Config) { c.AccessKeyFile, c.SecretKeyFile = "", "" })
	if err := s.Put(t.Context(), "k", []byte("x")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s = openS3(t, server, func(c *archive.S3Config) { c.Endpoint = "http://" + l.Addr().String() })
	if _, err := s.Stat(t.Context(), "k"); err == nil || errors.Is(err, archive.ErrPermanent) || errors.Is(err, archive.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestS3ConfigErrors(t *testing.T) {
	dir := t.TempDir()
	empty, key := filepath.Join(dir, "empty"), filepath.Join(dir, "key")
	for path, text := range map[string]string{empty: "\n", key: "abc\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*archive.S3Config){
		"name":      func(c *archive.S3Config) { c.Name = "" },
		"bucket":    func(c *archive.S3Config) { c.Bucket = "" },
		"endpoint":  func(c *archive.S3Config) { c.Endpoint = "s3.example.org" },
		"user":      func(c *archive.S3Config) { c.Endpoint = "https://key:secret@s3.example.org" },
		"prefix":    func(c *archive.S3Config) { c.Prefix = "../x" },
		"slash":     func(c *archive.S3Config) { c.Prefix = "x/" },
		"one file":  func(c *archive.S3Config) { c.SecretKeyFile = "" },
		"no file":   func(c *archive.S3Config) { c.SecretKeyFile = filepath.Join(dir, "none") },
		"empty":     func(c *archive.S3Config) { c.SecretKeyFile = empty },
		"checksums": func(c *archive.S3Config) { c.Checksums = "sha1" },
		"part size": func(c *archive.S3Config) { c.PartSize = 1 << 20 },
		"timeout":   func(c *archive.S3Config) { c.StallTimeout = -1 },
		"CA":        func(c *archive.S3Config) { c.CAFile = key },
	} {
		cfg := archive.S3Config{Name: "cloud", Bucket: "b", AccessKeyFile: key, SecretKeyFile: key}
		if _, err := archive.NewS3(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err := archive.NewS3(t.Context(), cfg); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
