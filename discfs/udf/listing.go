package udf

import (
	"cmp"
	"errors"
	"slices"
	"sort"

	"ripstation/discfs/tree"
)

// stretch is a part of a directory's bytes that follow each other in one
// partition.
type stretch struct {
	longAD
	start int64 // in the directory
	in    int64 // of its first byte in its first block
}

// stretch is the one that has a byte of the directory; nil when none has.
func (e *entry) stretch(off int64) *stretch {
	i := sort.Search(len(e.stretches), func(i int) bool { return e.stretches[i].start+e.stretches[i].n > off })
	if i == len(e.stretches) || e.stretches[i].kind != 0 || off < e.stretches[i].start {
		return nil
	}
	return &e.stretches[i]
}

// addStretch notes where a directory's next bytes stand.
func (e *entry) addStretch(d longAD, in, bs int64) {
	start := int64(0)
	if n := len(e.stretches); n > 0 {
		last := &e.stretches[n-1]
		if start = last.start + last.n; d.kind == 0 && last.kind == 0 && last.ref == d.ref && (last.in+last.n)%bs == 0 && last.block+(last.in+last.n)/bs == d.block {
			last.n += d.n
			return
		}
	}
	e.stretches = append(e.stretches, stretch{d, start, in})
}

// listing reads the bytes of a directory in their order, each block from the
// metadata file or, where that fails, from its mirror (UDF 2.60, 2.2.13).
type listing struct {
	r     *reader
	e     *entry
	first int   // extent that may have the next byte
	start int64 // of that extent
	swaps []swap
}

// swap is a stretch whose bytes were taken from the mirror.
type swap struct {
	off, n int64
	by     []tree.Extent
}

// main reads from the extents of the entry. off never falls.
func (l *listing) main(off int64, n int) ([]byte, error) {
	for x := l.e.extents; l.first < len(x) && off >= l.start+x[l.first].Length; l.first++ {
		l.start += x[l.first].Length
	}
	return l.r.content(entry{extents: l.e.extents[l.first:]}, off-l.start, n)
}

// block reads a block's bytes, from the mirror when it must.
func (l *listing) block(off int64, n int) ([]byte, error) {
	p, err := l.main(off, n)
	if err == nil {
		return p, nil
	}
	q, by, merr := l.mirror(off, n)
	if merr != nil {
		return nil, err
	}
	l.swaps = append(l.swaps, swap{off, int64(n), by})
	return q, nil
}

var errMirror = errors.New("it has no mirror")

// mirror reads from the metadata mirror file, and says where that is.
func (l *listing) mirror(off int64, n int) (p []byte, by []tree.Extent, err error) {
	r := l.r
	for len(p) < n {
		at := off + int64(len(p))
		x := l.e.stretch(at)
		if x == nil || int(x.ref) >= len(r.maps) {
			return nil, nil, errMirror
		}
		m, ok := r.maps[x.ref].(*metadata)
		if !ok || m.mirror == nil {
			return nil, nil, errMirror
		}
		in := x.in + at - x.start
		o, _, err := m.mirror.place(x.block + in/r.bs)
		if err != nil {
			return nil, nil, err
		}
		k := min(int64(n-len(p)), r.bs-in%r.bs, x.start+x.n-at)
		if r.budget -= k; r.budget < 0 {
			return nil, nil, tree.ErrBudget
		}
		q, err := r.src.Read(o+in%r.bs, int(k))
		if err != nil {
			return nil, nil, err
		}
		p, by = append(p, q...), append(by, tree.Extent{Offset: o + in%r.bs, Length: k})
	}
	return p, by, nil
}

// location is the block that a tag at a byte of the directory should name
// (ECMA-167 4/7.2.8), -1 when that is not known.
func (l *listing) location(off int64) int64 {
	x := l.e.stretch(off)
	if x == nil {
		return -1
	}
	return x.block + (x.in+off-x.start)/l.r.bs
}

// extents are those that the directory's bytes were taken from.
func (l *listing) extents() []tree.Extent {
	if len(l.swaps) == 0 {
		return l.e.extents
	}
	slices.SortStableFunc(l.swaps, func(a, b swap) int { return cmp.Compare(a.off, b.off) })
	var out entry
	x, start, pos := l.e.extents, int64(0), int64(0)
	main := func(to int64) {
		for ; len(x) > 0 && pos < to; pos = min(to, start+x[0].Length) {
			if start+x[0].Length <= pos {
				start, x = start+x[0].Length, x[1:]
				continue
			}
			y := tree.Extent{Offset: x[0].Offset, Length: min(to, start+x[0].Length) - pos}
			if y.Offset >= 0 {
				y.Offset += pos - start
			}
			out.join(y)
		}
	}
	for _, s := range l.swaps {
		if s.off < pos {
			continue // of a block that was taken already
		}
		main(s.off)
		for _, y := range s.by {
			out.join(y)
		}
		pos = s.off + s.n
	}
	main(l.e.held())
	return out.extents
}
