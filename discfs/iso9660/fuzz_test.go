package iso9660

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"ripstation/discfs/tree"
)

const fuzzSectors = 32

// places are what the fuzzer fills of an image of that many sectors: descriptors
// up to the root's record, path tables, directories, a continuation area. All else
// is zeroes.
var places = []struct{ sector, n int }{{16, 190}, {17, 190}, {18, 40}, {19, 40}, {20, 700}, {21, 300}, {22, 300}, {23, 200}, {24, 200}, {30, 64}}

// FuzzRead fills those places. With mend, what must stand in descriptors for the
// rest to be looked at does. One sector is absent, where there is one of that
// number.
func FuzzRead(f *testing.F) {
	seed := func(s sheet) {
		var data []byte
		for _, p := range places {
			data = append(data, s.at(p.sector)[:p.n]...)
		}
		for _, gone := range []byte{0, 20, 21} {
			f.Add(data, gone == 0, gone)
		}
	}
	for _, s := range fuzzSeeds() {
		seed(s)
	}
	f.Add([]byte{}, false, byte(0))
	m := make(sheet, fuzzSectors*sectorSize)
	f.Fuzz(func(t *testing.T, data []byte, mend bool, gone byte) {
		for _, p := range places {
			clear(m.at(p.sector)[:p.n])
			data = data[copy(m.at(p.sector)[:p.n], data):]
		}
		if mend {
			for i, kind := range []byte{typePrimary, typeSupplementary} {
				p := m.at(16 + i)
				copy(p, append([]byte{kind}, "CD001"...))
				both16(p[128:], 2048)
			}
			m.at(16)[156+25] |= flagDirectory
		}
		src := tree.NewSource(bytes.NewReader(m), int64(len(m))).Gate(func(off, n int64) bool {
			from := int64(gone) * sectorSize
			return gone == 0 || off+n <= from || off >= from+sectorSize
		})
		examine(t, m, src, Read(src))
	})
}

// fuzzSeeds are images that have what this package reads.
func fuzzSeeds() []sheet {
	file := px(0o100644)
	rock := handmade(1, slices.Concat(sp, px(0o040755)),
		isoRecord("A.;1", 25, 3000, flagAssociated, file), isoRecord("A.;1", 26, 2048, flagMore, file, use("NM", 0, 'a')), isoRecord("A.;1", 27, 1, 0, file),
		isoRecord("C.;1", 40, 2048, 0, px(0o040755), use("CL", numbers(21)...)), isoRecord("L.;1", 0, 0, 0, px(0o120777), use("SL", 0, 1, 2, 'x', 'y', 0, 1, 'z')),
		isoRecord("M", 22, 2048, flagDirectory, px(0o040755)), isoRecord("N.;1", 28, 99, 0, file, use("CE", numbers(23, 0, 60)...)),
		onDisc(2, isoRecord("O.;1", 29, 99, 0, use("TF", 14, 100, 1, 1, 0, 0, 0, 0, 100, 1, 1, 0, 0, 0, 0, 100, 1, 1, 0, 0, 0, 0), use("ZF", append([]byte{'p', 'z', 4, 15}, numbers(9)...)...))))
	dir := func(at, parent uint32, records ...[]byte) []byte {
		return slices.Concat(isoRecord("\x00", at, 2048, flagDirectory, px(0o040755)), isoRecord("\x01", parent, 2048, flagDirectory), bytes.Join(records, nil))
	}
	copy(rock.at(22), dir(22, 20, isoRecord("MOVED", 21, 2048, flagDirectory, px(0o040755), use("RE"))))
	copy(rock.at(21), dir(21, 22, isoRecord("DEEP.;1", 25, 10, 0, file)))
	copy(rock.at(23), slices.Concat(use("NM", 1, 'l', 'o', 'n', 'g'), use("NM", 0, 'e', 'r'), use("SL", 0, 8, 0, 0, 1, 'e'), use("PX", numbers(0o120777, 1, 7, 8)...)))
	joliet := handmade(1, nil, isoRecord("A.;1", 25, 3000, 0), isoRecord("B.;1", 25, 3000, 0))
	copy(joliet.at(17), joliet.at(16))
	copy(joliet.at(17), "\x02CD001\x01")
	copy(joliet.at(17)[88:], "%/E")
	copy(joliet.at(17)[156:], isoRecord("\x00", 22, 2048, flagDirectory))
	binary.LittleEndian.PutUint32(joliet.at(17)[140:], 0)
	copy(joliet.at(22), dir(22, 22, isoRecord("\x00A\x00;\x001", 25, 3000, 0), isoRecord("\x00B\x00c", 26, 5, 0)))
	hs, _ := highSierra()
	sierra := make(sheet, 32*sectorSize)
	copy(sierra, hs)
	return []sheet{rock, joliet, sierra}
}

// examine holds what was found to what must be true of any image.
func examine(t *testing.T, m sheet, src *tree.Source, f tree.Found) {
	size := int64(len(m))
	if len(f.Checks) != len(Codes) {
		t.Fatalf("%d checks", len(f.Checks))
	}
	for _, c := range f.Checks {
		if c.Message == "" || c.Outcome == "" || len(c.Message) > 8<<10 {
			t.Fatalf("check %+v", c)
		}
		printable(t, c.Message)
	}
	for _, c := range f.Claims {
		if c.Bytes < 0 || c.System == "" || c.Source == "" || !slices.Contains(f.Systems, c.System) {
			t.Fatalf("claim %+v, systems %q", c, f.Systems)
		}
	}
	for _, s := range f.Structures {
		if s.Length < 0 || s.Offset < 0 || s.System == "" || s.What == "" {
			t.Fatalf("structure %+v", s)
		}
	}
	for _, e := range src.Wanted() {
		if e.Offset < 0 || e.Length < 0 || e.End() > size {
			t.Fatalf("wanted %+v", e)
		}
	}
	nodes := 0
	for _, v := range f.Volumes {
		printable(t, v.Label)
		if v.Root == nil && v.Err == nil {
			t.Fatalf("volume %s has neither a root nor an error", v.View)
		}
		seen := map[*tree.Node]bool{}
		tree.Walk(v.Root, func(path string, n *tree.Node) bool {
			if nodes++; seen[n] {
				t.Fatalf("%s: %s is in the tree twice", v.View, path)
			}
			seen[n] = true
			honest(t, m, path, n)
			return true
		})
	}
	// A record is at least 34 bytes, and in four trees at most.
	if most := 4 * (size/34 + int64(len(f.Volumes))); int64(nodes) > most {
		t.Fatalf("%d nodes on an image of %d bytes", nodes, size)
	}
}

// honest holds a node to what tree.Node says of itself.
func honest(t *testing.T, m sheet, path string, n *tree.Node) {
	kind := n.Mode.Type()
	if n.Size < 0 || n.IsDir() && kind != fs.ModeDir || (n.Link != "") && kind != fs.ModeSymlink || !n.IsDir() && len(n.Children) > 0 || n.IsDir() && len(n.Extents) > 0 {
		t.Fatalf("%s: %+v", path, n)
	}
	names := make(map[string]bool, len(n.Children))
	for _, c := range n.Children {
		if names[c.Name] || !fs.ValidPath(c.Name) || c.Name == "." || strings.Contains(c.Name, "/") {
			t.Fatalf("%s: the name %q", path, c.Name)
		}
		printable(t, c.Name)
		names[c.Name] = true
	}
	if !n.Mode.IsRegular() {
		return
	}
	var sum int64
	for _, e := range n.Extents {
		if e.Offset < 0 || e.Length <= 0 || e.End() < e.Offset {
			t.Fatalf("%s: extent %+v", path, e)
		}
		sum += e.Length
	}
	if n.Err == nil && sum != n.Size || sum > n.Size {
		t.Fatalf("%s: %d bytes in extents of %d, %v", path, n.Size, sum, n.Err)
	}
	// What is read are the image's bytes at the extents, as far as these reach.
	p := make([]byte, min(n.Size, 100))
	got, err := tree.NewContent(n, bytes.NewReader(m), int64(len(m))).ReadAt(p, 0)
	if got < len(p) && err == nil {
		t.Fatalf("%s: %d of %d bytes and no error", path, got, len(p))
	}
	if got == 0 {
		return
	}
	e := n.Extents[0]
	k := min(int64(got), e.Length)
	if e.Unit > 0 && e.Gap > 0 {
		k = min(k, e.Unit)
	}
	if !bytes.Equal(p[:k], m[e.Offset:][:k]) {
		t.Fatalf("%s: its bytes are not those of the image at %d", path, e.Offset)
	}
}

func printable(t *testing.T, s string) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		t.Fatalf("a text that acts on a screen: %q", s)
	}
}
