package archive_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

// op is what a request asks of S3.
type op string

const (
	headObject  op = "HeadObject"
	headBucket  op = "HeadBucket"
	getObject   op = "GetObject"
	putObject   op = "PutObject"
	listObjects op = "ListObjectsV2"
	listUploads op = "ListMultipartUploads"
	listParts   op = "ListParts"
	createUp    op = "CreateMultipartUpload"
	uploadPart  op = "UploadPart"
	completeUp  op = "CompleteMultipartUpload"
	abortUp     op = "AbortMultipartUpload"
	otherOp     op = "something else"
)

func opOf(r *http.Request) op {
	q := r.URL.Query()
	object := strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch {
	case r.Method == "HEAD" && object:
		return headObject
	case r.Method == "HEAD":
		return headBucket
	case r.Method == "GET" && q.Has("uploads"):
		return listUploads
	case r.Method == "GET" && q.Has("uploadId"):
		return listParts
	case r.Method == "GET" && q.Get("list-type") == "2":
		return listObjects
	case r.Method == "GET" && object:
		return getObject
	case r.Method == "PUT" && q.Has("partNumber"):
		return uploadPart
	case r.Method == "PUT" && object:
		return putObject
	case r.Method == "POST" && q.Has("uploads"):
		return createUp
	case r.Method == "POST" && q.Has("uploadId"):
		return completeUp
	case r.Method == "DELETE" && q.Has("uploadId"):
		return abortUp
	}
	return otherOp
}

// scripted speaks just enough S3 for one object, and answers what a test has
// it answer. What the script does not name is answered as an honest server
// would, of which object and parts are the truth.
type scripted struct {
	*httptest.Server
	mu     sync.Mutex
	script map[op]func(w http.ResponseWriter, r *http.Request)
	asked  map[op]int

	object  []byte // nil: not there
	silent  bool   // heads and gets tell no checksum
	pending []byte // what a completed upload becomes
}

func newScripted(t *testing.T) (*scripted, *archive.S3) {
	t.Helper()
	s := &scripted{asked: map[op]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	store, err := archive.NewS3(t.Context(), archive.S3Config{Name: "cloud", Endpoint: s.URL, Bucket: "discs", PathStyle: true,
		PartSize: archivetest.PartSize, AccessKeyFile: keyFile(t), SecretKeyFile: keyFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return s, store
}

// play sets the script and the object that is there, and counts from 0.
func (s *scripted) play(object []byte, script map[op]func(w http.ResponseWriter, r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.object, s.script, s.asked, s.pending, s.silent = object, script, map[op]int{}, nil, false
}

func (s *scripted) times(o op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[o]
}

// becomes is the object from now on.
func (s *scripted) becomes(object []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.object = object
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o := opOf(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.asked[o]++
	act := s.script[o]
	s.mu.Unlock()
	if act != nil {
		act(w, r)
		return
	}
	s.honest(w, r, o, body)
}

func (s *scripted) honest(w http.ResponseWriter, r *http.Request, o op, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Last-Modified", "Thu, 26 Nov 2026 01:02:03 GMT")
	switch o {
	case headBucket, abortUp:
	case headObject, getObject:
		if s.object == nil {
			refuse(w, 404, "NoSuchKey")
			return
		}
		if !s.silent {
			w.Header().Set("X-Amz-Checksum-Crc64nvme", archive.FormatCRC64NVME(archive.CRC64NVME(s.object)))
			w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
		}
		from, to := 0, len(s.object)
		if rng := r.Header.Get("Range"); rng != "" {
			if _, err := fmt.Sscanf(rng, "bytes=%d-%d", &from, &to); err != nil {
				refuse(w, 400, "InvalidArgument")
				return
			}
			to = min(to+1, len(s.object))
			w.Header().Del("X-Amz-Checksum-Crc64nvme")
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(s.object)))
		}
		w.Header().Set("Content-Length", strconv.Itoa(to-from))
		if from > 0 || to < len(s.object) {
			w.WriteHeader(206)
		}
		w.Write(s.object[from:to])
	case putObject:
		s.object = body
	case listObjects, listUploads, listParts:
		speaks(w, `<R><IsTruncated>false</IsTruncated></R>`)
	case createUp:
		w.Header().Set("X-Amz-Checksum-Algorithm", "CRC64NVME")
		w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
		speaks(w, `<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
	case uploadPart:
		s.pending = append(s.pending, body...)
		w.Header().Set("ETag", `"e`+r.URL.Query().Get("partNumber")+`"`)
		w.Header().Set("X-Amz-Checksum-Crc64nvme", archive.FormatCRC64NVME(archive.CRC64NVME(body)))
	case completeUp:
		s.object = s.pending
		speaks(w, `<CompleteMultipartUploadResult><ETag>"e-1"</ETag></CompleteMultipartUploadResult>`)
	default:
		refuse(w, 501, "NotImplemented")
	}
}

func speaks(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/xml")
	io.WriteString(w, xml.Header+text)
}

// says is a step of a script: this status with this text.
func says(status int, text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}
