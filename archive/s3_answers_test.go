package archive_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

// Every operation names the store and the object, tells what the server said,
// and knows whether waiting can help.
func TestRefusals(t *testing.T) {
	_, f, s := setup(t, nil)
	probed(t, s) // a look before the put would be refused first
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
	if _, err := s.Begin(t.Context(), "k", 100); !errors.Is(err, archive.ErrPermanent) || !strings.Contains(err.Error(), `checksums = "auto"`) {
		t.Fatal(err)
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
