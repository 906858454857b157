package udf

import "ripstation/discfs/tree"

// maxSound is how many bytes of a directory are looked through before its
// mirror is thought of.
const maxSound = 16 << 20

// fromMirror gives a directory's entry with the extents of the metadata mirror
// file where the main file's records are not whole and the mirror's are.
func (r *reader) fromMirror(e entry, path string) entry {
	if e.size > maxSound {
		return e
	}
	for _, m := range r.maps {
		m, ok := m.(*metadata)
		if !ok || m.mirror == nil || r.sound(e) {
			continue
		}
		other := e
		if other.extents, ok = m.mirrored(e.extents); ok && r.sound(other) {
			r.silent("F507", "the records of directory %s in the metadata file are not whole; the mirror's were taken", path)
			return other
		}
	}
	return e
}

// sound reports whether every record of a directory proves itself.
func (r *reader) sound(e entry) bool {
	p, err := r.content(e, 0, int(e.size))
	for err == nil && len(p) >= 38 {
		n := (38 + int(le16(p[36:])) + int(p[19]) + 3) &^ 3
		if n > len(p) {
			return false
		}
		if id, bad := checkTag(p[:n], -1); bad != nil || id != tagIdentifier {
			return false
		}
		p = p[n:]
	}
	return err == nil && len(p) == 0
}

// mirrored gives where the bytes of extents of the metadata file stand in its
// mirror.
func (m *metadata) mirrored(extents []tree.Extent) (out []tree.Extent, ok bool) {
	for _, x := range extents {
		at, ok := m.offset(x.Offset)
		if !ok {
			return nil, false
		}
		for left := x.Length; left > 0; {
			off, run, err := m.mirror.place(at / m.bs)
			if err != nil {
				return nil, false
			}
			in := at % m.bs
			n := min(left, run*m.bs-in)
			out = append(out, tree.Extent{Offset: off + in, Length: n})
			at, left = at+n, left-n
		}
	}
	return out, true
}

// offset is the place in the partition of a byte of the image.
func (m *metadata) offset(off int64) (int64, bool) {
	for i, x := range m.extents {
		if x.Offset >= 0 && off >= x.Offset && off < x.Offset+x.Length {
			return m.starts[i] + off - x.Offset, true
		}
	}
	return 0, false
}
