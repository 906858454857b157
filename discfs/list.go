package discfs

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// Entry is one file, directory or link of a list.
type Entry struct {
	Volume int    // in Listed's volumes
	Path   string // below the root: "a/b.txt"
	Node   *tree.Node
	SHA256 string // hexadecimal; "" when not every byte was read, or there was no pass
	// Lost are those of its bytes, in the image, that were not read or lie
	// behind its end.
	Lost   []tree.Extent
	Reason string // why there is no digest, or not all of it
}

// maxLost bounds the stretches told of one file; the last one then reaches to
// the end of what is lost.
const maxLost = 10_000

// Listed are the trees that can be walked, the main one first, and what is in
// them: all of the main tree, and of the others files whose bytes no listed
// file has. The order is that of volumes, then of the bytes of the path. d is
// nil without digests; sm is nil when all of the image was read.
func (m *Image) Listed(d *Digests, sm *disc.SectorMap) (volumes []*tree.Volume, list []Entry) {
	volumes = m.ordered()
	g := gapsOf(sm, believed)
	g.behind(m.Size)
	seen := map[place]bool{}
	for i, v := range volumes {
		from := len(list)
		tree.Walk(v.Root, func(path string, n *tree.Node) bool {
			if path == "." || i > 0 && !m.only(n, seen) {
				return true
			}
			list = append(list, m.entry(i, path, n, d, g))
			return true
		})
		slices.SortFunc(list[from:], func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
		for _, e := range list[from:] {
			if e.Node.Mode.IsRegular() && e.Node.Size > 0 {
				seen[placeOf(e.Node.Extents)] = true
			}
		}
	}
	return volumes, list
}

// only reports whether a node is a file whose bytes no tree before this one
// has.
func (m *Image) only(n *tree.Node, seen map[place]bool) bool {
	return n.Mode.IsRegular() && n.Size > 0 && !seen[placeOf(n.Extents)]
}

func (m *Image) entry(volume int, path string, n *tree.Node, d *Digests, g *gaps) Entry {
	e := Entry{Volume: volume, Path: path, Node: n, Lost: m.lost(n, g)}
	if n.Err != nil {
		e.Reason = n.Err.Error()
	}
	if !n.Mode.IsRegular() || d == nil {
		return e
	}
	sum, err := d.Of(n)
	switch {
	case err == nil:
		e.SHA256 = hex.EncodeToString(sum)
	case errors.Is(err, tree.ErrAbsent) && len(e.Lost) > 0:
		e.Reason = "bytes of it were not read from the disc"
	default:
		e.Reason = err.Error()
	}
	return e
}

// lost are the bytes of a file, in the image, that were not read from the disc
// or lie behind the image's end; of a directory, those of its records. g has
// both. Where a disc names more bad places than can be gone
// through, all that follows of the extent counts as lost.
func (m *Image) lost(n *tree.Node, g *gaps) (out []tree.Extent) {
	extents := n.Extents
	if n.IsDir() {
		extents = n.Meta
	}
	add := func(from, to int64) {
		if k := len(out); k > 0 && (out[k-1].End() == from || k == maxLost) {
			out[k-1].Length = max(to, out[k-1].End()) - out[k-1].Offset
			return
		}
		out = append(out, tree.Extent{Offset: from, Length: to - from})
	}
	left := n.Size
	for _, x := range extents {
		if !n.IsDir() {
			x.Length = min(x.Length, left)
			left -= max(x.Length, 0)
		}
		if x.Offset < 0 || x.Length <= 0 {
			continue
		}
		next := x.Offset
		if !g.in(x, func(_ bad, from, to int64) { add(from, to); next = to }) {
			add(next, x.End())
		}
	}
	return out
}
