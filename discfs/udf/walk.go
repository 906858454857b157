package udf

import (
	"errors"
	"fmt"

	"ripstation/discfs/tree"
)

const maxDepth = 256

// maxEntries and maxAllExtents are variables for tests alone.
var (
	maxEntries    = tree.MaxNodes
	maxAllExtents = tree.MaxExtents
)

type walker struct {
	r    *reader
	v    *tree.Volume
	dirs []*folder
	seen map[icbKey]string // directories by their ICB
	// entries is how many names were taken up.
	entries int
	extents int             // of all of them
	linked  map[icbKey]bool // files of several names
	// loose: tags of descriptors in directories name other blocks than theirs.
	loose bool
}

type icbKey struct {
	ref   uint16
	block int64
}

type folder struct {
	node  *tree.Node
	e     entry
	path  string
	depth int
	// streams: it is a stream directory. What it lists has no streams of its own
	// (UDF 2.60, 3.3.5); following them would have no bound.
	streams bool
}

var errLoop = errors.New("its entry is that of a directory that was listed already")

// walk reads the file set descriptor (ECMA-167 4/14.1) and all below it.
func (w *walker) walk() {
	r := w.r
	w.seen = map[icbKey]string{}
	r.budget = r.src.Size() + 1<<20
	at := parseLong(r.vol.logical[248:])
	p, off, id, err := r.descriptor(at)
	if err == nil && id != tagFileSet {
		err = errTag
	}
	if err != nil {
		w.v.Err = fmt.Errorf("file set descriptor: %w", err)
		r.silent("F508", "%v", w.v.Err)
		return
	}
	r.structure(off, r.bs, "file set descriptor")
	if s := tree.CleanText(dstring(p[304:336]), maxLabel); s != "" {
		w.v.Identifiers["file set identifier"] = s
	}
	for name, field := range map[string][]byte{"copyright file identifier": p[336:368], "abstract file identifier": p[368:400]} {
		if s := tree.CleanText(dstring(field), maxLabel); s != "" {
			w.v.Identifiers[name] = s
		}
	}
	date(w.v, "file set recording date", p[16:28])
	root := &tree.Node{}
	e, ok := w.fill(root, ".", parseLong(p[400:]))
	if !ok || !root.IsDir() {
		w.v.Err = errors.New("the root directory could not be read")
		if root.Err != nil {
			w.v.Err = fmt.Errorf("the root directory could not be read: %w", root.Err)
		}
		r.silent("F508", "%v", w.v.Err)
		return
	}
	w.v.Root = root
	w.enter(root, ".", 0, parseLong(p[400:]), e)
	for i := 0; i < len(w.dirs); i++ {
		w.directory(w.dirs[i])
		w.dirs[i].e = entry{} // what is kept is in the node
	}
	if n := tree.Prune(root); n > 0 {
		r.partial = true
		r.sheet.Fail("F509", "%d directories have paths longer than %d bytes; what is in them is not listed", n, tree.MaxPath)
	}
	r.folders = len(w.dirs)
	r.sheet.Pass("F508", "%d directories", len(w.dirs))
	r.sheet.Pass("F509", "%d directories", len(w.dirs))
	r.sheet.Pass("F510", "%d files", r.files)
	r.sheet.Pass("F511", "%d files", r.files)
}

// enter queues a directory, unless it was listed already.
func (w *walker) enter(n *tree.Node, path string, depth int, at longAD, e entry) {
	if !w.r.part.Lists(path) {
		n.Err = tree.ErrUnseen
		return
	}
	key := icbKey{at.ref, at.block}
	if first, ok := w.seen[key]; ok {
		n.Err = fmt.Errorf("%w (%s)", errLoop, first)
		w.r.partial = true
		w.r.sheet.Fail("F509", "directory %s: %v", path, n.Err)
		return
	}
	if depth > maxDepth {
		n.Err = fmt.Errorf("it lies deeper than %d directories", maxDepth)
		w.r.partial = true
		w.r.sheet.Fail("F509", "directory %s: %v", path, n.Err)
		return
	}
	w.seen[key] = path
	w.dirs = append(w.dirs, &folder{node: n, e: e, path: path, depth: depth})
}
