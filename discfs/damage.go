package discfs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

const believed = disc.BelievedStatuses

// Have says, for Open, which bytes of an image were read from the disc.
func Have(m *disc.SectorMap) func(off, n int64) bool { return m.Believed() }

// Bounds on what a Damage holds; what is beyond is counted.
const (
	maxHits    = 1_000_000
	maxExtents = 1_000_000
)

// Hit is one thing on a disc and what is wrong with the sectors it stands in.
type Hit struct {
	// Path is the file or directory, "" for structures that belong to none.
	Path string `json:"path,omitempty"`
	// View is the tree that Path is in, or the file system of a structure.
	View string `json:"view"`
	// What is "file", "directory", "file entry" (what describes a file), or the
	// structure's name.
	What string `json:"what"`
	// Sectors counts those that it touches by their status, good ones left out;
	// Total is their number.
	Sectors disc.Counts `json:"sectors"`
	// Bytes are its own bytes that were not read, or cannot be believed.
	Bytes int64 `json:"bytes"`
	// Lost are these bytes, in the image.
	Lost []tree.Extent `json:"lost"`
	// Node is nil for structures.
	Node *tree.Node `json:"-"`
}

// Damage is what missing, protected, contested and suspect sectors mean in
// files.
type Damage struct {
	Files      []Hit `json:"files"`      // in the order of the trees, the main tree first
	Structures []Hit `json:"structures"` // directories, file entries, descriptors
	// Unused are bad sectors that nothing known stands in. Unrecorded ones are
	// left out.
	Unused disc.Counts `json:"unused"`
	// Listed is the number of regular files of all trees, each counted once
	// though several names or trees lead to its bytes; Whole those of them that
	// have every byte.
	Listed int `json:"listed"`
	Whole  int `json:"whole"`
	// Unknown are directories of which not all names are known, since they
	// could not be read.
	Unknown []string `json:"unknown"`
	// Cut says that more was found than a Damage holds.
	Cut bool `json:"cut"`
}

// bad is a run of sectors that are not simply read.
type bad struct {
	off, end int64 // bytes
	status   disc.Status
	nth      int64 // how many bad sectors come before it
}

// damages finds what is hit.
type damages struct {
	runs    []bad
	hit     []uint64 // a bit for every bad sector: something stands in it
	extents int
	d       Damage
}

// Damage maps a map's bad sectors to files, to structures, or to unused space.
// Those of the statuses in except are passed over: while a disc is being read,
// untried ones are not bad.
func (m *Image) Damage(sm *disc.SectorMap, except ...disc.Status) Damage {
	var x damages
	var n int64
	except = append(except, disc.StatusRead)
	for r := range sm.Runs() {
		if slices.Contains(except, r.Status) {
			continue
		}
		off := int64(r.Start) * disc.SectorSize
		x.runs = append(x.runs, bad{off, off + r.Count*disc.SectorSize, r.Status, n})
		n += r.Count
	}
	x.hit = make([]uint64, (n+63)/64)
	m.eachFile(func(v *tree.Volume, path string, node *tree.Node) {
		x.d.Listed++
		if h := x.look(v, path, node, "file", node.Extents, node.Size); h.Bytes == 0 && node.Err == nil && m.inside(node) {
			x.d.Whole++
		}
	})
	seen := map[place]bool{}
	for _, v := range m.ordered() {
		tree.Walk(v.Root, func(path string, node *tree.Node) bool {
			what := "file entry"
			if node.IsDir() {
				what = "directory"
				if node.Err != nil && len(x.d.Unknown) < maxHits {
					x.d.Unknown = append(x.d.Unknown, path)
				}
			}
			// Trees share what describes their nodes: Rock Ridge's stands in the
			// plain tree's records.
			if len(node.Meta) > 0 && !seen[placeOf(node.Meta)] {
				seen[placeOf(node.Meta)] = true
				x.look(v, path, node, what, node.Meta, -1)
			}
			return true
		})
	}
	for _, s := range m.Structures {
		x.look(&tree.Volume{View: s.System}, "", nil, s.What, []tree.Extent{s.Extent}, -1)
	}
	x.rest()
	return x.d
}

// look notes what is bad of the extents of one thing. The size cuts off what
// they have too much; -1 is all.
func (x *damages) look(v *tree.Volume, path string, node *tree.Node, what string, extents []tree.Extent, size int64) Hit {
	h := Hit{Path: path, View: v.View, What: what, Node: node}
	left := size
	for _, e := range extents {
		if size >= 0 {
			e.Length = min(e.Length, left)
			left -= max(e.Length, 0)
		}
		for off, n := range e.Pieces() {
			x.piece(&h, off, off+n)
		}
	}
	if h.Sectors.Total == 0 {
		return h
	}
	list := &x.d.Files
	if what != "file" {
		list = &x.d.Structures
	}
	if len(*list) < maxHits {
		*list = append(*list, h)
	} else {
		x.d.Cut = true
	}
	return h
}

func (x *damages) piece(h *Hit, off, end int64) {
	i := sort.Search(len(x.runs), func(i int) bool { return x.runs[i].end > off })
	for ; i < len(x.runs) && x.runs[i].off < end; i++ {
		r := x.runs[i]
		from, to := max(off, r.off), min(end, r.end)
		first, last := (from-r.off)/disc.SectorSize, (to-1-r.off)/disc.SectorSize
		h.Sectors.Add(r.status, last-first+1)
		for s := first; s <= last; s++ {
			x.hit[(r.nth+s)/64] |= 1 << ((r.nth + s) % 64)
		}
		if believed.Has(r.status) {
			continue
		}
		h.Bytes += to - from
		if k := len(h.Lost); k > 0 && h.Lost[k-1].End() == from {
			h.Lost[k-1].Length += to - from
		} else if x.extents < maxExtents {
			h.Lost = append(h.Lost, tree.Extent{Offset: from, Length: to - from})
			x.extents++
		} else {
			x.d.Cut = true
		}
	}
}

// rest counts the bad sectors that nothing stands in.
func (x *damages) rest() {
	for _, r := range x.runs {
		if r.status == disc.StatusUnrecorded {
			continue
		}
		for s := r.nth; s < r.nth+(r.end-r.off)/disc.SectorSize; s++ {
			if x.hit[s/64]>>(s%64)&1 == 0 {
				x.d.Unused.Add(r.status, 1)
			}
		}
	}
}

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
// whose bytes none before them has. Names that share their bytes count once.
func (m *Image) eachFile(yield func(v *tree.Volume, path string, n *tree.Node)) {
	seen := map[place]bool{}
	for _, v := range m.ordered() {
		tree.Walk(v.Root, func(path string, n *tree.Node) bool {
			if !n.Mode.IsRegular() {
				return true
			}
			if n.Size > 0 {
				p := placeOf(n.Extents)
				if seen[p] {
					return true
				}
				seen[p] = true
			} else if v != m.Main() {
				return true // an empty file has no bytes to find it by
			}
			yield(v, path, n)
			return true
		})
	}
}
