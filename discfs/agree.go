package discfs

import (
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
	m.against(s, a, u, i, iwhole, "ISO 9660")
	m.against(s, b, i, u, uwhole, "UDF")
	if uwhole && iwhole {
		s.Pass("F801", "%d files in both", len(u.byPlace))
	}
	return s.Checks()
}

// index finds the files of a volume that have bytes.
type index struct {
	byPlace map[place]bool
	byPath  map[string]place // in lower case
}

func (m *Image) places(v *tree.Volume) (x index, whole bool) {
	x, whole = index{map[place]bool{}, map[string]place{}}, true
	tree.Walk(v.Root, func(path string, n *tree.Node) bool {
		if n.IsDir() {
			whole = whole && n.Err == nil
		} else if n.Mode.IsRegular() && n.Size > 0 && !n.Associated && n.Err == nil {
			p := placeOf(n.Extents)
			x.byPlace[p] = true
			x.byPath[strings.ToLower(path)] = p
		}
		return true
	})
	return x, whole
}

// against looks for the files of v, which are own, in the other tree.
func (m *Image) against(s *tree.Sheet, v *tree.Volume, own, other index, whole bool, name string) {
	tree.Walk(v.Root, func(path string, n *tree.Node) bool {
		p, ok := own.byPath[strings.ToLower(path)]
		if n.IsDir() || !ok || other.byPlace[p] {
			return true
		}
		if q, ok := other.byPath[strings.ToLower(path)]; ok {
			if v.System == udf.UDF {
				s.Fail("F801", "%s has %d bytes from byte %d of the image, in the %s tree %d from byte %d", path, p.n, p.off, name, q.n, q.off)
			}
		} else if whole {
			s.Warn("F801", "%s is not in the %s tree", path, name)
		}
		return true
	})
}
