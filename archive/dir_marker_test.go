package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drive is a folder with a marker of its own, and that marker's id.
func drive(t *testing.T, root string) string {
	t.Helper()
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := NewDir(DirConfig{Name: "shelf", Root: root})
	if err != nil {
		t.Fatal(err)
	}
	id, made, err := d.Init(t.Context())
	if err != nil || !made || CheckMarker(id) != nil {
		t.Fatalf("%q, %v, %v", id, made, err)
	}
	return id
}

// every tries every operation of a store and gives their errors.
func every(t *testing.T, d *Dir) map[string]error {
	t.Helper()
	_, errStat := d.Stat(t.Context(), "k")
	_, errRead := d.Read(t.Context(), "k", 0, -1)
	_, errBegin := d.Begin(t.Context(), "k", 1)
	var errList, errUnfinished error
	for _, err := range d.List(t.Context(), "") {
		errList = err
	}
	for _, err := range d.Unfinished(t.Context()) {
		errUnfinished = err
	}
	return map[string]error{"stat": errStat, "read": errRead, "begin": errBegin, "list": errList, "unfinished": errUnfinished, "put": d.Put(t.Context(), "k", []byte("x"))}
}

// A drive is known by its marker. Another one in its place, or none, is waited
// for and never written to; when the right one comes it is gone on with.
func TestTheRightDrive(t *testing.T) {
	base := t.TempDir()
	at := filepath.Join(base, "mnt")
	id := drive(t, filepath.Join(base, "right"))
	other := drive(t, filepath.Join(base, "other"))
	d, err := NewDir(DirConfig{Name: "shelf", Root: at, Marker: id, Create: true, PartSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	away := func(when, word string) {
		t.Helper()
		for op, err := range every(t, d) {
			if !errors.Is(err, ErrAway) || final(err) || !strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), word) {
				t.Errorf("%s, %s: %v", when, op, err)
			}
		}
	}
	away("no mount point", "no such folder")
	if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("a folder was made")
	}
	only := func(path string, names ...string) {
		t.Helper()
		entries, err := os.ReadDir(path)
		if err != nil || len(entries) != len(names) {
			t.Errorf("%s holds %v, %v", path, entries, err)
		}
	}
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	away("empty mount point", "plugged in")
	only(at)
	swap := func(from, to string) {
		t.Helper()
		if err := errors.Join(os.Rename(filepath.Join(base, from), filepath.Join(base, to))); err != nil {
			t.Fatal(err)
		}
	}
	swap("mnt", "empty")
	swap("other", "mnt")
	away("another drive", other)
	only(at, Marker)
	for name, text := range map[string]string{"without an id": "", "broken": "{", "of a later day": `{"format":"ripstation store marker","version":2}`} {
		if err := os.WriteFile(filepath.Join(at, Marker), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		away(name, "drive")
	}
	only(at, Marker)
	// An upload that was begun goes on when the drive is back, and not on another.
	swap("mnt", "other")
	swap("right", "mnt")
	u, err := d.Begin(t.Context(), "id/image", 4)
	if err != nil {
		t.Fatal(err)
	}
	swap("mnt", "right")
	swap("other", "mnt")
	if err := u.Part(t.Context(), 0, []byte("four")); !errors.Is(err, ErrAway) {
		t.Errorf("a part for another drive: %v", err)
	}
	if _, err := u.Complete(t.Context(), CRC64NVME([]byte("four"))); !errors.Is(err, ErrAway) {
		t.Errorf("completed on another drive: %v", err)
	}
	only(at, Marker)
	swap("mnt", "other")
	swap("right", "mnt")
	if err := u.Part(t.Context(), 0, []byte("four")); err != nil {
		t.Error(err)
	}
	if _, err := u.Complete(t.Context(), CRC64NVME([]byte("four"))); err != nil {
		t.Error(err)
	}
	for op, err := range every(t, d) {
		if errors.Is(err, ErrAway) {
			t.Errorf("it is back, and %s: %v", op, err)
		}
	}
}

func TestInit(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	d := shelf(t, root, false)
	if _, _, err := d.Init(t.Context()); !errors.Is(err, ErrPermanent) || !strings.Contains(err.Error(), "mount the drive") {
		t.Errorf("without a folder: %v", err)
	}
	id := drive(t, root)
	if again, made, err := d.Init(t.Context()); again != id || made || err != nil {
		t.Errorf("again: %q, %v, %v", again, made, err)
	}
	if got, err := d.Marker(t.Context()); got != id || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	// A store of earlier days gets its id, and keeps what it holds.
	if err := errors.Join(os.WriteFile(filepath.Join(root, Marker), nil, 0o644), d.Put(t.Context(), "k", []byte("x"))); err != nil {
		t.Fatal(err)
	}
	now, made, err := d.Init(t.Context())
	if err != nil || !made || now == id || CheckMarker(now) != nil {
		t.Errorf("%q, %v, %v", now, made, err)
	}
	if _, err := d.Stat(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	// What is something else stays so.
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.doc"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := shelf(t, full, false).Init(t.Context()); err == nil || !strings.Contains(err.Error(), "thesis.doc") {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(full, Marker)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("marked all the same")
	}
	if err := os.WriteFile(filepath.Join(full, Marker), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := shelf(t, full, false).Init(t.Context()); err == nil {
		t.Error("a broken marker was replaced")
	}
	if CheckKey(Marker) == nil || CheckKey("a/"+Marker) == nil {
		t.Error("a key can be the marker's name")
	}
	if _, err := NewDir(DirConfig{Name: "shelf", Root: root, Marker: "short"}); err == nil {
		t.Error("a marker's id of five letters")
	}
}

func FuzzMarker(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("This folder is a ripstation archive store, format 1. Keep this file"))
	f.Add([]byte(`{"format":"ripstation store marker","version":1,"id":"abcdefghijklmnopqrstuvwxyz"}`))
	f.Add([]byte(`{"format":"ripstation store marker","version":2,"id":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, err := parseMarker(b); err == nil && id != "" && CheckMarker(id) != nil {
			t.Errorf("%q gives %q", b, id)
		}
	})
}

func FuzzCapabilities(f *testing.F) {
	f.Add([]byte(`{"format":"ripstation s3 capabilities","version":1,"found":[{"name":"ranges","can":"yes"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCapabilities(b)
		if err == nil {
			c.Can(Ranges)
			c.lacks(ChecksumMD5)
		}
	})
}
