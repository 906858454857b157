package iso9660

import (
	"cmp"
	"errors"

	"ripstation/discfs/tree"
)

// hole is a place of a directory in which records are not known.
type hole struct {
	at  int // before that item of the directory
	err error
}

// hole notes one where reading stands.
func (w *walker) hole(it *item, err error) {
	it.plain.Err = cmp.Or(it.plain.Err, err)
	w.used = -1
	if n := len(w.holes); n == 0 || w.holes[n-1].at < len(it.kids) {
		w.holes = append(w.holes, hole{len(it.kids), err})
	}
}

// room looks for records that are missing before the one of n bytes at byte at,
// which would have had room in an earlier sector.
func (w *walker) room(it *item, at, n int64) {
	if w.used < 0 || at-w.used < n {
		return
	}
	switch {
	case at-w.used >= sectorSize, len(it.kids) == 0:
		w.r.sheet.Fail("F206", "directory %s: records are missing between byte %d and byte %d, where all is zero", it.path, w.used, at)
		w.hole(it, errRecord)
	default:
		w.r.sheet.Warn("F206", "directory %s: the records of a sector end at byte %d, and those at byte %d would have had room there", it.path, w.used, at)
	}
}

var errSection = errors.New("its last section is missing")

// pending is a file of which further sections may follow.
type pending struct {
	*item
	lost error // why records between its sections are not known
}

// sections joins the sections of a file to one (ECMA-119, 6.5.1): records of
// one name, all but the last with the multi-extent flag. An associated file has
// the name of another, and sections of its own.
func (w *walker) sections(it *item) {
	var out []*item
	var last [2]pending // of files, of associated files
	var doubt error     // of the record behind a hole: it may be a later section
	holes := w.holes
	for i, c := range it.kids {
		for ; len(holes) > 0 && holes[0].at <= i; holes = holes[1:] {
			doubt = holes[0].err
			last[0].cut(doubt)
			last[1].cut(doubt)
		}
		k := 0
		if c.plain.Associated {
			k = 1
		}
		if p := last[k]; p.open() && string(p.rec.name) == string(c.rec.name) && !c.rec.dir() && !p.rec.dir() {
			w.join(p.item, c)
			doubt = nil
			continue
		}
		for j := range last {
			if j == k || last[j].item != nil && string(last[j].rec.name) != string(c.rec.name) {
				w.close(last[j])
				last[j] = pending{}
			}
		}
		if doubt != nil && !c.rec.dir() {
			c.plain.Err = cmp.Or(c.plain.Err, doubt)
		}
		doubt = nil
		last[k] = pending{item: c}
		out = append(out, c)
	}
	for k := range last {
		if len(holes) > 0 {
			last[k].cut(holes[0].err)
		}
		w.close(last[k])
	}
	it.kids = out
	for _, c := range out {
		if c.rock != nil && c.rock.Mode.IsRegular() {
			c.rock.Size, c.rock.Extents, c.rock.Err = c.plain.Size, c.plain.Extents, c.plain.Err
		}
	}
}

func (p pending) open() bool { return p.item != nil && p.more }

// cut says that what follows of the file may be lost.
func (p *pending) cut(err error) {
	if p.open() {
		p.lost = err
		p.plain.Err = cmp.Or(p.plain.Err, err)
	}
}

// join adds a section to a file. Behind one whose bytes are not known none is
// added, for they would stand in the wrong place.
func (w *walker) join(to, c *item) {
	to.more = c.more
	to.plain.Size += c.plain.Size
	to.plain.Err = cmp.Or(to.plain.Err, c.plain.Err)
	if to.plain.Err == nil {
		to.plain.Extents = append(to.plain.Extents, c.plain.Extents...)
	}
	w.r.sheet.Pass("F210", "files of several sections are joined")
}

// close looks whether a file has its last section.
func (w *walker) close(p pending) {
	switch {
	case p.item == nil:
	case p.lost != nil:
		w.r.sheet.NotRun("F210", "%s says that further sections follow: %v", p.path, p.lost)
	case p.more:
		w.r.sheet.Fail("F210", "%s says that a further section follows, and none does", p.path)
		p.plain.Err = cmp.Or(p.plain.Err, errSection)
	}
}

// plainTree hangs the nodes of the plain tree together.
func (w *walker) plainTree(root *item) {
	for _, it := range w.dirs {
		w.versions(it)
		for _, c := range it.kids {
			it.plain.Children = append(it.plain.Children, c.plain)
		}
		tree.Unique(it.plain.Children)
	}
}
