package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

// breaking is a copy's store whose reads of large files do what a test wants.
type breaking struct {
	archive.Store
	name string

	mu    sync.Mutex
	read  int64                                // bytes given
	limit func(key string, offset int64) int64 // bytes until the connection breaks; below 0: never
	off   error                                // what every call fails with
}

func (f *breaking) Name() string { return f.name }

func (f *breaking) Stat(ctx context.Context, key string) (archive.Info, error) {
	if f.off != nil {
		return archive.Info{}, f.off
	}
	return f.Store.Stat(ctx, key)
}

var errCut = errors.New("connection reset by peer")

func (f *breaking) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if f.off != nil {
		return nil, f.off
	}
	r, err := f.Store.Read(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	left := int64(-1)
	if f.limit != nil {
		left = f.limit(key, offset)
	}
	return &cutReader{ReadCloser: r, f: f, left: left}, nil
}

func (f *breaking) given() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read
}

type cutReader struct {
	io.ReadCloser
	f    *breaking
	left int64
}

func (r *cutReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, errCut
	}
	if r.left > 0 {
		p = p[:min(int64(len(p)), r.left)]
	}
	n, err := r.ReadCloser.Read(p)
	if r.left > 0 {
		r.left -= int64(n)
	}
	r.f.mu.Lock()
	r.f.read += int64(n)
	r.f.mu.Unlock()
	return n, err
}

const bagPrefix = "mfzwizltorxgk/v1"

// twoCopies are two folders with the same bag, each behind a store that can fail.
func twoCopies(t *testing.T, image []byte) (a, b *breaking, roots [2]string, want archive.Expected) {
	t.Helper()
	var out [2]*breaking
	bag := bagOf(image)
	for i, name := range []string{"one", "two"} {
		roots[i] = filepath.Join(t.TempDir(), name)
		s := openDir(t, roots[i])
		if _, err := archive.Send(t.Context(), s, bag, archive.SendOptions{}); err != nil {
			t.Fatal(err)
		}
		out[i] = &breaking{Store: s, name: name}
	}
	want = archive.Expected{Payload: bag.Payload}
	tags, err := bag.TagFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tags {
		want.Payload = append(want.Payload, archive.Payload{Path: f.Path, Size: f.Size, SHA512: f.SHA512})
	}
	return out[0], out[1], roots, want
}

func openBag(t *testing.T, want archive.Expected, stores ...archive.Store) *archive.Retrieval {
	t.Helper()
	var copies []archive.Copy
	for _, s := range stores {
		copies = append(copies, archive.Copy{Store: s, Prefix: bagPrefix})
	}
	r, err := archive.OpenBag(t.Context(), copies, want, archive.RetrieveOptions{Pause: func(_ context.Context, try int, err error) error {
		if try > 2 {
			return err
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wholeBag holds a folder against a copy's.
func wholeBag(t *testing.T, folder, root string) {
	t.Helper()
	n := 0
	from := filepath.Join(root, filepath.FromSlash(bagPrefix))
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(from, p)
		a, err1 := os.ReadFile(p)
		b, err2 := os.ReadFile(filepath.Join(folder, rel))
		if err1 != nil || err2 != nil || string(a) != string(b) {
			t.Errorf("%s: %v, %v, %d and %d bytes", rel, err1, err2, len(a), len(b))
		}
		return nil
	})
	if err != nil || n < 8 {
		t.Errorf("%d files, %v", n, err)
	}
}

// A copy that breaks off in mid-file costs nothing that came of it.
func TestRestoreGoesOnWithTheNextCopy(t *testing.T) {
	image := archivetest.Bytes(7, 6<<20)
	a, b, roots, want := twoCopies(t, image)
	const at = 2_500_001
	a.limit = func(key string, _ int64) int64 {
		if strings.HasSuffix(key, "image.iso") {
			return at
		}
		return -1
	}
	for name, w := range map[string]archive.Expected{"by the catalog": want, "by the bag": {}} {
		dir := t.TempDir()
		r := openBag(t, w, a, b)
		res, err := r.Restore(t.Context(), dir, "A disc", nil)
		uses := r.Uses()
		if err != nil || uses[1].Bytes != int64(len(image))-at || uses[0].Bytes+uses[1].Bytes != res.Bytes || len(uses[0].Flaws)+len(uses[1].Flaws) > 0 || !errors.Is(uses[0].Err, errCut) {
			t.Errorf("%s: %+v, %v, %+v", name, res, err, uses)
		}
		wholeBag(t, filepath.Join(dir, "A disc"), roots[0])
	}
	// Alone it goes on where it broke off, as long as bytes come.
	dir := t.TempDir()
	before := a.given()
	res, err := openBag(t, want, a).Restore(t.Context(), dir, "A disc", nil)
	if err != nil || a.given()-before != res.Bytes {
		t.Errorf("%+v, %v, %d bytes read", res, err, a.given()-before)
	}
	wholeBag(t, filepath.Join(dir, "A disc"), roots[0])
}

// Nobody answers: that is no damage, and there is no folder that looks whole.
func TestRestoreWithoutAnAnswer(t *testing.T) {
	a, b, _, want := twoCopies(t, image)
	a.off, b.off = errCut, errCut
	dir := t.TempDir()
	r := openBag(t, want, a, b)
	_, err := r.Restore(t.Context(), dir, "x", nil)
	entries, rerr := os.ReadDir(dir)
	if !errors.Is(err, archive.ErrUnread) || !errors.Is(err, errCut) || rerr != nil || len(entries) != 1 || entries[0].Name() != "x"+archive.Partial || len(r.Uses()[0].Flaws) > 0 {
		t.Errorf("%v, %v", err, entries)
	}
	a.off, b.off = archive.ErrPermanent, archive.ErrPermanent
	if _, err := openBag(t, want, a, b).Restore(t.Context(), dir, "x", nil); !errors.Is(err, archive.ErrNoCopy) {
		t.Errorf("refused: %v", err)
	}
}

// A restore that was stopped goes on where it was. What it left is proved by
// the digest of the whole, and is of no use when somebody changed it.
func TestRestoreGoesOnWhereItWas(t *testing.T) {
	image := archivetest.Bytes(9, 6<<20)
	a, _, roots, want := twoCopies(t, image)
	for name, c := range map[string]struct {
		change func(path string) error
		kept   bool
	}{
		"as it was left": {func(string) error { return nil }, true},
		"a byte changed": {func(p string) error { return patch(p, 1000, 1) }, false},
		"longer":         {func(p string) error { return os.Truncate(p, 7<<20) }, false},
		"holes":          {func(p string) error { return errors.Join(os.Truncate(p, 100), os.Truncate(p, 4<<20)) }, false},
		"cut off":        {func(p string) error { return os.Truncate(p, 1<<20) }, true},
		"gone":           {os.Remove, false},
	} {
		dir := t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		_, err := openBag(t, want, a).Restore(ctx, dir, "x", func(done, _ int64) {
			if done > 3<<20 {
				stop()
			}
		})
		path := filepath.Join(dir, "x"+archive.Partial, "data", "image.iso")
		info, serr := os.Stat(path)
		if !errors.Is(err, context.Canceled) || serr != nil || info.Size() < 2<<20 || info.Size() >= int64(len(image)) {
			t.Fatalf("%s: %v, %v", name, err, serr)
		}
		if err := c.change(path); err != nil {
			t.Fatal(err)
		}
		before := a.given()
		res, err := openBag(t, want, a).Restore(t.Context(), dir, "x", nil)
		read := a.given() - before
		if err != nil || c.kept && (read+res.Kept != res.Bytes || res.Kept < 1<<20) || !c.kept && read < int64(len(image)) {
			t.Errorf("%s: %+v, %v, %d bytes read", name, res, err, read)
		}
		wholeBag(t, filepath.Join(dir, "x"), roots[0])
	}
}

func patch(path string, at int64, by byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] += by
	_, werr := f.WriteAt(b[:], at)
	return errors.Join(err, werr, f.Close())
}

// Bytes that are wrong only once, on their way, are no damage.
func TestRestoreTellsDamageFromNoise(t *testing.T) {
	a, b, roots, want := twoCopies(t, archivetest.Bytes(11, 3<<20))
	noisy := &noise{breaking: a, times: 1}
	dir := t.TempDir()
	r := openBag(t, want, noisy, b)
	if res, err := r.Restore(t.Context(), dir, "x", nil); err != nil || len(r.Uses()[0].Flaws) > 0 {
		t.Errorf("%+v, %v, %+v", res, err, r.Uses())
	}
	wholeBag(t, filepath.Join(dir, "x"), roots[0])
	noisy.times = 100
	dir = t.TempDir()
	r = openBag(t, want, noisy, b)
	if res, err := r.Restore(t.Context(), dir, "x", nil); err != nil || len(r.Uses()[0].Flaws) != 1 || r.Uses()[0].Flaws[0].Fault != archive.Damaged {
		t.Errorf("%+v, %v, %+v", res, err, r.Uses())
	}
	wholeBag(t, filepath.Join(dir, "x"), roots[0])
}

// noise changes a byte of the image on its way, so many times.
type noise struct {
	*breaking
	times int
}

func (n *noise) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := n.breaking.Read(ctx, key, offset, length)
	if err != nil || !strings.HasSuffix(key, "image.iso") || n.times == 0 {
		return r, err
	}
	n.times--
	return &noisyReader{ReadCloser: r}, nil
}

type noisyReader struct {
	io.ReadCloser
	done bool
}

func (r *noisyReader) Read(p []byte) (int, error) {
	k, err := r.ReadCloser.Read(p)
	if k > 0 && !r.done {
		p[k/2] ^= 1
		r.done = true
	}
	return k, err
}

// What is read back from the disk decides, not what was written to it.
func TestRestoreChecksTheDisk(t *testing.T) {
	a, _, _, want := twoCopies(t, archivetest.Bytes(13, 3<<20))
	dir := t.TempDir()
	var once sync.Once
	r := openBag(t, want, a)
	_, err := r.Restore(t.Context(), dir, "x", func(done, total int64) {
		if done == total { // the last byte of the last file, which is the image, is on its way
			once.Do(func() {
				if err := patch(filepath.Join(dir, "x"+archive.Partial, "bag-info.txt"), 3, 1); err != nil {
					t.Error(err)
				}
			})
		}
	})
	if !errors.Is(err, archive.ErrNotWhole) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it has the name of a whole one")
	}
}

// Names that lead elsewhere are none, and two do not work on one folder.
func TestRestoreRefuses(t *testing.T) {
	a, _, _, want := twoCopies(t, image)
	dir := t.TempDir()
	for _, name := range []string{"", ".", "..", "a/b", "../x", "/x"} {
		if _, err := openBag(t, want, a).Restore(t.Context(), dir, name, nil); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	inside := false
	_, err := openBag(t, want, a).Restore(t.Context(), dir, "x", func(int64, int64) {
		if inside {
			return
		}
		inside = true
		if _, err := openBag(t, want, a).Restore(t.Context(), dir, "x", nil); err == nil || !strings.Contains(err.Error(), "another restore") {
			t.Errorf("two at a time: %v", err)
		}
	})
	if err != nil || !inside {
		t.Error(err)
	}
	huge := want
	huge.Payload = append(huge.Payload[:len(huge.Payload):len(huge.Payload)], archive.Payload{Path: "data/huge", Size: 1 << 60, SHA512: strings.Repeat("0", 128)})
	if _, err := openBag(t, huge, a).Restore(t.Context(), dir, "huge", nil); !errors.Is(err, archive.ErrNoSpace) {
		t.Errorf("no space: %v", err)
	}
	// What is to lie beside the bag needs room, too; and what is kept for folders
	// is part of what is said to be needed.
	r := openBag(t, want, a)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	r.Beside = int64(st.Bavail)*st.Bsize + 1<<30 - r.Size()
	_, err = r.Restore(t.Context(), dir, "beside", nil)
	if !errors.Is(err, archive.ErrNoSpace) {
		t.Errorf("no space beside it: %v", err)
	}
	ask := int64(st.Bavail)*st.Bsize + 1<<30
	if err := archive.CheckSpace(dir, ask); err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf(", %d are needed", ask+64*st.Bsize)) {
		t.Errorf("what is needed: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something was begun: %v, %v", entries, err)
	}
	if _, err := archive.OpenBag(t.Context(), nil, want, archive.RetrieveOptions{}); err == nil {
		t.Error("no copy at all")
	}
}

// A bag of which only the bucket knows is taken from the copy whose manifests
// fit together; what lies in it beside is told and left.
func TestRestoreByTheBagAlone(t *testing.T) {
	for i, hurt := range []string{"manifest-sha512.txt", "tagmanifest-sha512.txt", "tagmanifest-sha256.txt", "metadata/record.json", "bagit.txt"} {
		a, b, roots, _ := twoCopies(t, image)
		path := filepath.Join(roots[0], filepath.FromSlash(bagPrefix), hurt)
		if err := errors.Join(os.Chmod(path, 0o644), patch(path, 1, 1)); err != nil {
			t.Fatal(err)
		}
		if err := b.Store.Put(t.Context(), bagPrefix+"/"+fmt.Sprint("more", i), []byte("x")); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		r := openBag(t, archive.Expected{}, a, b)
		res, err := r.Restore(t.Context(), dir, "x", nil)
		uses := r.Uses()
		if err != nil || len(uses[0].Flaws) == 0 || len(uses[1].Flaws) != 1 || uses[1].Flaws[0].Fault != archive.Extra || uses[1].Bytes != res.Bytes {
			t.Errorf("%s: %+v, %v, %+v", hurt, res, err, uses)
		}
		if err := os.Remove(filepath.Join(roots[1], filepath.FromSlash(bagPrefix), fmt.Sprint("more", i))); err != nil {
			t.Fatal(err)
		}
		wholeBag(t, filepath.Join(dir, "x"), roots[1])
	}
}
