package archivetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"ripstation/archive"
)

func putOnce(t *testing.T, sub Subject) {
	s := sub.Open(t)
	for _, body := range [][]byte{{}, []byte("x"), Bytes(1, 70_000)} {
		key := fmt.Sprintf("id/v1/metadata/%d.json", len(body))
		put(t, s, key, body)
		holds(t, s, key, body)
		put(t, s, key, body)
		put(t, sub.Open(t), key, body)
		for _, other := range [][]byte{append(slices.Clone(body), 'y'), Bytes(2, len(body)+1)} {
			if err := s.Put(t.Context(), key, other); !errors.Is(err, archive.ErrExists) {
				t.Fatalf("put of other bytes: %v", err)
			}
		}
		if len(body) > 0 {
			same := slices.Clone(body) // as long, one bit apart
			same[len(same)-1] ^= 1
			if err := s.Put(t.Context(), key, same); !errors.Is(err, archive.ErrExists) {
				t.Fatalf("put of other bytes of the same length: %v", err)
			}
		}
		holds(t, sub.Open(t), key, body)
	}
}

func notThere(t *testing.T, sub Subject) {
	s := sub.Open(t)
	absent(t, s, "id/v1/data/image.iso")
	put(t, s, "id/v1/bagit.txt", []byte("b"))
	absent(t, s, "id/v1")            // a folder is no object
	absent(t, s, "id/v1/bagit.txt2") // nor is what only begins like one
	absent(t, s, "id/v1/bagit.txt/below")
	if _, err := read(t.Context(), s, "id/v1/none", 5, 10); !errors.Is(err, archive.ErrNotFound) {
		t.Fatalf("range of nothing: %v", err)
	}
	if keys := list(t, s, "other/"); len(keys) != 0 {
		t.Fatalf("listed %q", keys)
	}
}

func badKeys(t *testing.T, sub Subject) {
	s := sub.Open(t)
	for _, key := range []string{"", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", "./a", "a//b", "a/", ".uploads/x", "a/.hidden",
		".ripstation-store", "a b", "a\nb", "a\x00b", "ä", "a%2fb", `a\b`, "a:b", "a*", strings.Repeat("k", 201), strings.Repeat("a/", 300) + "a"} {
		_, errRead := s.Read(t.Context(), key, 0, -1)
		_, errStat := s.Stat(t.Context(), key)
		_, errBegin := s.Begin(t.Context(), key, 1)
		for op, err := range map[string]error{"put": s.Put(t.Context(), key, []byte("x")), "read": errRead, "stat": errStat, "begin": errBegin} {
			if !errors.Is(err, archive.ErrPermanent) || errors.Is(err, archive.ErrNotFound) {
				t.Errorf("%s %q: %v", op, key, err)
			}
		}
	}
	if _, err := s.Begin(t.Context(), "a", -1); !errors.Is(err, archive.ErrPermanent) {
		t.Errorf("begin of -1 bytes: %v", err)
	}
	if keys := list(t, s, ""); len(keys) != 0 {
		t.Errorf("something was stored: %q", keys)
	}
}

// Unfinished uploads whose keys begin alike are not mixed up.
func neighbours(t *testing.T, sub Subject) {
	s := sub.Open(t)
	bodies := map[string][]byte{}
	for i, key := range []string{"n/image", "n/image.iso", "n/image.iso2", "n/image-2/x"} {
		bodies[key] = Bytes(uint64(20+i), PartSize+1)
		send(t, begin(t, s, key, PartSize+1), bodies[key], 0)
	}
	s = sub.Open(t)
	for key, body := range bodies {
		u := begin(t, s, key, len(body))
		for n := range u.Parts() {
			if !u.Has(n, archive.CRC64NVME(cut(body, n))) {
				send(t, u, body, n)
			} else if n == 1 {
				t.Fatalf("%s has a part that was never sent", key)
			}
		}
		complete(t, u, body)
	}
	for key, body := range bodies {
		holds(t, s, key, body)
	}
}

func ranges(t *testing.T, sub Subject) {
	s := sub.Open(t)
	body := Bytes(3, 2*PartSize+12345)
	upload(t, s, "r/large", body)
	put(t, s, "r/small", body[:10])
	put(t, s, "r/empty", nil)
	for _, c := range []struct {
		key            string
		size           int64
		offset, length int64
	}{
		{"r/large", int64(len(body)), 0, 1}, {"r/large", int64(len(body)), PartSize - 1, 2}, {"r/large", int64(len(body)), 17, PartSize},
		{"r/large", int64(len(body)), int64(len(body)) - 1, 1}, {"r/large", int64(len(body)), PartSize, -1}, {"r/large", int64(len(body)), 0, int64(len(body))},
		{"r/large", int64(len(body)), int64(len(body)), -1}, {"r/large", int64(len(body)), int64(len(body)), 0}, {"r/large", int64(len(body)), 5, 0},
		{"r/small", 10, 3, 4}, {"r/small", 10, 3, -1}, {"r/small", 10, 10, -1}, {"r/small", 10, 0, 0},
		{"r/empty", 0, 0, -1}, {"r/empty", 0, 0, 0},
	} {
		end := c.offset + c.length
		if c.length < 0 {
			end = c.size
		}
		got, err := read(t.Context(), s, c.key, c.offset, c.length)
		if err != nil || !slices.Equal(got, body[c.offset:end]) {
			t.Errorf("%s %d+%d: %d bytes, %v", c.key, c.offset, c.length, len(got), err)
		}
	}
	for _, c := range []struct {
		key            string
		offset, length int64
	}{
		{"r/small", 11, -1}, {"r/small", 11, 0}, {"r/small", 9, 2}, {"r/small", 0, 11}, {"r/small", 10, 1}, {"r/small", 50, 10}, {"r/small", -1, 1},
		{"r/small", 0, -2}, {"r/small", 1, 1<<63 - 1}, {"r/empty", 0, 1}, {"r/empty", 1, -1},
	} {
		if got, err := read(t.Context(), s, c.key, c.offset, c.length); !errors.Is(err, archive.ErrPermanent) {
			t.Errorf("%s %d+%d gives %d bytes and %v", c.key, c.offset, c.length, len(got), err)
		}
	}
}

func listing(t *testing.T, sub Subject) {
	s := sub.Open(t)
	n := sub.Keys
	if n == 0 {
		n = 1100
	}
	// The order of bytes is neither that of folders nor that of words.
	want := []string{"a", "a-b", "a.b/c", "b/B", "b/a", "b-/x", "bb", "c/a/a", "c/a-a", "c/a.a", "c/a0", "c/A"}
	for i := range n {
		want = append(want, fmt.Sprintf("many/%04d/x", i))
	}
	var g sync.WaitGroup
	work := make(chan string)
	for range 8 {
		g.Go(func() {
			for key := range work {
				if err := s.Put(t.Context(), key, []byte(key)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, key := range want {
		work <- key
	}
	close(work)
	g.Wait()
	if t.Failed() {
		return
	}
	send(t, begin(t, s, "c/unfinished", PartSize), Bytes(4, PartSize), 0)

	slices.Sort(want)
	for _, prefix := range []string{"", "a", "b", "b/", "c/a", "c/a/", "many/", "many/09", "many/0999/x", "zzz"} {
		var expect []string
		for _, key := range want {
			if strings.HasPrefix(key, prefix) {
				expect = append(expect, key)
			}
		}
		if got := list(t, s, prefix); !slices.Equal(got, expect) {
			t.Errorf("prefix %q: %d keys, want %d\n%.300q\n%.300q", prefix, len(got), len(expect), got, expect)
		}
	}
	for info, err := range s.List(t.Context(), "many/") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Key != "many/0000/x" {
			t.Fatalf("first is %s", info.Key)
		}
		checkInfo(t, info, "many/0000/x", []byte("many/0000/x"))
		break
	}
}

// Of many who put different bytes under one key, one wins and the others know.
func manyAtOnce(t *testing.T, sub Subject) {
	s := sub.Open(t)
	const n = 8
	var g sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		g.Go(func() {
			errs[i] = s.Put(t.Context(), "one/key", Bytes(uint64(i), 1000))
		})
		g.Go(func() {
			if err := s.Put(t.Context(), "one/same", Bytes(99, 1000)); err != nil {
				t.Error(err)
			}
		})
		g.Go(func() {
			body, key := Bytes(uint64(i), PartSize/8+i), fmt.Sprintf("large/%d", i)
			u, err := s.Begin(t.Context(), key, int64(len(body)))
			if err == nil {
				err = u.Part(t.Context(), 0, body)
			}
			if err == nil {
				_, err = u.Complete(t.Context(), archive.CRC64NVME(body))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("both %d and %d were told that their bytes are stored", winner, i)
		// A server may ask one of two at the same moment to come again.
		case !errors.Is(err, archive.ErrExists) && errors.Is(err, archive.ErrPermanent):
			t.Error(err)
		}
	}
	if winner < 0 {
		t.Fatal("nobody won")
	}
	holds(t, s, "one/key", Bytes(uint64(winner), 1000))
	holds(t, s, "one/same", Bytes(99, 1000))
	for i := range n {
		holds(t, s, fmt.Sprintf("large/%d", i), Bytes(uint64(i), PartSize/8+i))
	}
}

func cancelled(t *testing.T, sub Subject) {
	s := sub.Open(t)
	put(t, s, "k", []byte("x"))
	u := begin(t, s, "u", 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errRead := read(ctx, s, "k", 0, -1)
	_, errStat := s.Stat(ctx, "k")
	_, errBegin := s.Begin(ctx, "l", 3)
	_, errComplete := u.Complete(ctx, 0)
	var errList error
	for _, err := range s.List(ctx, "") {
		errList = err
	}
	for op, err := range map[string]error{"put": s.Put(ctx, "k2", nil), "read": errRead, "stat": errStat, "begin": errBegin, "part": u.Part(ctx, 0, []byte("abc")), "list": errList} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, archive.ErrPermanent) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if errComplete == nil {
		t.Error("complete without its part")
	}
}
