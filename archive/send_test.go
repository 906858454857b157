package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

// watched is a store that notes what becomes visible, in order, and fails on
// demand.
type watched struct {
	archive.Store
	done  []string
	parts int
	fail  func(op, key string, n int) error
}

func (w *watched) failing(op, key string, n int) error {
	if w.fail == nil {
		return nil
	}
	return w.fail(op, key, n)
}

func (w *watched) Put(ctx context.Context, key string, body []byte) error {
	if err := w.failing("put", key, 0); err != nil {
		return err
	}
	w.done = append(w.done, key)
	return w.Store.Put(ctx, key, body)
}

func (w *watched) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	if err := w.failing("begin", key, 0); err != nil {
		return nil, err
	}
	u, err := w.Store.Begin(ctx, key, size)
	return &watchedUpload{u, w, key}, err
}

type watchedUpload struct {
	archive.Upload
	w   *watched
	key string
}

func (u *watchedUpload) Part(ctx context.Context, n int, body []byte) error {
	if err := u.w.failing("part", u.key, n); err != nil {
		return err
	}
	u.w.parts++
	return u.Upload.Part(ctx, n, body)
}

func (u *watchedUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	if err := u.w.failing("part", u.key, n); err != nil {
		return err
	}
	u.w.parts++
	return u.Upload.PartFrom(ctx, n, src, crc)
}

func (u *watchedUpload) Complete(ctx context.Context, crc uint64) (archive.Info, error) {
	if err := u.w.failing("complete", u.key, 0); err != nil {
		return archive.Info{}, err
	}
	u.w.done = append(u.w.done, u.key)
	return u.Upload.Complete(ctx, crc)
}

func TestSendOrder(t *testing.T) {
	w := &watched{Store: openDir(t, filepath.Join(t.TempDir(), "store"))}
	bag := bagOf(bigImage)
	var intents []string
	var last, total int64
	res, err := archive.Send(t.Context(), w, bag, archive.SendOptions{
		BeforeComplete: func(key string) error {
			if slices.Contains(w.done, key) {
				t.Errorf("%s was complete before its intent", key)
			}
			intents = append(intents, key)
			return nil
		},
		Progress: func(done, of int64) {
			if done < last {
				t.Errorf("progress falls from %d to %d", last, done)
			}
			last, total = done, of
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"data/image.iso", "data/disc.cue", "bagit.txt", "bag-info.txt", "metadata/record.json", "metadata/sectors.map",
		"manifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha256.txt", "tagmanifest-sha512.txt"}
	for i := range want {
		want[i] = bag.Key(want[i])
	}
	if !slices.Equal(w.done, want) {
		t.Errorf("order %q", w.done)
	}
	if !slices.Equal(intents, want[:2]) {
		t.Errorf("intents %q", intents)
	}
	if last != bag.Size() || total != bag.Size() || res.SentParts != 4 || res.HeldParts != 0 || res.SentBytes != bag.Size() || res.AlreadyWhole || len(res.Payload) != 2 {
		t.Errorf("%d of %d, %+v", last, total, res)
	}
	// Once more: nothing is sent, no intent is written down, the answer is the same.
	intents, w.parts = nil, 0
	again, err := archive.Send(t.Context(), w, bagOf(bigImage), archive.SendOptions{BeforeComplete: func(key string) error { intents = append(intents, key); return nil }})
	if err != nil || w.parts != 0 || len(intents) != 0 || !again.AlreadyWhole || again.TagManifest != res.TagManifest || again.SentBytes != 0 {
		t.Errorf("%v, %d parts, intents %q, %+v", err, w.parts, intents, again)
	}
}

var errCable = errors.New("cable pulled")

// Cut off at every single step, Send goes on the next time, and no part that
// the store holds is sent again.
func TestSendGoesOn(t *testing.T) {
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	w := &watched{Store: s}
	bag := bagOf(bigImage)
	for step := 0; ; step++ {
		left := 1 // every run gets one step further than the one before
		failed := map[string]bool{}
		w.fail = func(op, key string, n int) error {
			id := fmt.Sprint(op, key, n)
			if _, err := s.Stat(t.Context(), key); err == nil || failed[id] {
				return nil // only new ground counts
			}
			if op == "put" || op == "part" || op == "complete" {
				if left--; left < 0 {
					return errCable
				}
			}
			return nil
		}
		_, err := archive.Send(t.Context(), w, bag, archive.SendOptions{})
		_, there := s.Stat(t.Context(), bag.Key(archive.TagManifest))
		if (there == nil) != (err == nil) {
			t.Fatalf("step %d: %v, tag manifest: %v", step, err, there)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errCable) || step > 30 {
			t.Fatalf("step %d: %v", step, err)
		}
	}
	if w.parts != 4 {
		t.Errorf("%d parts sent, 4 are needed", w.parts)
	}
	if res, err := archive.Validate(t.Context(), s, bag.Prefix); err != nil || len(res.Flaws) != 0 {
		t.Errorf("%v, %v", res.Flaws, err)
	}
}

// With a Retry hook one call of Send lives through failures of every step, and
// reads the source once to sum it and once to send it.
func TestSendRetries(t *testing.T) {
	w := &watched{Store: openDir(t, filepath.Join(t.TempDir(), "store"))}
	seen := map[string]int{}
	w.fail = func(op, key string, n int) error {
		id := fmt.Sprint(op, key, n)
		if seen[id]++; seen[id] <= 2 {
			return errCable
		}
		return nil
	}
	bag := bagOf(bigImage)
	src := &countingSource{ReaderAt: bag.Payload[0].Source}
	bag.Payload[0].Source = src
	waits := 0
	if _, err := archive.Send(t.Context(), w, bag, archive.SendOptions{Hooks: archive.Hooks{Retry: func(_ context.Context, err error) error {
		if !errors.Is(err, errCable) {
			return err
		}
		waits++
		return nil
	}}}); err != nil {
		t.Fatal(err)
	}
	if waits != 2*len(seen) || src.n.Load() != 2*int64(len(bigImage)) {
		t.Errorf("%d waits for %d steps, %d bytes read", waits, len(seen), src.n.Load())
	}
	// What cannot mend is not asked about.
	w.fail = func(op, key string, n int) error { return fmt.Errorf("no: %w", archive.ErrPermanent) }
	other := bagOf(bigImage)
	other.Prefix = "other/v1"
	if _, err := archive.Send(t.Context(), w, other, archive.SendOptions{Hooks: archive.Hooks{Retry: func(context.Context, error) error { t.Error("asked"); return nil }}}); !errors.Is(err, archive.ErrPermanent) {
		t.Error(err)
	}
}

type countingSource struct {
	io.ReaderAt
	n atomic.Int64
}

func (c *countingSource) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

// A source that is not what was sealed is never completed, wherever it differs
// and whichever parts the store holds already.
func TestSourceChanged(t *testing.T) {
	for name, change := range map[string]func(b []byte) []byte{
		"first byte": func(b []byte) []byte { b[0] ^= 1; return b },
		"last byte":  func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b },
		"part edge":  func(b []byte) []byte { b[archivetest.PartSize] ^= 1; return b },
		"zeroed":     func(b []byte) []byte { clear(b[4096:8192]); return b },
		"shorter":    func(b []byte) []byte { return b[:len(b)-1] },
		"empty":      func(b []byte) []byte { return nil },
		"swapped": func(b []byte) []byte {
			tmp := bytes.Clone(b[:archivetest.PartSize])
			copy(b, b[archivetest.PartSize:2*archivetest.PartSize])
			copy(b[archivetest.PartSize:], tmp)
			return b
		},
	} {
		s := openDir(t, filepath.Join(t.TempDir(), "store"))
		bag := bagOf(bigImage)
		// Half of it was sent while it was still right.
		u, err := s.Begin(t.Context(), bag.Key("data/image.iso"), int64(len(bigImage)))
		if err == nil {
			err = u.Part(t.Context(), 0, bigImage[:archivetest.PartSize])
		}
		if err != nil {
			t.Fatal(err)
		}
		bag.Payload[0].Source = bytes.NewReader(change(bytes.Clone(bigImage)))
		_, err = archive.Send(t.Context(), s, bag, archive.SendOptions{BeforeComplete: func(key string) error { t.Errorf("%s: %s was to be completed", name, key); return nil }})
		if !errors.Is(err, archive.ErrSourceChanged) {
			t.Errorf("%s: %v", name, err)
		}
		for info := range s.List(t.Context(), "") {
			t.Errorf("%s: %s is visible", name, info.Key)
		}
	}
}

// Another bag under the same prefix is neither changed nor taken for this one.
func TestOtherBagIsThere(t *testing.T) {
	_, s, _ := sentBag(t)
	for name, change := range map[string]func(*archive.Bag){
		"image":  func(b *archive.Bag) { b.Payload[0] = payload("data/image.iso", archivetest.Bytes(43, len(image))) },
		"size":   func(b *archive.Bag) { b.Payload[0] = payload("data/image.iso", image[1:]) },
		"record": func(b *archive.Bag) { b.Metadata[0].Body = []byte("{ }") },
		"info":   func(b *archive.Bag) { b.Info[1].Value = "2026-11-23" },
	} {
		bag := sampleBag()
		change(&bag)
		if _, err := archive.Send(t.Context(), s, bag, archive.SendOptions{}); !errors.Is(err, archive.ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if res, err := archive.Validate(t.Context(), s, sampleBag().Prefix); err != nil || len(res.Flaws) != 0 {
		t.Errorf("%v, %v", res.Flaws, err)
	}
}
