// Package archivetest holds every store to the same promises. A new kind of
// store is a store when Run passes.
package archivetest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"ripstation/archive"
)

// PartSize is what the stores under test are configured with: the least that
// S3 allows.
const PartSize = 5 << 20

// Subject is one empty store.
type Subject struct {
	// Open gives a new handle on the same store, as a restarted program has.
	Open func(t *testing.T) archive.Store
	// ForgetsParts is true for a store that cannot say after a restart which
	// parts of an unfinished upload it holds.
	ForgetsParts bool
	// Keys is how many objects the test of long listings makes; 0 for 1100,
	// more than one page of S3.
	Keys int
}

// Run runs the suite; empty makes a new, empty store for every test.
func Run(t *testing.T, empty func(t *testing.T) Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"put is only if absent", putOnce},
		{"what is not there", notThere},
		{"keys that are none", badKeys},
		{"keys side by side", neighbours},
		{"nothing visible before complete", invisible},
		{"objects of every size", sizes},
		{"resume after a restart", resume},
		{"a part sent again", partAgain},
		{"wrong checksum", wrongChecksum},
		{"parts that do not fit", wrongParts},
		{"complete twice", completeTwice},
		{"begin on a finished object", beginFinished},
		{"abort", abort},
		{"ranges", ranges},
		{"listing", listing},
		{"many at once", manyAtOnce},
		{"one object from two sides", twoSides},
		{"cancelled", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, empty(t)) })
	}
}

// Bytes are n bytes that differ from those of every other seed.
func Bytes(seed uint64, n int) []byte {
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	b := make([]byte, n)
	if _, err := src.Read(b); err != nil {
		panic(err) // ChaCha8.Read never fails, by its documentation
	}
	return b
}

func put(t *testing.T, s archive.Store, key string, body []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, body); err != nil {
		t.Fatal(err)
	}
}

func begin(t *testing.T, s archive.Store, key string, size int) archive.Upload {
	t.Helper()
	u, err := s.Begin(t.Context(), key, int64(size))
	if err != nil {
		t.Fatal(err)
	}
	if u.PartSize() != PartSize {
		t.Fatalf("parts of %d bytes; configure the store with %d", u.PartSize(), PartSize)
	}
	if want := (size + PartSize - 1) / PartSize; u.Parts() != want {
		t.Fatalf("%d parts for %d bytes instead of %d", u.Parts(), size, want)
	}
	return u
}

func cut(body []byte, n int) []byte {
	return body[n*PartSize : min(len(body), (n+1)*PartSize)]
}

func send(t *testing.T, u archive.Upload, body []byte, parts ...int) {
	t.Helper()
	for _, n := range parts {
		if err := u.Part(t.Context(), n, cut(body, n)); err != nil {
			t.Fatal(err)
		}
	}
}

func complete(t *testing.T, u archive.Upload, body []byte) {
	t.Helper()
	info, err := u.Complete(t.Context(), archive.CRC64NVME(body))
	if err != nil {
		t.Fatal(err)
	}
	checkInfo(t, info, info.Key, body)
}

func checkInfo(t *testing.T, info archive.Info, key string, body []byte) {
	t.Helper()
	if info.Key != key || info.Size != int64(len(body)) {
		t.Fatalf("%+v, want key %s and %d bytes", info, key, len(body))
	}
	if want := archive.FormatCRC64NVME(archive.CRC64NVME(body)); info.CRC64NVME != "" && info.CRC64NVME != want {
		t.Fatalf("%s has checksum %s, want %s", key, info.CRC64NVME, want)
	}
	if info.Modified.IsZero() {
		t.Fatalf("%s has no time", key)
	}
}

// upload brings a whole object in.
func upload(t *testing.T, s archive.Store, key string, body []byte) {
	t.Helper()
	u := begin(t, s, key, len(body))
	for n := range u.Parts() {
		send(t, u, body, n)
	}
	complete(t, u, body)
}

func read(ctx context.Context, s archive.Store, key string, offset, length int64) ([]byte, error) {
	r, err := s.Read(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// holds fails unless the object is exactly body, by its head and by its bytes.
func holds(t *testing.T, s archive.Store, key string, body []byte) {
	t.Helper()
	got, err := read(t.Context(), s, key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, body) {
		t.Fatalf("%s has %d other bytes than the %d put", key, len(got), len(body))
	}
	info, err := s.Stat(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	checkInfo(t, info, key, body)
}

// absent fails if anything can be seen under the key.
func absent(t *testing.T, s archive.Store, key string) {
	t.Helper()
	if _, err := s.Stat(t.Context(), key); !errors.Is(err, archive.ErrNotFound) {
		t.Fatalf("stat %s: %v, want not found", key, err)
	}
	if _, err := s.Read(t.Context(), key, 0, -1); !errors.Is(err, archive.ErrNotFound) {
		t.Fatalf("read %s: %v, want not found", key, err)
	}
	if keys := list(t, s, ""); slices.Contains(keys, key) {
		t.Fatalf("%s is listed", key)
	}
}

func list(t *testing.T, s archive.Store, prefix string) (keys []string) {
	t.Helper()
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}
