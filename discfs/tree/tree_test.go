package tree

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"ripstation/disc"
)

func TestNames(t *testing.T) {
	for raw, want := range map[string]string{
		"plain.txt":      "plain.txt",
		"Zürich 日本":      "Zürich 日本",
		"":               `\u{}`,
		".":              `\u{002e}`,
		"..":             `\u{002e}\u{002e}`,
		"...":            "...",
		"a/b":            `a\u{002f}b`,
		"a\x00b":         `a\u{0000}b`,
		"caf\xe9":        `caf\xe9`,
		"x\u202egnp.exe": `x\u{202e}gnp.exe`,
		"l\u2028m":       `l\u{2028}m`,
		"क\u200dष":       "क\u200dष",
		"\x1b[31m":       `\u{001b}[31m`,
	} {
		if got := Name(raw); got != want {
			t.Errorf("Name(%q) = %q, want %q", raw, got, want)
		}
	}
	if got := CleanText("  a/b \x00\x00", 128); got != "a/b" {
		t.Errorf("CleanText gives %q", got)
	}
	if got := CleanText(strings.Repeat("é", 200), 128); got != strings.Repeat("é", 128)+"…" {
		t.Errorf("a long text becomes %q", got)
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"", ".", "..", "a/b", "\xff\xfe", "\u202e", strings.Repeat("x", 5000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		n := Name(raw)
		if !utf8.ValidString(n) || !fs.ValidPath(n) || n == "." || strings.Contains(n, "/") || len(n) > 10*maxName+10 {
			t.Fatalf("Name(%q) = %q", raw, n)
		}
		for _, r := range n {
			if acts(r) {
				t.Fatalf("Name(%q) = %q holds %U", raw, n, r)
			}
		}
	})
}

func TestEqualNamesAreToldApart(t *testing.T) {
	var list []*Node
	for _, n := range []string{"a", "a", "b", "a~2", "a", "b"} {
		list = append(list, &Node{Name: n})
	}
	Unique(list)
	var got []string
	for _, n := range list {
		got = append(got, n.Name)
	}
	if s := strings.Join(got, " "); s != "a a~3 b a~2 a~4 b~2" {
		t.Errorf("names %s", s)
	}
	if string(list[1].Raw) != "a" || list[0].Raw != nil {
		t.Errorf("raw names %q, %q", list[0].Raw, list[1].Raw)
	}
	many := make([]*Node, 100_000)
	for i := range many {
		many[i] = &Node{Name: "same"}
	}
	begin := time.Now()
	Unique(many)
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("100,000 equal names took %s: the work grows with their square", d)
	}
	seen := map[string]bool{}
	for _, n := range many {
		seen[n.Name] = true
	}
	if len(seen) != len(many) {
		t.Errorf("%d names for %d files", len(seen), len(many))
	}
}

// pattern is an image whose byte at i tells i.
func pattern(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(p)
	return p
}

// content is what a file should hold, taken byte by byte.
func content(img []byte, n *Node) []byte {
	var out []byte
	for _, e := range n.Extents {
		if e.Offset < 0 {
			out = append(out, make([]byte, e.Length)...)
			continue
		}
		for off, k := range e.Pieces() {
			out = append(out, img[off:off+k]...)
		}
	}
	return out[:n.Size]
}

func TestContent(t *testing.T) {
	img := pattern(100_000)
	n := &Node{Size: 9000 + 700 + 3500, Extents: []Extent{
		{Offset: 50_000, Length: 9000}, {Offset: Hole, Length: 700}, {Offset: 2048, Length: 4000, Unit: 512, Gap: 1024}, {Offset: 7, Length: 0},
	}}
	want := content(img, n)
	c := NewContent(n, bytes.NewReader(img), int64(len(img)))
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		off := r.IntN(len(want) + 10)
		p := make([]byte, r.IntN(3000))
		got, err := c.ReadAt(p, int64(off))
		end := min(off+len(p), len(want))
		if off > len(want) {
			end = off
		}
		if got != max(end-off, 0) && off < len(want) || off < len(want) && !bytes.Equal(p[:got], want[off:end]) {
			t.Fatalf("%d bytes from %d: got %d", len(p), off, got)
		}
		if (err == nil) != (off < len(want) && off+len(p) <= len(want)) || err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("%d bytes from %d of %d: error %v", len(p), off, len(want), err)
		}
	}
	if e := n.Extents[2]; e.End() != 2048+7*(512+1024)+(4000-7*512) {
		t.Errorf("an interleaved extent ends at %d", e.End())
	}
}

// No byte is made up: what no extent holds, and what lies behind the image's
// end, are errors.
func TestContentThatIsNotThere(t *testing.T) {
	img := pattern(10_000)
	for name, c := range map[string]struct {
		n    Node
		want error
	}{
		"extents too short":           {Node{Size: 5000, Extents: []Extent{{Offset: 0, Length: 4999}}}, ErrShort},
		"no extents":                  {Node{Size: 1}, ErrShort},
		"behind the end":              {Node{Size: 10, Extents: []Extent{{Offset: 9995, Length: 10}}}, ErrOutside},
		"far behind":                  {Node{Size: 10, Extents: []Extent{{Offset: 1 << 62, Length: 10}}}, ErrOutside},
		"interleaved over it":         {Node{Size: 4000, Extents: []Extent{{Offset: 5000, Length: 4000, Unit: 2000, Gap: 2000}}}, ErrOutside},
		"a hole, then nowhere":        {Node{Size: 30, Extents: []Extent{{Offset: Hole, Length: 20}, {Offset: 20_000, Length: 10}}}, ErrOutside},
		"an extent of less than none": {Node{Size: 3, Extents: []Extent{{Offset: 4, Length: -5}}}, ErrShort},
	} {
		got, err := io.ReadAll(io.NewSectionReader(NewContent(&c.n, bytes.NewReader(img), int64(len(img))), 0, c.n.Size))
		if !errors.Is(err, c.want) || int64(len(got)) >= c.n.Size {
			t.Errorf("%s: %d bytes, %v; want %v", name, len(got), err, c.want)
		}
	}
}

func TestSource(t *testing.T) {
	img := pattern(64 << 10)
	s := NewSource(bytes.NewReader(img), int64(len(img)))
	for _, c := range []struct {
		off  int64
		n    int
		want error
	}{
		{0, 2048, nil}, {int64(len(img)) - 1, 1, nil}, {int64(len(img)), 0, nil},
		{int64(len(img)), 1, ErrOutside}, {-1, 1, ErrOutside}, {1 << 62, 2048, ErrOutside}, {0, -1, ErrOutside}, {1, len(img), ErrOutside},
	} {
		p, err := s.Read(c.off, c.n)
		if !errors.Is(err, c.want) || err == nil && !bytes.Equal(p, img[c.off:c.off+int64(c.n)]) {
			t.Errorf("%d bytes at %d: %v, want %v", c.n, c.off, err, c.want)
		}
	}
	gated := NewSource(bytes.NewReader(img), int64(len(img))).Gate(func(off, n int64) bool { return off+n <= 4096 })
	if _, err := gated.Read(2048, 2048); err != nil {
		t.Error(err)
	}
	if _, err := gated.Read(4096, 2048); !errors.Is(err, ErrAbsent) {
		t.Errorf("what is not there gives %v", err)
	}
	if w := gated.Wanted(); len(w) != 1 || w[0] != (Extent{Offset: 4096, Length: 2048}) {
		t.Errorf("wanted %v", w)
	}
	// More than twice the image, and the slack: somebody goes in circles.
	for i := 0; ; i++ {
		_, err := s.Read(0, len(img))
		if errors.Is(err, ErrBudget) {
			break
		}
		if err != nil || i > 2+slack/len(img) {
			t.Fatalf("read %d: %v", i, err)
		}
	}
	// An image that ends before its size is no end of a file.
	if _, err := NewSource(bytes.NewReader(img[:100]), 4096).Read(0, 2048); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a short read gives %v", err)
	}
}

func TestSheet(t *testing.T) {
	s := NewSheet([]Code{{"F1", "one"}, {"F2", "two"}, {"F3", "three"}, {"F4", "four"}})
	s.Pass("F1", "fine")
	s.Pass("F1", "finer")
	s.Pass("F2", "fine")
	s.Warn("F2", "odd %d", 1)
	for i := range 5 {
		s.Fail("F2", "bad %d", i)
	}
	s.Warn("F2", "odd again")
	s.NotRun("F3", "sector 7 was not read")
	s.Pass("F3", "the rest is fine")
	got := s.Checks()
	want := []disc.Check{
		{Code: "F1", Name: "one", Outcome: disc.Pass, Message: "fine"},
		{Code: "F2", Name: "two", Outcome: disc.Failure, Message: "bad 0; bad 1; bad 2; and 2 more"},
		{Code: "F3", Name: "three", Outcome: disc.NotRun, Message: "sector 7 was not read"},
		{Code: "F4", Name: "four", Outcome: disc.NotApplicable, Message: "there is nothing of the kind on this disc"},
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}

// sample is a tree with everything that a tree can have.
func sample() *Node {
	file := func(name string, off, n int64) *Node {
		return &Node{Name: name, Mode: 0o644, Size: n, Extents: []Extent{{Offset: off, Length: n}}, Modified: time.Unix(1e9, 0).UTC()}
	}
	link := func(name, to string) *Node { return &Node{Name: name, Mode: fs.ModeSymlink | 0o777, Link: to} }
	return &Node{Mode: fs.ModeDir | 0o755, Children: []*Node{
		file("z", 0, 5), file("a.txt", 100, 3000),
		{Name: "sub dir", Mode: fs.ModeDir | 0o755, Children: []*Node{file("deep", 7, 1), link("up", "../a.txt"), link("abs", "/sub dir/deep")}},
		{Name: "empty", Mode: fs.ModeDir | 0o755},
		link("loop", "loop"), link("out", "../../../a.txt"), link("dangling", "nowhere"),
	}}
}

func TestFS(t *testing.T) {
	img := pattern(10_000)
	root := sample()
	f := NewFS(root, bytes.NewReader(img), int64(len(img)))
	// TestFS opens every link.
	whole := *root
	whole.Children = root.Children[:4]
	if err := fstest.TestFS(NewFS(&whole, bytes.NewReader(img), int64(len(img))), "z", "a.txt", "sub dir/deep"); err != nil {
		t.Error(err)
	}
	for path, want := range map[string][]byte{"sub dir/up": img[100:3100], "sub dir/abs": img[7:8], "out": img[100:3100]} {
		if got, err := fs.ReadFile(f, path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	for _, path := range []string{"loop", "dangling", "a.txt/x", "nothing", "/a.txt", "../a.txt"} {
		if _, err := f.Open(path); err == nil {
			t.Errorf("%s opens", path)
		}
	}
	if to, err := f.ReadLink("out"); err != nil || to != "../../../a.txt" {
		t.Errorf("link %q, %v", to, err)
	}
}

// A directory that could not be read whole gives what there is, and says so.
func TestDirectoryInPart(t *testing.T) {
	root := sample()
	root.Err = ErrAbsent
	f := NewFS(root, bytes.NewReader(nil), 0)
	list, err := f.ReadDir(".")
	if len(list) != 7 || !errors.Is(err, ErrAbsent) {
		t.Errorf("%d entries, %v", len(list), err)
	}
	if _, err := f.Open("not listed"); !errors.Is(err, ErrAbsent) {
		t.Errorf("what may be there opens with %v", err)
	}
}
