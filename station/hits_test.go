package station_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// Bad sectors in known places: the record, the file list, the bag and the words
// at the tray name exactly those files.
func TestDamageIsToldAsFiles(t *testing.T) {
	var files []isoimage.File
	for _, f := range []struct {
		path string
		size int64
	}{{"VIDEO_TS/VTS_01_1.VOB", 400 << 10}, {"VIDEO_TS/VTS_01_2.VOB", 500<<10 + 77}, {"README/INDEX.DAT", 30 << 10}, {"README.TXT", 100}, {"DATA/LAST.BIN", 200 << 10}} {
		files = append(files, isoimage.File{Path: f.path, Size: f.size})
	}
	img, err := isoimage.New(isoimage.Options{Label: "FILES", Files: files, Sectors: 1000, Seed: 4, Joliet: true})
	must(t, err)
	at := map[string]isoimage.Placed{}
	for _, p := range img.Files() {
		at[p.Path] = p
	}
	vob, last := at["VIDEO_TS/VTS_01_2.VOB"], at["DATA/LAST.BIN"]
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(img, 1000)
	d.Damage().Bad(
		disc.Extent{Start: disc.LBA(vob.Sector + 5), Count: 2},
		disc.Extent{Start: disc.LBA(last.Sector + 99), Count: 1}, // its last sector
		disc.Extent{Start: 990, Count: 3},                        // unused
	)
	must(t, drive.Insert(d))
	end := r.ended(1, station.OutcomeIncomplete)
	told := r.await(1, word(station.WordEjected)).Text
	for _, want := range []string{"VIDEO_TS/VTS_01_2.VOB (4096 bytes missing)", "DATA/LAST.BIN (2048 bytes missing)", "all 3 other files whole"} {
		if !strings.Contains(told, want) {
			t.Errorf("at the tray is said %q, without %q", told, want)
		}
	}
	if !strings.Contains(r.story(), "after sweep, so far: damaged: ") {
		t.Error("nothing was said of the files before the end")
	}

	v := r.show(end.ID)
	c := v.Content
	if c == nil || c.DamagedTotal != 2 || c.Listed != 5 || c.Whole != 3 || c.StructuresTotal != 0 || c.Unused.Unreadable != 3 || c.UnknownTotal != 0 {
		t.Fatalf("content %+v", c)
	}
	for i, want := range []catalog.DamagedFile{
		{Path: "DATA/LAST.BIN", Bytes: 2048, Sectors: disc.Counts{Total: 1, Unreadable: 1}},
		{Path: "VIDEO_TS/VTS_01_2.VOB", Bytes: 4096, Sectors: disc.Counts{Total: 2, Unreadable: 2}},
	} {
		if got := c.Damaged[i]; got.Path != want.Path || got.Bytes != want.Bytes || got.Sectors != want.Sectors || got.What != "file" {
			t.Errorf("damaged: %+v, want %+v", got, want)
		}
	}
	list, err := os.ReadFile(filepath.Join(r.dir, "store", end.ID, "v1", "metadata", "files.json"))
	must(t, err)
	rd, err := catalog.NewFileListReader(bytes.NewReader(list))
	must(t, err)
	for {
		e, err := rd.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		bad := e.Path == "VIDEO_TS/VTS_01_2.VOB" || e.Path == "DATA/LAST.BIN"
		if e.Type == catalog.TypeFile && ((e.SHA256 == "") != bad || (len(e.Damaged) > 0) != bad || (e.Reason != "") != bad) {
			t.Errorf("the list says of %s: digest %q, damaged %v, reason %q", e.Path, e.SHA256, e.Damaged, e.Reason)
		}
	}
	info, err := os.ReadFile(filepath.Join(r.dir, "store", end.ID, "v1", "bag-info.txt"))
	must(t, err)
	if !strings.Contains(strings.ReplaceAll(string(info), "\n ", ""), "VIDEO_TS/VTS_01_2.VOB") {
		t.Errorf("bag-info.txt does not name the damaged file:\n%s", info)
	}
}

// A directory and a path table that cannot be read are told as what they are,
// and the files below the directory are not said to be whole.
func TestDamageOfTheFileSystem(t *testing.T) {
	img, err := isoimage.New(isoimage.Options{Label: "DIRS", Files: []isoimage.File{{Path: "A/ONE.TXT", Size: 5000}, {Path: "B/TWO.TXT", Size: 5000}}, Sectors: 500, Seed: 5})
	must(t, err)
	whole := lookFor(t, img, "A")
	r := newRig(t)
	drive := r.add(simdrive.Options{})
	r.start()
	d := simdrive.PressedCD(img, 500)
	d.Damage().Bad(disc.Extent{Start: whole, Count: 1})
	must(t, drive.Insert(d))
	end := r.ended(1, station.OutcomeIncomplete)
	c := r.show(end.ID).Content
	if c == nil || c.DamagedTotal != 0 || c.StructuresTotal != 1 || c.Structures[0].What != "directory" || c.Structures[0].Path != "A" || c.UnknownTotal != 1 || c.Unknown[0] != "A" || c.TreeSHA256 != nil {
		t.Fatalf("content %+v", c)
	}
	if told := r.await(1, word(station.WordEjected)).Text; !strings.Contains(told, "what is in A is not known in full") {
		t.Errorf("at the tray is said %q", told)
	}
}

// lookFor finds the sector of a directory of the root.
func lookFor(t *testing.T, img *isoimage.Image, name string) disc.LBA {
	t.Helper()
	m := discfs.Open(img, img.Size(), nil)
	for _, n := range m.Main().Root.Children {
		if n.Name == name {
			return disc.LBA(n.Meta[0].Offset / disc.SectorSize)
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
