package discfs

import (
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
	maxAlso    = 100
)

// Hit is one thing on a disc and what is wrong with the sectors it stands in.
type Hit struct {
	// Path is the file or directory, "" for structures that belong to none.
	Path string `json:"path,omitempty"`
	// Also are further names of the same bytes in the same tree, up to a hundred.
	Also []string `json:"also,omitempty"`
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
	// Cut says that more was found than a Damage holds, or that the files refer
	// to so many bad places that not all were gone through. Whole files are
	// those that were.
	Cut bool `json:"cut"`
}

// damages finds what is hit.
type damages struct {
	gaps    *gaps
	hit     []uint64 // a bit for every bad sector: something stands in it
	extents int
	d       Damage
}

// Damage maps a map's bad sectors to files, to structures, or to unused space.
// Those of the statuses in except are passed over: while a disc is being read,
// untried ones are not bad.
func (m *Image) Damage(sm *disc.SectorMap, except ...disc.Status) Damage {
	x := damages{gaps: gapsOf(sm, disc.SetOf(append(except, disc.StatusRead)...))}
	x.hit = make([]uint64, (x.gaps.total+63)/64)
	hits := map[place]int{} // in Files
	m.eachFile(func(v *tree.Volume, path string, node *tree.Node, again bool) {
		at := placeOf(node.Extents)
		if again {
			if i, ok := hits[at]; ok && x.d.Files[i].View == v.View && len(x.d.Files[i].Also) < maxAlso {
				x.d.Files[i].Also = append(x.d.Files[i].Also, path)
			}
			return
		}
		x.d.Listed++
		n := len(x.d.Files)
		h, all := x.look(v, path, node, "file", node.Extents, node.Size)
		if len(x.d.Files) > n {
			hits[at] = n
		}
		if all && h.Bytes == 0 && node.Err == nil && m.inside(node) {
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
// they have too much; -1 is all. all is false when not everything of it was
// looked at.
func (x *damages) look(v *tree.Volume, path string, node *tree.Node, what string, extents []tree.Extent, size int64) (h Hit, all bool) {
	h, all = Hit{Path: path, View: v.View, What: what, Node: node}, true
	left := size
	for _, e := range extents {
		if size >= 0 {
			e.Length = min(e.Length, left)
			left -= max(e.Length, 0)
		}
		all = x.gaps.in(e, func(r bad, from, to int64) { x.piece(&h, r, from, to) }) && all
	}
	x.d.Cut = x.d.Cut || !all
	if h.Sectors.Total == 0 {
		return h, all
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
	return h, all
}

// piece notes bytes that lie in a run of bad sectors.
func (x *damages) piece(h *Hit, r bad, from, to int64) {
	first, last := (from-r.off)/disc.SectorSize, (to-1-r.off)/disc.SectorSize
	h.Sectors.Add(r.status, last-first+1)
	x.mark(r.nth+first, r.nth+last)
	if believed.Has(r.status) {
		return
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

// mark notes that something stands in the bad sectors from the first to the
// last, by their numbers among the bad ones.
func (x *damages) mark(first, last int64) {
	x.gaps.steps -= (last - first) / 64
	for s := first; s <= last; {
		if s%64 == 0 && last-s >= 63 {
			x.hit[s/64] = ^uint64(0)
			s += 64
			continue
		}
		x.hit[s/64] |= 1 << (s % 64)
		s++
	}
}

// rest counts the bad sectors that nothing stands in.
func (x *damages) rest() {
	for _, r := range x.gaps.runs {
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
