package iso9660

import (
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
	here    [2]uint16      // this volume's numbers in its set

	// Of the directory that is being read:
	holes []hole
	used  int64 // where its last record ends; -1 behind a hole
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
	standIn bool // for a relocated directory at child (CL)
	placed  bool // relocated: it stands elsewhere in the Rock Ridge tree
	reloc   bool // a relocated directory's record (RE)
}

var errLoop = errors.New("its records are those of a directory that was listed already")

// walk fills the volume, and gives the root of the Rock Ridge tree if there is
// one.
func (w *walker) walk() *tree.Node {
	w.byLBA = map[uint32]*item{}
	w.here = w.volumeNumbers()
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
	w.r.sheet.Pass("F213", "they all are")
	w.r.sheet.Pass("F214", "names ascend")
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
	if err := w.elsewhere(it.rec); err != nil && it.parent != nil {
		it.plain.Err = err
		w.r.sheet.Warn("F213", "directory %s: %v", it.path, err)
		return
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
	w.holes, w.used = nil, 0
	for off, n := int64(0), int64(0); off < size; off += n {
		n = min(chunk, size-off)
		p, err := w.r.src.Read(start+off, int(n))
		if errors.Is(err, tree.ErrAbsent) && n > sectorSize {
			// One sector that is not there must not take the names in the others.
			w.bySector(it, start, off, n, fail)
			continue
		}
		if err != nil {
			fail("", err)
			w.hole(it, err)
			if errors.Is(err, tree.ErrBudget) {
				break
			}
			continue
		}
		w.records(it, p, off)
	}
	if size < int64(it.rec.size) {
		w.hole(it, tree.ErrOutside)
	}
	if len(it.kids) == 0 && len(w.holes) == 0 && size > sectorSize {
		w.r.sheet.Fail("F206", "directory %s: nothing stands behind the records of itself and its parent, though it has %d bytes", it.path, size)
		it.plain.Err = cmp.Or(it.plain.Err, errRecord)
	}
	w.order(it)
	w.sections(it)
}

// bySector reads the n bytes of a directory from off on sector by sector.
func (w *walker) bySector(it *item, start, off, n int64, fail func(code string, err error)) {
	for end := off + n; off < end; off += sectorSize {
		p, err := w.r.src.Read(start+off, int(min(sectorSize, end-off)))
		if err != nil {
			fail("", err)
			w.hole(it, err)
			continue
		}
		w.records(it, p, off)
	}
}
