package archive_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/s3server"
)

// left are the keys of the unfinished uploads in the bucket.
func left(t *testing.T, server *s3server.Server) (keys []string) {
	t.Helper()
	out, err := server.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("discs")})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range out.Uploads {
		keys = append(keys, aws.ToString(u.Key))
	}
	return keys
}

// The server has begun an upload and the answer is lost: that upload is found
// and used, and not one more begun beside it.
func TestLostReplyToBegin(t *testing.T) {
	server, f, s := setup(t, nil)
	var once sync.Once
	f.set(func(w http.ResponseWriter, r *http.Request, pass func(http.ResponseWriter)) (dealt bool) {
		if r.Method == "POST" && r.URL.Query().Has("uploads") {
			once.Do(func() {
				pass(httptest.NewRecorder())
				cut(w)
				dealt = true
			})
		}
		return dealt
	})
	u, err := s.Begin(t.Context(), "k", 3)
	if err != nil {
		t.Fatal(err)
	}
	if keys := left(t, server.Server); len(keys) != 1 {
		t.Errorf("unfinished uploads of %q", keys)
	}
	if err := u.Part(t.Context(), 0, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(t.Context(), archive.CRC64NVME([]byte("abc"))); err != nil {
		t.Fatal(err)
	}
	if keys := left(t, server.Server); len(keys) != 0 {
		t.Errorf("unfinished uploads of %q are left", keys)
	}
}

// Two upload one object, and each has an upload of its own because both looked
// before the other began. When both have been told that it is stored, neither
// upload is left.
func TestNoUploadIsLeftByTwo(t *testing.T) {
	server, _, s := setup(t, nil)
	body := archivetest.Bytes(1, 1000)
	first, err := s.Begin(t.Context(), "k", int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	second := secondUpload(t, server.Server, s, "k", int64(len(body)))
	for _, u := range []archive.Upload{first, second} {
		if err := u.Part(t.Context(), 0, body); err != nil {
			t.Fatal(err)
		}
	}
	if keys := left(t, server.Server); len(keys) != 2 {
		t.Fatalf("unfinished uploads of %q", keys)
	}
	for _, u := range []archive.Upload{first, second} {
		if _, err := u.Complete(t.Context(), archive.CRC64NVME(body)); err != nil {
			t.Fatal(err)
		}
	}
	if keys := left(t, server.Server); len(keys) != 0 {
		t.Errorf("unfinished uploads of %q are left", keys)
	}
}

// secondUpload has Begin find no upload of the key, as if it had looked
// earlier.
func secondUpload(t *testing.T, server *s3server.Server, s *archive.S3, key string, size int64) archive.Upload {
	t.Helper()
	blind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" && r.URL.Query().Has("uploads") {
			w.Header().Set("Content-Type", "application/xml")
			w.Write([]byte(`<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>`))
			return
		}
		relay(server.Endpoint).ServeHTTP(w, r)
	}))
	t.Cleanup(blind.Close)
	other := openServer(t, server, func(c *archive.S3Config) { c.Endpoint, c.Prefix = blind.URL, "arch" })
	u, err := other.Begin(t.Context(), key, size)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
