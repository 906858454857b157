package archive_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/archive"
)

// quirky is an S3 server in memory that lacks what a test says: the real one of
// the other tests lacks nothing. It does as much as a store asks for, without
// looking at signatures.
type quirky struct {
	*httptest.Server
	lacks map[string]bool // see the words in serve

	mu      sync.Mutex
	objects map[string]quirkyObject
	uploads map[string]*quirkyUpload
	seen    []*http.Request // without their bodies
	n       int
}

type quirkyObject struct {
	body []byte
	crc  string
	head http.Header // of the request that made it
}

type quirkyUpload struct {
	key   string
	crc   bool
	head  http.Header
	parts map[string]quirkyObject
}

func newQuirky(t *testing.T, lacks ...string) *quirky {
	t.Helper()
	q := &quirky{lacks: map[string]bool{}, objects: map[string]quirkyObject{}, uploads: map[string]*quirkyUpload{}}
	for _, l := range lacks {
		q.lacks[l] = true
	}
	q.Server = httptest.NewServer(q)
	t.Cleanup(q.Close)
	return q
}

func (q *quirky) config(c *archive.S3Config) {
	c.Endpoint, c.Bucket, c.PathStyle = q.URL, "discs", true
}

// requests are those whose method and query fit.
func (q *quirky) requests(method, query string) (out []*http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.seen {
		if r.Method == method && strings.Contains(r.URL.RawQuery, query) {
			out = append(out, r)
		}
	}
	return out
}

func (q *quirky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.seen = append(q.seen, r)
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	has := query.Has
	switch {
	case key == "" && has("uploads"):
		q.listUploads(w, query.Get("prefix"))
	case key == "" && (has("versioning") || has("object-lock")):
		refuse(w, 501, "NotImplemented")
	case key == "":
		answer(w, struct {
			XMLName  xml.Name `xml:"ListBucketResult"`
			KeyCount int
		}{})
	case r.Method == "POST" && has("uploads"):
		q.create(w, r, key)
	case r.Method == "POST" && has("uploadId"):
		q.complete(w, r, key, query.Get("uploadId"))
	case r.Method == "GET" && has("uploadId"):
		q.listParts(w, query.Get("uploadId"))
	case r.Method == "DELETE" && has("uploadId"):
		delete(q.uploads, query.Get("uploadId"))
		w.WriteHeader(204)
	case r.Method == "PUT" && has("partNumber"):
		if u := q.uploads[query.Get("uploadId")]; u == nil {
			refuse(w, 404, "NoSuchUpload")
		} else if o, ok := q.take(w, r, body); ok {
			u.parts[query.Get("partNumber")] = o
			w.Header().Set("X-Amz-Checksum-Crc64nvme", o.crc)
		}
	case r.Method == "PUT" && has("retention"), r.Method == "PUT" && has("legal-hold"):
		refuse(w, 403, "AccessDenied")
	case r.Method == "PUT":
		if q.taken(w, r, key) {
			return
		}
		if o, ok := q.take(w, r, body); ok {
			q.objects[key] = o
		}
	case has("attributes"):
		refuse(w, 501, "NotImplemented")
	case r.Method == "GET" || r.Method == "HEAD":
		q.give(w, r, key)
	default:
		refuse(w, 405, "MethodNotAllowed")
	}
}

// taken answers a write that would replace an object, or whose condition is not
// understood.
func (q *quirky) taken(w http.ResponseWriter, r *http.Request, key string) bool {
	if r.Header.Get("If-None-Match") == "" || q.lacks["conditions"] {
		return false
	}
	if q.lacks["conditions, and says so"] {
		refuse(w, 501, "NotImplemented")
		return true
	}
	if _, there := q.objects[key]; there {
		refuse(w, 412, "PreconditionFailed")
		return true
	}
	return false
}

// take holds a body against the checksums that came with it.
func (q *quirky) take(w http.ResponseWriter, r *http.Request, body []byte) (quirkyObject, bool) {
	o := quirkyObject{body: body, head: r.Header}
	sum := md5.Sum(body)
	if said := r.Header.Get("Content-Md5"); said != "" && said != base64.StdEncoding.EncodeToString(sum[:]) && !q.lacks["checks"] {
		refuse(w, 400, "BadDigest")
		return o, false
	}
	if said := r.Header.Get("X-Amz-Checksum-Crc64nvme"); said != "" && !q.lacks["crc64nvme"] {
		if said != archive.FormatCRC64NVME(archive.CRC64NVME(body)) && !q.lacks["checks"] {
			refuse(w, 400, "BadDigest")
			return o, false
		}
		o.crc = said
	}
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	return o, true
}

func (q *quirky) create(w http.ResponseWriter, r *http.Request, key string) {
	q.n++
	id := fmt.Sprintf("upload-%d", q.n)
	u := &quirkyUpload{key: key, head: r.Header, parts: map[string]quirkyObject{}}
	if r.Header.Get("X-Amz-Checksum-Algorithm") == "CRC64NVME" && !q.lacks["crc64nvme"] {
		u.crc = true
		w.Header().Set("X-Amz-Checksum-Algorithm", "CRC64NVME")
	}
	q.uploads[id] = u
	answer(w, struct {
		XMLName       xml.Name `xml:"InitiateMultipartUploadResult"`
		Key, UploadId string
	}{Key: key, UploadId: id})
}

func (q *quirky) complete(w http.ResponseWriter, r *http.Request, key, id string) {
	u := q.uploads[id]
	if u == nil {
		refuse(w, 404, "NoSuchUpload")
		return
	}
	if q.taken(w, r, key) {
		return
	}
	o := quirkyObject{head: u.head}
	for n := 1; n <= len(u.parts); n++ {
		o.body = append(o.body, u.parts[fmt.Sprint(n)].body...)
	}
	if u.crc {
		o.crc = r.Header.Get("X-Amz-Checksum-Crc64nvme")
		if o.crc != archive.FormatCRC64NVME(archive.CRC64NVME(o.body)) && !q.lacks["checks"] {
			if q.lacks["second tries"] {
				delete(q.uploads, id)
			}
			refuse(w, 400, "BadDigest")
			return
		}
	}
	q.objects[key] = o
	delete(q.uploads, id)
	answer(w, struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		Key     string
	}{Key: key})
}

func (q *quirky) listUploads(w http.ResponseWriter, prefix string) {
	if q.lacks["lists"] {
		refuse(w, 501, "NotImplemented")
		return
	}
	type upload struct {
		Key, UploadId string
		Initiated     time.Time
	}
	out := struct {
		XMLName xml.Name `xml:"ListMultipartUploadsResult"`
		Upload  []upload
	}{}
	for id, u := range q.uploads {
		if strings.HasPrefix(u.key, prefix) {
			out.Upload = append(out.Upload, upload{u.key, id, time.Now().UTC()})
		}
	}
	answer(w, out)
}

func (q *quirky) listParts(w http.ResponseWriter, id string) {
	u := q.uploads[id]
	switch {
	case q.lacks["lists"] || q.lacks["lists of parts"]:
		refuse(w, 501, "NotImplemented")
		return
	case u == nil:
		refuse(w, 404, "NoSuchUpload")
		return
	}
	type part struct {
		PartNumber        string
		Size              int
		ChecksumCRC64NVME string `xml:",omitempty"`
	}
	out := struct {
		XMLName xml.Name `xml:"ListPartsResult"`
		Part    []part
	}{}
	for n, p := range u.parts {
		out.Part = append(out.Part, part{n, len(p.body), p.crc})
	}
	slices.SortFunc(out.Part, func(a, b part) int { return strings.Compare(a.PartNumber, b.PartNumber) })
	answer(w, out)
}

func (q *quirky) give(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := q.objects[key]
	if !ok {
		refuse(w, 404, "NoSuchKey")
		return
	}
	if o.crc != "" {
		w.Header().Set("X-Amz-Checksum-Crc64nvme", o.crc)
		w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	if r.Header.Get("Range") != "" && !q.lacks["ranges"] {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(o.body)))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(o.body)))
	if r.Method == "GET" {
		_, _ = w.Write(o.body)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/xml")
	b, err := xml.Marshal(v)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(b)
}
