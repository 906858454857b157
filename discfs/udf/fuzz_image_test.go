package udf

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"ripstation/discfs/tree"
	"ripstation/internal/udfimage"
)

// place is a sector that the fuzzer fills: its first head bytes, the others are
// zero. Its tag names location.
type place struct {
	lba, head int
	location  int
}

// layout is what one kind of image uses of its sectors.
type layout struct {
	sectors int
	places  []place
	data    []byte // of all places
}

// layoutOf reduces an image to the sectors that hold anything.
func layoutOf(img []byte) (l layout) {
	l.sectors = len(img) / 2048
	for lba := range l.sectors {
		p := bytes.TrimRight(img[lba*2048:][:2048], "\x00")
		if len(p) == 0 || lba == 36 || lba == 65 || lba == 112 { // what only ends a sequence, a second sparing table
			continue
		}
		if len(p) == 2048 && bytes.Count(p, p[:1]) == 2048 {
			continue // a moved packet's old place
		}
		head := min((len(p)+40)&^7, 2048)
		l.places = append(l.places, place{lba, head, int(le32(img[lba*2048+12:]))})
		l.data = append(l.data, img[lba*2048:][:head]...)
	}
	return l
}

// sparse is an image of which only the places hold anything.
type sparse struct {
	sectors [][]byte
	blocks  int
}

var emptySector [2048]byte

func (l layout) fill(data []byte) *sparse {
	m := &sparse{make([][]byte, l.sectors), l.sectors}
	buf := make([]byte, len(l.places)*2048)
	for i, at := range l.places {
		p := buf[i*2048:][:2048]
		data = data[copy(p[:at.head], data):]
		m.sectors[at.lba] = p
	}
	return m
}

func (m *sparse) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		lba, in := (off+int64(n))/2048, int(off+int64(n))%2048
		if lba >= int64(m.blocks) {
			return n, io.EOF
		}
		s := m.sectors[lba]
		if s == nil {
			s = emptySector[:]
		}
		n += copy(p[n:], s[in:])
	}
	return n, nil
}

// sealAll makes the tags right of all that begins as a descriptor.
func (l layout) sealAll(m *sparse) {
	for _, at := range l.places {
		p := m.sectors[at.lba]
		switch id := le16(p); {
		case id == tagIdentifier:
			for q := p; len(q) >= minIdentifier && le16(q) == tagIdentifier; {
				n := identifierSize(q)
				if n > len(q) {
					break
				}
				seal(q, tagIdentifier, at.location, n)
				q = q[n:]
			}
		case id >= tagPrimary && id <= tagIntegrity || id >= tagFileSet && id <= tagExtendedFile || id == 0 && p[4] != 0:
			seal(p, id, at.location, 16+min(int(le16(p[10:])), 2032))
		}
	}
}

// FuzzRead reads whole images of every kind of partition: data fills the places
// that the kind uses, tagged makes their tags right, so that what lies behind
// checksums is reached, and the bits of gone say which places cannot be read.
func FuzzRead(f *testing.F) {
	var layouts []layout
	for _, kind := range []udfimage.Kind{udfimage.Physical, udfimage.Sparable, udfimage.Virtual150, udfimage.Virtual201, udfimage.Metadata} {
		img, err := udfimage.New(udfimage.Options{Kind: kind, Label: "F", Files: []udfimage.File{
			{Path: "a", Data: []byte("embedded"), Embedded: true},
			{Path: "b", Data: []byte("in a block"), Hole: 3 * 2048},
			{Path: "d/c", Link: "../a"},
		}})
		if err != nil {
			f.Fatal(err)
		}
		l := layoutOf(img)
		layouts = append(layouts, l)
		k := byte(len(layouts) - 1)
		f.Add(k, l.data, true, uint64(0))
		f.Add(k, l.data, false, uint64(0))
		for i := range l.places {
			f.Add(k, l.data, true, uint64(1)<<i)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, data []byte, tagged bool, gone uint64) {
		l := layouts[int(kind)%len(layouts)]
		m := l.fill(data)
		if tagged {
			l.sealAll(m)
		}
		lost := map[int64]bool{}
		for i, at := range l.places {
			if i < 64 && gone>>i&1 != 0 {
				lost[int64(at.lba)] = true
			}
		}
		size := int64(l.sectors) * 2048
		have := func(off, n int64) bool {
			for lba := range lost {
				if off < (lba+1)*2048 && off+n > lba*2048 {
					return false
				}
			}
			return true
		}
		src := tree.NewSource(m, size).Gate(have)
		found := Read(src)
		for _, c := range found.Checks {
			printable(t, c.Message)
		}
		for _, s := range found.Structures {
			if s.Length < 0 || s.What == "" {
				t.Fatalf("structure %+v", s)
			}
		}
		for _, c := range found.Claims {
			if c.Bytes < 0 {
				t.Fatalf("claim %+v", c)
			}
		}
		for _, v := range found.Volumes {
			if v.Root == nil && v.Err == nil {
				t.Fatalf("volume %q has neither a root nor an error", v.Label)
			}
			printable(t, v.Label)
			nodes := 0
			seen := map[*tree.Node]bool{}
			tree.Walk(v.Root, func(path string, n *tree.Node) bool {
				if nodes++; seen[n] {
					t.Fatalf("%s is in the tree twice", path)
				}
				seen[n] = true
				honest(t, path, n)
				if n.Mode.IsRegular() {
					bytesOf(t, path, n, m, have, size)
				}
				return true
			})
			// What the budget lets be read as directories, 40 bytes a name.
			if int64(nodes) > (size+1<<20)/40+1 {
				t.Fatalf("%d nodes", nodes)
			}
		}
	})
}

func printable(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		t.Fatalf("a text that acts on a screen: %q", s)
	}
}

// honest holds a node to what tree.Node says of itself.
func honest(t *testing.T, path string, n *tree.Node) {
	t.Helper()
	if n.Size < 0 || n.IsDir() && n.Link != "" || !n.IsDir() && len(n.Children) > 0 {
		t.Fatalf("%s: %+v", path, n)
	}
	var have int64
	for _, x := range n.Extents {
		if x.Length <= 0 || x.Offset < tree.Hole {
			t.Fatalf("%s: extent %+v", path, x)
		}
		have += x.Length
	}
	if n.Mode.IsRegular() && n.Err == nil && have < n.Size {
		t.Fatalf("%s: whole, with %d bytes of %d", path, have, n.Size)
	}
	names := map[string]bool{}
	for _, c := range n.Children {
		if names[c.Name] || !fs.ValidPath(c.Name) || c.Name == "." || strings.Contains(c.Name, "/") {
			t.Fatalf("%s: the name %q", path, c.Name)
		}
		printable(t, c.Name)
		names[c.Name] = true
	}
}

// bytesOf reads a file's first bytes, and holds them to those of the image.
func bytesOf(t *testing.T, path string, n *tree.Node, m *sparse, have func(off, n int64) bool, size int64) {
	t.Helper()
	p := make([]byte, min(n.Size, 5000))
	got, err := tree.NewContent(n, tree.NewSource(m, size).Gate(have), size).ReadAt(p, 0)
	if got < len(p) && err == nil {
		t.Fatalf("%s: %d of %d bytes and no error", path, got, len(p))
	}
	p = p[:got]
	for _, x := range n.Extents {
		k := min(x.Length, int64(len(p)))
		if k == 0 {
			break
		}
		want := make([]byte, k)
		if x.Offset >= 0 {
			if _, err := m.ReadAt(want, x.Offset); err != nil || !have(x.Offset, k) {
				t.Fatalf("%s: read %d bytes at byte %d: %v", path, k, x.Offset, err)
			}
		}
		if !bytes.Equal(want, p[:k]) {
			t.Fatalf("%s: other bytes than the image's at %d", path, x.Offset)
		}
		p = p[k:]
	}
	if len(p) > 0 {
		t.Fatalf("%s: %d bytes more than the extents hold", path, len(p))
	}
}

// Every layout, left as it is, is an image that is read whole; else the fuzzer
// would begin at nothing.
func TestLayoutsOfTheFuzzerAreWhole(t *testing.T) {
	for _, kind := range []udfimage.Kind{udfimage.Physical, udfimage.Sparable, udfimage.Virtual150, udfimage.Virtual201, udfimage.Metadata} {
		img, err := udfimage.New(udfimage.Options{Kind: kind, Label: "F", Files: []udfimage.File{{Path: "d/a", Data: []byte("embedded"), Embedded: true}}})
		if err != nil {
			t.Fatal(err)
		}
		l := layoutOf(img)
		m := l.fill(l.data)
		l.sealAll(m)
		f := Read(tree.NewSource(m, int64(len(img))))
		nodes := 0
		if len(f.Volumes) == 1 {
			tree.Walk(f.Volumes[0].Root, func(_ string, n *tree.Node) bool {
				if nodes++; n.Err != nil {
					t.Errorf("%s: %v", kind, n.Err)
				}
				return true
			})
		}
		if nodes != 3 || len(l.places) > 64 {
			t.Errorf("%s: %d nodes of %d places with %d bytes", kind, nodes, len(l.places), len(l.data))
		}
		t.Logf("%s: %d places with %d bytes", kind, len(l.places), len(l.data))
	}
}
