package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
	"ripstation/internal/versitygw"
)

// growing is a file that a test makes final and changes piece by piece.
type growing struct {
	mu      sync.Mutex
	data    []byte
	final   map[int]bool // by part
	again   []archive.Stretch
	next    chan struct{}
	reads   int64
	reading func(off int64) // before a read
}

func newGrowing(body []byte) *growing {
	return &growing{data: bytes.Clone(body), final: map[int]bool{}, next: make(chan struct{})}
}

func (g *growing) ReadAt(p []byte, off int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reading != nil {
		g.reading(off)
	}
	g.reads += int64(len(p))
	return bytes.NewReader(g.data).ReadAt(p, off)
}

func (g *growing) Final(off, n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.final[int(off/archivetest.PartSize)]
}

func (g *growing) Changes(mark int) ([]archive.Stretch, int, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.again[mark:], len(g.again), g.next
}

func (g *growing) change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.next)
	g.next = make(chan struct{})
}

// streaming runs Stream and tells of each part that the store holds.
type streaming struct {
	sent  chan int
	stop  context.CancelFunc
	ended chan error
}

func streamed(t *testing.T, up archive.Upload, g *growing, hooks archive.Hooks) *streaming {
	s := &streaming{sent: make(chan int, 100), ended: make(chan error, 1)}
	until, stop := context.WithCancel(t.Context())
	s.stop = stop
	go func() {
		s.ended <- archive.Stream(t.Context(), until, up, g, int64(len(g.data)), archive.StreamOptions{Hooks: hooks, Sent: func(n int, held int64, now bool) {
			if now {
				s.sent <- n
			} else {
				s.sent <- -1 - n // it was there
			}
		}})
	}()
	return s
}

func (s *streaming) want(t *testing.T, parts ...int) {
	t.Helper()
	for _, n := range parts {
		select {
		case got := <-s.sent:
			if got != n {
				t.Fatalf("part %d came, want %d", got, n)
			}
		case err := <-s.ended:
			t.Fatalf("the stream ended before part %d: %v", n, err)
		}
	}
	select {
	case got := <-s.sent:
		t.Fatalf("part %d came, too", got)
	default:
	}
}

func (s *streaming) end(t *testing.T) {
	t.Helper()
	s.stop()
	if err := <-s.ended; err != nil {
		t.Fatal(err)
	}
}

// eachStore runs a test on every kind of store.
func eachStore(t *testing.T, test func(t *testing.T, s archive.Store, forgets bool)) {
	t.Run("directory", func(t *testing.T) { test(t, openDir(t, filepath.Join(t.TempDir(), "store")), false) })
	server := versitygw.Start(t)
	server.Bucket("discs")
	for _, c := range []archive.Checksums{archive.ChecksumCRC64NVME, archive.ChecksumMD5} {
		t.Run("s3 "+string(c), func(t *testing.T) {
			test(t, openS3(t, server, func(cfg *archive.S3Config) { cfg.Checksums, cfg.Prefix = c, "by-"+string(c) }), c == archive.ChecksumMD5)
		})
	}
}

func sumsOf(body []byte) (sums []uint64) {
	for b := range slices.Chunk(body, 1<<20) {
		sums = append(sums, archive.CRC64NVME(b))
	}
	return sums
}

// Parts go up as they become final, in whatever order; what changes is sent
// again; and at the end Send sends what is missing or other than sealed, and
// reads nothing else.
func TestStream(t *testing.T) {
	const size = 3*archivetest.PartSize + 777
	eachStore(t, func(t *testing.T, s archive.Store, _ bool) {
		body := archivetest.Bytes(91, size)
		early := bytes.Clone(body)
		early[archivetest.PartSize+9] ^= 1 // sent like this first
		early[5] ^= 1                      // and like this to the end
		g := newGrowing(early)
		bag := bagOf(body)
		bag.Payload[0].Sums = sumsOf(body)
		key := bag.Key("data/image.iso")
		up, err := s.Begin(t.Context(), key, size)
		if err != nil {
			t.Fatal(err)
		}
		st := streamed(t, up, g, archive.Hooks{})
		g.change(func() { g.final[3] = true })
		st.want(t, 3)
		g.change(func() { g.final[1] = true })
		st.want(t, 1)
		g.change(func() { // lost, and other bytes at once
			g.again = append(g.again, archive.Stretch{Off: archivetest.PartSize + 4096, Size: 2048})
			g.data[archivetest.PartSize+9] ^= 1
		})
		st.want(t, 1)
		g.change(func() { g.final[1] = false })
		g.change(func() { g.final[0] = true })
		st.want(t, 0)
		g.change(func() { g.final[1] = true })
		st.want(t, -2) // the store has just these bytes
		st.end(t)
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, archive.ErrNotFound) {
			t.Fatalf("visible before the seal: %v", err)
		}
		src := &countingSource{ReaderAt: bytes.NewReader(body)}
		bag.Payload[0].Source = src
		var sent []int
		res, err := archive.Send(t.Context(), s, bag, archive.SendOptions{
			Live: func(k string) archive.Upload {
				if k == key {
					return up
				}
				return nil
			},
			Sent: func(k string, n int) {
				if k == key {
					sent = append(sent, n)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(sent, []int{0, 2}) || res.HeldParts != 2 {
			t.Errorf("sent %v, %+v", sent, res)
		}
		if two := int64(2 * archivetest.PartSize); src.n.Load() != two && src.n.Load() != 2*two { // MD5 or SHA-256 is taken first
			t.Errorf("%d bytes were read", src.n.Load())
		}
		if got := readAll(t, s, key); !bytes.Equal(got, body) {
			t.Error("what is stored is not what was sealed")
		}
		if again, err := s.Begin(t.Context(), key, size); err != nil || !again.Stored() {
			t.Errorf("%v", err)
		} else if err := archive.Stream(t.Context(), t.Context(), again, g, size, archive.StreamOptions{}); err != nil {
			t.Errorf("a stream into a finished object: %v", err)
		}
	})
}

// After a restart the store's own list says what it holds.
func TestStreamGoesOn(t *testing.T) {
	const size = 2*archivetest.PartSize + 1
	eachStore(t, func(t *testing.T, s archive.Store, forgets bool) {
		g := newGrowing(archivetest.Bytes(92, size))
		g.final[0], g.final[2] = true, true
		begin := func() archive.Upload {
			up, err := s.Begin(t.Context(), "go/on", size)
			if err != nil {
				t.Fatal(err)
			}
			return up
		}
		st := streamed(t, begin(), g, archive.Hooks{})
		st.want(t, 0, 2)
		st.end(t)
		again := streamed(t, begin(), g, archive.Hooks{})
		if forgets {
			again.want(t, 0, 2)
		} else {
			again.want(t, -1, -3)
		}
		again.end(t)
	})
}

// A file that changes between the summing and the sending is no failure of the
// store, and what was sent then does not count.
func TestStreamOfAFileThatChangesUnderIt(t *testing.T) {
	eachStore(t, func(t *testing.T, s archive.Store, _ bool) {
		g := newGrowing(archivetest.Bytes(93, archivetest.PartSize))
		up, err := s.Begin(t.Context(), "under/it", archivetest.PartSize)
		if err != nil {
			t.Fatal(err)
		}
		asked, tries := make(chan struct{}, 10), 0
		st := streamed(t, up, g, archive.Hooks{Turn: func(context.Context, int64, int64) (archive.Turn, error) {
			if tries++; tries == 1 { // summed already, not sent yet
				g.mu.Lock()
				g.data[100] ^= 1
				g.mu.Unlock()
			}
			return archive.Turn{Done: func(err error) {
				if tries == 1 && !errors.Is(err, archive.ErrSourceChanged) {
					t.Errorf("sent though it had changed: %v", err)
				}
				asked <- struct{}{}
			}}, nil
		}})
		g.change(func() { g.final[0] = true })
		<-asked
		g.change(func() {})
		st.want(t, 0)
		st.end(t)
		if !up.Has(0, archive.CRC64NVME(g.data)) {
			t.Error("the store has not the bytes as they are now")
		}
	})
}

// What the store says comes back; what waiting mends is tried again; and an
// end is an end, also while it waits.
func TestStreamAndFailures(t *testing.T) {
	w := &watched{Store: openDir(t, filepath.Join(t.TempDir(), "store"))}
	g := newGrowing(archivetest.Bytes(94, 2*archivetest.PartSize))
	g.final[0], g.final[1] = true, true
	up, err := w.Begin(t.Context(), "a/b", int64(len(g.data)))
	if err != nil {
		t.Fatal(err)
	}
	fails := 0
	w.fail = func(op, key string, n int) error {
		if fails++; fails < 3 {
			return errCable
		}
		return nil
	}
	st := streamed(t, up, g, archive.Hooks{Retry: func(context.Context, error) error { return nil }})
	st.want(t, 0, 1)
	st.end(t)
	for _, kind := range []error{archive.ErrUploadGone, archive.ErrPermanent, archive.ErrExists} {
		w.fail = func(op, key string, n int) error { return fmt.Errorf("no: %w", kind) }
		other, err := w.Store.Begin(t.Context(), "c/d", int64(len(g.data)))
		if err != nil {
			t.Fatal(err)
		}
		st := streamed(t, &watchedUpload{other, w, "c/d"}, g, archive.Hooks{Retry: func(context.Context, error) error { return nil }})
		if err := <-st.ended; !errors.Is(err, kind) {
			t.Errorf("%v, want %v", err, kind)
		}
	}
	waiting := make(chan struct{})
	st = streamed(t, up, g, archive.Hooks{})
	st.want(t, -1, -2)
	st.end(t)
	w.fail = nil
	dark, err := w.Begin(t.Context(), "e/f", int64(len(g.data)))
	if err != nil {
		t.Fatal(err)
	}
	st = streamed(t, dark, g, archive.Hooks{Turn: func(ctx context.Context, _, _ int64) (archive.Turn, error) {
		close(waiting)
		<-ctx.Done()
		return archive.Turn{}, ctx.Err()
	}})
	<-waiting
	st.end(t)
}

// Sums that do not fit the image stop everything before it is visible.
func TestSendHoldsSumsAgainstTheFile(t *testing.T) {
	for name, change := range map[string]func(*archive.Payload){
		"one sum": func(p *archive.Payload) { p.Sums[1] ^= 1 },
		"whole":   func(p *archive.Payload) { p.CRC64NVME ^= 1 },
		"source":  func(p *archive.Payload) { b := bytes.Clone(bigImage); b[3<<20] ^= 4; p.Source = bytes.NewReader(b) },
		"shorter": func(p *archive.Payload) { p.Source = bytes.NewReader(bigImage[:len(bigImage)-1]) },
	} {
		s := openDir(t, filepath.Join(t.TempDir(), "store"))
		bag := bagOf(bigImage)
		bag.Payload[0].Sums = sumsOf(bigImage)
		change(&bag.Payload[0])
		_, err := archive.Send(t.Context(), s, bag, archive.SendOptions{BeforeComplete: func(string) error { t.Errorf("%s: to be completed", name); return nil }})
		if !errors.Is(err, archive.ErrSourceChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bag := bagOf(bigImage)
	bag.Payload[0].Sums = sumsOf(bigImage)[1:]
	if _, err := archive.Send(t.Context(), openDir(t, filepath.Join(t.TempDir(), "store")), bag, archive.SendOptions{}); !errors.Is(err, archive.ErrPermanent) {
		t.Errorf("too few sums: %v", err)
	}
	bag = bagOf(bigImage)
	bag.Payload[0].Source = brokenSource{}
	if _, err := archive.Send(t.Context(), openDir(t, filepath.Join(t.TempDir(), "store")), bag, archive.SendOptions{}); !errors.Is(err, archive.ErrSource) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type brokenSource struct{}

func (brokenSource) ReadAt([]byte, int64) (int, error) { return 0, io.ErrNoProgress }
