package archive

import (
	"bytes"
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
)

func shelf(t *testing.T, root string, create bool) *Dir {
	t.Helper()
	d, err := NewDir(DirConfig{Name: "shelf", Root: root, Create: create, PartSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func upTo(t *testing.T, d *Dir, key string, body []byte, parts ...int) *dirUpload {
	t.Helper()
	up, err := d.Begin(t.Context(), key, int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range parts {
		if err := up.Part(t.Context(), n, body[n*1000:min(len(body), n*1000+1000)]); err != nil {
			t.Fatal(err)
		}
	}
	return up.(*dirUpload)
}

// A drive that is not mounted leaves an empty folder, or none. Neither is ever
// taken for the store, and nothing is written where the drive ought to be.
func TestDriveNotThere(t *testing.T) {
	base := t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "mountpoint"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mountpoint", "nothing"} {
		d := shelf(t, filepath.Join(base, name), false)
		_, errStat := d.Stat(t.Context(), "k")
		_, errRead := d.Read(t.Context(), "k", 0, -1)
		_, errBegin := d.Begin(t.Context(), "k", 1)
		var errList error
		for _, err := range d.List(t.Context(), "") {
			errList = err
		}
		for op, err := range map[string]error{"stat": errStat, "read": errRead, "begin": errBegin, "list": errList, "put": d.Put(t.Context(), "k", []byte("x"))} {
			if err == nil || final(err) || !strings.Contains(err.Error(), "plugged in") {
				t.Errorf("%s on %s: %v", op, name, err)
			}
		}
	}
	entries, err := os.ReadDir(filepath.Join(base, "mountpoint"))
	if err != nil || len(entries) != 0 {
		t.Errorf("something was written: %v, %v", entries, err)
	}
	if _, err := os.Lstat(filepath.Join(base, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a folder was made")
	}
}

func TestStoreIsMadeOnce(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "store")
	d := shelf(t, root, true)
	if err := d.Put(t.Context(), "k", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(root, Marker)); err != nil || !strings.Contains(string(text), markerNote) {
		t.Fatalf("%q, %v", text, err)
	}
	// The drive is pulled while the program runs: the same handle makes no
	// second store in its place.
	if err := os.Rename(root, root+"-pulled"); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "k2", []byte("x")); err == nil || final(err) {
		t.Fatal(err)
	}
	if _, err := os.Lstat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("made again")
	}
	if err := os.Rename(root+"-pulled", root); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "k2", []byte("x")); err != nil {
		t.Fatal(err)
	}
}

func TestFolderOfSomethingElse(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "thesis.doc"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d := shelf(t, root, true)
	if err := d.Put(t.Context(), "k", []byte("x")); err == nil || !strings.Contains(err.Error(), "thesis.doc") {
		t.Fatal(err)
	}
	// An empty marker, made by hand, is enough.
	if err := os.WriteFile(filepath.Join(root, Marker), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := shelf(t, root, false).Put(t.Context(), "k", []byte("x")); err != nil {
		t.Fatal(err)
	}
}

// The tree of keys holds the objects and nothing else, and uploads leave
// nothing behind.
func TestTreeIsPlain(t *testing.T) {
	root := t.TempDir()
	d := shelf(t, root, true)
	body := bytes.Repeat([]byte("disc"), 1000)
	u := upTo(t, d, "id/v1/data/image.iso", body, 0, 1, 2, 3)
	if _, err := u.Complete(t.Context(), CRC64NVME(body)); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "id/v1/bagit.txt", []byte("x")); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(root, path); err == nil && !e.IsDir() {
			got = append(got, rel)
		}
		return err
	})
	if want := ".ripstation-store id/v1/bagit.txt id/v1/data/image.iso"; err != nil || strings.Join(got, " ") != want {
		t.Fatalf("%q, %v", got, err)
	}
	if left, err := os.ReadDir(filepath.Join(root, uploadsDir)); err != nil || len(left) != 0 {
		t.Fatalf("left over: %v, %v", left, err)
	}
}

// All three ways of naming a file refuse to replace one.
func TestNameOnce(t *testing.T) {
	root := t.TempDir()
	d := shelf(t, root, true)
	if err := d.Put(t.Context(), "first", []byte("first")); err != nil {
		t.Fatal(err)
	}
	r := entered(t, d)
	defer r.Close()
	for name, give := range map[string]func(tmp, target string) error{"rename": r.nameOnce, "link": r.nameByLink, "lock": r.nameByLock} {
		tmp := filepath.Join(root, uploadsDir, name)
		if err := os.WriteFile(tmp, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := give(uploadsDir+"/"+name, "first"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(d.path("first")); err != nil || string(got) != "first" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err := give(uploadsDir+"/"+name, "new-"+name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(d.path("new-" + name)); err != nil || string(got) != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := os.Lstat(tmp); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the old name stays", name)
		}
	}
}

// A flipped byte, a cut and an appended byte are found by a whole read when the
// file system keeps the checksum.
func TestDirDamageAtRest(t *testing.T) {
	d := shelf(t, t.TempDir(), true)
	body := bytes.Repeat([]byte("z"), 5000)
	if err := d.Put(t.Context(), "k", body); err != nil {
		t.Fatal(err)
	}
	if info, err := d.Stat(t.Context(), "k"); err != nil {
		t.Fatal(err)
	} else if info.CRC64NVME == "" && unix.Setxattr(d.cfg.Root, "user.probe", []byte("1"), 0) == nil {
		t.Fatal("extended attributes are there and not used")
	}
	path := d.path("k")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"flipped": append(bytes.Repeat([]byte("z"), 4999), 'y'), "cut": body[:4999], "appended": append(bytes.Clone(body), 'z'), "emptied": nil} {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0) // the same file, with its attribute
		if err == nil {
			_, err = f.Write(bad)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Read(t.Context(), "k", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		info, err := d.Stat(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); info.CRC64NVME != "" && !errors.Is(err, ErrChecksum) {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
	}
}

func TestDirRefusals(t *testing.T) {
	if os.Geteuid() == 0 {
		// Root may do everything; the errors themselves are what is left to test.
		d := shelf(t, t.TempDir(), true)
		for err, want := range map[error]error{unix.EACCES: ErrPermanent, unix.EROFS: ErrPermanent, unix.EFBIG: ErrPermanent, unix.ENOSPC: nil, unix.EIO: nil} {
			got := d.fail("put", "k", &fs.PathError{Op: "open", Path: "p", Err: err})
			if final(got) != (want != nil) || !errors.Is(got, err) || !strings.Contains(got.Error(), "store shelf: put k: ") || !strings.HasSuffix(got.Error(), ")") {
				t.Errorf("%v: %v", err, got)
			}
		}
	} else {
		root := t.TempDir()
		d := shelf(t, root, true)
		if err := d.Put(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(root, 0o555); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(root, 0o755)
		if err := d.Put(t.Context(), "l", nil); !errors.Is(err, ErrPermanent) {
			t.Error(err)
		}
	}
	d := shelf(t, t.TempDir(), true)
	if err := d.Put(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "a/b", nil); !errors.Is(err, ErrPermanent) {
		t.Errorf("a key below an object: %v", err)
	}
	if err := d.Put(t.Context(), "x/y", nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "x", nil); !errors.Is(err, ErrExists) {
		t.Errorf("a key that is a folder: %v", err)
	}
	for _, cfg := range []DirConfig{{Name: "", Root: "/x"}, {Name: "x", Root: "relative"}, {Name: "x", Root: ""}, {Name: "x", Root: "/x", PartSize: -1}} {
		if _, err := NewDir(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func FuzzCheckKey(f *testing.F) {
	for _, k := range []string{"id/v1/bagit.txt", "..", "a/../b", ".x", "/", "a//b", "a\x00"} {
		f.Add(k)
	}
	root := f.TempDir()
	d, err := NewDir(DirConfig{Name: "x", Root: root})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if CheckKey(key) != nil {
			return
		}
		path := d.path(key)
		if rel, err := filepath.Rel(root, path); err != nil || rel != key || strings.HasPrefix(path, filepath.Join(root, uploadsDir)) {
			t.Fatalf("key %q leads to %q", key, path)
		}
	})
}

// Many who use a new store at the same moment make one store.
func TestStoreIsMadeByMany(t *testing.T) {
	for range 20 {
		root := filepath.Join(t.TempDir(), "store")
		var g sync.WaitGroup
		for i := range 16 {
			d := shelf(t, root, true)
			g.Go(func() {
				if err := d.Put(t.Context(), fmt.Sprintf("k%d", i), []byte("x")); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
	}
}
