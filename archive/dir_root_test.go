package archive

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entered is the store's folder, open.
func entered(t *testing.T, d *Dir) *rooted {
	t.Helper()
	r, err := d.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// files are the names below a folder, and what they hold.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			all[path[len(root):]+"/"] = ""
			return err
		}
		b, err := os.ReadFile(path)
		all[path[len(root):]] = string(b)
		return err
	}))
	return all
}

// Another drive comes to the store's path right after the marker was read. What
// the operation does lands on the drive whose marker that was, and the other one
// stays as it is; the next operation knows that it is another.
func TestDriveSwappedInMidOperation(t *testing.T) {
	body := []byte("0123456789")
	crc := CRC64NVME(body)
	for name, c := range map[string]struct {
		before, op func(d *Dir, u Upload) error
	}{
		"put":   {nil, func(d *Dir, _ Upload) error { return d.Put(t.Context(), "id/new", body) }},
		"begin": {nil, func(d *Dir, _ Upload) error { _, err := d.Begin(t.Context(), "id/other", 10); return err }},
		"part":  {nil, func(_ *Dir, u Upload) error { return u.Part(t.Context(), 0, body) }},
		"complete": {func(_ *Dir, u Upload) error { return u.Part(t.Context(), 0, body) },
			func(_ *Dir, u Upload) error { _, err := u.Complete(t.Context(), crc); return err }},
		"abort": {nil, func(_ *Dir, u Upload) error { return u.Abort(t.Context()) }},
		"end": {nil, func(d *Dir, _ Upload) error {
			return d.End(t.Context(), Unfinished{Key: "id/image", ID: d.uploadName("id/image", plan{size: 10, part: 1000})})
		}},
		"read": {func(d *Dir, _ Upload) error { return d.Put(t.Context(), "id/there", body) }, func(d *Dir, _ Upload) error {
			r, err := d.Read(t.Context(), "id/there", 0, -1)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, r)
			return errors.Join(err, r.Close())
		}},
		"list": {func(d *Dir, _ Upload) error { return d.Put(t.Context(), "id/there", body) }, func(d *Dir, _ Upload) error {
			n := 0
			for _, err := range d.List(t.Context(), "id/") {
				if n++; err != nil {
					return err
				}
			}
			if n != 1 {
				return errors.New("another drive was listed")
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			at, out, other := filepath.Join(base, "mnt"), filepath.Join(base, "out"), filepath.Join(base, "other")
			id := drive(t, at)
			drive(t, other)
			// The other drive has the same folders, so that paths lead somewhere.
			must(t, os.MkdirAll(filepath.Join(other, "id"), 0o755), os.MkdirAll(filepath.Join(other, uploadsDir), 0o755))
			d, err := NewDir(DirConfig{Name: "shelf", Root: at, Marker: id, PartSize: 1000})
			must(t, err)
			u, err := d.Begin(t.Context(), "id/image", 10)
			must(t, err)
			if c.before != nil {
				must(t, c.before(d, u))
			}
			// An unfinished upload of the same name is on the other drive, too.
			folder := u.(*dirUpload).folder
			must(t, os.CopyFS(filepath.Join(other, folder), os.DirFS(filepath.Join(at, folder))))
			was := files(t, other)
			d.entered = func() {
				d.entered = nil
				must(t, os.Rename(at, out), os.Rename(other, at))
			}
			if err := c.op(d, u); err != nil {
				t.Error(err)
			}
			if now := files(t, at); !maps.Equal(now, was) {
				t.Errorf("the other drive holds %v, held %v", now, was)
			}
			if err := d.Put(t.Context(), "id/late", body); !errors.Is(err, ErrAway) {
				t.Errorf("the other drive is taken for the right one: %v", err)
			}
			must(t, os.Rename(at, other), os.Rename(out, at))
			for info, err := range d.List(t.Context(), "") {
				if must(t, err); info.Size != 10 || !strings.HasPrefix(info.Key, "id/") {
					t.Errorf("%+v", info)
				}
			}
			if err := d.Put(t.Context(), "id/late", body); err != nil {
				t.Error(err)
			}
		})
	}
}
