package udf

import (
	"cmp"
	"errors"
)

// integrity reads the logical volume integrity sequence (3/10.10).
func (r *reader) integrity() {
	at, size := int64(le32(r.vol.logical[436:])), int64(le32(r.vol.logical[432:]))
	if size == 0 {
		return
	}
	var last []byte
	r.structure(at*r.bs, min(size, maxSequence*r.bs), "logical volume integrity sequence")
	seen := map[int64]bool{}
	for size >= r.bs && !seen[at] && len(seen) < maxPointers {
		seen[at] = true
		next := int64(0)
		for i := int64(0); i < min(size/r.bs, maxSequence); i++ {
			p, err := r.src.Read((at+i)*r.bs, int(r.bs))
			if err != nil {
				r.silent("F505", "block %d: %v", at+i, err)
				return
			}
			id, err := checkTag(p, at+i)
			if errors.Is(err, errTag) || id == tagTerminating {
				break
			}
			if err != nil || id != tagIntegrity {
				r.silent("F505", "block %d: %v", at+i, cmp.Or(err, error(errTag)))
				return
			}
			last = p
			if n := int64(le32(p[32:])); n > 0 {
				size, next = n, int64(le32(p[36:]))
				break
			}
		}
		if next == 0 {
			break
		}
		at = next
	}
	switch {
	case last == nil:
		r.sheet.Warn("F505", "there is none")
	case le32(last[28:]) == 0:
		r.sheet.Warn("F505", "it says that the volume was still open when it was written last")
	default:
		r.sheet.Pass("F505", "it says that the volume was closed")
	}
	if last == nil {
		return
	}
	// Implementation use has numbers of files and directories (UDF 2.60, 2.2.6.4).
	use := 80 + 8*int64(le32(last[72:]))
	if int64(le32(last[76:])) < 46 || use+40 > int64(len(last)) || len(r.src.Wanted()) > 0 {
		return
	}
	if files, dirs := int(le32(last[use+32:])), int(le32(last[use+36:])); dirs != r.folders {
		r.sheet.Warn("F505", "it counts %d files and %d directories; the tree has %d names of files and %d directories", files, dirs, r.files, r.folders)
	}
}
