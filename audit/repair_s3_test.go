package audit

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/versitygw"
)

// cloud puts a bucket in the place of the bench's second store.
func (b *bench) cloud() *versitygw.Server {
	b.t.Helper()
	server := versitygw.Start(b.t)
	server.Bucket("discs")
	st, err := archive.NewS3(b.t.Context(), archive.S3Config{Name: "cloud", Endpoint: server.Endpoint, Bucket: "discs", PathStyle: true,
		AccessKeyFile: server.AccessKeyFile, SecretKeyFile: server.SecretKeyFile})
	b.must(err)
	b.t.Cleanup(func() { st.Close() })
	b.stores[1] = st
	return server
}

// one is what was done to the one copy that was repaired.
func (r RepairReport) one(t *testing.T) Repaired {
	t.Helper()
	if len(r.Copies) != 1 {
		t.Fatalf("%+v", r)
	}
	return r.Copies[0]
}

// A bucket whose versioning was switched on after its objects had come keeps them
// as their version "null": they are repaired, and the event has both ids.
func TestRepairOnTopOfTheNullVersion(t *testing.T) {
	b := newBench(t)
	server := b.cloud()
	id := b.disc(1)
	server.Versioning("discs")
	hurt := map[string]string{}
	for _, p := range []string{"data/image.iso", "metadata/sectors.map"} {
		f := server.File("discs", id+"/v1/"+p)
		b.edit(f, func(x []byte) []byte { x[len(x)/2] ^= 1; hurt[p] = string(x); return x })
	}
	c := b.repair(id).one(t)
	if !c.Whole() || len(c.Superseded) != 2 || c.Failed != "" || len(c.MoveAway) != 0 {
		t.Fatalf("%+v", c)
	}
	events, err := b.cat.Events(t.Context(), id)
	b.must(err)
	for _, s := range c.Superseded {
		if s.Old != "null" || s.New == "" || s.New == s.Old {
			t.Errorf("%+v", s)
		}
		told := false
		for _, e := range events {
			told = told || e.Type == catalog.EventReplication && strings.Contains(e.Detail, "version "+s.New+" was put on top of version null")
		}
		if !told {
			t.Errorf("no event tells of %+v", s)
		}
		key := id + "/v1/" + s.Path
		out, err := server.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("discs"), Key: &key, VersionId: aws.String("null")})
		b.must(err)
		kept, err := io.ReadAll(out.Body)
		b.must(errors.Join(err, out.Body.Close()))
		if string(kept) != hurt[s.Path] {
			t.Errorf("%s: what lay there is not kept", s.Path)
		}
	}
}

// What was deleted in a bucket with versions has a delete marker, which this
// server puts nothing on top of: all markers of the copy are listed at once, and
// once they are removed the copy is whole.
func TestRepairUnderDeleteMarkers(t *testing.T) {
	b := newBench(t)
	server := b.cloud()
	server.Versioning("discs")
	id := b.disc(1)
	want := map[string]string{}
	for _, p := range []string{"data/image.iso", "metadata/sectors.map"} {
		out, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("discs"), Key: aws.String(id + "/v1/" + p)})
		b.must(err)
		want["s3://discs/"+id+"/v1/"+p] = aws.ToString(out.VersionId)
	}
	for range 2 {
		c := b.repair(id).one(t)
		if c.Failed != "" || len(c.Sent) != 0 || len(c.MoveAway) != 2 || c.Whole() {
			t.Fatalf("%+v", c)
		}
		for _, m := range c.MoveAway {
			if m.Marker == "" || m.Marker != want[m.From] || m.To != "" {
				t.Errorf("%+v, want %v", m, want)
			}
		}
	}
	for from, version := range want {
		_, err := server.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("discs"), Key: aws.String(strings.TrimPrefix(from, "s3://discs/")), VersionId: &version})
		b.must(err)
	}
	r := b.repair(id)
	if len(r.Copies) != 0 || r.Before.Copies.ReadBack != 2 {
		t.Errorf("the markers are gone: %+v", r)
	}
}

// What is no file in the place of one is told, with where to move it.
func TestRepairAroundSomethingElse(t *testing.T) {
	for what, make := range map[string]func(path string) error{
		"a folder":        func(p string) error { return os.Mkdir(p, 0o755) },
		"a symbolic link": func(p string) error { return os.Symlink("bagit.txt", p) },
		"a named pipe":    func(p string) error { return syscall.Mkfifo(p, 0o644) },
	} {
		for _, inside := range []string{"data/image.iso", "metadata/sectors.map"} {
			b := newBench(t)
			id := b.disc(1)
			p := b.path("shelf", id, inside)
			b.must(os.Remove(p))
			b.must(make(p))
			c := b.repair(id).one(t)
			if c.Failed != "" || len(c.MoveAway) != 1 || c.MoveAway[0].What != what || c.MoveAway[0].From != p || !strings.Contains(c.MoveAway[0].To, ".set-aside") {
				t.Errorf("%s, %s: %+v", what, inside, c)
				continue
			}
			b.must(os.MkdirAll(filepath.Dir(c.MoveAway[0].To), 0o755))
			b.must(os.Rename(p, c.MoveAway[0].To))
			if c := b.repair(id).one(t); !c.Whole() || len(c.Sent) != 1 {
				t.Errorf("%s, %s, moved away: %+v", what, inside, c)
			}
		}
	}
}

// So is a file in the place of a folder, once, however many files belong there.
func TestRepairAroundAFileInAFoldersPlace(t *testing.T) {
	for folder, files := range map[string]int{"data": 1, "metadata": 3, "": 10} {
		b := newBench(t)
		id := b.disc(1)
		p := filepath.Clean(b.path("shelf", id, folder))
		b.must(os.RemoveAll(p))
		b.must(os.WriteFile(p, []byte("hi\n"), 0o644))
		full := b.audit(true)
		told := slices.ContainsFunc(full.Findings, func(f Finding) bool { return strings.Contains(f.Message, "a file lies in the place of its folder") })
		if told != (folder != "") { // of a bag that is not there at all, no file is told of
			t.Errorf("%q: %+v", folder, full.Findings)
		}
		c := b.repair(id).one(t)
		if c.Failed != "" || len(c.Sent) != 0 || len(c.MoveAway) != 1 || c.MoveAway[0].What != "a file" || c.MoveAway[0].From != p || !strings.Contains(c.MoveAway[0].To, ".set-aside") {
			t.Errorf("%q: %+v", folder, c)
			continue
		}
		b.must(os.MkdirAll(filepath.Dir(c.MoveAway[0].To), 0o755))
		b.must(os.Rename(p, c.MoveAway[0].To))
		if c := b.repair(id).one(t); !c.Whole() || len(c.Sent) != files {
			t.Errorf("%q, moved away: %+v", folder, c)
		}
	}
}
