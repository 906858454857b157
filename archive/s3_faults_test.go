package archive_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

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

// A server that says that it completed and then has no object yet is asked
// again: that is neither success nor the end.
func TestCompletedAndNotShownYet(t *testing.T) {
	_, f, s := setup(t, nil)
	u, err := s.Begin(t.Context(), "k", 3)
	if err == nil {
		err = u.Part(t.Context(), 0, []byte("abc"))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if r.Method == "HEAD" && strings.HasSuffix(r.URL.Path, "/k") {
			w.WriteHeader(404)
			return true
		}
		return false
	})
	if _, err := u.Complete(t.Context(), archive.CRC64NVME([]byte("abc"))); err == nil || errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrPermanent) || errors.Is(err, archive.ErrUploadGone) {
		t.Fatal(err)
	}
	f.set(nil)
	if _, err := u.Complete(t.Context(), archive.CRC64NVME([]byte("abc"))); err != nil {
		t.Fatal(err)
	}
}

// What a server that cannot join many parts needs is said, and only of one that
// fails at it.
func TestManyPartsThatAreNotJoined(t *testing.T) {
	for _, c := range []struct {
		status, parts int
		told          bool
	}{{500, 840, true}, {500, 262, false}, {403, 840, false}, {0, 840, false}} {
		if got := archive.Unjoined(c.status, c.parts); strings.Contains(got, "--sidecar") != c.told {
			t.Errorf("%d of %d parts: %q", c.status, c.parts, got)
		}
	}
}
