package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// flaky stands between a store and the real server and lets a test decide what
// happens to a request: answer it, pass it on, or pass it on and lose the reply.
type flaky struct {
	*httptest.Server
	mu   sync.Mutex
	rule func(w http.ResponseWriter, r *http.Request, pass func(w http.ResponseWriter)) bool // true: dealt with
	seen []string
}

func newFlaky(t *testing.T, server *versitygw.Server) *flaky {
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host },
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	}
	f := &flaky{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		rule := f.rule
		f.seen = append(f.seen, r.Method+" "+r.URL.RequestURI())
		f.mu.Unlock()
		if rule == nil || !rule(w, r, func(w http.ResponseWriter) { proxy.ServeHTTP(w, r) }) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *flaky) set(rule func(w http.ResponseWriter, r *http.Request, pass func(w http.ResponseWriter)) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule, f.seen = rule, nil
}

func (f *flaky) count(method, part string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.seen {
		if strings.HasPrefix(s, method+" ") && strings.Contains(s, part) {
			n++
		}
	}
	return n
}

// cut drops the connection without an answer.
func cut(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

func isComplete(r *http.Request) bool { return r.Method == "POST" && r.URL.Query().Has("uploadId") }

func setup(t *testing.T, change func(*archive.S3Config)) (*versitygw.Server, *flaky, *archive.S3) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	f := newFlaky(t, server)
	return server, f, openS3(t, server, func(c *archive.S3Config) {
		c.Endpoint, c.Prefix = f.URL, "arch"
		if change != nil {
			change(c)
		}
	})
}

// The server completes, the answer is lost, and every later try is told that
// there is no such upload, or that the object exists: it is success all the same.
func TestLostReplyToComplete(t *testing.T) {
	_, f, s := setup(t, nil)
	body := archivetest.Bytes(1, archivetest.PartSize+3)
	for name, later := range map[string]struct {
		status int
		code   string
	}{"gone": {404, "NoSuchUpload"}, "exists": {412, "PreconditionFailed"}} {
		t.Run(name, func(t *testing.T) {
			f.set(nil)
			u, err := s.Begin(t.Context(), name, int64(len(body)))
			if err != nil {
				t.Fatal(err)
			}
			for n := range u.Parts() {
				if err := u.Part(t.Context(), n, body[n*archivetest.PartSize:min(len(body), (n+1)*archivetest.PartSize)]); err != nil {
					t.Fatal(err)
				}
			}
			var once sync.Once
			f.set(func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) bool {
				if !isComplete(r) {
					return false
				}
				first := false
				once.Do(func() { first = true })
				if first {
					pass(httptest.NewRecorder())
					cut(w)
					return true
				}
				refuse(w, later.status, later.code)
				return true
			})
			info, err := u.Complete(t.Context(), archive.CRC64NVME(body))
			if err != nil || info.Size != int64(len(body)) {
				t.Fatalf("%+v, %v", info, err)
			}
			if n := f.count("POST", "uploadId"); n < 2 {
				t.Fatalf("the lost reply was not tried again: %d requests", n)
			}
			f.set(nil)
			if got := readAll(t, s, name); !bytes.Equal(got, body) {
				t.Fatal("other bytes")
			}
		})
	}
}

// NoSuchUpload and no object: the upload was lost, which must not look like
// success, nor like something that never mends.
func TestUploadLost(t *testing.T) {
	_, f, s := setup(t, nil)
	u, err := s.Begin(t.Context(), "k", 3)
	if err == nil {
		err = u.Part(t.Context(), 0, []byte("abc"))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if isComplete(r) {
			refuse(w, 404, "NoSuchUpload")
		}
		return isComplete(r)
	})
	if _, err := u.Complete(t.Context(), archive.CRC64NVME([]byte("abc"))); !errors.Is(err, archive.ErrUploadGone) || errors.Is(err, archive.ErrPermanent) {
		t.Fatal(err)
	}
}

// An object of another content that came to stand under the key meanwhile is
// neither overwritten nor taken for ours.
func TestCompleteLosesToAnother(t *testing.T) {
	server, _, s := setup(t, nil)
	direct := openS3(t, server, func(c *archive.S3Config) { c.Prefix = "arch" })
	u, err := s.Begin(t.Context(), "k", 3)
	if err == nil {
		err = u.Part(t.Context(), 0, []byte("abc"))
	}
	if err == nil {
		err = direct.Put(t.Context(), "k", []byte("xyz"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(t.Context(), archive.CRC64NVME([]byte("abc"))); !errors.Is(err, archive.ErrExists) {
		t.Fatal(err)
	}
	if got := readAll(t, s, "k"); string(got) != "xyz" {
		t.Fatalf("%q", got)
	}
}

// A small put whose reply is lost is found to have worked.
func TestLostReplyToPut(t *testing.T) {
	_, f, s := setup(t, nil)
	var once sync.Once
	f.set(func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) (dealt bool) {
		if r.Method == "PUT" {
			once.Do(func() {
				pass(httptest.NewRecorder())
				cut(w)
				dealt = true
			})
		}
		return dealt
	})
	if err := s.Put(t.Context(), "k", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if n := f.count("PUT", ""); n != 2 {
		t.Fatalf("%d puts", n)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, `<?xml version="1.0"?><Error><Code>`+code+`</Code><Message>because of `+code+`</Message></Error>`)
}

func readAll(t *testing.T, s archive.Store, key string) []byte {
	t.Helper()
	r, err := s.Read(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every operation names the store and the object, tells what the server said,
// and knows whether waiting can help.
func TestRefusals(t *testing.T) {
	_, f, s := setup(t, nil)
	for _, c := range []struct {
		status int
		code   string
		kind   error // nil: may be tried again
	}{
		{403, "AccessDenied", archive.ErrPermanent},
		{403, "InvalidAccessKeyId", archive.ErrPermanent},
		{403, "SignatureDoesNotMatch", archive.ErrPermanent},
		{403, "RequestTimeTooSkewed", nil},
		{401, "Unauthorized", archive.ErrPermanent},
		{400, "InvalidRequest", archive.ErrPermanent},
		{400, "RequestTimeout", nil},
		{400, "BadDigest", archive.ErrChecksum},
		{404, "NoSuchBucket", archive.ErrPermanent},
		{301, "PermanentRedirect", archive.ErrPermanent},
		{405, "MethodNotAllowed", archive.ErrPermanent},
		{501, "NotImplemented", archive.ErrPermanent},
		{409, "ConditionalRequestConflict", nil},
		{429, "TooManyRequests", nil},
		{500, "InternalError", nil},
		{502, "BadGateway", nil},
		{503, "SlowDown", nil},
	} {
		f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
			refuse(w, c.status, c.code)
			return true
		})
		err := s.Put(t.Context(), "id/bagit.txt", []byte("x"))
		if err == nil {
			t.Fatalf("%d %s: put worked", c.status, c.code)
		}
		for _, kind := range []error{archive.ErrPermanent, archive.ErrChecksum, archive.ErrNotFound, archive.ErrExists, archive.ErrUploadGone} {
			if errors.Is(err, kind) != (kind == c.kind) {
				t.Errorf("%d %s: %v, is %q: %v", c.status, c.code, err, kind, errors.Is(err, kind))
			}
		}
		for _, word := range []string{"store cloud: ", "id/bagit.txt", c.code} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%d %s: %q does not say %q", c.status, c.code, err, word)
			}
		}
		if strings.Contains(err.Error(), "operation error") {
			t.Errorf("in the SDK's words: %v", err)
		}
	}
}

// A head that finds nothing because the bucket is gone, or because the bucket
// cannot be asked about, is no word on the object.
func TestNotFoundIsTheObject(t *testing.T) {
	server, f, s := setup(t, nil)
	if _, err := s.Stat(t.Context(), "none"); !errors.Is(err, archive.ErrNotFound) {
		t.Fatal(err)
	}
	other := openS3(t, server, func(c *archive.S3Config) { c.Bucket = "nobucket" })
	if _, err := other.Stat(t.Context(), "none"); errors.Is(err, archive.ErrNotFound) || !errors.Is(err, archive.ErrPermanent) || !strings.Contains(err.Error(), "nobucket") {
		t.Fatal(err)
	}
	if _, err := other.Read(t.Context(), "none", 0, -1); errors.Is(err, archive.ErrNotFound) || !errors.Is(err, archive.ErrPermanent) {
		t.Fatal(err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if r.Method == "HEAD" && strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/discs") {
			w.WriteHeader(503)
			return true
		}
		return false
	})
	if _, err := s.Stat(t.Context(), "none"); err == nil || errors.Is(err, archive.ErrNotFound) {
		t.Fatal(err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		http.Error(w, "this is some other web server", 404)
		return true
	})
	if _, err := s.Read(t.Context(), "none", 0, -1); err == nil || errors.Is(err, archive.ErrNotFound) {
		t.Fatal(err)
	}
}

// Answers to a read that are not what was asked for never pass as data.
func TestWrongAnswersToRead(t *testing.T) {
	_, f, s := setup(t, nil)
	body := archivetest.Bytes(2, 10_000)
	if err := s.Put(t.Context(), "k", body); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		offset, length int64
		answer         func(w http.ResponseWriter)
		is             error
	}{
		"range ignored":    {100, 50, func(w http.ResponseWriter) { w.Write(body) }, nil},
		"other range":      {100, 50, func(w http.ResponseWriter) { part(w, "bytes 101-150/10000", body[101:151]) }, nil},
		"longer range":     {100, 50, func(w http.ResponseWriter) { part(w, "bytes 100-150/10000", body[100:151]) }, nil},
		"shorter range":    {100, 50, func(w http.ResponseWriter) { part(w, "bytes 100-120/10000", body[100:121]) }, nil},
		"object too short": {9990, 50, func(w http.ResponseWriter) { part(w, "bytes 9990-9999/10000", body[9990:]) }, archive.ErrPermanent},
		"range is a lie":   {100, 50, func(w http.ResponseWriter) { part(w, "bytes 100-149/10000", body[100:120]) }, nil},
		"no sense":         {100, 50, func(w http.ResponseWriter) { part(w, "bytes 9-3/10000", body[100:150]) }, nil},
		"cut off": {0, -1, func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "10000")
			w.Write(body[:5000])
		}, io.ErrUnexpectedEOF},
		"flipped on the way": {0, -1, func(w http.ResponseWriter) {
			bad := bytes.Clone(body)
			bad[5] ^= 1
			w.Header().Set("Content-Length", "10000")
			w.Header().Set("X-Amz-Checksum-Crc64nvme", archive.FormatCRC64NVME(archive.CRC64NVME(body)))
			w.Write(bad)
		}, archive.ErrChecksum},
	} {
		f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
			if r.Method == "GET" {
				c.answer(w)
			}
			return r.Method == "GET"
		})
		r, err := s.Read(t.Context(), "k", c.offset, c.length)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func part(w http.ResponseWriter, rng string, b []byte) {
	w.Header().Set("Content-Range", rng)
	w.WriteHeader(206)
	w.Write(b)
}

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

// A server without CRC64NVME is told apart before a byte is sent.
func TestServerWithoutCRC64NVME(t *testing.T) {
	_, f, s := setup(t, nil)
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if r.Method != "POST" || !r.URL.Query().Has("uploads") {
			return false
		}
		w.Header().Set("Content-Type", "application/xml")
		io.WriteString(w, `<InitiateMultipartUploadResult><Bucket>discs</Bucket><Key>k</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
		return true
	})
	if _, err := s.Begin(t.Context(), "k", 100); !errors.Is(err, archive.ErrPermanent) || !strings.Contains(err.Error(), `checksums = "md5"`) {
		t.Fatal(err)
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

// A byte flipped on the server's own disk is found by reading, and by nothing
// less: the head still shows the old checksum.
func TestDamageAtRest(t *testing.T) {
	server, _, s := setup(t, nil)
	body := archivetest.Bytes(7, archivetest.PartSize+11)
	u, err := s.Begin(t.Context(), "k", int64(len(body)))
	for n := 0; err == nil && n < 2; n++ {
		err = u.Part(t.Context(), n, body[n*archivetest.PartSize:min(len(body), (n+1)*archivetest.PartSize)])
	}
	if err == nil {
		_, err = u.Complete(t.Context(), archive.CRC64NVME(body))
	}
	if err != nil {
		t.Fatal(err)
	}
	flip(t, server.File("discs", "arch/k"), archivetest.PartSize)
	if info, err := s.Stat(t.Context(), "k"); err != nil || info.CRC64NVME != archive.FormatCRC64NVME(archive.CRC64NVME(body)) {
		t.Fatalf("%+v, %v", info, err)
	}
	r, err := s.Read(t.Context(), "k", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, archive.ErrChecksum) {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at < 0 {
		at += info.Size()
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
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
