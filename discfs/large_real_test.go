package discfs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// holes writes to a file, and leaves out zeroes.
type holes struct {
	f    *os.File
	size int64
}

func (s *holes) Write(p []byte) (int, error) {
	zero := make([]byte, 4096)
	for done := 0; done < len(p); {
		n := min(len(p)-done, len(zero))
		if part := p[done : done+n]; !bytes.Equal(part, zero[:n]) {
			if _, err := s.f.WriteAt(part, s.size); err != nil {
				return done, err
			}
		}
		done += n
		s.size += int64(n)
	}
	return len(p), nil
}

// marks are places in the large file, with the words that stand there: its
// ends, and what lies around the borders of sections.
func marks(size int64) iter.Seq2[int64, string] {
	return func(yield func(int64, string) bool) {
		for _, at := range []int64{0, 1<<30 - 2048, 1<<30 - 16, 1 << 30, 1<<32 - 4096, 1<<32 - 2064, 1<<32 - 2048, 1<<32 - 16, 1 << 32, size - 16} {
			if !yield(at, fmt.Sprintf("%016x", at)) {
				return
			}
		}
	}
}

// largeSource is a folder with a sparse file that needs two sections and one
// that needs none; marks stand at its ends and around the sections' border.
func largeSource(t *testing.T) (dir string, size int64) {
	t.Helper()
	dir, size = t.TempDir(), int64(4400<<20+12345)
	f, err := os.Create(filepath.Join(dir, "LARGE.BIN"))
	if err != nil {
		t.Fatal(err)
	}
	for at, word := range marks(size) {
		if _, err := f.WriteAt([]byte(word), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(size), f.Close(), os.WriteFile(filepath.Join(dir, "SMALL.TXT"), []byte("small"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir, size
}

// largeImage lets a program write an image of the folder, and keeps it sparse.
func largeImage(t *testing.T, dir string, argv ...string) (path string, size int64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "image.iso")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := &holes{f: f}
	var said bytes.Buffer
	cmd := exec.Command(argv[0], append(argv[1:], dir)...)
	cmd.Stdout, cmd.Stderr = out, &said
	if err := errors.Join(cmd.Run(), f.Truncate(out.size), f.Close()); err != nil {
		t.Fatalf("%s (Debian package %s): %v\n%s", argv[0], argv[0], err, said.Bytes())
	}
	return path, out.size
}

// A file over 4 GiB is one file of several sections in every tree: its size is
// the source's and what xorriso and 7z say, and its digest the source's.
func TestFileOverFourGiB(t *testing.T) {
	dir, size := largeSource(t)
	want := make(chan []byte, 1)
	go func() { want <- largeDigest(size) }()
	path, image := largeImage(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-iso-level", "3", "-R", "-J")
	f, m := openLarge(t, path, image)
	var first []tree.Extent
	for _, view := range []string{"Rock Ridge", "Joliet", "ISO 9660"} {
		n := wholeLarge(t, f, m, size, view)
		if n == nil {
			continue
		}
		if len(n.Extents) < 2 {
			t.Errorf("%s: the sections of the file are %v", view, n.Extents)
		}
		if first == nil {
			first = n.Extents
		} else if !slices.Equal(n.Extents, first) {
			t.Errorf("%s: the file stands in %v, for Rock Ridge in %v", view, n.Extents, first)
		}
	}
	for _, c := range m.Checks {
		if c.Outcome == disc.Failure || c.Outcome == disc.Warning || c.Outcome == disc.NotRun {
			t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
		}
	}
	saidLarge(t, size, "xorriso", "xorriso", "-indev", path, "-lsl", "/")
	saidLarge(t, size, "p7zip-full", "7z", "l", "-slt", path)

	h := sha256.New()
	large, err := m.FS(m.Main()).Open("LARGE.BIN")
	if err == nil {
		_, err = io.CopyBuffer(h, large, make([]byte, 1<<20))
	}
	if sum := <-want; err != nil || !bytes.Equal(h.Sum(nil), sum) {
		t.Errorf("the digest is %x, %v, the source's is %x", h.Sum(nil), err, sum)
	}
}

// genisoimage writes such a file into the tree of UDF alone: in the others its
// size is cut off at 32 bits. It is told that they do not agree.
func TestFileOverFourGiBInUDFAlone(t *testing.T) {
	dir, size := largeSource(t)
	path, image := largeImage(t, dir, "genisoimage", "-quiet", "-iso-level", "3", "-allow-limited-size", "-udf", "-R", "-J")
	f, m := openLarge(t, path, image)
	wholeLarge(t, f, m, size, "UDF")
	if v := m.Main(); v == nil || v.View != "UDF" {
		t.Errorf("the main tree is %+v", v)
	}
	i := slices.IndexFunc(m.Checks, func(c disc.Check) bool { return c.Code == "F801" })
	if i < 0 || m.Checks[i].Outcome != disc.Failure || !strings.Contains(m.Checks[i].Message, fmt.Sprint(size)) {
		t.Errorf("the trees' agreement is told as %+v", m.Checks)
	}
}

// largeDigest is the digest of the source, made without reading it.
func largeDigest(size int64) []byte {
	h := sha256.New()
	zero := make([]byte, 1<<20)
	at := int64(0)
	fill := func(to int64) {
		for at < to {
			n, _ := h.Write(zero[:min(int64(len(zero)), to-at)])
			at += int64(n)
		}
	}
	for off, word := range marks(size) {
		fill(off)
		n, _ := io.WriteString(h, word)
		at += int64(n)
	}
	fill(size)
	return h.Sum(nil)
}

func openLarge(t *testing.T, path string, image int64) (*os.File, *Image) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, Open(f, image, nil)
}

// saidLarge looks for the size in what another reader lists.
func saidLarge(t *testing.T, size int64, debian string, argv ...string) {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil || !slices.Contains(strings.Fields(string(out)), fmt.Sprint(size)) {
		t.Errorf("%s (Debian package %s) does not list a file of %d bytes: %v\n%s", argv[0], debian, size, err, out)
	}
}

// wholeLarge holds the large file of a tree against the source: its size, and
// its bytes at the marks.
func wholeLarge(t *testing.T, f *os.File, m *Image, size int64, view string) *tree.Node {
	t.Helper()
	i := slices.IndexFunc(m.Volumes, func(v *tree.Volume) bool { return v.View == view })
	if i < 0 {
		t.Errorf("there is no tree of %s", view)
		return nil
	}
	fsys := m.FS(m.Volumes[i])
	list, err := fs.ReadDir(fsys, ".")
	if err != nil || len(list) != 2 {
		t.Errorf("%s: %v, %v", view, list, err)
	}
	fi, err := fs.Stat(fsys, "LARGE.BIN")
	if err != nil {
		t.Errorf("%s: %v", view, err)
		return nil
	}
	if fi.Size() != size {
		t.Errorf("%s: %d bytes, want %d", view, fi.Size(), size)
	}
	n := fi.Sys().(*tree.Node)
	for at, word := range marks(size) {
		got := make([]byte, len(word))
		if _, err := tree.NewContent(n, f, m.Size).ReadAt(got, at); err != nil && !errors.Is(err, io.EOF) || string(got) != word {
			t.Errorf("%s: at byte %d stands %q, %v, want %q", view, at, got, err, word)
		}
	}
	return n
}
