package discfs

import (
	"maps"
	"strings"

	"ripstation/disc"
	"ripstation/discfs/iso9660"
	"ripstation/discfs/tree"
	"ripstation/discfs/udf"
)

var agreeCodes = []tree.Code{
	{Number: "F801", Name: "files of the UDF tree against those of the ISO 9660 tree"},
}

// agree holds the two trees of a bridge disc against each other. Discs show
// other files to other systems on purpose, so that a file in one tree alone is
// told and is no failure; one path that leads to different bytes is.
func (m *Image) agree() []disc.Check {
	s := tree.NewSheet(agreeCodes)
	var a, b *tree.Volume
	for _, v := range m.ordered() {
		switch {
		case v.System == udf.UDF && a == nil:
			a = v
		case v.System == iso9660.ISO && (b == nil || b.View == iso9660.ISO):
			b = v
		}
	}
	if a == nil || b == nil {
		return s.Checks()
	}
	u, uwhole := m.places(a)
	i, iwhole := m.places(b)
	if !uwhole || !iwhole {
		s.NotRun("F801", "not all directories could be read")
	}
	if !maps.Equal(u, i) { // paths are needed only where the bytes differ
		// The plain tree alone has its names in capitals; in the others two
		// names may differ in case.
		fold := func(path string) string { return path }
		if b.View == iso9660.ISO {
			fold = strings.ToLower
		}
		up, ip := m.paths(a, fold), m.paths(b, fold)
		m.against(s, a, i, ip, fold, iwhole, "ISO 9660")
		m.against(s, b, u, up, fold, uwhole, "UDF")
	}
	if uwhole && iwhole {
		s.Pass("F801", "%d files in both", len(u))
	}
	return s.Checks()
}

// places are where the files of a volume that have bytes stand; whole says
// that all of its directories were read.
func (m *Image) places(v *tree.Volume) (at map[place]bool, whole bool) {
	at, whole = map[place]bool{}, true
	nodes(v.Root, func(n *tree.Node) {
		if n.IsDir() {
			whole = whole && n.Err == nil
		} else if sameable(n) {
			at[placeOf(n.Extents)] = true
		}
	})
	return at, whole
}

// paths are the same by path.
func (m *Image) paths(v *tree.Volume, fold func(string) string) map[string]place {
	out := map[string]place{}
	tree.Walk(v.Root, func(path string, n *tree.Node) bool {
		if sameable(n) {
			out[fold(path)] = placeOf(n.Extents)
		}
		return true
	})
	return out
}

// sameable files have bytes by which they are found in another tree.
func sameable(n *tree.Node) bool {
	return n.Mode.IsRegular() && n.Size > 0 && !n.Associated && n.Err == nil
}

// nodes visits all nodes where nobody asks for their paths.
func nodes(n *tree.Node, visit func(*tree.Node)) {
	visit(n)
	for _, c := range n.Children {
		nodes(c, visit)
	}
}

// against looks for the files of v in the other tree, whose files stand at
// places and have those paths.
func (m *Image) against(s *tree.Sheet, v *tree.Volume, places map[place]bool, paths map[string]place, fold func(string) string, whole bool, name string) {
	tree.Walk(v.Root, func(path string, n *tree.Node) bool {
		p := placeOf(n.Extents)
		if !sameable(n) || places[p] {
			return true
		}
		if q, ok := paths[fold(path)]; ok {
			if v.System == udf.UDF {
				s.Fail("F801", "%s has %d bytes from byte %d of the image, in the %s tree %d from byte %d", path, p.n, p.off, name, q.n, q.off)
			}
		} else if whole {
			s.Warn("F801", "%s is not in the %s tree", path, name)
		}
		return true
	})
}
