package discfs

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// at is an extent of whole sectors, less some bytes at its end.
func at(lba, sectors, less int64) tree.Extent {
	return tree.Extent{Offset: lba * disc.SectorSize, Length: sectors*disc.SectorSize - less}
}

func fileNode(name string, extents ...tree.Extent) *tree.Node {
	n := &tree.Node{Name: name, Mode: 0o444, Extents: extents, Meta: []tree.Extent{at(20, 1, 0)}}
	for _, e := range extents {
		n.Size += e.Length
	}
	return n
}

func dirNode(name string, lba int64, children ...*tree.Node) *tree.Node {
	return &tree.Node{Name: name, Mode: fs.ModeDir | 0o555, Meta: []tree.Extent{at(lba, 1, 0)}, Children: children}
}

// twoTrees is a disc of 200 sectors with a main tree and a plain one.
func twoTrees() *Image {
	a := fileNode("a.vob", at(50, 10, 100))
	b := fileNode("b.vob", at(60, 5, 0), at(70, 5, 2047))
	hidden := fileNode("MACONLY.SIT", at(80, 2, 0))
	m := &Image{Size: 200 * disc.SectorSize}
	m.Volumes = []*tree.Volume{
		{System: "ISO 9660", View: "ISO 9660", Root: dirNode("", 20, fileNode("A.VOB", a.Extents...), hidden, &tree.Node{Name: "GONE", Mode: fs.ModeDir | 0o555, Err: tree.ErrAbsent})},
		{System: "ISO 9660", View: "Rock Ridge", Root: dirNode("", 20, dirNode("video", 21, a, b, fileNode("same as a", a.Extents...)), fileNode("empty"))},
	}
	m.Structures = []tree.Structure{{Extent: at(16, 1, 0), System: "ISO 9660", What: "primary volume descriptor"}, {Extent: at(19, 1, 0), System: "ISO 9660", What: "path table L"}}
	return m
}

func mapOf(t *testing.T, sectors int64, marks map[disc.Extent]disc.Status) *disc.SectorMap {
	t.Helper()
	m, err := disc.NewSectorMap(sectors)
	if err != nil {
		t.Fatal(err)
	}
	var pos disc.LBA
	mark := func(e disc.Extent, s disc.Status) {
		if e.Count > 0 {
			var err error
			switch s {
			case disc.StatusUntried:
			case disc.StatusContested:
				err = errors.Join(m.Mark(e, disc.StatusRead, disc.Evidence{}), m.Contest(e, disc.Evidence{}))
			default:
				err = m.Mark(e, s, disc.Evidence{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		pos = e.End()
	}
	keys := make([]disc.Extent, 0, len(marks))
	for e := range marks {
		keys = append(keys, e)
	}
	slices.SortFunc(keys, func(a, b disc.Extent) int { return int(a.Start - b.Start) })
	for _, e := range keys {
		mark(disc.Extent{Start: pos, Count: int64(e.Start - pos)}, disc.StatusRead)
		mark(e, marks[e])
	}
	mark(disc.Extent{Start: pos, Count: sectors - int64(pos)}, disc.StatusRead)
	return m
}

func names(hits []Hit) string {
	var s []string
	for _, h := range hits {
		s = append(s, strings.TrimSpace(h.View+" "+h.What+" "+h.Path))
	}
	return strings.Join(s, "; ")
}

func TestDamageNamesWhatIsHitAndNothingElse(t *testing.T) {
	x := func(start disc.LBA, n int64) disc.Extent { return disc.Extent{Start: start, Count: n} }
	for name, c := range map[string]struct {
		marks             map[disc.Extent]disc.Status
		files, structures string
		bytes             int64 // of the first file
		unused            int64
		whole             int
	}{
		"nothing":              {nil, "", "", 0, 0, 4},
		"one sector of a":      {map[disc.Extent]disc.Status{x(55, 1): disc.StatusUnreadable}, "Rock Ridge file video/a.vob", "", 2048, 0, 3},
		"the last, in part":    {map[disc.Extent]disc.Status{x(59, 1): disc.StatusUnreadable}, "Rock Ridge file video/a.vob", "", 1948, 0, 3},
		"a's end and b's head": {map[disc.Extent]disc.Status{x(59, 2): disc.StatusUnreadable}, "Rock Ridge file video/a.vob; Rock Ridge file video/b.vob", "", 1948, 0, 2},
		"between b's extents":  {map[disc.Extent]disc.Status{x(65, 5): disc.StatusUnreadable}, "", "", 0, 5, 4},
		"b's last byte":        {map[disc.Extent]disc.Status{x(74, 1): disc.StatusSkipped}, "Rock Ridge file video/b.vob", "", 1, 0, 3},
		"in the other tree":    {map[disc.Extent]disc.Status{x(81, 1): disc.StatusUnreadable}, "ISO 9660 file MACONLY.SIT", "", 2048, 0, 3},
		"path table":           {map[disc.Extent]disc.Status{x(19, 1): disc.StatusUnreadable}, "", "ISO 9660 path table L", 0, 0, 4},
		"a directory":          {map[disc.Extent]disc.Status{x(21, 1): disc.StatusUnreadable}, "", "Rock Ridge directory video", 0, 0, 4},
		"suspect":              {map[disc.Extent]disc.Status{x(50, 2): disc.StatusSuspect}, "Rock Ridge file video/a.vob", "", 0, 0, 4},
		"contested":            {map[disc.Extent]disc.Status{x(50, 2): disc.StatusContested}, "Rock Ridge file video/a.vob", "", 4096, 0, 3},
		"protected, untried":   {map[disc.Extent]disc.Status{x(50, 1): disc.StatusProtected, x(100, 100): disc.StatusUntried}, "Rock Ridge file video/a.vob", "", 2048, 100, 3},
		"unrecorded":           {map[disc.Extent]disc.Status{x(150, 50): disc.StatusUnrecorded}, "", "", 0, 0, 4},
	} {
		d := twoTrees().Damage(mapOf(t, 200, c.marks))
		if names(d.Files) != c.files || names(d.Structures) != c.structures || d.Unused.Total != c.unused || d.Whole != c.whole || d.Listed != 4 || d.Cut {
			t.Errorf("%s: files %q, structures %q, unused %+v, %d of %d whole", name, names(d.Files), names(d.Structures), d.Unused, d.Whole, d.Listed)
			continue
		}
		if len(d.Files) > 0 && d.Files[0].Bytes != c.bytes {
			t.Errorf("%s: %d bytes lost, want %d", name, d.Files[0].Bytes, c.bytes)
		}
		if len(d.Unknown) != 1 || d.Unknown[0] != "GONE" {
			t.Errorf("%s: unknown below %q", name, d.Unknown)
		}
	}
}

func TestHave(t *testing.T) {
	m := mapOf(t, 100, map[disc.Extent]disc.Status{{Start: 10, Count: 1}: disc.StatusUnreadable, {Start: 11, Count: 1}: disc.StatusSuspect,
		{Start: 20, Count: 1}: disc.StatusContested, {Start: 30, Count: 1}: disc.StatusUnrecorded})
	have := Have(m)
	for _, c := range []struct {
		off, n int64
		want   bool
	}{
		{0, 10 * 2048, true}, {0, 10*2048 + 1, false}, {10*2048 + 5, 1, false}, {11 * 2048, 2048, true}, {11 * 2048, 9*2048 + 1, false},
		{20 * 2048, 1, false}, {30 * 2048, 1, false}, {99 * 2048, 2048, true}, {99 * 2048, 2049, false}, {-1, 2, false}, {5, 0, true},
	} {
		if have(c.off, c.n) != c.want {
			t.Errorf("%d bytes at %d: %v", c.n, c.off, !c.want)
		}
	}
}

// Files that begin alike and go on apart are two, and one that reaches over the
// end of the image is not whole.
func TestFilesThatBeginAlikeAreTwo(t *testing.T) {
	m := &Image{Size: 200 * disc.SectorSize}
	m.Volumes = []*tree.Volume{{System: "ISO 9660", View: "ISO 9660", Root: dirNode("", 20,
		fileNode("a", at(50, 2, 0), at(60, 2, 0)), fileNode("b", at(50, 2, 0), at(70, 2, 0)), fileNode("cut", at(199, 2, 0)))}}
	d := m.Damage(mapOf(t, 200, map[disc.Extent]disc.Status{{Start: 71, Count: 1}: disc.StatusUnreadable}))
	if names(d.Files) != "ISO 9660 file b" || d.Listed != 3 || d.Whole != 1 || d.Unused.Total != 0 {
		t.Errorf("files %q, %d of %d whole, unused %+v", names(d.Files), d.Whole, d.Listed, d.Unused)
	}
	if _, list := m.Listed(nil, nil); len(list) != 3 {
		t.Errorf("%d files listed", len(list))
	}
}
