package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/archive"
	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/internal/versitygw"
)

// withCloud gives a station's configuration a bucket beside its folder.
func withCloud(t *testing.T, config string, server *versitygw.Server, bucket, endpoint string) {
	t.Helper()
	put(t, fileText(t, config)+fmt.Sprintf("\n[[store]]\nname = \"cloud\"\ntype = \"s3\"\nrequired = true\nendpoint = %q\nbucket = %q\npath_style = true\naccess_key_file = %q\nsecret_key_file = %q\n",
		endpoint, bucket, server.AccessKeyFile, server.SecretKeyFile), config)
}

// tree reads all files below a folder.
func treeOf(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, rerr := filepath.Rel(root, p)
			all[rel], err = fileText(t, p), rerr
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

func sameTree(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for p, w := range want {
		if g, ok := got[p]; !ok || g != w {
			t.Errorf("%s: %s is there: %v, %d bytes, want %d", what, p, ok, len(g), len(w))
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%s: %s is there, and should not be", what, p)
		}
	}
}

// edit changes a stored file in place, or removes it when change gives nil. The
// checksum noted beside it stays, or goes with forget.
func edit(t *testing.T, path string, forget bool, change func([]byte) []byte) {
	t.Helper()
	b := change([]byte(fileText(t, path)))
	if b == nil {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if forget {
		if err := unix.Removexattr(path, "user.ripstation.crc64nvme"); err != nil && !errors.Is(err, unix.ENODATA) {
			t.Fatal(err)
		}
	}
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }

// A disc comes back whole, under a name that people know, and the catalog knows
// that it did.
func TestRestore(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 900, 1), "--item", "31/234", "--part", "1/2")
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	out := filepath.Join(dir, "out", "new")
	a := run("restore", id[:6], out, "--json")
	var res restored
	decode(t, a.out, &res)
	entries, err := os.ReadDir(out)
	if a.code != exitDone || err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "31_234 1 of 2 ") {
		t.Fatalf("exit %d, %v, %v\n%s", a.code, entries, err, a.talk)
	}
	folder := filepath.Join(out, entries[0].Name())
	bag := treeOf(t, filepath.Join(dir, "store", id, "v1"))
	sameTree(t, "restored", treeOf(t, folder), bag)
	if res.ID != id || res.Folder != folder || res.Files != len(bag) || !res.Sealed || res.Already || len(res.Copies) != 1 || res.Copies[0].Store != "local" || res.Copies[0].Bytes != res.Bytes {
		t.Errorf("%+v", res)
	}
	tool(t, folder, "sha512sum", "-c", "--quiet", "manifest-sha512.txt", "tagmanifest-sha512.txt")

	a = run("restore", id, out)
	if a.code != exitDone || !strings.Contains(a.out, "there already, every byte read again") {
		t.Errorf("again: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	var v catalog.View
	decode(t, run("show", id, "--json").out, &v)
	e := v.Events[len(v.Events)-1]
	if e.Type != catalog.EventDissemination || e.Outcome != catalog.EventSuccess || !strings.Contains(e.Detail, folder) || e.Agents[0].Name != "ada" || !slices.Contains(e.Objects, id+"/v1") ||
		len(v.Events) > 1 && v.Events[len(v.Events)-2].Type == catalog.EventDissemination {
		t.Errorf("%+v", e)
	}

	// What is there already is not written over.
	edit(t, filepath.Join(folder, "data", "image.iso"), false, flip)
	mine := treeOf(t, folder)
	a = run("restore", id, out)
	if a.code != exitFailed || !strings.Contains(a.talk, "left as it is") || !strings.Contains(a.talk, "move it away") {
		t.Errorf("something in the way: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	sameTree(t, "in the way", treeOf(t, folder), mine)
	out = t.TempDir()
	put(t, "mine", out, filepath.Base(folder)+".incomplete", "data", "mine.txt")
	a = run("restore", id, out)
	if a.code != exitFailed || !strings.Contains(a.talk, "data/mine.txt") || fileText(t, out, filepath.Base(folder)+".incomplete", "data", "mine.txt") != "mine" {
		t.Errorf("a file in the way: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	out = t.TempDir()
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(out, filepath.Base(folder)+".incomplete")); err != nil {
		t.Fatal(err)
	}
	if a := run("restore", id, out); a.code != exitFailed || len(treeOf(t, elsewhere)) > 0 {
		t.Errorf("a link in the way: exit %d\n%s%s", a.code, a.out, a.talk)
	}

	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{"restore", id}, exitUsage, "a folder"},
		{[]string{"restore", "--all"}, exitUsage, "a folder"},
		{[]string{"restore", "--all", id, out}, exitUsage, "it got 2"},
		{[]string{"restore", "--all", out, "--version", "1"}, exitUsage, "--version goes with one disc"},
		{[]string{"restore", id, out, "--version", "2"}, exitUsage, "has images 1 to 1"},
		{[]string{"restore", id, out, "--from", "moon"}, exitUsage, "it has local"},
		{[]string{"restore", "zzzz", out}, exitFailed, "not in the catalog"},
		{[]string{"restore", "zzzz", out, "--from", "local"}, exitUsage, "not a whole id"},
		{[]string{"restore", "zzzzzzzzzzzzzzzzzzzzzzzzzy", out, "--from", "local"}, exitFailed, "not in store local"},
		{[]string{"restore", id, config}, exitFailed, "there is a file of that name"},
		{[]string{"restore", id, out, "--operator", "a\nb"}, exitUsage, "control character"},
		{[]string{"verify"}, exitUsage, "the id of a disc"},
		{[]string{"verify", "zzzz"}, exitFailed, "not in the catalog"},
		{[]string{"verify", id, "--store", "moon"}, exitUsage, "it has local"},
		{[]string{"verify", id, "--version", "-1"}, exitUsage, "counted from 1"},
		{[]string{"repair"}, exitUsage, "--all-damaged"},
		{[]string{"repair", id, "--all-damaged"}, exitUsage, "not both"},
		{[]string{"repair", id, "--to", "moon"}, exitUsage, "it has local"},
		{[]string{"repair", "zzzz"}, exitFailed, "not in the catalog"},
	} {
		if a := run(c.args...); a.code != c.code || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", c.args, a.code, c.code, c.talk, a.out, a.talk)
		}
	}
}

// The bucket alone is enough: an empty station restores from it.
func TestRestoreWithoutACatalog(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 900, 1), "--item", "31234")
	other, empty := stationFolder(t)
	put(t, strings.Replace(fileText(t, empty), `path = "store"`, fmt.Sprintf("path = %q", filepath.Join(dir, "store")), 1), empty)
	out := t.TempDir()
	if a := ripstation(t, "restore", id, out, "--config", empty); a.code != exitFailed || !strings.Contains(a.talk, "--from STORE") {
		t.Errorf("without --from: exit %d\n%s", a.code, a.talk)
	}
	a := ripstation(t, "restore", id, out, "--from", "local", "--json", "--config", empty)
	var res restored
	decode(t, a.out, &res)
	if a.code != exitDone || res.Sealed || !strings.Contains(a.talk, "its own manifests") || !strings.Contains(filepath.Base(res.Folder), "31234") || !strings.HasSuffix(res.Folder, id[:8]) {
		t.Fatalf("exit %d, %+v\n%s", a.code, res, a.talk)
	}
	sameTree(t, "restored", treeOf(t, res.Folder), treeOf(t, filepath.Join(dir, "store", id, "v1")))
	if exists(filepath.Join(other, "catalog.db")) {
		t.Error("a catalog was made by a question")
	}
	// An image that was not sent to its end is none to be taken.
	put(t, "BagIt-Version: 1.0\n", filepath.Join(dir, "store", id, "v2", "bagit.txt"))
	a = ripstation(t, "restore", id, t.TempDir(), "--from", "local", "--json", "--config", empty)
	decode(t, a.out, &res)
	if a.code != exitDone || res.Version != 1 || !strings.Contains(a.talk, "image 2 was not sent to its end") {
		t.Errorf("with an unfinished image 2: exit %d, %+v\n%s", a.code, res, a.talk)
	}
	last := filepath.Join(dir, "store", id, "v1", archive.TagManifest)
	if err := os.Rename(last, last+".away"); err != nil {
		t.Fatal(err)
	}
	a = ripstation(t, "restore", id, t.TempDir(), "--from", "local", "--config", empty)
	if a.code != exitFindings || !strings.Contains(a.talk, "no bag of it in store local is finished") {
		t.Errorf("with no finished image: exit %d\n%s", a.code, a.talk)
	}
	if err := os.Rename(last+".away", last); err != nil {
		t.Fatal(err)
	}
	// A bag that does not fit together is not given for a good one.
	edit(t, filepath.Join(dir, "store", id, "v1", "metadata", "record.json"), true, flip)
	a = ripstation(t, "restore", id, t.TempDir(), "--from", "local", "--config", empty)
	if a.code != exitFindings || !strings.Contains(a.talk, "record.json") {
		t.Errorf("a changed record: exit %d\n%s", a.code, a.talk)
	}
}

// hurts are where a copy can be damaged.
var hurts = []struct {
	name, path string
	forget     bool // the store's own checksum, too
	change     func([]byte) []byte
}{
	{"a byte of the image", "data/image.iso", false, flip},
	{"a byte of the image, unknown to the store", "data/image.iso", true, flip},
	{"the image cut off", "data/image.iso", true, func(b []byte) []byte { return b[:len(b)-1] }},
	{"a byte behind the image", "data/image.iso", true, func(b []byte) []byte { return append(b, 0) }},
	{"the image gone", "data/image.iso", false, func([]byte) []byte { return nil }},
	{"the manifest", "manifest-sha512.txt", true, flip},
	{"the other manifest", "manifest-sha256.txt", true, flip},
	{"the tag manifest", "tagmanifest-sha512.txt", true, flip},
	{"the other tag manifest", "tagmanifest-sha256.txt", true, flip},
	{"the tag manifest gone", "tagmanifest-sha512.txt", false, func([]byte) []byte { return nil }},
	{"the record", "metadata/record.json", true, flip},
	{"the record empty", "metadata/record.json", true, func([]byte) []byte { return []byte{} }},
	{"bagit.txt", "bagit.txt", true, flip},
	{"bag-info.txt", "bag-info.txt", true, flip},
}

// Whatever is wrong with one copy, the next one makes up for it, byte for byte,
// and the damage is told.
func TestRestoreFromADamagedCopy(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	withCloud(t, config, server, "discs", server.Endpoint)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 3000, 1), "--item", "X")
	second := archiveFile(t, config, isoFile(t, dir, "b.iso", 3000, 2), "--item", "Y")
	store := filepath.Join(dir, "store", id, "v1")
	bag := treeOf(t, store)
	all := slices.Clone(hurts)
	all = append(all, struct {
		name, path string
		forget     bool
		change     func([]byte) []byte
	}{"another disc's image", "data/image.iso", true, func([]byte) []byte {
		return []byte(fileText(t, dir, "store", second, "v1", "data", "image.iso"))
	}})
	for _, p := range all {
		path := filepath.Join(store, p.path)
		if err := os.Rename(path, filepath.Join(dir, "keep")); err != nil {
			t.Fatal(err)
		}
		tool(t, dir, "cp", "--preserve=all", "keep", path)
		edit(t, path, p.forget, p.change)
		out := t.TempDir()
		a := ripstation(t, "restore", id, out, "--json", "--config", config)
		var res restored
		decode(t, a.out, &res)
		if a.code != exitFindings || len(res.Copies) != 2 || len(res.Copies[0].Faults) == 0 || !strings.Contains(a.talk, p.path) {
			t.Errorf("%s: exit %d, %+v\n%s", p.name, a.code, res, a.talk)
		} else {
			sameTree(t, p.name, treeOf(t, res.Folder), bag)
		}
		if exists(path) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(filepath.Join(dir, "keep"), path); err != nil {
			t.Fatal(err)
		}
	}
	// With no good copy there is no folder that could be taken for one.
	for _, where := range []string{filepath.Join(store, "data", "image.iso"), server.File("discs", id+"/v1/data/image.iso")} {
		b := flip([]byte(fileText(t, where)))
		if err := os.Chmod(where, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(where, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	a := ripstation(t, "restore", id, out, "--config", config)
	entries, err := os.ReadDir(out)
	if a.code != exitFindings || err != nil || len(entries) != 1 || !strings.HasSuffix(entries[0].Name(), ".incomplete") || a.out != "" {
		t.Errorf("exit %d, %v, %v\n%s%s", a.code, entries, err, a.out, a.talk)
	}
	// And all the others are restored, past the one that cannot be.
	out = t.TempDir()
	a = ripstation(t, "restore", "--all", out, "--config", config)
	if a.code != exitFindings || !strings.Contains(a.out, "FAILED") || !strings.Contains(a.out, short(second)+" v1 into ") || strings.Count(a.out, "\n") != 2 {
		t.Errorf("--all: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	var lines []restored
	a = ripstation(t, "restore", "--all", out, "--json", "--config", config)
	for _, l := range strings.Split(strings.TrimSpace(a.out), "\n") {
		var r restored
		decode(t, l, &r)
		lines = append(lines, r)
	}
	if a.code != exitFindings || len(lines) != 2 || lines[0].Already == lines[1].Already {
		t.Errorf("--all again: exit %d, %+v\n%s", a.code, lines, a.talk)
	}
}

// Of an incomplete disc everything comes back that there is, and what is missing
// is told; while a station runs, too.
func TestRestoreAnIncompleteDisc(t *testing.T) {
	s := startSim(t, "sim0")
	d := simdrive.DVDROM(iso(t, "SCRATCHED", 2000, 2), 2000)
	d.Damage().Bad(disc.Extent{Start: 1000, Count: 16})
	s.load(t, "sim0", d)
	var rip ripResult
	decode(t, s.run(t, "rip", "sim0", "--item", "S", "--json").out, &rip)
	out := t.TempDir()
	a := s.run(t, "restore", rip.ID, out)
	if a.code != exitMissing || !strings.Contains(a.out, "INCOMPLETE") || !strings.Contains(a.out, "16 SECTORS: 1000 to 1015") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if !strings.Contains(s.run(t, "show", rip.ID).out, "dissemination") {
		t.Error("the running station's catalog does not know")
	}
	if a := s.run(t, "verify", rip.ID); a.code != exitDone || !strings.Contains(a.out, "READ BACK") {
		t.Errorf("verify: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "repair", rip.ID); a.code != exitDone || !strings.Contains(a.out, "nothing to repair") {
		t.Errorf("repair: exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// Every copy is read now, and what was seen of each is said and kept.
func TestVerify(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	withCloud(t, config, server, "discs", server.Endpoint)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 3000, 1), "--item", "X")
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	if a := run("verify", id); a.code != exitDone || strings.Count(a.out, "READ BACK 2") != 2 {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	image := filepath.Join(dir, "store", id, "v1", "data", "image.iso")
	edit(t, image, true, flip)
	a := run("verify", id, "--json")
	var r audit.Report
	decode(t, a.out, &r)
	if a.code != exitFindings || len(r.Each) != 2 || r.Each[0].Store != "local" || r.Each[0].State != catalog.Damaged || !r.Each[1].Whole() {
		t.Errorf("exit %d, %+v\n%s", a.code, r, a.talk)
	}
	if a := run("verify", id); a.code != exitFindings || !strings.Contains(a.out, "DAMAGED: A003") || !strings.Contains(a.out, "data/image.iso") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("verify", id, "--store", "cloud"); a.code != exitDone || strings.Contains(a.out, "local") {
		t.Errorf("--store: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	var v catalog.View
	decode(t, run("show", id, "--json").out, &v)
	if v.Copies[1].State != catalog.Damaged && v.Copies[0].State != catalog.Damaged {
		t.Errorf("%+v", v.Copies)
	}
	edit(t, image, false, flip)
	if err := os.Remove(server.File("discs", id+"/v1/metadata/sectors.map")); err != nil {
		t.Fatal(err)
	}
	if a := run("verify", id); a.code != exitFindings || strings.Count(a.out, "READ BACK 2") != 1 || !strings.Contains(a.out, "sectors.map") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	server.Kill()
	if a := run("verify", id, "--store", "cloud"); a.code != exitFindings && a.code != exitBlind {
		t.Errorf("a dead server: exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// What is missing is sent again; what is damaged in a folder is left for a
// person to move.
func TestRepairAFolder(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	withCloud(t, config, server, "discs", server.Endpoint)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 10_000, 1), "--item", "X")
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	store := filepath.Join(dir, "store", id, "v1")
	bag := treeOf(t, store)
	for _, gone := range []string{"data/image.iso", "metadata/record.json", "tagmanifest-sha512.txt"} {
		if err := os.Remove(filepath.Join(store, gone)); err != nil {
			t.Fatal(err)
		}
	}
	a := run("repair", id)
	if a.code != exitDone || !strings.Contains(a.out, "sent data/image.iso, metadata/record.json, tagmanifest-sha512.txt; now READ BACK") {
		t.Errorf("missing: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	sameTree(t, "repaired", treeOf(t, store), bag)
	var v catalog.View
	decode(t, run("show", id, "--json").out, &v)
	for _, c := range v.Copies {
		if c.State != catalog.ReadBack {
			t.Errorf("%+v", c)
		}
	}
	if !slices.ContainsFunc(v.Events, func(e catalog.Event) bool {
		return e.Type == catalog.EventReplication && strings.Contains(e.Detail, "from the copy in cloud, of which every byte had just been read") && slices.Contains(e.Objects, id+"/v1/data/image.iso")
	}) {
		t.Errorf("no event tells of it: %+v", v.Events)
	}

	image := filepath.Join(store, "data", "image.iso")
	edit(t, image, true, flip)
	hurt := treeOf(t, dir+"/store")
	a = run("repair", "--all-damaged")
	if a.code != exitDone || !strings.Contains(a.talk, "no missing or damaged copy") {
		t.Errorf("nothing is known yet: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	a = run("repair", id)
	if a.code != exitFindings || !strings.Contains(a.out, "NEEDS YOU") || !strings.Contains(a.out, image) || !strings.Contains(a.out, ".set-aside") {
		t.Errorf("damaged: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	sameTree(t, "left as it is", treeOf(t, dir+"/store"), hurt)
	aside := ""
	for _, l := range strings.Split(a.out, "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), "to "); ok {
			aside = rest
		}
	}
	if err := os.MkdirAll(filepath.Dir(aside), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(image, aside); err != nil {
		t.Fatal(err)
	}
	a = run("repair", "--all-damaged", "--json")
	var rep audit.RepairReport
	decode(t, a.out, &rep)
	if a.code != exitDone || len(rep.Copies) != 1 || !rep.Copies[0].Whole() || !slices.Equal(rep.Copies[0].Sent, []string{"data/image.iso"}) {
		t.Errorf("moved away: exit %d, %+v\n%s", a.code, rep, a.talk)
	}
	sameTree(t, "repaired", treeOf(t, store), bag)
	if a := run("audit", "--full"); a.code != exitDone {
		t.Errorf("an audit: exit %d\n%s%s", a.code, a.out, a.talk)
	}

	// Both hurt: nothing good is left, and nothing is done.
	edit(t, image, true, flip)
	cloud := server.File("discs", id+"/v1/data/image.iso")
	if err := os.Remove(cloud); err != nil {
		t.Fatal(err)
	}
	a = run("repair", id)
	if a.code != exitFindings || strings.Count(a.out, "NOT REPAIRED: no copy of this image") != 2 || !strings.Contains(a.out, "damaged in local") || exists(cloud) {
		t.Errorf("no good copy: exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// In a bucket that keeps versions the repair goes on top, and the event has both
// ids; in one that does not, nothing is written over.
func TestRepairABucket(t *testing.T) {
	for _, versioned := range []bool{true, false} {
		server := versitygw.Start(t)
		server.Bucket("discs")
		if versioned {
			server.Versioning("discs")
		}
		dir, config := stationFolder(t)
		withCloud(t, config, server, "discs", server.Endpoint)
		id := archiveFile(t, config, isoFile(t, dir, "a.iso", 10_000, 1), "--item", "X")
		run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
		hurt := map[string]string{}
		for _, p := range []string{"data/image.iso", "metadata/record.json"} {
			f := server.File("discs", id+"/v1/"+p)
			b := flip([]byte(fileText(t, f)))
			if err := os.WriteFile(f, b, 0o644); err != nil {
				t.Fatal(err)
			}
			hurt[p] = string(b)
		}
		a := run("repair", id, "--json")
		var rep audit.RepairReport
		decode(t, a.out, &rep)
		if len(rep.Copies) != 1 {
			t.Fatalf("exit %d, %+v\n%s", a.code, rep, a.talk)
		}
		c := rep.Copies[0]
		if !versioned {
			if a.code != exitFindings || len(c.MoveAway) != 2 || c.MoveAway[0].From != "s3://discs/"+id+"/v1/data/image.iso" {
				t.Errorf("unversioned: exit %d, %+v\n%s", a.code, c, a.talk)
			}
			for p, want := range hurt {
				same(t, p, fileText(t, server.File("discs", id+"/v1/"+p)), want)
			}
			continue
		}
		if a.code != exitDone || !c.Whole() || len(c.Superseded) != 2 {
			t.Fatalf("exit %d, %+v\n%s", a.code, c, a.talk)
		}
		local := treeOf(t, filepath.Join(dir, "store", id, "v1"))
		var v catalog.View
		decode(t, run("show", id, "--json").out, &v)
		for _, s := range c.Superseded {
			same(t, s.Path, fileText(t, server.File("discs", id+"/v1/"+s.Path)), local[s.Path])
			if s.Old == "" || s.New == "" || s.Old == s.New || !slices.ContainsFunc(v.Events, func(e catalog.Event) bool {
				return e.Type == catalog.EventReplication && strings.Contains(e.Detail, s.Old) && strings.Contains(e.Detail, s.New)
			}) {
				t.Errorf("%+v is in no event", s)
			}
			old := objectVersion(t, server, "discs", id+"/v1/"+s.Path, s.Old)
			if !bytes.Equal(old, []byte(hurt[s.Path])) {
				t.Errorf("%s: the damaged version has %d bytes that are others", s.Path, len(old))
			}
		}
	}
}

// What is handed over opens with the programs that people have, is whole by
// sha512sum, and says what it is.
func TestHandover(t *testing.T) {
	s := startSim(t, "sim0")
	d := simdrive.DVDROM(iso(t, "SCRATCHED", 2000, 2), 2000)
	d.Damage().Bad(disc.Extent{Start: 1000, Count: 16})
	s.load(t, "sim0", d)
	var first, second ripResult
	decode(t, s.run(t, "rip", "sim0", "--item", "-rf / ../x", "--json").out, &first)
	s.load(t, "sim0", simdrive.PressedCD(iso(t, "README.TXT", 1500, 5), 1500))
	decode(t, s.run(t, "rip", "sim0", "--json").out, &second)
	bags := map[string]map[string]string{}
	for _, id := range []string{first.ID, second.ID} {
		bags[id] = treeOf(t, filepath.Join(s.dir, "store", id, "v1"))
	}
	for _, kind := range []string{"zip", "tar"} {
		out := t.TempDir()
		file := filepath.Join(out, "discs."+kind)
		a := s.run(t, "handover", first.ID, second.ID[:7], "--"+kind, file, "--json")
		var res handed
		decode(t, a.out, &res)
		if a.code != exitMissing || len(res.Discs) != 2 || res.Discs[0].ID != first.ID || res.File != file {
			t.Fatalf("%s: exit %d, %+v\n%s", kind, a.code, res, a.talk)
		}
		// The same again is the same file, and the first one is not touched.
		again := file + ".again"
		if a := s.run(t, "handover", first.ID, second.ID, "--"+kind, again); a.code != exitMissing || fileText(t, again) != fileText(t, file) || !strings.Contains(a.out, "16 SECTORS: 1000 to 1015") {
			t.Errorf("%s again: exit %d\n%s%s", kind, a.code, a.out, a.talk)
		}
		if a := s.run(t, "handover", second.ID, "--"+kind, file); a.code != exitFailed || fileText(t, again) != fileText(t, file) {
			t.Errorf("%s in the way: exit %d\n%s", kind, a.code, a.talk)
		}
		if a := s.run(t, "handover", first.ID, second.ID, "--"+kind, "-"); a.code != exitMissing || a.out != fileText(t, file) {
			t.Errorf("%s to stdout: exit %d, %d bytes\n%s", kind, a.code, len(a.out), a.talk)
		}
		in := filepath.Join(out, "in")
		if err := os.Mkdir(in, 0o755); err != nil {
			t.Fatal(err)
		}
		if kind == "zip" {
			tool(t, in, "unzip", "-tq", file)
			tool(t, in, "7z", "t", file)
			tool(t, in, "unzip", "-q", file)
		} else {
			tool(t, in, "tar", "-xf", file)
		}
		readme := fileText(t, in, "README.txt")
		for _, d := range res.Discs {
			sameTree(t, d.ID, treeOf(t, filepath.Join(in, d.Folder)), bags[d.ID])
			tool(t, filepath.Join(in, d.Folder), "sha512sum", "-c", "--quiet", "manifest-sha512.txt", "tagmanifest-sha512.txt")
			command := ""
			for _, l := range strings.Split(readme, "\n") {
				if rest, ok := strings.CutPrefix(strings.TrimSpace(l), "to check:"); ok && strings.Contains(rest, d.Folder) {
					command = rest
				}
			}
			tool(t, in, "sh", "-c", command)
			// A line that is damaged itself is not passed over.
			tag := filepath.Join(in, d.Folder, archive.TagManifest)
			was := fileText(t, tag)
			put(t, "X"+was[1:], tag)
			if said, err := exec.Command("sh", "-c", "cd "+shellWord(in)+" && "+command).CombinedOutput(); err == nil {
				t.Errorf("a line of %s is damaged:\n%s", archive.TagManifest, said)
			}
			put(t, was, tag)
			if !strings.Contains(readme, d.ID) || strings.HasPrefix(d.Folder, "-") || strings.EqualFold(d.Folder, "readme.txt") {
				t.Errorf("%q\n%s", d.Folder, readme)
			}
		}
		if !strings.Contains(readme, "INCOMPLETE") || !strings.Contains(readme, "READ WITHOUT ERRORS") {
			t.Errorf("README.txt:\n%s", readme)
		}
		entries, err := os.ReadDir(in)
		if err != nil || len(entries) != 3 {
			t.Errorf("%v, %v", entries, err)
		}
	}
	if n := strings.Count(s.run(t, "show", second.ID).out, "dissemination"); n < 4 {
		t.Errorf("%d events tell of it", n)
	}
	for _, c := range []struct {
		args []string
		talk string
	}{
		{[]string{"handover"}, "takes the ids"},
		{[]string{"handover", first.ID}, "either --zip FILE or --tar FILE"},
		{[]string{"handover", first.ID, "--zip", "a", "--tar", "b"}, "either --zip FILE or --tar FILE"},
		{[]string{"handover", first.ID, first.ID[:8], "--zip", filepath.Join(s.dir, "x.zip")}, "named twice"},
		{[]string{"handover", first.ID, "--zip", "-", "--json"}, "--json"},
		{[]string{"handover", first.ID, "--zip", filepath.Join(s.dir, "nowhere", "x.zip")}, "there is no folder"},
	} {
		if a := s.run(t, c.args...); a.code != exitUsage || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("%q: exit %d\n%s%s", c.args, a.code, a.out, a.talk)
		}
	}

	// Not for everybody: on somebody's word alone.
	for _, access := range []string{"restricted", "closed"} {
		if a := s.run(t, "annotate", second.ID, "--access", access); a.code != exitDone {
			t.Fatalf("annotate: exit %d\n%s", a.code, a.talk)
		}
		file := filepath.Join(t.TempDir(), "given.tar")
		for _, word := range []string{"", " "} {
			if a := s.run(t, "handover", first.ID, second.ID, "--tar", file, "--authority", word); a.code != exitFailed || exists(file) || !strings.Contains(a.talk, "its access is "+access) {
				t.Errorf("%s: exit %d\n%s", access, a.code, a.talk)
			}
		}
		a := s.run(t, "handover", second.ID, "--tar", file, "--authority", "Head of Collections", "--json")
		var res handed
		decode(t, a.out, &res)
		if a.code != exitDone || res.Discs[0].Access != catalog.Access(access) || !strings.Contains(fileText(t, file), "access:    "+access) {
			t.Errorf("%s, with an authority: exit %d, %+v\n%s", access, a.code, res, a.talk)
		}
		if shown := s.run(t, "show", second.ID).out; !strings.Contains(shown, "its access is "+access+", on the word of Head of Collections") {
			t.Errorf("no event says on whose word:\n%s", shown)
		}
	}
	if a := s.run(t, "annotate", second.ID, "--access", "open"); a.code != exitDone {
		t.Fatalf("annotate: exit %d\n%s", a.code, a.talk)
	}

	// A damaged copy and no other: there is no file.
	edit(t, filepath.Join(s.dir, "store", second.ID, "v1", "data", "image.iso"), true, flip)
	out := t.TempDir()
	a := s.run(t, "handover", first.ID, second.ID, "--zip", filepath.Join(out, "x.zip"))
	entries, err := os.ReadDir(out)
	if a.code != exitFindings || err != nil || len(entries) > 0 {
		t.Errorf("damaged: exit %d, %v, %v\n%s%s", a.code, entries, err, a.out, a.talk)
	}
	// To stdout there is no going back: it is not said to be whole, and does not
	// look so either.
	for kind, look := range map[string][]string{"tar": {"tar", "-xOf"}, "zip": {"unzip", "-tq"}} {
		a := s.run(t, "handover", first.ID, second.ID, "--"+kind, "-")
		if a.code != exitFailed || len(a.out) < 1000*2048 || !strings.Contains(a.talk, "what went to stdout is not whole") || !strings.Contains(a.talk, "pack into a file") {
			t.Errorf("damaged, to stdout: exit %d\n%s", a.code, a.talk)
		}
		put(t, a.out, out, "cut."+kind)
		if said, err := exec.Command(look[0], look[1], filepath.Join(out, "cut."+kind)).CombinedOutput(); err == nil {
			t.Errorf("%s finds nothing wrong with it: %d bytes", look[0], len(said))
		}
	}
}

// A copy that gives wrong bytes in the middle of a file costs a new beginning,
// not the file.
func TestHandoverFromTheNextCopy(t *testing.T) {
	server := versitygw.Start(t)
	server.Bucket("discs")
	dir, config := stationFolder(t)
	withCloud(t, config, server, "discs", server.Endpoint)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 3000, 1), "--item", "X")
	edit(t, filepath.Join(dir, "store", id, "v1", "data", "image.iso"), true, flip)
	file := filepath.Join(dir, "x.tar")
	a := ripstation(t, "handover", id, "--tar", file, "--json", "--config", config)
	var res handed
	decode(t, a.out, &res)
	if a.code != exitFindings || len(res.Discs) != 1 || len(res.Discs[0].Copies) != 2 || len(res.Discs[0].Copies[0].Faults) != 1 {
		t.Fatalf("exit %d, %+v\n%s", a.code, res, a.talk)
	}
	in := t.TempDir()
	tool(t, in, "tar", "-xf", file)
	tool(t, filepath.Join(in, res.Discs[0].Folder), "sha512sum", "-c", "--quiet", "manifest-sha512.txt", "tagmanifest-sha512.txt")

	// On stdout 4 is said of what is whole alone.
	if a := ripstation(t, "handover", id, "--tar", "-", "--config", config); a.code != exitFailed {
		t.Errorf("a copy that gave wrong bytes, to stdout: exit %d\n%s", a.code, a.talk)
	}
	image := filepath.Join(dir, "store", id, "v1", "data", "image.iso")
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	if a := ripstation(t, "handover", id, "--tar", "-", "--config", config); a.code != exitFindings || a.out != fileText(t, file) {
		t.Errorf("a copy without the image, to stdout: exit %d, %d bytes\n%s", a.code, len(a.out), a.talk)
	}
}
