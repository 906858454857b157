package iso9660

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"ripstation/discfs/tree"
)

const (
	// maxDepth bounds how deep a directory may lie; the standard has 8 (ECMA-119,
	// 6.8.2.1), and real discs reach a few dozens.
	maxDepth = 256
	// chunk is how much of a directory is held at once. Records do not cross
	// sectors.
	chunk = 64 << 10
)

// maxEntries is a variable for tests alone.
var maxEntries = tree.MaxNodes

// walker walks one tree.
type walker struct {
	r          *reader
	d          descriptor
	v          *tree.Volume
	block      int64
	rootRecord record
	susp       susp // set from the root's first record

	dirs    []*item
	byLBA   map[uint32]*item // where their records begin
	budget  int64            // bytes of directories still to be read
	entries int
	areas   map[int64]bool // sectors of continuation areas
}

// item is a file or directory: its node in the plain tree, and the one in the
// Rock Ridge tree, nil without Rock Ridge.
type item struct {
	rec    record
	parent *item
	// inPlace is the directory whose records name it, wherever Rock Ridge says
	// that it belongs.
	inPlace *item
	path    string
	depth   int
	plain   *tree.Node
	rock    *tree.Node
	kids    []*item
	more    bool // further sections follow
	child   uint32
	placed  bool // relocated: it stands elsewhere in the Rock Ridge tree
	reloc   bool // a relocated directory's record (RE)
}

var errLoop = errors.New("its records are those of a directory that was listed already")

// walk fills the volume, and gives the root of the Rock Ridge tree if there is
// one.
func (w *walker) walk() *tree.Node {
	w.byLBA = map[uint32]*item{}
	w.budget = w.r.src.Size() + 1<<20
	root := &item{rec: w.rootRecord, path: ".", plain: &tree.Node{Mode: fs.ModeDir | 0o555, UID: -1, GID: -1, Modified: w.rootRecord.time()}}
	w.v.Root = root.plain
	w.dirs = append(w.dirs, root)
	for i := 0; i < len(w.dirs); i++ {
		w.directory(w.dirs[i])
	}
	w.r.sheet.Pass("F206", "%d records in %d directories", w.entries, len(w.dirs))
	w.r.sheet.Pass("F207", "%d directories", len(w.dirs))
	w.r.sheet.Pass("F208", "%d directories", len(w.dirs))
	w.r.sheet.Pass("F209", "%d files and directories", w.entries)
	if root.rock == nil {
		w.plainTree(root)
		w.prune(root.plain)
		return nil
	}
	w.relocate()
	w.plainTree(root)
	w.prune(root.plain)
	w.rockTree()
	w.prune(root.rock)
	return root.rock
}

func (w *walker) prune(root *tree.Node) {
	if n := tree.Prune(root); n > 0 {
		w.r.sheet.Fail("F207", "%d directories have paths longer than %d bytes; what is in them is not listed", n, tree.MaxPath)
	}
}

// directory reads one directory's records.
func (w *walker) directory(it *item) {
	start := (int64(it.rec.lba) + int64(it.rec.xar)) * w.block
	size := int64(it.rec.size)
	it.plain.Size = size
	fail := func(code string, err error) {
		it.plain.Err = cmp.Or(it.plain.Err, err)
		if errors.Is(err, tree.ErrAbsent) || code == "" {
			w.r.sheet.NotRun("F206", "directory %s: %v", it.path, err)
			w.r.sheet.NotRun("F205", "directory %s was not read", it.path)
			return
		}
		w.r.sheet.Fail(code, "directory %s: %v", it.path, err)
	}
	if first := w.byLBA[it.rec.lba]; first != nil {
		fail("F207", fmt.Errorf("%w (%s)", errLoop, first.path))
		return
	}
	w.byLBA[it.rec.lba] = it
	if it.depth > maxDepth {
		fail("F207", fmt.Errorf("it lies deeper than %d directories", maxDepth))
		return
	}
	if it.depth == 8 {
		w.r.sheet.Warn("F207", "directory %s lies deeper than the standard's 8 levels", it.path)
	}
	if start > w.r.src.Size() || size > w.r.src.Size()-start {
		fail("F208", fmt.Errorf("its records at sector %d: %w", it.rec.lba, tree.ErrOutside))
		size = max(w.r.src.Size()-start, 0) // what is there may be read
	}
	it.plain.Meta = []tree.Extent{{Offset: start, Length: size}}
	if size == 0 {
		if it.rec.size == 0 {
			fail("F206", errors.New("it has no records, not even those of itself and its parent"))
		}
		return
	}
	if w.budget -= size; w.budget < 0 {
		fail("F207", tree.ErrBudget)
		return
	}
	for off := int64(0); off < size; off += chunk {
		n := min(chunk, size-off)
		p, err := w.r.src.Read(start+off, int(n))
		if err != nil {
			fail("", err)
			if errors.Is(err, tree.ErrBudget) {
				return
			}
			continue
		}
		w.records(it, p, off)
	}
	w.sections(it)
}

// records takes up the records of a chunk of a directory.
func (w *walker) records(it *item, p []byte, off int64) {
	for at := 0; at < len(p); {
		left := sectorSize - at%sectorSize
		n := int(p[at])
		if n == 0 { // the rest of the sector is not used (ECMA-119, 6.8.1.1)
			if rest := p[at:min(at+left, len(p))]; off == 0 && at == 0 || len(bytes.Trim(rest, "\x00")) > 0 {
				w.r.sheet.Fail("F206", "directory %s: records are missing at byte %d, where a length of 0 stands", it.path, off+int64(at))
				it.plain.Err = cmp.Or(it.plain.Err, errRecord)
			} else if at%sectorSize == 0 {
				w.r.sheet.Warn("F206", "directory %s: its sector at byte %d is all zero", it.path, off+int64(at))
			}
			at += left
			continue
		}
		end := min(at+left, len(p))
		if at+n > end {
			w.r.sheet.Fail("F206", "directory %s: the record at byte %d crosses the end of its sector", it.path, off+int64(at))
			it.plain.Err = cmp.Or(it.plain.Err, errRecord)
			at += left
			continue
		}
		rec, err := parseRecord(p[at:end], w.d.hs)
		if err != nil {
			w.r.sheet.Fail("F206", "directory %s: the record at byte %d: %v", it.path, off+int64(at), err)
			it.plain.Err = cmp.Or(it.plain.Err, err)
			at += left
			continue
		}
		first := off == 0 && at == 0
		at += n
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
		if it.rock.Mode&fs.ModeDir == 0 {
			it.rock.Mode |= fs.ModeDir
		}
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
	if rec.dir() {
		c.plain.Mode = fs.ModeDir | 0o555
	} else {
		c.plain.Extents = w.extents(c, rec)
	}
	if it.rock != nil || w.susp.on {
		w.rockEntry(c, rec)
	}
	it.kids = append(it.kids, c)
	if rec.dir() && c.child == 0 {
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

// sections joins the sections of a file to one (ECMA-119, 6.5.1): records of
// one name, all but the last with the multi-extent flag.
func (w *walker) sections(it *item) {
	var out []*item
	for _, c := range it.kids {
		if n := len(out); n > 0 && out[n-1].more {
			last := out[n-1]
			if string(last.rec.name) == string(c.rec.name) && !c.rec.dir() {
				last.more = c.more
				last.plain.Size += c.plain.Size
				last.plain.Extents = append(last.plain.Extents, c.plain.Extents...)
				if last.rock != nil && c.rock != nil {
					last.rock.Size = last.plain.Size
				}
				w.r.sheet.Pass("F210", "files of several sections are joined")
				continue
			}
			w.r.sheet.Fail("F210", "%s says that a further section follows, and none does", last.path)
			last.plain.Err = errors.New("its last section is missing")
			last.more = false
		}
		out = append(out, c)
	}
	if n := len(out); n > 0 && out[n-1].more {
		w.r.sheet.Fail("F210", "%s says that a further section follows, and none does", out[n-1].path)
		out[n-1].plain.Err = errors.New("its last section is missing")
	}
	it.kids = out
	for _, c := range out {
		if c.rock != nil && c.rock.Mode.IsRegular() {
			c.rock.Extents, c.rock.Err = c.plain.Extents, c.plain.Err
		}
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
