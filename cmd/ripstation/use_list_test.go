package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/discfs"
	"ripstation/discfs/export"
	"ripstation/discfs/tree"
)

// withList gives a disc that was archived without a list of its files one, as
// if it had been there when the disc was read.
func withList(t *testing.T, dir, config, id string) {
	t.Helper()
	cfg, err := loadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	old, err := catalog.Open(ctx, cfg.Station.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	record, err := old.Record(ctx, id, 1)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := old.Objects(ctx, id, 1)
	if err != nil {
		t.Fatal(err)
	}
	copies, err := old.Copies(ctx, id, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	objects = slices.DeleteFunc(objects, func(o catalog.Object) bool { return o.Role == catalog.RoleImage })
	if slices.ContainsFunc(objects, func(o catalog.Object) bool { return o.Path == catalog.FilesPath }) {
		return
	}
	list := listOf(t, filepath.Join(dir, "store", id, "v1", "data", "image.iso"), id)
	put(t, string(list), dir, "store", id, "v1", catalog.FilesPath)
	objects = append(objects, catalog.Object{Role: catalog.RoleTag, Path: catalog.FilesPath, Size: int64(len(list)), SHA512: strings.Repeat("0", 128), SHA256: fmt.Sprintf("%x", sha256.Sum256(list))})
	if err := os.Rename(cfg.Station.Catalog, cfg.Station.Catalog+".old"); err != nil {
		t.Fatal(err)
	}
	fresh, err := catalog.Open(ctx, cfg.Station.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	err = fresh.Commit(ctx, catalog.Commit{RecordBytes: record, Files: objects, Copies: copies,
		FileList: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(list)), nil },
		Events: []catalog.Event{{Type: catalog.EventIngestion, Time: time.Now(), Outcome: catalog.EventSuccess, Detail: "stored", Objects: []string{id},
			Agents: []catalog.Agent{{Role: catalog.RoleProgram, Name: "test"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.Close(); err != nil {
		t.Fatal(err)
	}
}

// listOf lists the main tree of an image.
func listOf(t *testing.T, image, id string) []byte {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	m := discfs.Open(f, fi.Size(), nil)
	v := m.Main()
	var b bytes.Buffer
	w, err := catalog.NewFileListWriter(&b, catalog.FileList{Carrier: id, ImageVersion: 1, Volumes: []catalog.FileVolume{{System: v.System, View: v.View, Label: v.Label}}})
	if err != nil {
		t.Fatal(err)
	}
	var all []catalog.FileEntry
	tree.Walk(v.Root, func(path string, n *tree.Node) bool {
		e := catalog.FileEntry{Path: path, Type: catalog.FileType(typeOf(n.Mode)), Mode: fmt.Sprintf("%04o", tree.UnixMode(n.Mode)), Size: n.Size, Modified: n.Modified, Link: n.Link}
		for _, x := range n.Extents {
			e.Extents = append(e.Extents, catalog.FileExtent{Offset: x.Offset, Length: x.Length, Unit: x.Unit, Gap: x.Gap})
		}
		if n.Mode.IsRegular() {
			h := sha256.New()
			if _, err := io.Copy(h, io.NewSectionReader(tree.NewContent(n, f, fi.Size()), 0, n.Size)); err != nil {
				t.Fatal(err)
			}
			e.SHA256 = fmt.Sprintf("%x", h.Sum(nil))
		}
		if path != "." {
			all = append(all, e)
		}
		return true
	})
	slices.SortFunc(all, func(a, b catalog.FileEntry) int { return strings.Compare(a.Path, b.Path) })
	for _, e := range all {
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every file that comes out of the archive is held against the digest on
// record: a byte that has changed at rest is found, and gets no file.
func TestFilesAreHeldAgainstTheirDigests(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "DIGESTS", nil), "--item", "D")
	withList(t, dir, config, id)
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	out := t.TempDir()
	for _, volume := range []string{"Rock Ridge", "Joliet"} { // by the catalog, and by the bag's list
		var res extracted
		a := run("extract", id, "docs", out, "--json", "--volume", volume)
		decode(t, a.out, &res)
		if a.code != exitDone || res.Files != 3 || res.Checked != 3 || strings.Contains(a.talk, "not known") {
			t.Errorf("%s: exit %d, %+v\n%s", volume, a.code, res, a.talk)
		}
	}
	if a := run("cat", id, "docs/numbers.txt"); a.code != exitDone || a.talk != "" {
		t.Errorf("cat: exit %d\n%s", a.code, a.talk)
	}

	image := filepath.Join(dir, "store", id, "v1", "data", "image.iso")
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("0123456789\n0123456789\n"))
	if at < 0 {
		t.Fatal("the file is not on the image")
	}
	b[at+500_000] ^= 1
	put(t, string(b), image)
	for _, volume := range []string{"Rock Ridge", "Joliet"} {
		a := run("cat", id, "docs/numbers.txt", "--volume", volume)
		if a.code != exitFindings || !strings.Contains(a.talk, "its SHA-256 is not the one on record") {
			t.Errorf("cat, %s: exit %d\n%s", volume, a.code, a.talk)
		}
		out := t.TempDir()
		a = run("extract", id, "docs", out, "--volume", volume)
		if a.code != exitFindings || !strings.Contains(a.talk, "docs/numbers.txt: digest differs") || !strings.Contains(a.out, "2 files") {
			t.Errorf("extract, %s: exit %d\n%s%s", volume, a.code, a.out, a.talk)
		}
		entries, err := os.ReadDir(filepath.Join(out, "docs"))
		if err != nil || len(entries) != 2 || exists(filepath.Join(out, "docs", "numbers.txt")) {
			t.Errorf("in the folder: %v, %v", entries, err)
		}
	}
	// What was extracted before is whole: the same command has nothing to do.
	var res extracted
	a := run("extract", id, "docs", out, "--json")
	decode(t, a.out, &res)
	if a.code != exitDone || res.Files != 3 || !slices.ContainsFunc(res.Items, func(it extractedItem) bool { return it.State == export.AlreadyThere }) {
		t.Errorf("again: exit %d, %+v\n%s", a.code, res, a.talk)
	}
	// A list that is not the one on record is not believed.
	list := filepath.Join(dir, "store", id, "v1", catalog.FilesPath)
	put(t, strings.Replace(fileText(t, list), `"0644"`, `"0640"`, 1), list)
	if a := run("cat", id, "docs/CON", "--volume", "Joliet"); a.code != exitBlind || a.out != "" || !strings.Contains(a.talk, "not the one on record") {
		t.Errorf("a changed list: exit %d\n%s", a.code, a.talk)
	}
}
