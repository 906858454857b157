package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

const sector = disc.SectorSize

// image is a disc of noise that differs everywhere.
func image(sectors int) []byte {
	b := make([]byte, sectors*sector)
	for i := range b {
		b[i] = byte(i*7 + i/sector*13 + i>>16)
	}
	return b
}

func file(name string, size int64, extents ...tree.Extent) *tree.Node {
	return &tree.Node{Name: name, Mode: 0o644, Size: size, Extents: extents, Modified: time.Date(1999, 5, 6, 7, 8, 9, 0, time.UTC)}
}

func at(s, length int64) tree.Extent { return tree.Extent{Offset: s * sector, Length: length} }

func dir(name string, children ...*tree.Node) *tree.Node {
	return &tree.Node{Name: name, Mode: fs.ModeDir | 0o555, Children: children}
}

func link(name, target string) *tree.Node {
	return &tree.Node{Name: name, Mode: fs.ModeSymlink | 0o777, Link: target}
}

// bad is a map with sectors that were not read.
func bad(t testing.TB, sectors int64, s disc.Status, at ...int64) *disc.SectorMap {
	t.Helper()
	m, err := disc.NewSectorMap(sectors)
	if err != nil {
		t.Fatal(err)
	}
	drive, err := m.AddDrive("test")
	if err != nil {
		t.Fatal(err)
	}
	mark := func(e disc.Extent, s disc.Status) {
		if err := m.Mark(e, s, disc.Evidence{Drive: drive, Pass: 1, Tries: 1}); err != nil {
			t.Fatal(err)
		}
	}
	next := disc.LBA(0)
	for _, a := range at {
		if n := int64(disc.LBA(a) - next); n > 0 {
			mark(disc.Extent{Start: next, Count: n}, disc.StatusRead)
		}
		switch e := (disc.Extent{Start: disc.LBA(a), Count: 1}); s {
		case disc.StatusUntried: // that is how it begins
		case disc.StatusContested:
			mark(e, disc.StatusRead)
			if err := m.Contest(e, disc.Evidence{Drive: drive, Pass: 2, Tries: 1}); err != nil {
				t.Fatal(err)
			}
		default:
			mark(e, s)
		}
		next = disc.LBA(a) + 1
	}
	if n := sectors - int64(next); n > 0 {
		mark(disc.Extent{Start: next, Count: n}, disc.StatusRead)
	}
	return m
}

func source(img []byte, m *disc.SectorMap) *Source {
	return &Source{Image: bytes.NewReader(img), Size: int64(len(img)), Map: m}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// What of a file is there comes out; what is not there is told, and is never
// zeroes that nobody asked for.
func TestCopy(t *testing.T) {
	img := image(100)
	zero := func(n int) []byte { return make([]byte, n) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	cut := func(s, n int64) []byte { return img[s*sector : s*sector+n] }
	m := bad(t, 100, disc.StatusUnreadable, 22, 25, 26)
	for _, c := range []struct {
		name        string
		n           *tree.Node
		plain, fill []byte
		missing     int64
		err         error
	}{
		{"whole", file("a", 5000, at(10, 5000)), cut(10, 5000), cut(10, 5000), 0, nil},
		{"empty", file("a", 0), nil, nil, 0, nil},
		{"two extents", file("a", 3000, at(10, 2048), at(5, 952)), join(cut(10, 2048), cut(5, 952)), join(cut(10, 2048), cut(5, 952)), 0, nil},
		{"longer extents than size", file("a", 100, at(10, 4096), at(50, 4096)), cut(10, 100), cut(10, 100), 0, nil},
		{"a hole", file("a", 3000, at(10, 1000), tree.Extent{Offset: tree.Hole, Length: 2000}), join(cut(10, 1000), zero(2000)), join(cut(10, 1000), zero(2000)), 0, nil},
		{"interleaved", file("a", 5000, tree.Extent{Offset: 10 * sector, Length: 5000, Unit: sector, Gap: 2 * sector}),
			join(cut(10, 2048), cut(13, 2048), cut(16, 904)), join(cut(10, 2048), cut(13, 2048), cut(16, 904)), 0, nil},
		{"interleaved past bad sectors", file("a", 3*sector, tree.Extent{Offset: 21 * sector, Length: 3 * sector, Unit: sector, Gap: sector}),
			join(cut(21, 2048), cut(23, 2048)), join(cut(21, 2048), cut(23, 2048), zero(2048)), sector, tree.ErrAbsent},
		{"one bad sector", file("a", 10_000, at(20, 10_000)), cut(20, 2*sector), join(cut(20, 2*sector), zero(sector), cut(23, 10_000-3*sector)), sector, tree.ErrAbsent},
		{"bad at the beginning", file("a", 5000, at(22, 5000)), nil, join(zero(sector), cut(23, 5000-sector)), sector, tree.ErrAbsent},
		{"bad at the end", file("a", 2*sector+500, at(24, 2*sector+500)), cut(24, sector), join(cut(24, sector), zero(sector+500)), sector + 500, tree.ErrAbsent},
		{"a bad sector that is not its own", file("a", 2048, at(21, 2048)), cut(21, 2048), cut(21, 2048), 0, nil},
		{"behind the image", file("a", 5000, at(99, 5000)), cut(99, 2048), cut(99, 2048), 5000 - 2048, tree.ErrOutside},
		{"wholly outside", file("a", 5000, at(1<<40, 5000)), nil, nil, 5000, tree.ErrOutside},
		{"short extents", file("a", 5000, at(10, 3000)), cut(10, 3000), cut(10, 3000), 2000, tree.ErrShort},
		{"outside, then inside", file("a", 4096, at(100, 2048), at(10, 2048)), nil, join(zero(2048), cut(10, 2048)), 2048, tree.ErrOutside},
	} {
		for _, fill := range []bool{false, true} {
			s, want := source(img, m), c.plain
			if fill {
				want = c.fill
			}
			s.Digest = func(*tree.Node) (string, bool) { return digest(c.plain), true }
			var out bytes.Buffer
			res, err := s.Copy(t.Context(), &out, c.n, fill)
			if !bytes.Equal(out.Bytes(), want) || res.Bytes != int64(len(want)) {
				t.Errorf("%s, fill %v: %d bytes (%d told), want %d", c.name, fill, out.Len(), res.Bytes, len(want))
			}
			if c.err == nil {
				if err != nil || res.SHA256 != digest(want) || !res.Known {
					t.Errorf("%s: %+v, %v", c.name, res, err)
				}
				continue
			}
			var lacking *MissingError
			if !errors.As(err, &lacking) || !errors.Is(err, c.err) || lacking.Bytes != c.missing || res.SHA256 != "" || res.Known {
				t.Errorf("%s, fill %v: %+v, %v", c.name, fill, res, err)
			}
		}
	}
}

// Sectors of every status but those that were read are missing.
func TestWhatWasNotReadIsMissing(t *testing.T) {
	img := image(10)
	for s := disc.StatusUntried; s <= disc.StatusRead; s++ {
		src := source(img, bad(t, 10, s, 5))
		var out bytes.Buffer
		_, err := src.Copy(t.Context(), &out, file("a", 3*sector, at(4, 3*sector)), false)
		if there := s == disc.StatusRead || s == disc.StatusSuspect; there != (err == nil) {
			t.Errorf("%s: %v", s, err)
		}
		// What two reads gave differently is on the image, and is told.
		out.Reset()
		_, err = src.Copy(t.Context(), &out, file("a", 3*sector, at(4, 3*sector)), true)
		if s == disc.StatusContested && (!bytes.Equal(out.Bytes(), img[4*sector:7*sector]) || err == nil || !strings.Contains(err.Error(), "different bytes")) {
			t.Errorf("contested: %v", err)
		}
	}
}

func TestWrongDigest(t *testing.T) {
	s := source(image(10), nil)
	s.Digest = func(*tree.Node) (string, bool) { return digest(nil), true }
	if _, err := s.Copy(t.Context(), io.Discard, file("a", 5, at(1, 5)), false); !errors.Is(err, ErrDigest) {
		t.Errorf("%v", err)
	}
}

// A file cannot have more bytes than the disc, and what says so cannot make
// anybody write for ever.
func TestSizesThatCannotBe(t *testing.T) {
	s := source(image(10), nil)
	for _, n := range []*tree.Node{
		file("a", math.MaxInt64, tree.Extent{Offset: tree.Hole, Length: math.MaxInt64}),
		file("a", math.MaxInt64, at(0, 100)), file("a", -1), file("a", 1<<50),
	} {
		if res, err := s.Copy(t.Context(), io.Discard, n, true); err == nil || res.Bytes != 0 {
			t.Errorf("%d bytes: %+v, %v", n.Size, res, err)
		}
	}
	// Extents whose ends overflow.
	n := file("a", 10_000, tree.Extent{Offset: math.MaxInt64 - 100, Length: math.MaxInt64}, tree.Extent{Offset: 1, Length: -5}, tree.Extent{Offset: 2, Length: math.MaxInt64, Unit: 1 << 62, Gap: 1 << 62})
	if _, err := s.Copy(t.Context(), io.Discard, n, true); !errors.Is(err, tree.ErrOutside) {
		t.Error(err)
	}
	if _, err := s.Copy(t.Context(), io.Discard, dir("d"), true); err == nil {
		t.Error("a directory was copied")
	}
}

// extract makes root in a fresh folder and gives what was told by path.
func extract(t *testing.T, s *Source, where string, root *tree.Node, to string) (map[string]Item, error) {
	t.Helper()
	f, err := os.OpenRoot(where)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	told := map[string]Item{}
	err = s.Extract(t.Context(), f, root, ".", to, func(it Item) { told[it.Path] = it })
	return told, err
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// everything lists a folder, hidden files too.
func everything(t *testing.T, where string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(where, func(p string, _ fs.DirEntry, err error) error {
		if rel, rerr := filepath.Rel(where, p); rerr == nil && rel != "." {
			all = append(all, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExtract(t *testing.T) {
	img := image(100)
	s := source(img, bad(t, 100, disc.StatusUnreadable, 31))
	sums := map[string]string{"a.txt": digest(img[10*sector : 10*sector+3000]), "b.bin": digest(img[20*sector : 22*sector]), "wrong": digest(nil)}
	s.Digest = func(n *tree.Node) (string, bool) { sum, ok := sums[n.Name]; return sum, ok }
	setuid := file("setuid", 10, at(50, 10))
	setuid.Mode = fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o777
	root := dir("", file("a.txt", 3000, at(10, 3000)),
		dir("sub", file("b.bin", 2*sector, at(20, 2*sector)), file("hurt", 3*sector, at(30, 3*sector)), link("up", "../a.txt"), dir("empty")),
		file("wrong", 100, at(40, 100)), file("unknown", 100, at(41, 100)), setuid,
		&tree.Node{Name: "null", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}, &tree.Node{Name: "pipe", Mode: fs.ModeNamedPipe | 0o666})
	where := t.TempDir()
	told, err := extract(t, s, where, root, "DISC")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]State{"a.txt": Written, "sub/b.bin": Written, "sub/hurt": Partly, "sub/up": Written, "wrong": Different, "unknown": Written,
		"setuid": Written, "null": LeftOut, "pipe": LeftOut} {
		if told[path].State != want {
			t.Errorf("%s: %+v, want %s", path, told[path], want)
		}
		delete(told, path)
	}
	if len(told) != 0 {
		t.Errorf("more was told: %+v", told)
	}
	want := []string{"DISC", "DISC/a.txt", "DISC/setuid", "DISC/sub", "DISC/sub/b.bin", "DISC/sub/empty", "DISC/sub/hurt.incomplete", "DISC/sub/up", "DISC/unknown"}
	if got := everything(t, where); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("in the folder: %q", got)
	}
	if content(t, where, "DISC/sub/up") != string(img[10*sector:10*sector+3000]) {
		t.Error("the link does not lead to the file")
	}
	hurt := content(t, where, "DISC/sub/hurt.incomplete")
	if hurt != string(img[30*sector:31*sector])+strings.Repeat("\x00", sector)+string(img[32*sector:33*sector]) {
		t.Error("the damaged file has other bytes")
	}
	fi, err := os.Stat(filepath.Join(where, "DISC/setuid"))
	if err != nil || fi.Mode() != 0o755 || !fi.ModTime().Equal(setuid.Modified) {
		t.Errorf("%v, %v, %v", fi.Mode(), fi.ModTime(), err)
	}
	if fi, err := os.Stat(filepath.Join(where, "DISC/sub")); err != nil || fi.Mode() != fs.ModeDir|0o755 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}

	// Again: what has its digest is done, everything else is left as it is.
	if err := os.WriteFile(filepath.Join(where, "DISC/wrong"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(where, "DISC/sub/b.bin"), make([]byte, 2*sector), 0o644); err != nil {
		t.Fatal(err)
	}
	before := content(t, where, "DISC/unknown")
	told, err = extract(t, s, where, root, "DISC")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]State{"a.txt": AlreadyThere, "sub/b.bin": Failed, "sub/hurt": Failed, "sub/up": AlreadyThere, "wrong": Failed, "unknown": Failed} {
		if told[path].State != want {
			t.Errorf("again, %s: %+v, want %s", path, told[path], want)
		}
	}
	if content(t, where, "DISC/wrong") != "mine" || content(t, where, "DISC/unknown") != before || len(everything(t, where)) != len(want)+1 {
		t.Errorf("something was changed: %q", everything(t, where))
	}
}

// Names and links of a hostile disc: nothing leads out of the folder.
func TestNothingLeadsOut(t *testing.T) {
	outer := t.TempDir()
	where := filepath.Join(outer, "in")
	if err := os.Mkdir(where, 0o755); err != nil {
		t.Fatal(err)
	}
	s := source(image(20), nil)
	long := strings.Repeat("日", 300)
	// Names that no reader of a file system should give, too.
	root := dir("", file("../../escape", 5, at(1, 5)), file("..", 5, at(1, 5)), file(".", 5, at(1, 5)), file("/abs", 5, at(1, 5)), file("nul\x00", 5, at(1, 5)), file("", 5, at(1, 5)),
		file("CON", 5, at(1, 5)), file(long, 5, at(1, 5)), file(long+"x", 5, at(2, 5)),
		dir("d", link("passwd", "/etc/passwd"), link("out", "../../x"), link("crooked", "in/../in"), link("in", "."), link("fine", "../CON"), link("dots", ".././CON"), link("zero", "a\x00b"), link("none", "")),
		dir("..", file("inner", 5, at(3, 5))))
	told, err := extract(t, s, where, root, "DISC")
	if err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{"d/passwd": false, "d/out": false, "d/crooked": false, "d/in": true, "d/fine": true, "d/dots": true, "d/zero": false, "d/none": false} {
		if it := told[path]; (it.State == Written) != ok || !ok && (it.State != LeftOut || it.Err == nil) {
			t.Errorf("%s: %+v", path, it)
		}
	}
	for _, p := range everything(t, outer) {
		if p != "in" && p != "in/DISC" && !strings.HasPrefix(p, "in/DISC/") || len(filepath.Base(p)) > 255 {
			t.Errorf("made: %q", p)
		}
	}
	if told[long].State != Written || told[long+"x"].State != Written || told[long].To == told[long+"x"].To {
		t.Errorf("long names: %q, %q", told[long].To, told[long+"x"].To)
	}
	for _, name := range []string{"../../escape", "..", ".", "/abs", "nul\x00", ""} {
		if it := told[name]; it.State == Written && strings.Count(it.To, "/") != 1 {
			t.Errorf("%q was made as %q", name, it.To)
		}
	}
	if told["../../escape"].State != Written || told["/abs"].State != Written {
		t.Errorf("%+v, %+v", told["../../escape"], told["/abs"])
	}
	if content(t, where, "DISC/CON") == "" {
		t.Error("no CON")
	}
}

// A link that lies in the folder already is not followed out of it, nor taken
// for a directory of the disc.
func TestLinksThatAreThere(t *testing.T) {
	where, other := t.TempDir(), t.TempDir()
	s := source(image(20), nil)
	for _, target := range []string{other, "elsewhere"} {
		if err := os.Mkdir(filepath.Join(where, "elsewhere"), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(where, "DISC")); err != nil {
			t.Fatal(err)
		}
		told, err := extract(t, s, where, dir("", file("a", 5, at(1, 5))), "DISC")
		if err != nil || told["."].State != Failed || told["a"].State != Failed {
			t.Errorf("%s: %+v, %v", target, told, err)
		}
		if len(everything(t, other)) != 0 || len(everything(t, filepath.Join(where, "elsewhere"))) != 0 {
			t.Errorf("%s: written through a link", target)
		}
		if err := os.Remove(filepath.Join(where, "DISC")); err != nil {
			t.Fatal(err)
		}
	}
}

type failing struct {
	r   io.ReaderAt
	bad func(off int64) error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if err := f.bad(off); err != nil {
		return 0, err
	}
	return f.r.ReadAt(p, off)
}

// One file that the archive does not give costs no other one; an archive that
// has gone away ends it.
func TestArchiveThatFails(t *testing.T) {
	img := image(100)
	var files []*tree.Node
	for i := range int64(20) {
		files = append(files, file(string(rune('a'+i)), sector, at(20+i, sector)))
	}
	s := source(img, nil)
	gone := errors.New("no answer")
	s.Image = failing{bytes.NewReader(img), func(off int64) error {
		if off == 25*sector {
			return gone
		}
		return nil
	}}
	where := t.TempDir()
	told, err := extract(t, s, where, dir("", files...), "D")
	if err != nil || told["f"].State != Failed || !errors.Is(told["f"].Err, gone) || len(told) != 20 || len(everything(t, where)) != 20 {
		t.Errorf("one: %v, %+v", err, told)
	}
	s.Image = failing{bytes.NewReader(img), func(off int64) error {
		if off >= 25*sector {
			return gone
		}
		return nil
	}}
	where = t.TempDir()
	told, err = extract(t, s, where, dir("", files...), "D")
	if !errors.Is(err, gone) || len(told) != 5+tooMany || len(everything(t, where)) != 6 {
		t.Errorf("all: %v, %d told, %q", err, len(told), everything(t, where))
	}
}

// What somebody else makes under a file's name while it is read stays.
func TestNothingIsReplaced(t *testing.T) {
	img := image(100)
	s := source(img, nil)
	where := t.TempDir()
	s.Image = failing{bytes.NewReader(img), func(int64) error { return os.WriteFile(filepath.Join(where, "a"), []byte("mine"), 0o644) }}
	told, err := extract(t, s, where, file("a", 5000, at(1, 5000)), "a")
	if err != nil || told["."].State != Failed || content(t, where, "a") != "mine" || len(everything(t, where)) != 1 {
		t.Errorf("%v, %+v, %q", err, told, everything(t, where))
	}
}

// What is stopped leaves no half files.
func TestStopped(t *testing.T) {
	img := image(100)
	s := source(img, nil)
	ctx, stop := context.WithCancel(t.Context())
	s.Image = failing{bytes.NewReader(img), func(int64) error { stop(); return ctx.Err() }}
	where := t.TempDir()
	f, err := os.OpenRoot(where)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = s.Extract(ctx, f, file("a", 5000, at(1, 5000)), "a", "a", func(it Item) { t.Errorf("told of %+v", it) })
	if !errors.Is(err, context.Canceled) || len(everything(t, where)) != 0 {
		t.Errorf("%v, %q", err, everything(t, where))
	}
}

// More than there is room for is refused before anything is written.
func TestNoRoom(t *testing.T) {
	img := image(10)
	s := source(img, nil)
	s.Size = 1 << 60 // as if
	where := t.TempDir()
	var files []*tree.Node
	for i := range 20 {
		files = append(files, file(string(rune('a'+i)), 1<<56, at(0, 1<<56)))
	}
	if told, err := extract(t, s, where, dir("", files...), "D"); err == nil || !strings.Contains(err.Error(), "room") || len(told) != 0 || len(everything(t, where)) != 0 {
		t.Errorf("%v, %+v", err, told)
	}
}
