package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// A disc with scratches in known files, in one directory and in a sector that
// nothing stands in. For everybody who is told of it, exactly those files are
// damaged.
func TestBadSectorsAreToldAsExactlyTheirFiles(t *testing.T) {
	s := newRig(t)
	d := s.drive("f0", simdrive.Timing{}, nil)
	s.start("")

	// Two trees lead to the same files: a lost directory of one hides nothing.
	x := s.scratch("TWO_TREES", true)
	m := simdrive.DVDROM(x.img, x.img.Sectors())
	m.Damage().Bad(x.bad...)
	s.insert(d, m)
	id := s.told(station.WordReleased).ID
	s.bag(id, m, x.bad...)
	s.missingIn(id, x.bad)
	s.filesOf(id, x)
	s.useOf(id, x)

	// With one tree, the names below it are not known, and that is said.
	x = s.scratch("ONE_TREE", false)
	m = simdrive.DVDROM(x.img, x.img.Sectors())
	m.Damage().Bad(x.bad...)
	mark := s.Guest.Mark()
	s.insert(d, m)
	if _, err := s.Guest.AwaitLine(s.ctx, mark, daemon, fmt.Sprintf(`"word":%q`, station.WordReleased)); err != nil {
		t.Fatal(err)
	}
	id = s.toldLast(station.WordReleased).ID
	s.missingIn(id, x.bad)
	s.filesOf(id, x)
	s.useOf(id, x)
	if text, exit := s.text("cat", id, "GONE/HIDDEN.TXT"); exit != 3 || !strings.Contains(text, "may be on the disc") {
		t.Errorf("cat of a file in a lost directory: exit %d\n%s", exit, text)
	}
}

// toldLast is the last line since the daemon's start that says a word.
func (s *rig) toldLast(w station.Word) (last said) {
	for _, l := range s.said() {
		if l.Word == w {
			last = l
		}
	}
	return last
}

// gone is the directory whose records are bad, in the plain tree.
const gone = "GONE"

// scratched is a disc and what is wrong with it, in the words of its main tree.
type scratched struct {
	img     *isoimage.Image
	bad     []disc.Extent
	damaged map[string]int64         // bytes missing of each file
	first   map[string]int64         // and where in it the first of them stands
	whole   map[string][]byte        // every other file
	dirs    []string                 // its directories
	gone    string                   // the one whose records are bad, in the tree that lost it
	view    string                   // that tree
	main    string                   // the main tree
	lost    map[string][]disc.Extent // sectors of each damaged file
	hidden  bool                     // nobody can know any more what the lost directory has
}

// scratch lays the disc out. What is bad is put where the writer says that the files are.
func (s *rig) scratch(label string, joliet bool) *scratched {
	s.t.Helper()
	text := func(p, body string) isoimage.File {
		return isoimage.File{Path: p, Size: int64(len(body)), Content: strings.NewReader(body)}
	}
	const sector = disc.SectorSize
	img, err := isoimage.New(isoimage.Options{Label: label, Seed: 310, Sectors: 900, Joliet: joliet, Files: []isoimage.File{
		text("readme.txt", "whole\n"),
		{Path: "before.bin", Size: 7 * sector},
		{Path: "one.bin", Size: 20*sector + 100},
		{Path: "after.bin", Size: 9*sector - 1},
		{Path: "docs/three.bin", Size: 40 * sector},
		{Path: "docs/deep/edge.bin", Size: 3 * sector},
		{Path: "docs/deep/last.bin", Size: 5*sector + 1},
		{Path: "apart.bin", Size: 2 * sector},
		text("small.txt", "one sector and no more"),
		text("gone/hidden.txt", "nobody finds me"),
		{Path: "gone/hidden.bin", Size: 11 * sector},
		text("empty.txt", ""),
		text("zlast.txt", "behind all of them"),
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	x := &scratched{img: img, damaged: map[string]int64{}, first: map[string]int64{}, whole: map[string][]byte{}, lost: map[string][]disc.Extent{},
		main: "ISO 9660", dirs: []string{"docs", "docs/deep", "gone"}, hidden: !joliet}
	name := strings.ToUpper
	if joliet {
		name, x.main = strings.Clone, "Joliet"
	}
	for i, p := range x.dirs {
		x.dirs[i] = name(p)
	}
	at := map[string]isoimage.Placed{}
	for _, p := range img.Files() {
		at[p.Path] = p
		b := make([]byte, p.Size)
		if _, err := img.ReadAt(b, p.Sector*sector); err != nil && !errors.Is(err, io.EOF) {
			s.t.Fatal(err)
		}
		if !x.hidden || path.Dir(p.Path) != "gone" {
			x.whole[name(p.Path)] = b
		}
	}
	hit := func(p string, from, count int64) {
		e := disc.Extent{Start: disc.LBA(at[p].Sector + from), Count: count}
		x.bad = append(x.bad, e)
		size := at[p].Size
		p = name(p)
		if _, ok := x.damaged[p]; !ok {
			x.first[p] = from * sector
		}
		x.lost[p] = append(x.lost[p], e)
		x.damaged[p] += min((from+count)*sector, size) - from*sector
	}
	hit("one.bin", 12, 1)
	hit("docs/three.bin", 0, 2)
	hit("docs/three.bin", 39, 1)
	hit("docs/deep/last.bin", 5, 1) // of which one byte is the file's
	hit("small.txt", 0, 1)
	for p := range x.damaged {
		delete(x.whole, p)
	}
	x.bad = append(x.bad, disc.Extent{Start: recordsOf(s.t, img, "HIDDEN.TXT;1"), Count: 1}, disc.Extent{Start: disc.LBA(img.Sectors() - 5), Count: 1})
	slices.SortFunc(x.bad, func(a, b disc.Extent) int { return int(a.Start - b.Start) })
	return x
}

// recordsOf is the sector of the directory that has a name, found as a person
// with an editor would.
func recordsOf(t failer, img *isoimage.Image, name string) disc.LBA {
	t.Helper()
	b := make([]byte, img.Size())
	if _, err := img.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte(name))
	if i < 0 || bytes.Count(b, []byte(name)) != 1 {
		t.Fatal("the name", name, "does not stand once in the image")
	}
	return disc.LBA(i / disc.SectorSize)
}
