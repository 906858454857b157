package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

type script = map[op]func(w http.ResponseWriter, r *http.Request)

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kinds are what an error may be; every error is exactly one of them, or none,
// when it may be tried again.
var kinds = []error{archive.ErrPermanent, archive.ErrChecksum, archive.ErrNotFound, archive.ErrExists, archive.ErrUploadGone}

func isKind(err, kind error) bool {
	for _, k := range kinds {
		if errors.Is(err, k) != (k == kind) {
			return false
		}
	}
	return err != nil
}

// Whatever a server answers to Complete, only the object that is there decides.
func TestAnswersToComplete(t *testing.T) {
	const bomb = `<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>`
	body := archivetest.Bytes(31, 5000)
	other := bytes.Clone(body)
	other[4999] ^= 1
	internal := says(200, `<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>`)
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		object []byte // there afterwards
		silent bool
		ok     bool
		kind   error
	}{
		"200 with an error":                    {internal, nil, false, false, nil},
		"200 with an error, and done":          {internal, body, false, true, nil},
		"200 with an error after blanks":       {says(200, "\n\n   \n<Error><Code>InternalError</Code></Error>"), nil, false, false, nil},
		"200 with SlowDown":                    {says(200, `<Error><Code>SlowDown</Code></Error>`), nil, false, false, nil},
		"200 and nothing":                      {says(200, ""), nil, false, false, nil},
		"200 and nothing, and done":            {says(200, ""), body, false, true, nil},
		"200 and garbage":                      {says(200, "<html><body>welcome"), nil, false, false, nil},
		"200 and torn XML, and done":           {says(200, "<CompleteMultipartUploadResult><ETag>"), body, false, true, nil},
		"200 and an XML bomb":                  {says(200, bomb+`<CompleteMultipartUploadResult><ETag>&c;</ETag></CompleteMultipartUploadResult>`), nil, false, false, nil},
		"done, as another":                     {says(200, `<R/>`), other, false, false, archive.ErrExists},
		"done, shorter":                        {says(200, `<R/>`), body[:4999], false, false, archive.ErrExists},
		"done, no checksum told":               {says(200, `<R/>`), body, true, true, nil},
		"done, as another, no checksum told":   {says(200, `<R/>`), other, true, false, archive.ErrExists},
		"412 and it is ours":                   {says(412, `<Error><Code>PreconditionFailed</Code></Error>`), body, false, true, nil},
		"412 and it is another's":              {says(412, `<Error><Code>PreconditionFailed</Code></Error>`), other, false, false, archive.ErrExists},
		"NoSuchUpload and it is ours":          {says(404, `<Error><Code>NoSuchUpload</Code></Error>`), body, false, true, nil},
		"NoSuchUpload and nothing":             {says(404, `<Error><Code>NoSuchUpload</Code></Error>`), nil, false, false, archive.ErrUploadGone},
		"InvalidPart":                          {says(400, `<Error><Code>InvalidPart</Code></Error>`), nil, false, false, archive.ErrUploadGone},
		"BadDigest":                            {says(400, `<Error><Code>BadDigest</Code></Error>`), nil, false, false, archive.ErrChecksum},
		"403 with a page instead of an answer": {says(403, "<html>blocked by the firewall</html>"), nil, false, false, archive.ErrPermanent},
		"503 with a page instead of an answer": {says(503, "<html>come back later"), nil, false, false, nil},
		"501":                                  {says(501, `<Error><Code>NotImplemented</Code></Error>`), nil, false, false, archive.ErrPermanent},
		"a redirect":                           {says(307, `<Error><Code>TemporaryRedirect</Code></Error>`), nil, false, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := newScripted(t)
			s.play(nil, script{completeUp: func(w http.ResponseWriter, r *http.Request) {
				s.becomes(c.object)
				c.answer(w, r)
			}})
			s.silent = c.silent
			u, err := store.Begin(t.Context(), "k", int64(len(body)))
			if err == nil {
				err = u.Part(t.Context(), 0, body)
			}
			if err != nil {
				t.Fatal(err)
			}
			info, err := u.Complete(t.Context(), archive.CRC64NVME(body))
			if c.ok && isKind(err, nil) { // by the next try at the latest
				info, err = u.Complete(t.Context(), archive.CRC64NVME(body))
			}
			if c.ok && (err != nil || info.Size != int64(len(body))) || !c.ok && !isKind(err, c.kind) {
				t.Fatalf("%+v, %v", info, err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "store cloud: complete k: ") {
				t.Errorf("does not say what failed: %v", err)
			}
		})
	}
}

// A part counts only when the server has said that it has these very bytes.
func TestAnswersToPart(t *testing.T) {
	body := archivetest.Bytes(32, 3000)
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		kind   error
	}{
		"another checksum": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"e1"`)
			w.Header().Set("X-Amz-Checksum-Crc64nvme", archive.FormatCRC64NVME(1))
		}, archive.ErrChecksum},
		"no ETag": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amz-Checksum-Crc64nvme", r.Header.Get("X-Amz-Checksum-Crc64nvme"))
		}, nil},
		"upload gone": {says(404, `<Error><Code>NoSuchUpload</Code></Error>`), archive.ErrUploadGone},
		"SlowDown":    {says(503, `<Error><Code>SlowDown</Code></Error>`), nil},
		"BadDigest":   {says(400, `<Error><Code>BadDigest</Code></Error>`), archive.ErrChecksum},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := newScripted(t)
			s.play(nil, script{uploadPart: c.answer})
			u, err := store.Begin(t.Context(), "k", int64(len(body)))
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Part(t.Context(), 0, body); !isKind(err, c.kind) {
				t.Fatal(err)
			}
			if u.Has(0, archive.CRC64NVME(body)) {
				t.Error("counts as held")
			}
			if _, err := u.Complete(t.Context(), archive.CRC64NVME(body)); err == nil || s.times(completeUp) != 0 {
				t.Errorf("completed: %v", err)
			}
		})
	}
}

// Answers to reading, beyond those of TestWrongAnswersToRead, that are not
// what was asked for never pass as data, not even when no checksum is told.
func TestContradictingReads(t *testing.T) {
	body := archivetest.Bytes(33, 9000)
	for name, c := range map[string]struct {
		offset, length int64
		script         script
	}{
		"part of it, unasked": {0, -1, script{getObject: func(w http.ResponseWriter, r *http.Request) { part(w, "bytes 0-99/9000", body[:100]) }}},
		"the head says less than the rest is": {5, -1, script{
			headObject: func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "1000") },
			getObject:  func(w http.ResponseWriter, r *http.Request) { part(w, "bytes 5-999/9000", body[5:1000]) }}},
		"the head says more than there is": {5, -1, script{
			headObject: func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "9999") },
			getObject:  func(w http.ResponseWriter, r *http.Request) { part(w, "bytes 5-8999/9000", body[5:]) }}},
		"packed on the way": {0, -1, script{getObject: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Length", "20")
			w.Write(body[:20])
		}}},
		"no length": {0, -1, script{getObject: func(w http.ResponseWriter, r *http.Request) {
			w.Write(body[:5000])
			w.(http.Flusher).Flush()
			w.Write(body[5000:])
		}}},
		"a head without a length":     {5, -1, script{headObject: func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Transfer-Encoding", "chunked") }}},
		"an error as if it were data": {0, -1, script{getObject: says(500, `<Error><Code>InternalError</Code></Error>`)}},
		"another object's page":       {5, 100, script{getObject: says(200, "<html>"+strings.Repeat("x", 200))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := newScripted(t)
			s.play(body, c.script)
			s.silent = true
			got, err := readRange(t, store, "k", c.offset, c.length)
			if err == nil {
				t.Fatalf("%d bytes and no error", len(got))
			}
			if errors.Is(err, archive.ErrNotFound) || !strings.HasPrefix(err.Error(), "store cloud: read k: ") {
				t.Errorf("not the truth: %v", err)
			}
		})
	}
}

func readRange(t *testing.T, s archive.Store, key string, offset, length int64) ([]byte, error) {
	r, err := s.Read(t.Context(), key, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func page(keys []string, more string) string {
	var b strings.Builder
	b.WriteString("<ListBucketResult>")
	for _, k := range keys {
		fmt.Fprintf(&b, "<Contents><Key>%s</Key><Size>1</Size><LastModified>2026-11-26T01:02:03.000Z</LastModified></Contents>", k)
	}
	return b.String() + more + "</ListBucketResult>"
}

// A listing that cannot be relied on ends with an error, soon, and never as if
// it were complete.
func TestListingsThatCannotBeReliedOn(t *testing.T) {
	pages := func(give func(n int, token string) string) func(http.ResponseWriter, *http.Request) {
		n := 0
		return func(w http.ResponseWriter, r *http.Request) {
			speaks(w, give(n, r.URL.Query().Get("continuation-token")))
			n++
		}
	}
	const more = "<IsTruncated>true</IsTruncated>"
	for name, give := range map[string]func(n int, token string) string{
		"no token":             func(int, string) string { return page([]string{"a"}, more) },
		"the same token again": func(int, string) string { return page(nil, more+"<NextContinuationToken>t</NextContinuationToken>") },
		"the same page again": func(n int, _ string) string {
			return page([]string{"a", "b"}, more+fmt.Sprintf("<NextContinuationToken>t%d</NextContinuationToken>", n))
		},
		"empty pages for ever": func(n int, _ string) string {
			return page(nil, more+fmt.Sprintf("<NextContinuationToken>t%d</NextContinuationToken>", n))
		},
		"not sorted":  func(int, string) string { return page([]string{"b", "a"}, "") },
		"a key twice": func(int, string) string { return page([]string{"a", "a"}, "") },
		"not sorted by page": func(n int, _ string) string {
			return page([]string{string(rune('c' - n))}, more+fmt.Sprintf("<NextContinuationToken>t%d</NextContinuationToken>", n))
		},
		"not below the prefix": func(int, string) string { return page([]string{"x"}, "") },
		"a negative size":      func(int, string) string { return strings.Replace(page([]string{"a"}, ""), ">1<", ">-1<", 1) },
		"a size that is none":  func(int, string) string { return strings.Replace(page([]string{"a"}, ""), ">1<", ">many<", 1) },
		"torn":                 func(int, string) string { return "<ListBucketResult><Contents><Key>a</Key>" },
		"a bomb": func(int, string) string {
			return `<!DOCTYPE b [<!ENTITY a "a">]><ListBucketResult><Contents><Key>&a;</Key></Contents></ListBucketResult>`
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := newScripted(t)
			s.play(nil, script{listObjects: pages(give)})
			prefix := ""
			if strings.Contains(name, "prefix") {
				prefix = "a"
			}
			var last error
			n := 0
			for _, err := range store.List(t.Context(), prefix) {
				if last = err; err == nil {
					n++
				}
			}
			if last == nil || n > 10 || !strings.HasPrefix(last.Error(), "store cloud: list") {
				t.Errorf("%d keys, then %v", n, last)
			}
			if !isKind(last, nil) || strings.HasSuffix(last.Error(), "answered 200") {
				t.Errorf("not the truth: %v", last)
			}
		})
	}
}

// An answer without end is cut off, whatever it answers.
func TestAnswersWithoutEnd(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "<ListBucketResult><Contents>")
		line := []byte(strings.Repeat("<Key>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</Key>", 1000))
		for {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}
	failing := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		endless(w, r)
	}
	for name, c := range map[string]struct {
		script script
		do     func(s *archive.S3) error
	}{
		"listing": {script{listObjects: endless}, func(s *archive.S3) (last error) {
			for _, err := range s.List(t.Context(), "") {
				last = err
			}
			return last
		}},
		"error": {script{getObject: failing}, func(s *archive.S3) error {
			_, err := s.Read(t.Context(), "k", 0, -1)
			return err
		}},
		"uploads": {script{listUploads: endless}, func(s *archive.S3) error {
			_, err := s.Begin(t.Context(), "k", 1)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, store := newScripted(t)
			s.play(nil, c.script)
			ended := make(chan error, 1)
			go func() { ended <- c.do(store) }()
			select {
			case err := <-ended:
				if err == nil {
					t.Error("no error")
				}
			case <-time.After(3 * time.Minute):
				s.CloseClientConnections()
				<-ended
				t.Error("reads on and on")
			}
		})
	}
}

// Unfinished uploads and their parts come in pages, too: thousands of parts
// are found again, and pages that lead nowhere are told.
func TestPagesOfUploadsAndParts(t *testing.T) {
	s, store := newScripted(t)
	const parts = 2500
	size := int64(parts) * archivetest.PartSize
	upload := func(key, id, minute string) string {
		return fmt.Sprintf("<Upload><Key>%s</Key><UploadId>%s</UploadId><Initiated>2026-11-26T01:%s:00.000Z</Initiated></Upload>", key, id, minute)
	}
	s.play(nil, script{
		listUploads: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("upload-id-marker") {
			case "":
				speaks(w, "<R><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>old</NextUploadIdMarker>"+upload("k", "old", "01")+"</R>")
			case "old":
				speaks(w, "<R><IsTruncated>false</IsTruncated>"+upload("k", "new", "02")+upload("k2", "foreign", "03")+"</R>")
			}
		},
		listParts: func(w http.ResponseWriter, r *http.Request) {
			if id := r.URL.Query().Get("uploadId"); id != "new" {
				t.Errorf("asked about %q", id)
			}
			from := 0
			fmt.Sscan(r.URL.Query().Get("part-number-marker"), &from)
			to := min(from+1000, parts)
			var b strings.Builder
			fmt.Fprintf(&b, "<R><IsTruncated>%v</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker>", to < parts, to)
			for n := from + 1; n <= to; n++ {
				partSize := archivetest.PartSize
				if n == 7 {
					partSize-- // of another plan: not held
				}
				fmt.Fprintf(&b, `<Part><PartNumber>%d</PartNumber><ETag>"e"</ETag><Size>%d</Size><ChecksumCRC64NVME>%s</ChecksumCRC64NVME></Part>`,
					n, partSize, archive.FormatCRC64NVME(uint64(n)))
			}
			speaks(w, b.String()+"</R>")
		},
	})
	u, err := store.Begin(t.Context(), "k", size)
	if err != nil {
		t.Fatal(err)
	}
	for n := range parts {
		if u.Has(n, uint64(n+1)) != (n != 6) {
			t.Fatalf("part %d: %v", n, n == 6)
		}
	}
	if s.times(createUp) != 0 || s.times(listParts) != 3 || s.times(listUploads) != 2 {
		t.Errorf("%d created, %d pages of parts, %d of uploads", s.times(createUp), s.times(listParts), s.times(listUploads))
	}
	n := 0
	for name, bad := range map[string]script{
		"uploads in a circle": {listUploads: func(w http.ResponseWriter, r *http.Request) {
			n++
			speaks(w, fmt.Sprintf("<R><IsTruncated>true</IsTruncated><NextKeyMarker>k%d</NextKeyMarker></R>", n%2))
		}},
		"uploads without end": {listUploads: func(w http.ResponseWriter, r *http.Request) {
			n++
			speaks(w, fmt.Sprintf("<R><IsTruncated>true</IsTruncated><NextKeyMarker>k%09d</NextKeyMarker></R>", n))
		}},
		"parts without end": {
			listUploads: says(200, "<R>"+upload("k", "u", "01")+"</R>"),
			listParts: func(w http.ResponseWriter, r *http.Request) {
				n++
				speaks(w, fmt.Sprintf("<R><IsTruncated>true</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker></R>", n))
			}},
		"parts without a marker": {
			listUploads: says(200, "<R>"+upload("k", "u", "01")+"</R>"),
			listParts:   says(200, "<R><IsTruncated>true</IsTruncated></R>")},
	} {
		n = 0
		s.play(nil, bad)
		if _, err := store.Begin(t.Context(), "k", size); !isKind(err, nil) || n > 20_000 {
			t.Errorf("%s: %v after %d pages", name, err, n)
		}
		if s.times(createUp) != 0 {
			t.Errorf("%s: begun anew", name)
		}
	}
}

// A redirect is not followed: the signature is for this server alone.
func TestRedirectIsNotFollowed(t *testing.T) {
	var followed bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { followed = true }))
	defer elsewhere.Close()
	s, store := newScripted(t)
	for _, status := range []int{301, 302, 307, 308} {
		to := func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}
		s.play(nil, script{headObject: to, getObject: to, putObject: to, listObjects: to})
		_, errStat := store.Stat(t.Context(), "k")
		_, errRead := store.Read(t.Context(), "k", 0, -1)
		for _, err := range []error{errStat, errRead, store.Put(t.Context(), "k", []byte("x"))} {
			kind := archive.ErrPermanent
			if status == 307 { // a bucket on the move
				kind = nil
			}
			if !isKind(err, kind) || !strings.Contains(err.Error(), fmt.Sprint(status)) {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
	if followed {
		t.Error("followed")
	}
}

// A server that is busy is asked again, a few times.
func TestBusyServer(t *testing.T) {
	s, store := newScripted(t)
	n := 0
	s.play(nil, script{putObject: func(w http.ResponseWriter, r *http.Request) {
		if n++; n < 3 {
			refuse(w, 503, "SlowDown")
		}
	}})
	if err := store.Put(t.Context(), "k", []byte("x")); err != nil || n != 3 {
		t.Errorf("%v after %d requests", err, n)
	}
}
