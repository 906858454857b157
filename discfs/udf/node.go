package udf

import (
	"errors"
	"fmt"
	"io/fs"

	"ripstation/discfs/tree"
)

// fill reads a node's entry into it. What cannot be read stands in its Err.
func (w *walker) fill(n *tree.Node, path string, at longAD) (entry, bool) {
	r := w.r
	e, off, err := r.icb(at)
	if err != nil {
		n.Err = fmt.Errorf("its entry at block %d: %w", at.block, err)
		r.partial = true
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
	if w.extents += len(e.extents) + len(e.stretches); w.extents > maxAllExtents {
		e.extents, e.stretches, e.err = nil, nil, tree.ErrExtents
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
	for _, x := range e.extents {
		if x.End() < 0 || x.End() > r.src.Size() {
			r.sheet.Fail("F510", "%s reaches to byte %d, the image has %d", path, x.End(), r.src.Size())
			break
		}
	}
	if e.ragged {
		r.sheet.Fail("F511", "%s has an extent that ends inside of a block and is not its last; all of the block is taken, as Linux does", path)
	}
	if have := e.held(); have < n.Size && (n.Mode.IsRegular() || n.IsDir()) {
		n.Err = tree.ErrShort
		r.silent("F511", "%s has %d bytes, its extents hold %d", path, n.Size, have)
	}
}
