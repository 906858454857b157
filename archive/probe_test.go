package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// setupAuto is a store that has to find out what its server can do.
func setupAuto(t *testing.T) (*versitygw.Server, *flaky, *archive.S3, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stores", "cloud.json")
	server, f, s := setup(t, func(c *archive.S3Config) { c.Checksums, c.Capabilities = archive.ChecksumAuto, file })
	return server, f, s, file
}

func probed(t *testing.T, s *archive.S3) *archive.Capabilities {
	t.Helper()
	c, err := s.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leftovers are the unfinished uploads of a bucket.
func leftovers(t *testing.T, server *versitygw.Server) int {
	t.Helper()
	out, err := server.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("discs")})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// A server that does everything right is found to, with a handful of small
// objects, and nothing is deleted or left unfinished.
func TestProbe(t *testing.T) {
	server, f, s, file := setupAuto(t)
	c := probed(t, s)
	for _, name := range []string{archive.PutCRC64NVME, archive.PartCRC64NVME, archive.FullObjectCRC64NVME, archive.ContentMD5, archive.PutIfNoneMatch,
		archive.CompleteIfNoneMatch, archive.ListUploads, archive.ListParts, archive.Ranges, archive.ObjectAttributes} {
		if c.Can(name) != archive.Able {
			t.Errorf("%s: %s", name, c.Can(name))
		}
	}
	for _, name := range []string{archive.Versioning, archive.ObjectLock} {
		if c.Can(name) != archive.Unable {
			t.Errorf("%s: %s", name, c.Can(name))
		}
	}
	if len(c.Found) != 12 {
		t.Errorf("%d lines: %v", len(c.Found), c.Found)
	}
	if n := leftovers(t, server); n != 0 {
		t.Errorf("%d unfinished uploads are left", n)
	}
	objects := 0
	for info, err := range s.List(t.Context(), "") {
		if err != nil || !strings.HasPrefix(info.Key, archive.ProbePrefix) || info.Size > 1000 {
			t.Errorf("%+v, %v", info, err)
		}
		objects++
	}
	if objects > 4 {
		t.Errorf("%d objects are left", objects)
	}
	if n := f.count("DELETE", "/arch/probe/") - f.count("DELETE", "uploadId="); n != 0 {
		t.Errorf("%d objects were to be deleted", n)
	}
	if notes := archive.NotesOf(s); len(notes) != 0 {
		t.Errorf("notes: %q", notes)
	}
	var written archive.Capabilities
	if b, err := os.ReadFile(file); err != nil || json.Unmarshal(b, &written) != nil || written.Format != "ripstation s3 capabilities" || written.Version != 1 ||
		written.Endpoint != f.URL || written.Bucket != "discs" || written.Prefix != "arch" || written.Probed.IsZero() {
		t.Errorf("%+v, %v", written, err)
	}
	// The next store of this place knows without asking, another place does not.
	f.set(nil)
	again := openS3(t, server, func(cfg *archive.S3Config) {
		cfg.Endpoint, cfg.Prefix, cfg.Checksums, cfg.Capabilities = f.URL, "arch", archive.ChecksumAuto, file
	})
	if again.Known() == nil || f.count("", "") != 0 {
		t.Error("what was recorded is not known")
	}
	other := openS3(t, server, func(cfg *archive.S3Config) {
		cfg.Endpoint, cfg.Prefix, cfg.Checksums, cfg.Capabilities = f.URL, "other", archive.ChecksumAuto, file
	})
	if other.Known() != nil {
		t.Error("one place is taken for another")
	}
}

func TestVersioningIsFound(t *testing.T) {
	server, _, s, _ := setupAuto(t)
	server.Versioning("discs")
	if c := probed(t, s); c.Can(archive.Versioning) != archive.Able {
		t.Error(c.Found)
	}
}

// quirkyStore is a store at a server that lacks something.
func quirkyStore(t *testing.T, change func(*archive.S3Config), lacks ...string) (*quirky, *archive.S3) {
	t.Helper()
	q := newQuirky(t, lacks...)
	cfg := archive.S3Config{Name: "cloud", AccessKeyFile: one(t, "key"), SecretKeyFile: one(t, "secret"), PartSize: archivetest.PartSize,
		Checksums: archive.ChecksumAuto, Capabilities: filepath.Join(t.TempDir(), "cloud.json")}
	q.config(&cfg)
	if change != nil {
		change(&cfg)
	}
	s, err := archive.NewS3(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return q, s
}

// one is a file of one line.
func one(t *testing.T, line string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "line")
	if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Checksums that the configuration insists on prove nothing where they are not
// looked at.
func TestUnvouchedWhateverIsSet(t *testing.T) {
	for _, c := range []struct {
		sums  archive.Checksums
		lacks string
		want  bool
	}{{archive.ChecksumCRC64NVME, "checks", true}, {archive.ChecksumMD5, "checks", true}, {archive.ChecksumMD5, "crc64nvme", false}, {archive.ChecksumCRC64NVME, "nothing", false}} {
		_, s := quirkyStore(t, func(cfg *archive.S3Config) { cfg.Checksums = c.sums }, c.lacks)
		probed(t, s)
		if why := archive.Unvouched(s); (why != "") != c.want {
			t.Errorf("%s at a server that lacks %s: %q", c.sums, c.lacks, why)
		}
	}
}

// A server that lacks something is found out, is told, and gets the fallback.
func TestServersThatLackSomething(t *testing.T) {
	all := []string{archive.PutCRC64NVME, archive.PartCRC64NVME, archive.FullObjectCRC64NVME, archive.ContentMD5, archive.PutIfNoneMatch,
		archive.CompleteIfNoneMatch, archive.ListUploads, archive.ListParts, archive.Ranges}
	for _, c := range []struct {
		lacks   string
		unable  []string
		note    string // a word of what is told
		sums    archive.Checksums
		without string // a header that is not sent any more
	}{
		{"nothing", nil, "", archive.ChecksumCRC64NVME, ""},
		{"second tries", nil, "", archive.ChecksumCRC64NVME, ""},
		{"conditions", all[4:6], "If-None-Match", archive.ChecksumCRC64NVME, "If-None-Match"},
		{"conditions, and says so", all[4:6], "If-None-Match", archive.ChecksumCRC64NVME, "If-None-Match"},
		{"crc64nvme", all[:3], "", archive.ChecksumMD5, "X-Amz-Checksum-Crc64nvme"},
		{"checks", all[:4], "read-back alone", archive.ChecksumMD5, "X-Amz-Checksum-Crc64nvme"},
		{"lists", all[6:8], "every part is sent again", archive.ChecksumCRC64NVME, ""},
		{"lists of parts", all[7:8], "every part is sent again", archive.ChecksumCRC64NVME, ""},
		{"ranges", all[8:9], "extract", archive.ChecksumCRC64NVME, ""},
	} {
		t.Run(c.lacks, func(t *testing.T) {
			q, s := quirkyStore(t, nil, c.lacks)
			if archive.Unvouched(s) == "" {
				t.Error("a server that was not asked yet is believed")
			}
			found := probed(t, s)
			if why := archive.Unvouched(s); (why != "") != (c.lacks == "checks") || c.lacks == "checks" && !strings.Contains(why, "takes bytes with a wrong checksum") {
				t.Errorf("its word proves nothing: %q", why)
			}
			for _, name := range all {
				want := archive.Able
				if slices.Contains(c.unable, name) {
					want = archive.Unable
				}
				if found.Can(name) != want {
					t.Errorf("%s: %s, want %s", name, found.Can(name), want)
				}
			}
			if found.Can(archive.ObjectAttributes) != archive.Unable || found.Can(archive.Versioning) != archive.Unable || found.Can(archive.ObjectLock) != archive.Unable {
				t.Errorf("%+v", found)
			}
			if notes := archive.NotesOf(s); (c.note == "") != (len(notes) == 0) || c.note != "" && !strings.Contains(notes[0], c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			q.mu.Lock()
			if len(q.uploads) != 0 {
				t.Errorf("unfinished uploads are left: %v", q.uploads)
			}
			q.seen = nil
			q.mu.Unlock()
			onceOnly(t, s)
			for _, r := range append(q.requests("PUT", ""), q.requests("POST", "uploadId")...) {
				if c.without != "" && r.Header.Get(c.without) != "" {
					t.Errorf("%s %s with %s", r.Method, r.URL, c.without)
				}
				if sum := r.Header.Get("X-Amz-Checksum-Crc64nvme"); (c.sums == archive.ChecksumCRC64NVME) != (sum != "") {
					t.Errorf("%s %s has CRC64NVME %q", r.Method, r.URL, sum)
				}
			}
		})
	}
}

// onceOnly puts objects and uploads, once, again, and with other bytes under
// the same keys: nothing is ever replaced.
func onceOnly(t *testing.T, s *archive.S3) {
	t.Helper()
	first, other := []byte("an image"), []byte("AN IMAGE")
	if err := s.Put(t.Context(), "id/tag", first); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "id/tag", first); err != nil {
		t.Error(err)
	}
	if err := s.Put(t.Context(), "id/tag", other); !errors.Is(err, archive.ErrExists) {
		t.Errorf("put other bytes: %v", err)
	}
	begin := func(key string) archive.Upload {
		t.Helper()
		u, err := s.Begin(t.Context(), key, int64(len(first)))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	late := begin("id/late")
	u := begin("id/image")
	for _, u := range []archive.Upload{u, begin("id/image"), late} { // an upload is gone on with
		if err := u.Part(t.Context(), 0, first); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), "id/late", other); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Complete(t.Context(), archive.CRC64NVME(first)); !errors.Is(err, archive.ErrExists) {
		t.Errorf("complete over an object: %v", err)
	}
	for range 2 {
		if _, err := u.Complete(t.Context(), archive.CRC64NVME(first)); err != nil {
			t.Error(err)
		}
	}
	for key, want := range map[string][]byte{"id/tag": first, "id/image": first, "id/late": other} {
		if got := readAll(t, s, key); !bytes.Equal(got, want) {
			t.Errorf("%s is %q", key, got)
		}
	}
}

// A store that is dark, or refuses, is used in the cautious way until it is
// known; a probe that was broken off records nothing.
func TestNotProbed(t *testing.T) {
	server, f, s, file := setupAuto(t)
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if r.URL.Query().Has("attributes") {
			refuse(w, 503, "SlowDown")
			return true
		}
		return false
	})
	if err := s.Put(t.Context(), "id/tag", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if s.Known() != nil {
		t.Error("half a probe is taken for a whole one")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Error(err)
	}
	if notes := archive.NotesOf(s); len(notes) != 1 || !strings.Contains(notes[0], "SlowDown") || !strings.Contains(notes[0], "cautious") {
		t.Errorf("%q", notes)
	}
	if n := leftovers(t, server); n != 0 {
		t.Errorf("%d unfinished uploads are left", n)
	}
	heads := f.count("HEAD", "id/tag")
	if info, err := s.Stat(t.Context(), "id/tag"); err != nil || info.CRC64NVME != "" && heads == 0 {
		t.Errorf("%+v, %v, %d looks", info, err, heads)
	}
	if heads == 0 {
		t.Error("put without a look")
	}
	f.set(nil)
	probed(t, s)
	if len(archive.NotesOf(s)) != 0 {
		t.Error(archive.NotesOf(s))
	}
}

// What a key may not ask is not known, and not taken for a no.
func TestProbeForbidden(t *testing.T) {
	_, f, s, _ := setupAuto(t)
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if r.URL.Query().Has("versioning") || r.URL.Query().Has("object-lock") {
			refuse(w, 403, "AccessDenied")
			return true
		}
		return false
	})
	c := probed(t, s)
	if c.Can(archive.Versioning) != archive.Untold || c.Can(archive.ObjectLock) != archive.Untold || c.Can(archive.PutIfNoneMatch) != archive.Able {
		t.Errorf("%+v", c)
	}
}

// A record of another version, or a torn one, is no record.
func TestCapabilitiesFile(t *testing.T) {
	server, _, s, file := setupAuto(t)
	probed(t, s)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"version": strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		"format":  strings.Replace(string(good), "ripstation s3", "other s3", 1),
		"word":    strings.Replace(string(good), `"yes"`, `"perhaps"`, 1),
		"torn":    string(good[:len(good)/2]),
		"empty":   "",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		again := openS3(t, server, func(c *archive.S3Config) { c.Capabilities = file })
		if again.Known() != nil {
			t.Errorf("%s: believed", name)
		}
	}
}
