package discfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"ripstation/disc"
	"ripstation/internal/hsimage"
)

// A High Sierra of many files in many directories is whole for every check, and
// every name, size, time and byte is as it was put in. The end-to-end bench's
// kernel has the same images for what they are.
func TestHighSierraWhole(t *testing.T) {
	var files []hsimage.File
	for i := range 130 {
		files = append(files, hsimage.File{Path: fmt.Sprintf("D%d/E%d/FILE%03d.TXT", i%3, i%7, i), Data: bytes.Repeat([]byte{byte(i)}, 100*i),
			Modified: time.Date(1900+i, time.Month(1+i%12), 1+i%28, i%24, i%60, i%60, 0, time.UTC)})
	}
	for i := range 90 {
		files = append(files, hsimage.File{Path: fmt.Sprintf("MANY/%d.", i)})
	}
	img, err := hsimage.New("WHOLE", files)
	if err != nil {
		t.Fatal(err)
	}
	m := Open(bytes.NewReader(img), int64(len(img)), nil)
	for _, c := range m.Checks {
		if c.Outcome == disc.Failure || c.Outcome == disc.Warning || c.Outcome == disc.NotRun {
			t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
		}
	}
	v := m.Main()
	if len(m.Systems) != 1 || m.Systems[0] != "High Sierra" || v == nil || v.Label != "WHOLE" {
		t.Fatalf("systems %v, %+v", m.Systems, v)
	}
	fsys := m.FS(v)
	if err := fstest.TestFS(fsys, files[0].Path, "MANY/89"); err != nil {
		t.Error(err)
	}
	n := 0
	err = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil || n != len(files) {
		t.Errorf("%d files, %v", n, err)
	}
	for _, f := range files[:130] {
		got, err := fs.ReadFile(fsys, f.Path)
		fi, serr := fsys.Stat(f.Path)
		if err != nil || serr != nil || !bytes.Equal(got, f.Data) || !fi.ModTime().Equal(f.Modified) {
			t.Errorf("%s: %d bytes, %v, %v", f.Path, len(got), err, fi)
		}
	}
	// Cut behind the last file's first sector, it is too short.
	m = Open(bytes.NewReader(img[:len(img)-2048]), int64(len(img)-2048), nil)
	failed := false
	for _, c := range m.Checks {
		failed = failed || c.Outcome == disc.Failure
	}
	if !failed {
		t.Error("an image that is a sector short passes every check")
	}
}
