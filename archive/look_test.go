package archive_test

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

func expected(res archive.SendResult) archive.Expected {
	bag := sampleBag()
	return archive.Expected{Prefix: bag.Prefix, Payload: bag.Payload, TagManifest: res.TagManifest}
}

func TestReadBackOfAGoodBag(t *testing.T) {
	root, s, res := sentBag(t)
	var all int64
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all += info.Size
	}
	got, err := archive.ReadBack(t.Context(), s, expected(res))
	if err != nil || len(got.Flaws) != 0 || got.Files != 10 || got.TagManifest != res.TagManifest || got.Bytes < all {
		t.Errorf("%+v, %v; %d bytes are stored", got, err, all)
	}
	for _, look := range []func() (archive.ReadBackResult, error){
		func() (archive.ReadBackResult, error) { return archive.Validate(t.Context(), s, "mfzwizltorxgk/v1") },
		func() (archive.ReadBackResult, error) {
			return archive.ValidateFolder(t.Context(), os.DirFS(filepath.Join(root, "mfzwizltorxgk", "v1")))
		},
	} {
		if got, err := look(); err != nil || len(got.Flaws) != 0 || got.Files != 10 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What can befall a stored bag, and how it must be called.
func TestFlaws(t *testing.T) {
	write := func(name, text string) func(dir string) error {
		return func(dir string) error {
			path := filepath.Join(dir, name)
			os.Remove(path) // a new file, without the noted checksum
			return os.WriteFile(path, []byte(text), 0o644)
		}
	}
	edit := func(name string, change func([]byte) []byte) func(dir string) error {
		return func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			return write(name, string(change(bytes.Clone(b))))(dir)
		}
	}
	image := "data/image.iso"
	for _, c := range []struct {
		name string
		harm func(dir string) error
		path string
		want archive.Fault
	}{
		{"first byte flipped", edit(image, func(b []byte) []byte { b[0] ^= 1; return b }), image, archive.Damaged},
		{"middle byte flipped", edit(image, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), image, archive.Damaged},
		{"last byte flipped", edit(image, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), image, archive.Damaged},
		{"flipped in place", func(dir string) error { flip(t, filepath.Join(dir, image), 5); return nil }, image, archive.Damaged},
		{"cut by a byte", edit(image, func(b []byte) []byte { return b[:len(b)-1] }), image, archive.Damaged},
		{"cut by a sector", edit(image, func(b []byte) []byte { return b[:len(b)-2048] }), image, archive.Damaged},
		{"cut to nothing", edit(image, func(b []byte) []byte { return nil }), image, archive.Damaged},
		{"appended", edit(image, func(b []byte) []byte { return append(b, 0) }), image, archive.Damaged},
		{"a page zeroed", edit(image, func(b []byte) []byte { clear(b[8192:12288]); return b }), image, archive.Damaged},
		{"image gone", func(dir string) error { return os.Remove(filepath.Join(dir, image)) }, image, archive.Missing},
		{"cue gone", func(dir string) error { return os.Remove(filepath.Join(dir, "data/disc.cue")) }, "data/disc.cue", archive.Missing},
		{"record changed", edit("metadata/record.json", func(b []byte) []byte { return append(b, ' ') }), "metadata/record.json", archive.Damaged},
		{"record gone", func(dir string) error { return os.Remove(filepath.Join(dir, "metadata/record.json")) }, "metadata/record.json", archive.Missing},
		{"info changed", edit("bag-info.txt", func(b []byte) []byte { return bytes.Replace(b, []byte("2026"), []byte("2025"), 1) }), "bag-info.txt", archive.Damaged},
		{"oxum wrong", edit("bag-info.txt", func(b []byte) []byte { return bytes.Replace(b, []byte(".2\n"), []byte(".3\n"), 1) }), "bag-info.txt", archive.Malformed},
		{"declaration gone", func(dir string) error { return os.Remove(filepath.Join(dir, "bagit.txt")) }, "bagit.txt", archive.Missing},
		{"declaration of another version", write("bagit.txt", "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n"), "bagit.txt", archive.Malformed},
		{"manifest changed", edit("manifest-sha512.txt", func(b []byte) []byte { b[0] = "10"[b2i(b[0] == '1')]; return b }), "data/disc.cue", archive.Damaged},
		{"manifest is junk", write("manifest-sha512.txt", "\x00\x01"), "manifest-sha512.txt", archive.Malformed},
		{"manifest climbs", edit("manifest-sha512.txt", func(b []byte) []byte {
			return bytes.Replace(b, []byte("data/disc.cue"), []byte("../../../etc/passwd"), 1)
		}), "manifest-sha512.txt", archive.Malformed},
		{"manifest gone", func(dir string) error { return os.Remove(filepath.Join(dir, "manifest-sha512.txt")) }, "manifest-sha512.txt", archive.Missing},
		{"tag manifest gone", func(dir string) error { return os.Remove(filepath.Join(dir, archive.TagManifest)) }, archive.TagManifest, archive.Missing},
		{"other tag manifest gone", func(dir string) error { return os.Remove(filepath.Join(dir, "tagmanifest-sha256.txt")) }, "tagmanifest-sha256.txt", archive.Missing},
		{"extra payload", write("data/extra", "x"), "data/extra", archive.Extra},
		{"extra tag file", write("metadata/extra", "x"), "metadata/extra", archive.Extra},
		{"fetch", write("fetch.txt", "http://example.org/ 5 data/x\n"), "fetch.txt", archive.Malformed},
		{"two swapped", func(dir string) error {
			a, b := filepath.Join(dir, "metadata/record.json"), filepath.Join(dir, "metadata/sectors.map")
			return errors.Join(os.Rename(a, a+"x"), os.Rename(b, a), os.Rename(a+"x", b))
		}, "metadata/sectors.map", archive.Damaged},
	} {
		root, s, res := sentBag(t)
		dir := filepath.Join(root, "mfzwizltorxgk", "v1")
		if err := c.harm(dir); err != nil {
			t.Fatal(err)
		}
		for how, look := range map[string]func() (archive.ReadBackResult, error){
			"read back": func() (archive.ReadBackResult, error) { return archive.ReadBack(t.Context(), s, expected(res)) },
			"validate":  func() (archive.ReadBackResult, error) { return archive.Validate(t.Context(), s, "mfzwizltorxgk/v1") },
			"folder":    func() (archive.ReadBackResult, error) { return archive.ValidateFolder(t.Context(), os.DirFS(dir)) },
		} {
			got, err := look()
			if err != nil {
				t.Errorf("%s, %s: could not look: %v", c.name, how, err)
			}
			if !slices.ContainsFunc(got.Flaws, func(f archive.Flaw) bool { return f.Path == c.path && f.Fault == c.want }) {
				t.Errorf("%s, %s: want %s %s, got %v", c.name, how, c.path, c.want, got.Flaws)
			}
		}
	}
}

// hexFlipped changes one digit of a manifest's first digest into another one, so
// that it is a manifest still.
func hexFlipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[0] = "10"[b2i(b[0] == '1')]
	return b
}

// What one flaw says of a file does not keep its bytes from being hashed: with a
// stranger in the payload bag-info.txt counts another sum, and may be damaged all
// the same.
func TestEveryListedFileIsHashed(t *testing.T) {
	for name, c := range map[string]struct {
		damaged string
		change  func([]byte) []byte
		beside  string // a file that is put into the bag, too
	}{
		"bag-info.txt beside a stranger in the payload": {"bag-info.txt", func(b []byte) []byte { return bytes.Replace(b, []byte("2026"), []byte("2025"), 1) }, "data/extra.txt"},
		"bag-info.txt with another Payload-Oxum":        {"bag-info.txt", func(b []byte) []byte { return bytes.Replace(b, []byte(".2\n"), []byte(".3\n"), 1) }, ""},
		"a malformed bagit.txt":                         {"bagit.txt", func([]byte) []byte { return []byte("BagIt-Version: 0.97\n") }, ""},
		"a junk manifest":                               {"manifest-sha512.txt", func([]byte) []byte { return []byte("junk") }, ""},
		"the second manifest":                           {"manifest-sha256.txt", hexFlipped, ""},
	} {
		root, s, res := sentBag(t)
		dir := filepath.Join(root, "mfzwizltorxgk", "v1")
		path := filepath.Join(dir, c.damaged)
		b, err := os.ReadFile(path)
		if err == nil {
			err = errors.Join(os.Remove(path), os.WriteFile(path, c.change(b), 0o644))
		}
		if err == nil && c.beside != "" {
			err = os.WriteFile(filepath.Join(dir, c.beside), []byte("extra\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		for how, look := range map[string]func() (archive.ReadBackResult, error){
			"read back": func() (archive.ReadBackResult, error) { return archive.ReadBack(t.Context(), s, expected(res)) },
			"validate":  func() (archive.ReadBackResult, error) { return archive.Validate(t.Context(), s, "mfzwizltorxgk/v1") },
			"folder":    func() (archive.ReadBackResult, error) { return archive.ValidateFolder(t.Context(), os.DirFS(dir)) },
		} {
			got, err := look()
			if err != nil || !slices.ContainsFunc(got.Flaws, func(f archive.Flaw) bool { return f.Path == c.damaged && f.Fault == archive.Damaged }) {
				t.Errorf("%s, %s: not called damaged: %v, %v", name, how, got.Flaws, err)
			}
			if got.Held[c.damaged] || !got.Held["data/image.iso"] {
				t.Errorf("%s, %s: held are %v", name, how, got.Held)
			}
		}
	}
}

// Nothing but the files that it lists vouches for the second tag manifest: a
// digest of it that is wrong, and a line of it that is lost, are seen.
func TestSecondTagManifest(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"a digit flipped": hexFlipped,
		"a line lost":     func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] },
	} {
		root, s, res := sentBag(t)
		path := filepath.Join(root, "mfzwizltorxgk", "v1", "tagmanifest-sha256.txt")
		b, err := os.ReadFile(path)
		if err == nil {
			err = errors.Join(os.Remove(path), os.WriteFile(path, change(b), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := archive.ReadBack(t.Context(), s, expected(res)); err != nil || len(got.Flaws) == 0 {
			t.Errorf("%s: it passes: %+v, %v", name, got, err)
		}
		want := expected(res)
		want.Payload = append(want.Payload, archive.Payload{Path: "tagmanifest-sha256.txt", Size: int64(len(b)), SHA512: fmt.Sprintf("%x", sha512.Sum512(b))})
		got, err := archive.ReadBack(t.Context(), s, want)
		if err != nil || !slices.ContainsFunc(got.Flaws, func(f archive.Flaw) bool { return f.Path == "tagmanifest-sha256.txt" && f.Fault == archive.Damaged }) {
			t.Errorf("%s, its digest known: %v, %v", name, got.Flaws, err)
		}
	}
}

// A bag forged together with its manifests is valid by itself, and not what is
// expected.
func TestForgedBag(t *testing.T) {
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	forged := sampleBag()
	forged.Payload[0] = payload("data/image.iso", archivetest.Bytes(44, len(image)))
	res, err := archive.Send(t.Context(), s, forged, archive.SendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := archive.Validate(t.Context(), s, forged.Prefix); err != nil || len(got.Flaws) != 0 {
		t.Fatalf("%v, %v", got.Flaws, err)
	}
	got, err := archive.ReadBack(t.Context(), s, expected(res))
	if err != nil || len(got.Flaws) != 1 || got.Flaws[0].Path != "data/image.iso" || got.Flaws[0].Fault != archive.Damaged {
		t.Errorf("by the image's digest: %v, %v", got.Flaws, err)
	}
	want := expected(res)
	want.Payload, want.TagManifest = nil, strings.Repeat("0", 128)
	got, err = archive.ReadBack(t.Context(), s, want)
	if err != nil || len(got.Flaws) != 1 || got.Flaws[0].Path != archive.TagManifest {
		t.Errorf("by the tag manifest's digest: %v, %v", got.Flaws, err)
	}
}

// blind is a store whose reads fail, or lie, for one key.
type blind struct {
	archive.Store
	part  string
	times int // how often, -1 for ever
	read  func(archive.Store, context.Context, string) (io.ReadCloser, error)
	list  error
}

func (b *blind) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if strings.Contains(key, b.part) && b.times != 0 {
		b.times--
		return b.read(b.Store, ctx, key)
	}
	return b.Store.Read(ctx, key, offset, length)
}

func (b *blind) List(ctx context.Context, prefix string) iter.Seq2[archive.Info, error] {
	if b.list != nil {
		return func(yield func(archive.Info, error) bool) { yield(archive.Info{}, b.list) }
	}
	return b.Store.List(ctx, prefix)
}

// Who cannot look says so; that is neither good nor bad news of the copy.
func TestCouldNotLook(t *testing.T) {
	_, s, res := sentBag(t)
	refused := fmt.Errorf("403: %w", archive.ErrPermanent)
	fails := func(err error) func(archive.Store, context.Context, string) (io.ReadCloser, error) {
		return func(archive.Store, context.Context, string) (io.ReadCloser, error) { return nil, err }
	}
	for name, c := range map[string]struct {
		b   *blind
		err error
	}{
		"no listing":     {&blind{list: refused}, archive.ErrPermanent},
		"no reading":     {&blind{times: -1, read: fails(refused)}, archive.ErrPermanent},
		"not the image":  {&blind{part: "image.iso", times: -1, read: fails(io.ErrUnexpectedEOF)}, io.ErrUnexpectedEOF},
		"not a manifest": {&blind{part: "/manifest-sha512", times: -1, read: fails(refused)}, archive.ErrPermanent},
		"cut off": {&blind{part: "image.iso", times: -1, read: func(s archive.Store, ctx context.Context, key string) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(image[:1000]), failing{})), nil
		}}, io.ErrUnexpectedEOF},
	} {
		c.b.Store = s
		got, err := archive.ReadBack(t.Context(), c.b, expected(res))
		if !errors.Is(err, c.err) || len(got.Flaws) != 0 {
			t.Errorf("%s: %v, flaws %v", name, err, got.Flaws)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := archive.ReadBack(ctx, s, expected(res)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// One wrong byte on the way here is no damage: only what is wrong twice is.
func TestWrongOnce(t *testing.T) {
	_, s, res := sentBag(t)
	for name, read := range map[string]func(archive.Store, context.Context, string) (io.ReadCloser, error){
		"other bytes": func(archive.Store, context.Context, string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("something else")), nil
		},
		"checksum": func(archive.Store, context.Context, string) (io.ReadCloser, error) { return nil, archive.ErrChecksum },
	} {
		for _, part := range []string{"image.iso", "record.json"} {
			b := &blind{Store: s, part: part, times: 1, read: read}
			if got, err := archive.ReadBack(t.Context(), b, expected(res)); err != nil || len(got.Flaws) != 0 || b.times != 0 {
				t.Errorf("%s of %s once: %v, %v", name, part, got.Flaws, err)
			}
			b.times = -1
			if got, err := archive.ReadBack(t.Context(), b, expected(res)); err != nil || len(got.Flaws) != 1 || got.Flaws[0].Fault != archive.Damaged {
				t.Errorf("%s of %s always: %v, %v", name, part, got.Flaws, err)
			}
		}
	}
}

// An unsent bag, and an unfinished one.
func TestUnfinishedBag(t *testing.T) {
	s := openDir(t, filepath.Join(t.TempDir(), "store"))
	if err := s.Put(t.Context(), "unrelated", nil); err != nil {
		t.Fatal(err)
	}
	got, err := archive.ReadBack(t.Context(), s, expected(archive.SendResult{}))
	if err != nil || !slices.ContainsFunc(got.Flaws, func(f archive.Flaw) bool { return f.Path == "data/image.iso" && f.Fault == archive.Missing }) {
		t.Errorf("%v, %v", got.Flaws, err)
	}
	w := &watched{Store: s, fail: func(op, key string, _ int) error {
		if strings.HasSuffix(key, archive.TagManifest) {
			return errCable
		}
		return nil
	}}
	if _, err := archive.Send(t.Context(), w, sampleBag(), archive.SendOptions{}); !errors.Is(err, errCable) {
		t.Fatal(err)
	}
	got, err = archive.Validate(t.Context(), s, sampleBag().Prefix)
	if err != nil || !slices.ContainsFunc(got.Flaws, func(f archive.Flaw) bool { return f.Path == archive.TagManifest && f.Fault == archive.Missing }) {
		t.Errorf("%v, %v", got.Flaws, err)
	}
}
