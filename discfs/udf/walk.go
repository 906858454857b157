package udf

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ripstation/discfs/tree"
)

const (
	maxDepth = 256
	// chunk is how much of a directory is held at once.
	chunk = 64 << 10
	// maxIdentifier is the longest a file identifier descriptor can be.
	maxIdentifier = 38 + 255 + 65535 + 3
	maxLink       = 64 << 10
)

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
	extents int // of all of them
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
	key := icbKey{at.ref, at.block}
	if first, ok := w.seen[key]; ok {
		n.Err = fmt.Errorf("%w (%s)", errLoop, first)
		w.r.sheet.Fail("F509", "directory %s: %v", path, n.Err)
		return
	}
	if depth > maxDepth {
		n.Err = fmt.Errorf("it lies deeper than %d directories", maxDepth)
		w.r.sheet.Fail("F509", "directory %s: %v", path, n.Err)
		return
	}
	w.seen[key] = path
	w.dirs = append(w.dirs, &folder{node: n, e: e, path: path, depth: depth})
}

// fill reads a node's entry into it. What cannot be read stands in its Err.
func (w *walker) fill(n *tree.Node, path string, at longAD) (entry, bool) {
	r := w.r
	e, off, err := r.icb(at)
	if err != nil {
		n.Err = fmt.Errorf("its entry at block %d: %w", at.block, err)
		n.UID, n.GID = -1, -1
		n.Meta = nil
		if off > 0 {
			n.Meta = []tree.Extent{{Offset: off, Length: r.bs}}
		}
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F510", "%s: %v", path, n.Err)
		} else {
			r.silent("F510", "%s: %v", path, n.Err)
		}
		return e, false
	}
	if w.extents += len(e.extents); w.extents > maxAllExtents {
		e.extents, e.err = nil, tree.ErrExtents
	}
	n.Mode, n.UID, n.GID, n.Size, n.Meta = e.mode, e.uid, e.gid, e.size, e.meta
	n.Modified, n.Accessed, n.Changed, n.Created = e.modified, e.accessed, e.changed, e.created
	n.Err = e.err
	if !n.IsDir() {
		n.Extents = e.extents
	}
	w.held(n, path, e)
	if n.Mode&fs.ModeSymlink != 0 {
		n.Link = w.link(path, e)
		n.Size, n.Extents = 0, nil
		n.Meta = append(n.Meta, e.extents...)
	}
	return e, true
}

// held holds a file's size and extents against each other and the image.
func (w *walker) held(n *tree.Node, path string, e entry) {
	r := w.r
	if e.err != nil {
		if errors.Is(e.err, tree.ErrAbsent) {
			r.sheet.NotRun("F511", "%s: %v", path, e.err)
		} else {
			r.silent("F511", "%s: %v", path, e.err)
		}
		return
	}
	var have int64
	for _, x := range e.extents {
		have += x.Length
		if have < 0 || x.End() > r.src.Size() {
			r.sheet.Fail("F510", "%s reaches to byte %d, the image has %d", path, x.End(), r.src.Size())
			break
		}
	}
	if have >= 0 && have < n.Size {
		if n.Mode.IsRegular() || n.IsDir() {
			// Without extents behind its end a file may simply be a hole (4/12.1).
			r.silent("F511", "%s has %d bytes, its extents hold %d", path, n.Size, have)
		}
	}
}

// link reads a symbolic link's path components (4/14.16).
func (w *walker) link(path string, e entry) string {
	if e.size > maxLink {
		w.r.silent("F508", "the symbolic link %s has %d bytes", path, e.size)
		return ""
	}
	p, err := w.r.content(e, 0, int(e.size))
	if err != nil {
		w.r.silent("F508", "the symbolic link %s: %v", path, err)
		return ""
	}
	var parts []string
	root := false
	for len(p) >= 4 {
		n := int(p[1])
		if 4+n > len(p) {
			break
		}
		switch p[0] {
		case 1, 2:
			root, parts = true, nil
		case 3:
			parts = append(parts, "..")
		case 4:
			parts = append(parts, ".")
		case 5:
			parts = append(parts, characters(p[4:4+n]))
		}
		p = p[4+n:]
	}
	s := strings.Join(parts, "/")
	if root {
		s = "/" + s
	}
	return s
}

// directory reads a directory's file identifier descriptors (4/14.4).
func (w *walker) directory(d *folder) {
	r := w.r
	defer func() { tree.Unique(d.node.Children) }() // of a damaged one too
	d.e = r.fromMirror(d.e, d.path)
	d.node.Meta = append(d.node.Meta, d.e.extents...)
	fail := func(err error) {
		d.node.Err = cmp.Or(d.node.Err, err)
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F508", "directory %s: %v", d.path, err)
		} else {
			r.silent("F508", "directory %s: %v", d.path, err)
		}
	}
	if r.budget -= d.e.size; r.budget < 0 || d.e.size < 0 {
		fail(tree.ErrBudget)
		return
	}
	var held []byte // not yet taken up
	var at int64    // of held, in the directory
	for off := int64(0); off < d.e.size; {
		n := min(chunk, d.e.size-off)
		p, err := r.content(d.e, off, int(n))
		if err != nil {
			if n > r.bs { // a block of it may be read all the same
				n = r.bs
				p, err = r.content(d.e, off, int(n))
			}
			if err != nil {
				fail(err)
				held, off = nil, off+n
				at = off
				if errors.Is(err, tree.ErrBudget) || errors.Is(err, tree.ErrShort) {
					return
				}
				continue
			}
		}
		off += n
		held = append(held, p...)
		used, err := w.identifiers(d, held, off == d.e.size)
		at += int64(used)
		held = held[used:]
		if err != nil {
			fail(fmt.Errorf("byte %d: %w", at, err))
			return
		}
	}
}

// identifiers takes up the whole descriptors of p, and says how many bytes
// they are. With last there is nothing behind p.
func (w *walker) identifiers(d *folder, p []byte, last bool) (used int, err error) {
	for len(p)-used >= 38 {
		q := p[used:]
		n := 38 + int(le16(q[36:])) + int(q[19])
		padded := (n + 3) &^ 3
		if padded > len(q) {
			if last {
				return used, errors.New("its last entry is cut off")
			}
			return used, nil
		}
		if id, err := checkTag(q[:padded], -1); err != nil || id != tagIdentifier {
			if err == nil {
				err = errTag
			}
			return used, err
		}
		used += padded
		const deleted, parent = 4, 8
		if q[18]&(deleted|parent) == 0 {
			w.identifier(d, q[18], string(q[38+le16(q[36:]):n]), parseLong(q[20:]))
		}
	}
	if last && used < len(p) {
		return used, errors.New("bytes follow its last entry")
	}
	return used, nil
}

// identifier takes up one entry of a directory.
func (w *walker) identifier(d *folder, flags byte, raw string, at longAD) {
	if w.entries == maxEntries {
		w.r.sheet.Fail("F508", "directory %s: %v", d.path, tree.ErrNodes)
		d.node.Err = tree.ErrNodes
		return
	}
	w.entries++
	name := tree.Name(characters([]byte(raw)))
	path := tree.Join(d.path, name)
	n := &tree.Node{Name: name, Hidden: flags&1 != 0}
	if decoded := characters([]byte(raw)); decoded != name || !faithful(raw) {
		n.Raw = []byte(raw)
	}
	e, ok := w.fill(n, path, at)
	n.Name = name
	if !ok && flags&2 != 0 {
		n.Mode = fs.ModeDir | 0o555
	}
	if ok && n.IsDir() != (flags&2 != 0) {
		w.r.silent("F508", "%s: directory and entry do not agree on whether it is a directory", path)
	}
	d.node.Children = append(d.node.Children, n)
	switch {
	case ok && n.IsDir():
		w.enter(n, path, d.depth+1, at, e)
	case !n.IsDir():
		w.r.files++
	}
	if ok && e.streams.n > 0 && !d.streams {
		w.streams(d, n, path, e.streams)
	}
}

// faithful reports whether a name's characters give its bytes again: known compression,
// no half of a pair.
func faithful(raw string) bool {
	if len(raw) == 0 || raw[0] != 8 && raw[0] != 16 {
		return false
	}
	return !strings.ContainsRune(characters([]byte(raw)), 0xfffd) && (raw[0] == 8 || len(raw)%2 == 1)
}

// streams lists a file's named streams beside it (4/9.2; UDF 2.60, 3.3.5).
func (w *walker) streams(d *folder, n *tree.Node, path string, at longAD) {
	e, _, err := w.r.icb(at)
	if err != nil {
		w.r.silent("F508", "the streams of %s: %v", path, err)
		return
	}
	key := icbKey{at.ref, at.block}
	if _, ok := w.seen[key]; ok {
		return
	}
	w.seen[key] = path
	n.Meta = append(n.Meta, append(e.meta, e.extents...)...)
	if e.size > chunk {
		w.r.silent("F508", "the streams of %s: their directory has %d bytes", path, e.size)
		return
	}
	p, err := w.r.content(e, 0, int(e.size))
	if err != nil {
		w.r.silent("F508", "the streams of %s: %v", path, err)
		return
	}
	inner := &folder{node: &tree.Node{}, path: path + ":", depth: maxDepth, streams: true}
	if _, err := w.identifiers(inner, p, true); err != nil {
		w.r.silent("F508", "the streams of %s: %v", path, err)
	}
	for _, s := range inner.node.Children {
		if !s.IsDir() {
			s.Name = tree.Name(n.Name + ":" + s.Name)
			d.node.Children = append(d.node.Children, s)
		}
	}
}

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
