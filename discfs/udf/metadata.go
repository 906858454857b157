package udf

import (
	"errors"

	"ripstation/discfs/tree"
)

// metadata is a partition that stands in a file of the physical one (UDF 2.60,
// 2.2.13).
type metadata struct {
	extents []tree.Extent
	starts  []int64 // of each extent, in bytes of the partition
	bs      int64
	mirror  *metadata // nil when there is none, or it is itself one
}

func (m *metadata) place(block int64) (int64, int64, error) {
	off := block * m.bs
	lo, hi := 0, len(m.extents)
	for lo < hi {
		if mid := (lo + hi) / 2; m.starts[mid]+m.extents[mid].Length > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if block < 0 || lo == len(m.extents) || m.extents[lo].Offset < 0 {
		return 0, 0, errBlock
	}
	in := off - m.starts[lo]
	return m.extents[lo].Offset + in, max((m.extents[lo].Length-in)/m.bs, 1), nil
}

// metadata reads the metadata file's extents, or its mirror's.
func (r *reader) metadata(base *physical, m []byte, _ uint16) (mapping, error) {
	r.maps = append(r.maps, base)
	ref := uint16(len(r.maps) - 1)
	defer func() { r.maps = r.maps[:ref] }()
	var entries [2]*entry
	for i, what := range []string{"metadata file", "metadata mirror file"} {
		e, off, err := r.icb(longAD{block: int64(le32(m[40+4*i:])), ref: ref, n: r.bs})
		if err != nil {
			r.silent("F507", "%s: %v", what, err)
			continue
		}
		if e.kind != byte(250+i) {
			r.sheet.Warn("F507", "%s: its entry has the file type %d", what, e.kind)
		}
		r.structure(off, r.bs, "entry of the %s", what)
		for _, x := range e.extents {
			r.structure(x.Offset, x.Length, "%s", what)
		}
		entries[i] = &e
	}
	main, mirror := r.extentsOf(entries[0]), r.extentsOf(entries[1])
	switch {
	case main == nil && mirror == nil:
		return nil, errors.New("neither the metadata file nor its mirror could be read")
	case main == nil:
		return mirror, nil
	}
	main.mirror = mirror
	r.sheet.Pass("F507", "metadata file of %d bytes", entries[0].size)
	return main, nil
}

// extentsOf makes a partition of a metadata file's extents; nil when it has
// none.
func (r *reader) extentsOf(e *entry) *metadata {
	if e == nil || len(e.extents) == 0 {
		return nil
	}
	out := &metadata{extents: e.extents, bs: r.bs}
	var at int64
	for _, x := range e.extents {
		out.starts = append(out.starts, at)
		at += x.Length
	}
	return out
}
