package iso9660

import (
	"bytes"
	"fmt"
	"io/fs"

	"ripstation/discfs/tree"
)

// records takes up the records of a chunk of a directory.
func (w *walker) records(it *item, p []byte, off int64) {
	for at := 0; at < len(p); {
		left := sectorSize - at%sectorSize
		n := int(p[at])
		if n == 0 { // the rest of the sector is not used (ECMA-119, 6.8.1.1)
			if rest := p[at:min(at+left, len(p))]; off == 0 && at == 0 || len(bytes.Trim(rest, "\x00")) > 0 {
				w.r.sheet.Fail("F206", "directory %s: records are missing at byte %d, where a length of 0 stands", it.path, off+int64(at))
				w.hole(it, errRecord)
			} else if at%sectorSize == 0 {
				w.r.sheet.Warn("F206", "directory %s: its sector at byte %d is all zero", it.path, off+int64(at))
			}
			at += left
			continue
		}
		end := min(at+left, len(p))
		if at+n > end {
			w.r.sheet.Fail("F206", "directory %s: the record at byte %d crosses the end of its sector", it.path, off+int64(at))
			w.hole(it, errRecord)
			at += left
			continue
		}
		rec, err := parseRecord(p[at:end], w.d.hs)
		if err != nil {
			w.r.sheet.Fail("F206", "directory %s: the record at byte %d: %v", it.path, off+int64(at), err)
			w.hole(it, err)
			at += left
			continue
		}
		first := off == 0 && at == 0
		w.room(it, off+int64(at), int64(n))
		at += n
		w.used = off + int64(at)
		if !rec.orders {
			w.r.sheet.Fail("F203", "directory %s: the record of %s has other numbers in one byte order than in the other", it.path, tree.Name(string(rec.name)))
		}
		switch {
		case rec.self():
			if rec.lba != it.rec.lba && it.parent == nil {
				w.r.sheet.Warn("F206", "the root directory's own record names sector %d, the volume descriptor sector %d", rec.lba, it.rec.lba)
			}
			w.own(it, rec, first)
		case rec.parent():
			if it.parent != nil && rec.lba != it.parent.rec.lba {
				w.r.sheet.Warn("F206", "directory %s: its parent's record names sector %d, which is not its parent's", it.path, rec.lba)
			}
		default:
			if first {
				w.r.sheet.Warn("F206", "directory %s does not begin with the records of itself and its parent", it.path)
			}
			w.entry(it, rec)
		}
	}
}

// own takes up a directory's record of itself, which has its Rock Ridge
// attributes; in the root's it says whether there is Rock Ridge at all.
func (w *walker) own(it *item, rec record, first bool) {
	if w.d.view != ISO || !first {
		return
	}
	if it.parent == nil {
		w.susp.begin(rec.use)
		if w.susp.on {
			it.rock = &tree.Node{Mode: fs.ModeDir | 0o555, UID: -1, GID: -1, Modified: rec.time()}
		}
	}
	if it.rock != nil {
		rr := w.rockRidge(it.path, rec, it.parent == nil)
		rr.apply(it.rock)
		if t := it.rock.Mode.Type(); t != fs.ModeDir {
			if rr.px || rr.linked {
				w.r.sheet.Fail("F301", "%s: the Rock Ridge entries of its own record do not say that it is a directory", it.path)
			}
			it.rock.Mode = it.rock.Mode&^fs.ModeType | fs.ModeDir
		}
		it.rock.Link = ""
	}
}

// entry takes up a record of a file or directory.
func (w *walker) entry(it *item, rec record) {
	if w.entries == maxEntries {
		w.r.sheet.Fail("F207", "directory %s: %v", it.path, tree.ErrNodes)
		it.plain.Err = tree.ErrNodes
		return
	}
	w.entries++
	c := &item{rec: rec, parent: it, inPlace: it, depth: it.depth + 1, more: rec.flags&flagMore != 0}
	name := w.name(rec.name)
	c.path = tree.Join(it.path, name)
	c.plain = &tree.Node{Name: name, Mode: 0o444, UID: -1, GID: -1, Modified: rec.time(), Size: int64(rec.size), Hidden: rec.flags&flagHidden != 0, Associated: rec.flags&flagAssociated != 0}
	if w.differs(rec.name, name) {
		c.plain.Raw = append([]byte(nil), rec.name...)
	}
	err := w.elsewhere(rec)
	switch {
	case rec.dir():
		c.plain.Mode = fs.ModeDir | 0o555
	case err != nil && rec.size > 0:
		c.plain.Err = err
		w.r.sheet.Warn("F213", "%s: %v", c.path, err)
	default:
		c.plain.Extents = w.extents(c, rec)
	}
	if it.rock != nil || w.susp.on {
		w.rockEntry(c, rec)
	}
	it.kids = append(it.kids, c)
	if rec.dir() {
		w.dirs = append(w.dirs, c)
	}
}

// extents are those of one file section.
func (w *walker) extents(c *item, rec record) []tree.Extent {
	if rec.size == 0 {
		return nil
	}
	e := tree.Extent{Offset: (int64(rec.lba) + int64(rec.xar)) * w.block, Length: int64(rec.size)}
	if rec.unit > 0 && rec.gap > 0 {
		e.Unit, e.Gap = int64(rec.unit)*w.block, int64(rec.gap)*w.block
	}
	if rec.xar > 0 {
		w.r.structure(int64(rec.lba)*w.block, int64(rec.xar)*w.block, w.v.System, "extended attribute record of "+c.path)
	}
	if e.End() > w.r.src.Size() {
		w.r.sheet.Fail("F209", "%s reaches to byte %d, the image has %d", c.path, e.End(), w.r.src.Size())
	}
	return []tree.Extent{e}
}

// volumeNumbers are this volume's in its set (ECMA-119, 8.4.11). Some programs
// number the records of every volume alike, so that the number of the root, which
// is read here, is this volume's too.
func (w *walker) volumeNumbers() [2]uint16 {
	at := 124
	if w.d.hs {
		at = 132
	}
	own, root := le16(w.d.p[at:]), w.rootRecord.volume
	if own > 1 && root > 0 && own != root {
		w.r.sheet.Warn("F213", "sector %d: the descriptor says that this is disc %d of its set, its root directory disc %d", w.d.sector, own, root)
	}
	return [2]uint16{own, root}
}

// elsewhere is an error when the bytes of a record are on another volume of the
// set (9.1.9). 0 is no number.
func (w *walker) elsewhere(rec record) error {
	if rec.volume == 0 || rec.volume == w.here[0] || rec.volume == w.here[1] {
		return nil
	}
	return fmt.Errorf("its bytes are on disc %d of the set", rec.volume)
}
