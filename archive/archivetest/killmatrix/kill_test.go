// Package killmatrix holds what ripstation promises of a kill: a client that
// is killed at any request of an upload, or a server that is, loses nothing,
// doubles nothing, and costs one part sent whole twice at the most.
//
// go test runs a short upload. RIPSTATION_KILL_MATRIX=all, which make
// kill-matrix sets, runs one of 40 parts, killed everywhere.
package killmatrix

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/gate"
	"ripstation/internal/s3server"
	"ripstation/internal/versitygw"
)

const bucket = "discs"

// full is whether everything is to be killed.
var full = os.Getenv("RIPSTATION_KILL_MATRIX") == "all"

// bench is a server, a gate before it and what is sent through.
type bench struct {
	t      *testing.T
	server *s3server.Server
	gate   *gate.Gate
	what   job
	store  *archive.S3 // past the gate
	n      int
	// forgets is a server that does not say after a restart which parts it
	// holds, so that all may be sent twice.
	forgets bool
}

func open(t *testing.T, server *s3server.Server, what job) *bench {
	t.Helper()
	server.Bucket(bucket)
	b := &bench{t: t, server: server, gate: gate.Open(t, server.Endpoint), what: what}
	direct := b.config()
	direct.Endpoint = server.Endpoint
	var err error
	if b.store, err = archive.NewS3(t.Context(), direct); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	return b
}

func (b *bench) config() archive.S3Config {
	return archive.S3Config{Name: "cloud", Endpoint: b.gate.URL, Bucket: bucket, PathStyle: true, PartSize: archivetest.PartSize,
		AccessKeyFile: b.server.AccessKeyFile, SecretKeyFile: b.server.SecretKeyFile}
}

// child is a client in a process of its own.
type child struct {
	cmd   *exec.Cmd
	out   strings.Builder
	ended chan struct{}
	err   error
	once  sync.Once
}

func (b *bench) start(j job) *child {
	b.t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		b.t.Fatal(err)
	}
	path := filepath.Join(b.t.TempDir(), "job.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.t.Fatal(err)
	}
	c := &child{cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), order+"="+path)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c
}

// kill ends the client as a power cut would, and returns when it is gone.
func (c *child) kill() {
	c.once.Do(func() { _ = c.cmd.Process.Kill() })
	<-c.ended
}

func (c *child) wait(t *testing.T) error {
	select {
	case <-c.ended:
		return c.err
	case <-time.After(clientLimit):
		c.kill()
		t.Fatal(errTooLong)
		return nil
	}
}

// next is a job with a bag of its own.
func (b *bench) next() job {
	j := b.what
	b.n++
	j.Bag, j.Store = fmt.Sprintf("bag-%d/v1", b.n), b.config()
	return j
}

// requests sends once without a kill and gives the requests that it takes.
func (b *bench) requests() []gate.Request {
	j := b.next()
	b.gate.Set(nil)
	if c := b.start(j); c.wait(b.t) != nil {
		b.t.Fatalf("nothing was killed and it fails: %s", c.out.String())
	}
	seen := b.gate.Seen()
	b.check(j, seen, 0)
	return seen
}

// killClient kills the client at one point of its n-th request, then has
// another send the same to the end. It gives the number of parts begun twice.
func (b *bench) killClient(n int, at gate.Point) int {
	j := b.next()
	ready := make(chan *child, 1)
	var once sync.Once
	b.gate.Set(func(r gate.Request, p gate.Point) bool {
		if r.N != n || p != at {
			return false
		}
		once.Do(func() { (<-ready).kill() })
		return true
	})
	c := b.start(j)
	ready <- c
	if c.wait(b.t) == nil {
		b.t.Errorf("request %d, %s: the client was not killed", n, at)
	}
	first := b.gate.Seen()
	b.gate.Set(nil)
	j.Stream = j.Stream && n%2 == 0 // the others find the image sealed
	if c := b.start(j); c.wait(b.t) != nil {
		b.t.Errorf("request %d, %s: the second run: %s", n, at, c.out.String())
		return 0
	}
	return b.check(j, append(first, b.gate.Seen()...), 1)
}

// killServer kills the server at one point of the n-th request and starts it
// again; the client goes on by itself.
func (b *bench) killServer(n int, at gate.Point) int {
	j := b.next()
	j.Patient = true
	var once sync.Once
	b.gate.Set(func(r gate.Request, p gate.Point) bool {
		if r.N != n || p != at {
			return false
		}
		once.Do(func() {
			b.server.Kill()
			b.server.Restart()
		})
		return true
	})
	if c := b.start(j); c.wait(b.t) != nil {
		b.t.Errorf("request %d, %s: %s", n, at, c.out.String())
		return 0
	}
	return b.check(j, b.gate.Seen(), 1)
}

// check holds the store against the job: one whole bag with these very bytes,
// nothing unfinished, no more parts sent whole once more than allowed, and one
// begun once more beside them. It gives how many were begun again.
func (b *bench) check(j job, seen []gate.Request, allowed int) (twice int) {
	b.t.Helper()
	ctx := b.t.Context()
	res, err := archive.Validate(ctx, b.store, j.Bag)
	if err != nil || len(res.Flaws) != 0 {
		b.t.Errorf("%s: %v, %v", j.Bag, res.Flaws, err)
	}
	tags, err := j.bag(nil).TagFiles()
	if err != nil {
		b.t.Fatal(err)
	}
	if want := tags[len(tags)-1].SHA512; res.TagManifest != want {
		b.t.Errorf("%s is another bag: its tag manifest has %s instead of %s", j.Bag, res.TagManifest, want)
	}
	b.equal(j)
	want := []string{j.Bag + "/data/image.iso"}
	for _, f := range tags {
		want = append(want, j.Bag+"/"+f.Path)
	}
	slices.Sort(want)
	var have []string
	for info, err := range b.store.List(ctx, "") {
		if err != nil {
			b.t.Fatal(err)
		}
		have = append(have, info.Key)
	}
	if !slices.Equal(have, want) {
		b.t.Errorf("the bucket holds %q instead of %q", have, want)
	}
	client := b.server.Client()
	left, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, u := range left.Uploads {
		b.t.Errorf("an unfinished upload of %s is left", aws.ToString(u.Key))
		if _, err := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String(bucket), Key: u.Key, UploadId: u.UploadId}); err != nil {
			b.t.Error(err)
		}
	}
	begun, sent, whole := map[string]int{}, map[string]int{}, 0
	for _, r := range seen {
		if n := r.Part(); n != "" {
			if begun[n]++; begun[n] > 1 {
				twice++
			}
			if r.Whole {
				if sent[n]++; sent[n] > 1 {
					whole++
				}
			}
		}
	}
	parts := int((j.Size + archivetest.PartSize - 1) / archivetest.PartSize)
	if len(sent) != parts || (whole > allowed || twice > 2*allowed) && !b.forgets {
		b.t.Errorf("%d of %d parts were sent, %d of them whole again, %d begun again", len(sent), parts, whole, twice)
	}
	for _, key := range have {
		if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}); err != nil {
			b.t.Fatal(err)
		}
	}
	return twice
}

// equal holds every byte of the object against the image.
func (b *bench) equal(j job) {
	b.t.Helper()
	f, err := os.Open(j.Image)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	r, err := b.store.Read(b.t.Context(), j.Bag+"/data/image.iso", 0, -1)
	if err != nil {
		b.t.Error(err)
		return
	}
	defer r.Close()
	have, want := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; at += int64(len(have)) {
		n, err := io.ReadFull(r, have)
		m, _ := io.ReadFull(f, want)
		if n != m || !slices.Equal(have[:n], want[:m]) {
			b.t.Errorf("%s differs from the image after byte %d", j.Bag, at)
			return
		}
		if err != nil {
			if err != io.EOF && err != io.ErrUnexpectedEOF || at+int64(n) != j.Size {
				b.t.Errorf("%s ends at byte %d of %d: %v", j.Bag, at+int64(n), j.Size, err)
			}
			return
		}
	}
}

// cell is one kill.
type cell struct {
	n  int
	at gate.Point
}

// cells are all kills of these requests; those in the middle of a body only
// where there is one. Without full, every third.
func cells(seen []gate.Request) (all []cell) {
	for _, r := range seen {
		for _, p := range gate.Points {
			if p != gate.MidBody || r.Length > 1 {
				all = append(all, cell{r.N, p})
			}
		}
	}
	return all
}

func parts() int {
	if full {
		return 40
	}
	return 3
}

func matrix(t *testing.T, b *bench, all []cell, kill func(c cell) int) {
	start, again := time.Now(), 0
	for i, c := range all {
		again += kill(c)
		if t.Failed() {
			t.Fatalf("killed at request %d, %s", c.n, c.at)
		}
		if full && i%20 == 19 {
			t.Logf("%d of %d kills, %v", i+1, len(all), time.Since(start).Round(time.Second))
		}
	}
	t.Logf("%d kills of an upload of %d parts, %d parts begun twice in all, %v", len(all), parts(), again, time.Since(start).Round(time.Second))
}

func spread(all []cell, step int) (some []cell) {
	if full {
		return all
	}
	for i := 0; i < len(all); i += step {
		some = append(some, all[i])
	}
	return some
}

func TestClientKilled(t *testing.T) {
	b := open(t, versitygw.Start(t).Server, image(t, parts()))
	all := cells(b.requests())
	matrix(t, b, spread(all, 1), func(c cell) int { return b.killClient(c.n, c.at) })
}

func TestServerKilled(t *testing.T) {
	b := open(t, versitygw.Start(t).Server, image(t, parts()))
	all := cells(b.requests())
	matrix(t, b, spread(all, 3), func(c cell) int { return b.killServer(c.n, c.at) })
}
