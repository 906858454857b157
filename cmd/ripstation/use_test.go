package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/export"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/internal/versitygw"
)

// packages names what Debian calls the programs that these tests ask.
var packages = map[string]string{"xorriso": "xorriso", "genisoimage": "genisoimage"}

func tool(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s (Debian package %s): %v\n%s", name, packages[name], err, out)
	}
}

// put makes a file of a folder.
func put(t *testing.T, content string, path ...string) {
	t.Helper()
	p := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// treeFiles are what the tests put on a disc.
var treeFiles = map[string]string{
	"README.TXT": "read me\n", "empty": "", "docs/numbers.txt": strings.Repeat("0123456789\n", 100_000), "docs/deep/down/here": "here",
	"Grüße aus Köln.txt": "ü", "docs/CON": "con",
}

// discOf makes an image of a folder with xorriso.
func discOf(t *testing.T, dir, name, label string, more func(src string)) string {
	t.Helper()
	src := filepath.Join(dir, name+".src")
	for path, content := range treeFiles {
		put(t, content, src, path)
	}
	if more != nil {
		more(src)
	}
	image := filepath.Join(dir, name)
	tool(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long", "-V", label, "-o", image, src)
	return image
}

// archive rips an image file and gives the disc's id.
func archiveFile(t *testing.T, config, image string, more ...string) string {
	t.Helper()
	a := ripstation(t, append([]string{"rip", image, "--json", "--config", config}, more...)...)
	var res ripResult
	decode(t, a.out, &res)
	if a.code != exitDone || res.ID == "" {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	return res.ID
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d bytes %.80q, want %d bytes %.80q", what, len(got), got, len(want), want)
	}
}

func fileText(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// From a disc in the archive everything can be had that was on it, without
// restoring it.
func TestUseAnArchivedDisc(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "MY_DISC", func(src string) {
		if err := os.Symlink("docs/numbers.txt", filepath.Join(src, "shortcut")); err != nil {
			t.Fatal(err)
		}
	}), "--item", "31/234", "--part", "1/2")
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }

	if a := run("ls", id[:6]); a.code != exitDone || !slices.Equal(strings.Split(strings.TrimSpace(a.out), "\n"), []string{"Grüße aus Köln.txt", "README.TXT", "docs/", "empty", "shortcut"}) {
		t.Errorf("ls: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("ls", id[:6], "/docs/", "-l"); a.code != exitDone || !strings.Contains(a.out, "1100000") || !strings.Contains(a.out, "numbers.txt") || strings.Contains(a.out, "here") {
		t.Errorf("ls -l: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("ls", id, "docs/numbers.txt"); a.code != exitDone || a.out != "docs/numbers.txt\n" {
		t.Errorf("ls of a file: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	var all lsResult
	a := run("ls", id, "-R", "--json")
	decode(t, a.out, &all)
	seen := map[string]int64{}
	for _, f := range all.Files {
		if f.Type == "file" {
			seen[f.Path] = f.Size
		} else if f.Type == "link" && *f.Link != "docs/numbers.txt" {
			t.Errorf("%+v", f)
		}
	}
	if a.code != exitDone || all.ID != id || all.Volume != "Rock Ridge" || all.Label != "MY_DISC" || all.Store != "local" || len(seen) != len(treeFiles) {
		t.Errorf("ls --json: exit %d, %+v\n%s", a.code, all, a.talk)
	}
	for path, content := range treeFiles {
		if size, ok := seen[path]; !ok || size != int64(len(content)) {
			t.Errorf("%s: %d bytes, %v", path, size, ok)
		}
		for _, volume := range []string{"", "joliet"} {
			a := run("cat", id, path, "--volume", volume)
			if a.code != exitDone {
				t.Errorf("cat %s: exit %d\n%s", path, a.code, a.talk)
			}
			same(t, "cat "+path+" of "+volume, a.out, content)
		}
	}
	same(t, "cat of a link", run("cat", id, "shortcut").out, treeFiles["docs/numbers.txt"])

	out := filepath.Join(dir, "out", "new")
	a = run("extract", id, out, "--json")
	var res extracted
	decode(t, a.out, &res)
	if a.code != exitDone || res.Files != len(treeFiles) || res.ID != id {
		t.Errorf("extract: exit %d, %+v\n%s", a.code, res, a.talk)
	}
	for path, content := range treeFiles {
		same(t, path, fileText(t, out, "31_234 1 of 2 MY_DISC", path), content)
	}
	if link, err := os.Readlink(filepath.Join(out, "31_234 1 of 2 MY_DISC", "shortcut")); err != nil || link != "docs/numbers.txt" {
		t.Errorf("%q, %v", link, err)
	}
	for _, c := range []struct{ from, to string }{{"docs", "docs/deep/down/here"}, {"docs/deep/", "deep/down/here"}, {"docs/deep/down/here", "here"}} {
		out := t.TempDir()
		if a := run("extract", id, c.from, out); a.code != exitDone || !strings.Contains(a.out, "file") {
			t.Errorf("extract %s: exit %d\n%s%s", c.from, a.code, a.out, a.talk)
		}
		same(t, c.to, fileText(t, out, c.to), "here")
	}

	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{"ls"}, exitUsage, "the id of a disc"},
		{[]string{"ls", id, "a", "b"}, exitUsage, "it got 3"},
		{[]string{"cat", id}, exitUsage, "a path on the disc"},
		{[]string{"extract", id}, exitUsage, "a folder"},
		{[]string{"ls", "zzzz"}, exitFailed, "not in the catalog"},
		{[]string{"ls", id, "nothing"}, exitFailed, "there is no nothing on the disc"},
		{[]string{"ls", id, "../../etc"}, exitFailed, "there is no etc on the disc"},
		{[]string{"cat", id, "docs"}, exitUsage, "docs is a directory"},
		{[]string{"ls", id, "--volume", "HFS"}, exitUsage, "the disc has "},
		{[]string{"ls", id, "--store", "moon"}, exitUsage, "there is no copy of image 1"},
		{[]string{"ls", id, "--version", "2"}, exitUsage, "has images 1 to 1"},
	} {
		if a := run(c.args...); a.code != c.code || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", c.args, a.code, c.code, c.talk, a.out, a.talk)
		}
	}
}

// Two discs of one name get names that tell them apart, each always the same.
func TestNamesOfExtractedDiscs(t *testing.T) {
	dir, config := stationFolder(t)
	var ids []string
	for i, label := range []string{"TWICE", "Twice", "CON"} {
		ids = append(ids, archiveFile(t, config, discOf(t, dir, fmt.Sprintf("%d.iso", i), label, func(src string) { put(t, label, src, fmt.Sprint("only ", i)) })))
	}
	for i, id := range ids {
		want := []string{"TWICE " + id[:8], "Twice " + id[:8], "_CON"}[i]
		out := t.TempDir()
		a := ripstation(t, "extract", id, out, "--config", config)
		entries, err := os.ReadDir(out)
		if a.code != exitDone || err != nil || len(entries) != 1 || entries[0].Name() != want {
			t.Errorf("exit %d, %v, %v, want %q\n%s", a.code, entries, err, want, a.talk)
		}
	}
}

// What a scratch has taken is told to the byte, in ls, cat and extract, while a
// station runs; nothing of it is given as if it were the disc's.
// Of a disc of several sessions the latest one's files count, whether it is
// asked of the catalog or of the copy.
func TestUseADiscOfSeveralSessions(t *testing.T) {
	s := startSim(t, "sim0")
	session := func(seed uint64, base, sectors int64, more ...isoimage.File) *isoimage.Image {
		m, err := isoimage.New(isoimage.Options{Label: "SESSIONS", Seed: seed, Base: base, Sectors: sectors,
			Files: append([]isoimage.File{{Path: "BOTH.TXT", Size: 3000 + int64(seed)}}, more...)})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	one := session(1, 0, 700)
	two := session(2, 700+2+11_400, 600, isoimage.File{Path: "LATER.TXT", Size: 5000})
	s.load(t, "sim0", simdrive.MultiSessionCDR(simdrive.Part{Content: one, Sectors: 700}, simdrive.Part{Content: two, Sectors: 600}))
	a := s.run(t, "rip", "sim0", "--json")
	var rip ripResult
	decode(t, a.out, &rip)
	if a.code != exitDone {
		t.Fatalf("rip: exit %d\n%s", a.code, a.talk)
	}
	if a := s.run(t, "ls", rip.ID); a.code != exitDone || a.out != "BOTH.TXT\nLATER.TXT\n" {
		t.Errorf("ls: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	for _, f := range two.Files() {
		b := make([]byte, f.Size)
		if _, err := two.ReadAt(b, f.Sector*disc.SectorSize); err != nil {
			t.Fatal(err)
		}
		a := s.run(t, "cat", rip.ID, f.Path)
		if a.code != exitDone || strings.Contains(a.talk, "not known") {
			t.Errorf("cat %s: exit %d\n%s", f.Path, a.code, a.talk)
		}
		same(t, f.Path, a.out, string(b))
	}
}

func TestUseADamagedDisc(t *testing.T) {
	s := startSim(t, "sim0")
	m := iso(t, "SCRATCHED", 2000, 2)
	files := m.Files()
	whole, hurt := files[0], files[len(files)-1]
	const from, count = 32, 16 // sectors of the file
	d := simdrive.DVDROM(m, 2000)
	d.Damage().Bad(disc.Extent{Start: disc.LBA(hurt.Sector + from), Count: count})
	s.load(t, "sim0", d)
	a := s.run(t, "rip", "sim0", "--item", "S", "--json")
	var rip ripResult
	decode(t, a.out, &rip)
	if a.code != exitMissing {
		t.Fatalf("rip: exit %d\n%s", a.code, a.talk)
	}
	bytesOf := func(p isoimage.Placed) []byte {
		b := make([]byte, p.Size)
		if _, err := m.ReadAt(b, p.Sector*disc.SectorSize); err != nil {
			t.Fatal(err)
		}
		return b
	}
	content := bytesOf(hurt)
	filled := slices.Clone(content)
	clear(filled[from*disc.SectorSize : (from+count)*disc.SectorSize])
	isoPath := func(p string) string { return strings.ToUpper(p) }

	if a := s.run(t, "ls", rip.ID, "-R", "-l"); a.code != exitDone || strings.Count(a.out, "DAMAGED: 32768 bytes missing") != 1 {
		t.Errorf("ls: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	a = s.run(t, "cat", rip.ID, isoPath(whole.Path))
	if a.code != exitDone {
		t.Errorf("cat of a whole file: exit %d\n%s", a.code, a.talk)
	}
	same(t, whole.Path, a.out, string(bytesOf(whole)))
	a = s.run(t, "cat", rip.ID, isoPath(hurt.Path))
	if a.code != exitMissing || !strings.Contains(a.talk, "bytes 65536 to 98303 of ") || !strings.Contains(a.talk, "65536 bytes were written") {
		t.Errorf("cat: exit %d\n%s", a.code, a.talk)
	}
	same(t, "cat", a.out, string(content[:from*disc.SectorSize]))
	a = s.run(t, "cat", rip.ID, isoPath(hurt.Path), "--fill")
	if a.code != exitMissing || !strings.Contains(a.talk, "zeroes stand in their place") {
		t.Errorf("cat --fill: exit %d\n%s", a.code, a.talk)
	}
	same(t, "cat --fill", a.out, string(filled))
	out := t.TempDir()
	a = s.run(t, "extract", rip.ID, out)
	if a.code != exitMissing || !strings.Contains(a.out, "1 incomplete") || !strings.Contains(a.talk, isoPath(hurt.Path)+": incomplete: bytes 65536 to 98303") {
		t.Errorf("extract: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	same(t, "extracted", fileText(t, out, "S SCRATCHED", isoPath(hurt.Path)+export.Incomplete), string(filled))
	same(t, "extracted", fileText(t, out, "S SCRATCHED", isoPath(whole.Path)), string(bytesOf(whole)))
	if exists(filepath.Join(out, "S SCRATCHED", isoPath(hurt.Path))) {
		t.Error("a damaged file has a whole one's name")
	}
}

// A disc made to do harm: nothing of it lands outside of the folder.
func TestUseAHostileDisc(t *testing.T) {
	dir, config := stationFolder(t)
	long := strings.Repeat("long", 62)
	image := discOf(t, dir, "evil.iso", "..", func(src string) {
		for _, link := range []struct{ name, to string }{{"passwd", "/etc/passwd"}, {"up", "../../../../tmp"}, {"here", "docs"}, {"loop", "loop"}} {
			if err := os.Symlink(link.to, filepath.Join(src, link.name)); err != nil {
				t.Fatal(err)
			}
		}
		put(t, "x", src, long)
		put(t, "x", src, "-rf")
		put(t, "dots", src, "zq")
		put(t, "slash", src, "zabs", "inner")
		put(t, "esc", src, "z\x1b[31m")
	})
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	// Names that no honest program writes (RRIP 4.1.4: "NM", length, version, flags, name).
	for _, c := range []struct{ from, to string }{{"NM\x07\x01\x00zq", "NM\x07\x01\x00.."}, {"NM\x09\x01\x00zabs", "NM\x09\x01\x00/abs"}} {
		if !bytes.Contains(b, []byte(c.from)) {
			t.Fatalf("xorriso wrote no %q", c.from)
		}
		b = bytes.ReplaceAll(b, []byte(c.from), []byte(c.to))
	}
	if err := os.WriteFile(image, b, 0o644); err != nil {
		t.Fatal(err)
	}
	id := archiveFile(t, config, image)
	if a := ripstation(t, "ls", id, "-lR", "--config", config); a.code != exitDone || strings.ContainsAny(a.out, "\x1b") {
		t.Errorf("ls: exit %d\n%q", a.code, a.out)
	}
	outer := t.TempDir()
	a := ripstation(t, "extract", id, filepath.Join(outer, "in"), "--json", "--config", config)
	var res extracted
	decode(t, a.out, &res)
	states := map[string]export.State{}
	for _, it := range res.Items {
		states[it.Path] = it.State
	}
	if a.code != exitDone || states["passwd"] != export.LeftOut || states["up"] != export.LeftOut || states["here"] != export.Written || states["loop"] != export.Written || states[long] != export.Written {
		t.Errorf("exit %d, %v\n%s", a.code, states, a.talk)
	}
	found := ""
	err = filepath.WalkDir(outer, func(p string, d fs.DirEntry, err error) error {
		if d.Type()&fs.ModeSymlink != 0 {
			to, err := filepath.EvalSymlinks(p)
			if err == nil && !strings.HasPrefix(to, filepath.Join(outer, "in")+"/") {
				t.Errorf("%s leads to %s", p, to)
			}
		} else if d.Type().IsRegular() {
			found += fileText(t, p)
		}
		return err
	})
	entries, rerr := os.ReadDir(outer)
	if err != nil || rerr != nil || len(entries) != 1 {
		t.Errorf("%v, %v, %v", entries, err, rerr)
	}
	if entries, err := os.ReadDir(filepath.Join(outer, "in")); err != nil || len(entries) != 1 || entries[0].Name() != id {
		t.Errorf("the disc's folder: %v, %v", entries, err)
	}
	for _, want := range []string{"dots", "slash", "esc"} {
		if !strings.Contains(found, want) {
			t.Errorf("the file that holds %q was lost", want)
		}
	}
}

// When the best copy cannot be read the next one is, and this is said. When
// none can, nothing is said of the disc.
func TestUseTheNextCopy(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	text := fileText(t, config) + fmt.Sprintf("\n[[store]]\nname = \"cloud\"\ntype = \"s3\"\nrequired = true\nendpoint = %q\nbucket = \"discs\"\npath_style = true\naccess_key_file = %q\nsecret_key_file = %q\n",
		server.Endpoint, server.AccessKeyFile, server.SecretKeyFile)
	put(t, text, config)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "TWO_COPIES", nil), "--item", "X")
	cat := func(more ...string) answer {
		return ripstation(t, append([]string{"cat", id, "docs/numbers.txt", "--config", config}, more...)...)
	}
	logged := func() int { return strings.Count(fileText(t, server.AccessLog), "image.iso") }
	before := logged()
	a := cat()
	if a.code != exitDone || logged() != before {
		t.Errorf("the folder comes first: exit %d, %d requests\n%s", a.code, logged()-before, a.talk)
	}
	if a := cat("--store", "cloud"); a.code != exitDone || logged() == before {
		t.Errorf("--store: exit %d\n%s", a.code, a.talk)
	} else {
		same(t, "from S3", a.out, treeFiles["docs/numbers.txt"])
	}
	sectors := filepath.Join(dir, "store", id, "v1", "metadata", "sectors.map")
	good := fileText(t, sectors)
	put(t, strings.Replace(good, "read", "READ", 1), sectors)
	a = cat()
	if a.code != exitDone || !strings.Contains(a.talk, "the copy in local cannot be read") || !strings.Contains(a.talk, "checksum does not match") || !strings.Contains(a.talk, "the copy in cloud is tried") {
		t.Errorf("a changed map: exit %d\n%s", a.code, a.talk)
	}
	same(t, "from the next", a.out, treeFiles["docs/numbers.txt"])
	put(t, good, sectors)
	store := filepath.Join(dir, "store")
	if err := os.Rename(store, store+".away"); err != nil {
		t.Fatal(err)
	}
	a = cat()
	if a.code != exitDone || !strings.Contains(a.talk, "the copy in local cannot be read") {
		t.Errorf("without the folder: exit %d\n%s", a.code, a.talk)
	}
	same(t, "without the folder", a.out, treeFiles["docs/numbers.txt"])
	if exists(store) {
		t.Error("the store was made anew where its drive is away")
	}
	server.Kill()
	if a := cat(); a.code != exitBlind || a.out != "" || !strings.Contains(a.talk, "no copy can be read") {
		t.Errorf("without any: exit %d\n%s", a.code, a.talk)
	}
	if err := os.Rename(store+".away", store); err != nil {
		t.Fatal(err)
	}
	// Truncated at rest: not the image that was archived, and that is known.
	image := filepath.Join(store, id, "v1", "data", "image.iso")
	if err := os.Truncate(image, 100*disc.SectorSize); err != nil {
		t.Fatal(err)
	}
	if a := cat(); a.code != exitFindings || !strings.Contains(a.talk, "recorded were") {
		t.Errorf("truncated: exit %d\n%s", a.code, a.talk)
	}
}
