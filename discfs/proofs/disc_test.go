package proofs

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/digest"
	"ripstation/discfs/tree"
)

// testDisc is an image with files, and the tree that names them. It has no file
// system: proofs see nodes and bytes alone.
type testDisc struct {
	image []byte
	root  *tree.Node
	view  string
	gone  []tree.Extent // that were not read
}

// newDisc puts files, by their paths, from sector 64 on.
func newDisc(files map[string]string) *testDisc {
	d := &testDisc{image: make([]byte, 64*disc.SectorSize), root: &tree.Node{Mode: os.ModeDir | 0o555}, view: "Rock Ridge"}
	var names []string
	for n := range files {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, name := range names {
		d.add(name, files[name])
	}
	return d
}

func (d *testDisc) add(name, text string) *tree.Node {
	elems := strings.Split(name, "/")
	dir := d.root
	for _, e := range elems[:len(elems)-1] {
		next := childOf(dir, e)
		if next == nil {
			next = &tree.Node{Name: e, Mode: os.ModeDir | 0o555}
			dir.Children = append(dir.Children, next)
		}
		dir = next
	}
	n := &tree.Node{Name: elems[len(elems)-1], Mode: 0o444, Size: int64(len(text))}
	n.Extents = []tree.Extent{{Offset: int64(len(d.image)), Length: n.Size}}
	dir.Children = append(dir.Children, n)
	d.image = append(d.image, text...)
	d.image = append(d.image, make([]byte, -len(d.image)&(disc.SectorSize-1))...)
	return n
}

func childOf(dir *tree.Node, name string) *tree.Node {
	for _, c := range dir.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (d *testDisc) node(name string) *tree.Node {
	n := d.root
	for _, e := range strings.Split(name, "/") {
		n = childOf(n, e)
	}
	return n
}

func (d *testDisc) have(off, n int64) bool {
	for _, g := range d.gone {
		if off < g.Offset+g.Length && g.Offset < off+n {
			return false
		}
	}
	return true
}

// checks plans, takes every digest by reading each job alone, and gives what
// the proofs say by code.
func (d *testDisc) checks(t *testing.T) map[string]disc.Check {
	t.Helper()
	src := tree.NewSource(bytes.NewReader(d.image), int64(len(d.image))).Gate(d.have)
	p := Plan(&tree.Volume{View: d.view, Root: d.root}, src, nil)
	for _, j := range p.Jobs() {
		takeAlone(j, src)
	}
	out := map[string]disc.Check{}
	for i, c := range p.Checks() {
		if c.Code != Codes[i].Number || c.Name == "" || c.Message == "" || c.Outcome == "" {
			t.Errorf("check %d: %+v", i, c)
		}
		out[c.Code] = c
	}
	if len(out) != len(Codes) {
		t.Errorf("%d checks, want %d", len(out), len(Codes))
	}
	return out
}

// takeAlone takes a job's digests in the plainest way.
func takeAlone(j *digest.Job, src *tree.Source) {
	text := make([]byte, j.Size)
	c := tree.NewContent(&tree.Node{Size: j.Size, Extents: j.Extents}, src, src.Size())
	if _, j.Err = io.ReadFull(io.NewSectionReader(c, 0, j.Size), text); j.Err != nil {
		return
	}
	for _, p := range j.Patches {
		copy(text[p.Offset:], p.Bytes)
	}
	j.Sums = map[digest.Algo][]byte{}
	for _, a := range j.Algos {
		h := map[digest.Algo]hash.Hash{digest.MD5: md5.New(), digest.SHA1: sha1.New(), digest.SHA256: sha256.New(),
			digest.SHA512: sha512.New(), digest.CRC32: crc32.NewIEEE()}[a]
		h.Write(text)
		j.Sums[a] = h.Sum(nil)
	}
}

// want holds a check to an outcome and to words of its message.
func want(t *testing.T, cs map[string]disc.Check, code string, o disc.Outcome, words ...string) {
	t.Helper()
	c := cs[code]
	if c.Outcome != o {
		t.Errorf("%s: %s (%s), want %s", code, c.Outcome, c.Message, o)
	}
	for _, w := range words {
		if !strings.Contains(c.Message, w) {
			t.Errorf("%s: message %q has no %q", code, c.Message, w)
		}
	}
}

func TestNothingToProve(t *testing.T) {
	cs := newDisc(map[string]string{"a.txt": "a", "notes.md5": "this is no list", "MD5SUMS": ""}).checks(t)
	for code := range cs {
		want(t, cs, code, disc.NotApplicable)
	}
	src := tree.NewSource(bytes.NewReader(nil), 0)
	for _, c := range Plan(nil, src, nil).Checks() {
		if c.Outcome != disc.NotApplicable {
			t.Errorf("an empty image: %+v", c)
		}
	}
}

// packages names what Debian calls the programs that these tests ask.
var packages = map[string]string{"xorriso": "xorriso", "genisoimage": "genisoimage", "implantisomd5": "isomd5sum", "checkisomd5": "isomd5sum"}

// try runs a program and gives whether it ended well.
func try(t *testing.T, dir, name string, args ...string) (string, bool) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		t.Fatalf("%s (Debian package %s): %v", name, packages[name], err)
	}
	return string(out), err == nil
}

func tool(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	if out, ok := try(t, dir, name, args...); !ok {
		t.Fatalf("%s (Debian package %s) failed:\n%s", name, packages[name], out)
	}
}

// treeDir is a directory with a tree of two files in it.
func treeDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "tree", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.bin": strings.Repeat("abcdefg\n", 30000), "sub/b.txt": "b"} {
		if err := os.WriteFile(filepath.Join(dir, "tree", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, name string) *testDisc {
	t.Helper()
	image, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return &testDisc{image: image, root: &tree.Node{Mode: os.ModeDir}}
}

func putBE32(p []byte, v uint32) { binary.BigEndian.PutUint32(p, v) }
