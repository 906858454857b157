package discfs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/discfs/tree"
)

// counter is an image that counts what is read of it, by several at once.
type counter struct {
	r     io.ReaderAt
	mu    sync.Mutex
	bytes int64
	calls int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.bytes += int64(len(p))
	c.calls++
	c.mu.Unlock()
	return c.r.ReadAt(p, off)
}

// workBytes is how much of an image Open may read: what the budget of
// tree.Source gives to each of the four packages.
func workBytes(size int64) int64 { return 4 * (2*size + 16<<20) }

// examine opens an image, whatever it is, and holds what comes out to what must
// be true of any image. It reads every file up to most bytes, and takes all
// digests if it shall.
func examine(t testing.TB, image io.ReaderAt, size int64, have func(off, n int64) bool, most int64, sums bool) *discfs.Image {
	t.Helper()
	c := &counter{r: image}
	m := discfs.Open(c, size, have)
	if c.bytes > workBytes(size) {
		t.Fatalf("Open read %d bytes of an image of %d", c.bytes, size)
	}
	words(t, m)
	nodes := 0
	for _, v := range m.Volumes {
		if v.Root == nil && v.Err == nil {
			t.Fatalf("volume %s %q has neither a root nor an error", v.View, v.Label)
		}
		seen := map[*tree.Node]bool{}
		tree.Walk(v.Root, func(name string, n *tree.Node) bool {
			nodes++
			if seen[n] {
				t.Fatalf("%s: %s is in the tree twice", v.View, name)
			}
			seen[n] = true
			honest(t, v.View+": "+name, n)
			if n.Mode.IsRegular() {
				read(t, image, size, have, n, most)
			}
			return true
		})
	}
	// A record or entry is at least 34 bytes; four trees can be over the same.
	if int64(nodes) > 8*(size/34+100) {
		t.Fatalf("%d nodes on an image of %d bytes", nodes, size)
	}
	if sums {
		digests(t, m, image)
	}
	return m
}

// words looks at the texts.
func words(t testing.TB, m *discfs.Image) {
	t.Helper()
	codes := map[string]bool{}
	for _, c := range m.Checks {
		if c.Code == "" || c.Name == "" || c.Message == "" || c.Outcome == "" || codes[c.Code] {
			t.Fatalf("check without words, or a second of its code: %+v", c)
		}
		if len(c.Message) > 8<<10 {
			t.Fatalf("a message of %d bytes: %+v", len(c.Message), c)
		}
		printable(t, c.Message)
		codes[c.Code] = true
	}
	for _, v := range m.Volumes {
		printable(t, v.Label)
		for k, s := range v.Identifiers {
			printable(t, k+s)
		}
		for _, d := range v.Dates {
			printable(t, d.Name+d.Raw)
		}
	}
	for _, c := range m.Claims {
		if c.System == "" || c.Source == "" || c.Bytes < 0 {
			t.Fatalf("claim %+v", c)
		}
	}
	for _, s := range m.Structures {
		if s.System == "" || s.What == "" || s.Length < 0 {
			t.Fatalf("structure %+v", s)
		}
	}
	for _, w := range m.Wanted() {
		if w.Start < 0 || w.Count <= 0 || int64(w.Start)+w.Count > (m.Size+disc.SectorSize-1)/disc.SectorSize {
			t.Fatalf("wanted: %+v of %d bytes", w, m.Size)
		}
	}
}

func printable(t testing.TB, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) }) {
		t.Fatalf("a text that acts on a screen: %q", s)
	}
}

// honest holds a node to what tree.Node says of itself.
func honest(t testing.TB, name string, n *tree.Node) {
	t.Helper()
	if n.Size < 0 || n.IsDir() && n.Link != "" || !n.IsDir() && len(n.Children) > 0 {
		t.Fatalf("%s: %+v", name, n)
	}
	names := map[string]bool{}
	for _, c := range n.Children {
		if names[c.Name] || !fs.ValidPath(c.Name) || c.Name == "." || strings.Contains(c.Name, "/") {
			t.Fatalf("%s: the name %q", name, c.Name)
		}
		printable(t, c.Name)
		names[c.Name] = true
	}
}

// read reads a file's first and last bytes, at most so many, and holds them to
// the bytes of the image in the places that the node names.
func read(t testing.TB, image io.ReaderAt, size int64, have func(off, n int64) bool, n *tree.Node, most int64) {
	t.Helper()
	src := tree.NewSource(image, size).Gate(have)
	c := tree.NewContent(n, src, size)
	p := make([]byte, min(n.Size, most))
	got, err := c.ReadAt(p, 0)
	if got < len(p) && err == nil {
		t.Fatalf("%s: %d of %d bytes and no error", n.Name, got, len(p))
	}
	var at int64
	for _, e := range n.Extents {
		for off, k := range e.Pieces() {
			k = min(k, int64(got)-at)
			if k <= 0 {
				return
			}
			want := make([]byte, k)
			if m, err := image.ReadAt(want, off); m < len(want) {
				t.Fatalf("%s: read %d bytes at byte %d of an image of %d: %v", n.Name, k, off, size, err)
			}
			if !bytes.Equal(want, p[at:at+k]) {
				t.Fatalf("%s: bytes at %d are not those of the image at %d", n.Name, at, off)
			}
			at += k
		}
		if e.Offset < 0 && e.Length > 0 {
			k := min(e.Length, int64(got)-at)
			if k > 0 && len(bytes.Trim(p[at:at+k], "\x00")) > 0 {
				t.Fatalf("%s: a hole of other bytes than zero", n.Name)
			}
			at += max(k, 0)
		}
	}
	if at < int64(got) {
		t.Fatalf("%s: %d bytes, of which the extents have %d", n.Name, got, at)
	}
}

// digests takes all, and holds those of small files to their bytes.
func digests(t testing.TB, m *discfs.Image, image io.ReaderAt) {
	t.Helper()
	d := m.Digests()
	if err := d.Finish(context.Background(), image); err != nil {
		t.Fatal(err)
	}
	if cs := d.Checks(); len(cs) == 0 {
		t.Fatal("no checks of proofs")
	}
	for _, v := range m.Volumes {
		tree.Walk(v.Root, func(name string, n *tree.Node) bool {
			sum, err := d.Of(n)
			if (sum == nil) == (err == nil) {
				t.Fatalf("%s: digest %x, %v", name, sum, err)
			}
			if err == nil && n.Size < 64<<10 {
				p, err := io.ReadAll(io.NewSectionReader(tree.NewContent(n, image, m.Size), 0, n.Size))
				if want := sha256.Sum256(p); err != nil || !bytes.Equal(want[:], sum) {
					t.Fatalf("%s: digest %x, of the bytes %x, %v", name, sum, want, err)
				}
			}
			return true
		})
	}
}

// content is all that can be read of an image, by view and path: what each node
// is, and the bytes of files or why there are none.
type content map[string]string

// contents reads everything. A file that cannot be read as a whole is its error
// behind the bytes before it.
func contents(m *discfs.Image, image io.ReaderAt, have func(off, n int64) bool) (all content, broken map[string]error) {
	all, broken = content{}, map[string]error{}
	for i, v := range m.Volumes {
		tree.Walk(v.Root, func(name string, n *tree.Node) bool {
			key := fmt.Sprintf("%s %s", v.View, name)
			if _, twice := all[key]; twice {
				key = fmt.Sprintf("%d %s", i, key)
			}
			if n.Err != nil {
				broken[key] = n.Err
			}
			switch {
			case n.Mode.IsRegular() && n.Err == nil:
				p, err := io.ReadAll(io.NewSectionReader(tree.NewContent(n, tree.NewSource(image, m.Size).Gate(have), m.Size), 0, n.Size))
				if err != nil {
					broken[key] = err
				}
				all[key] = fmt.Sprintf("file of %d: %s", n.Size, p)
			case n.Mode.IsRegular():
				all[key] = "file of " // what describes it may not have been read
			default:
				all[key] = fmt.Sprintf("%v %s", n.Mode.Type(), n.Link)
			}
			return true
		})
	}
	return all, broken
}

// lesser holds what is read of a part of an image to what is read of the whole.
// The directory that deep ones were moved to shows where not all of them could
// be put back.
func lesser(t testing.TB, part content, broken map[string]error, whole content) {
	t.Helper()
	for key, text := range part {
		want, ok := whole[key]
		switch {
		case !ok && strings.HasPrefix(key, "Rock Ridge rr_moved"):
		case !ok:
			t.Fatalf("%s: is on a part of the image and not on the whole", key)
		case text == want:
		case broken[key] == nil:
			t.Fatalf("%s: has other bytes than on the whole image, and no error", key)
		case !strings.HasPrefix(want, text):
			t.Fatalf("%s: has other bytes before its error (%v)", key, broken[key])
		}
	}
}

// understood reports whether an error says which bytes are missing.
func understood(err error) bool {
	return errors.Is(err, tree.ErrOutside) || errors.Is(err, tree.ErrAbsent) || errors.Is(err, tree.ErrShort)
}
