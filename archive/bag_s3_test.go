package archive_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// A bag goes into a bucket while the server is killed and started again at
// every sixth request or so, and is read back whole. Then a byte flips on the
// server's disk, and then the server is gone.
func TestBagInBucket(t *testing.T) {
	server, f, s := setup(t, nil)
	bag := bagOf(bigImage)
	var n atomic.Int64
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		// Not in step with anything that is tried again.
		if rand.New(rand.NewPCG(7, uint64(n.Add(1)))).IntN(6) == 0 {
			server.Kill()
			cut(w)
			return true
		}
		return false
	})
	restarts := 0
	res, err := archive.Send(t.Context(), s, bag, archive.SendOptions{Hooks: archive.Hooks{Retry: func(_ context.Context, err error) error {
		if restarts++; restarts > 100 {
			return err
		}
		server.Restart()
		return nil
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if restarts < 4 {
		t.Fatalf("the server was killed %d times only", restarts)
	}
	server.Restart()
	f.set(nil)

	want := archive.Expected{Prefix: bag.Prefix, Payload: bag.Payload, TagManifest: res.TagManifest}
	got, err := archive.ReadBack(t.Context(), s, want)
	if err != nil || len(got.Flaws) != 0 || got.Files != 10 {
		t.Fatalf("%+v, %v", got, err)
	}
	if res, err := archive.Send(t.Context(), s, bagOf(bigImage), archive.SendOptions{}); err != nil || !res.AlreadyWhole || res.SentBytes != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	flip(t, server.File("discs", "arch/"+bag.Key("data/image.iso")), -1)
	got, err = archive.ReadBack(t.Context(), s, want)
	if err != nil || !slices.ContainsFunc(got.Flaws, func(f archive.Flaw) bool { return f.Path == "data/image.iso" && f.Fault == archive.Damaged }) {
		t.Fatalf("%v, %v", got.Flaws, err)
	}
	server.Kill()
	got, err = archive.ReadBack(t.Context(), s, want)
	if err == nil || errors.Is(err, archive.ErrNotFound) || len(got.Flaws) != 0 {
		t.Fatalf("%v, %v", got.Flaws, err)
	}
}

// A spool file of any length costs two parts of memory, not its own size.
func TestSendMemory(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	s := openS3(t, server, nil)
	const parts = 40
	src := &pattern{}
	bag := bagOf(nil)
	size := int64(parts * archivetest.PartSize)
	bag.Payload[0].Source, bag.Payload[0].Size = src, size
	one := make([]byte, archivetest.PartSize)
	if _, err := src.ReadAt(one, 0); err != nil {
		t.Fatal(err)
	}
	bag.Payload[0].CRC64NVME = 0
	for range parts {
		bag.Payload[0].CRC64NVME = archive.CombineCRC64NVME(bag.Payload[0].CRC64NVME, archive.CRC64NVME(one), archivetest.PartSize)
	}
	var most uint64
	_, err := archive.Send(t.Context(), s, bag, archive.SendOptions{Progress: func(done, total int64) {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}})
	if err != nil {
		t.Fatal(err)
	}
	// bigImage and the like are in it as well.
	if limit := uint64(4*archivetest.PartSize + len(bigImage) + 16<<20); most > limit {
		t.Errorf("%d MiB of live memory for %d MiB sent", most>>20, size>>20)
	}
}

// pattern is a source without end in which every part is the same.
type pattern struct{}

func (pattern) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		p[i] = byte((off + int64(i)) % archivetest.PartSize >> 4)
	}
	return len(p), nil
}

// Cancelling ends Send soon, with all that it started.
func TestSendIsCancelled(t *testing.T) {
	_, f, s := setup(t, nil)
	over := make(chan struct{})
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	f.set(func(w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if r.Method != "PUT" || !strings.Contains(r.URL.RawQuery, "partNumber") {
			return false
		}
		cancel()
		<-over
		return true
	})
	start := time.Now()
	if _, err := archive.Send(ctx, s, bagOf(bigImage), archive.SendOptions{Hooks: archive.Hooks{Retry: func(ctx context.Context, err error) error { return nil }}}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}
