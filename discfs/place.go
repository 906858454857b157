package discfs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"ripstation/discfs/tree"
)

// place tells nodes of the same bytes: all of where they stand, in order.
type place struct {
	off, n int64    // of the first, and in all
	sum    [16]byte // of all extents, where one does not say it all
}

func placeOf(extents []tree.Extent) place {
	p := place{off: -1}
	var all []byte
	for _, e := range extents {
		if p.off < 0 {
			p.off = e.Offset
		}
		p.n += e.Length
		if len(extents) > 1 || e.Unit > 0 {
			for _, v := range []int64{e.Offset, e.Length, e.Unit, e.Gap} {
				all = binary.BigEndian.AppendUint64(all, uint64(v))
			}
		}
	}
	if all != nil {
		sum := sha256.Sum256(all)
		copy(p.sum[:], sum[:])
	}
	return p
}

// inside reports whether all bytes of a file stand on the image.
func (m *Image) inside(n *tree.Node) bool {
	var have int64
	for _, e := range n.Extents {
		if e.End() > m.Size || e.Length < 0 {
			return false
		}
		have += e.Length
	}
	return have >= n.Size
}

// ordered are the volumes that can be walked, the main tree first.
func (m *Image) ordered() []*tree.Volume {
	var out []*tree.Volume
	for _, v := range m.Volumes {
		if v.Root != nil {
			out = append(out, v)
		}
	}
	first := m.Main()
	slices.SortStableFunc(out, func(a, b *tree.Volume) int {
		rank := func(v *tree.Volume) int {
			if v == first {
				return 0
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	return out
}

// eachFile gives every regular file of the main tree, and those of other trees
// whose bytes none before them has. A further name of bytes that were given
// before is given again.
func (m *Image) eachFile(yield func(v *tree.Volume, path string, n *tree.Node, again bool)) {
	seen := map[place]bool{}
	for _, v := range m.ordered() {
		tree.Walk(v.Root, func(path string, n *tree.Node) bool {
			if !n.Mode.IsRegular() {
				return true
			}
			again := false
			if n.Size > 0 {
				p := placeOf(n.Extents)
				again = seen[p]
				seen[p] = true
			} else if v != m.Main() {
				return true // an empty file has no bytes to find it by
			}
			yield(v, path, n, again)
			return true
		})
	}
}
