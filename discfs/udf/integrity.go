package udf

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	"ripstation/discfs/tree"
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
		if odd, text := r.counts(last); odd {
			r.sheet.Warn("F505", "%s", text)
		} else {
			r.sheet.Pass("F505", "it says that the volume was closed; %s", text)
		}
	}
}

// counts are the numbers of files of a tree, without streams: by their names,
// and with those counted once that have several.
type counts struct{ names, files int }

// count takes a file into the numbers.
func (w *walker) count(e entry, at longAD) {
	c := &w.r.counted
	c.names++
	key := icbKey{at.ref, at.block}
	if e.links > 1 {
		if w.linked[key] {
			return
		}
		if w.linked == nil {
			w.linked = map[icbKey]bool{}
		}
		w.linked[key] = true
	}
	c.files++
}

// counts holds the numbers of files and directories that a closed volume's
// descriptor has (UDF 2.60, 2.2.6.4) against the tree, and says what came of it.
func (r *reader) counts(p []byte) (odd bool, text string) {
	use := 80 + 8*int64(le32(p[72:]))
	if int64(le32(p[76:])) < 46 || use+40 > int64(len(p)) {
		return false, "it has no numbers of files and directories"
	}
	files, dirs := le32(p[use+32:]), le32(p[use+36:])
	for _, m := range r.maps {
		if _, ok := m.(*virtual); ok {
			return false, "its numbers of files and directories are those of the time when the disc was begun"
		}
	}
	writer := tree.CleanText(string(bytes.TrimRight(p[use+1:use+24], "\x00")), 23)
	const unknown = 1<<32 - 1
	switch c := r.counted; {
	case r.partial || len(r.src.Wanted()) > 0:
		return false, "its numbers of files and directories were not held against a tree that is not whole"
	case files == unknown || dirs == unknown || dirs == 0:
		return false, "it has no numbers of files and directories"
	case int64(dirs) == int64(r.folders) && (writer == "*genisoimage" || writer == "*mkisofs"):
		return false, fmt.Sprintf("it counts %d directories, as the tree has; %s counts files that it left out, too", dirs, writer[1:])
	case int64(dirs) != int64(r.folders) || int64(files) != int64(c.files) && int64(files) != int64(c.names):
		return true, fmt.Sprintf("it counts %d files and %d directories; the tree has %d and %d", files, dirs, c.files, r.folders)
	default:
		return false, fmt.Sprintf("it counts %d files and %d directories, as the tree has", files, dirs)
	}
}
