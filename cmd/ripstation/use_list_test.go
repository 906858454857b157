package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/catalog"
	"ripstation/discfs/export"
)

// Every file that comes out of the archive is held against the digest on
// record: a byte that has changed at rest is found, and gets no file.
func TestFilesAreHeldAgainstTheirDigests(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "DIGESTS", nil), "--item", "D")
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
	if err := unix.Removexattr(list, "user.ripstation.crc64nvme"); err != nil { // else the store itself sees it
		t.Fatal(err)
	}
	if a := run("cat", id, "docs/CON", "--volume", "Joliet"); a.code != exitFindings || a.out != "" || !strings.Contains(a.talk, "not the one on record") {
		t.Errorf("a changed list: exit %d\n%s", a.code, a.talk)
	}
}
