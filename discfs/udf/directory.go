package udf

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ripstation/discfs/tree"
)

// chunk is how much of a directory is held at once.
const chunk = 64 << 10

// directory reads a directory's file identifier descriptors (4/14.4).
func (w *walker) directory(d *folder) {
	r := w.r
	defer func() { tree.Unique(d.node.Children) }() // of a damaged one too
	fail := func(err error) {
		r.partial = true
		d.node.Err = cmp.Or(d.node.Err, err)
		if errors.Is(err, tree.ErrAbsent) {
			r.sheet.NotRun("F508", "directory %s: %v", d.path, err)
		} else {
			r.silent("F508", "directory %s: %v", d.path, err)
		}
	}
	size := d.e.size
	if have := d.e.held(); have < size {
		fail(tree.ErrShort)
		size = have
	}
	if size < 0 || size > r.budget {
		d.node.Meta = append(d.node.Meta, d.e.extents...)
		fail(tree.ErrBudget)
		return
	}
	r.budget -= size
	s := &scan{w: w, d: d, l: &listing{r: r, e: &d.e}, fail: fail}
	for off := int64(0); off < size && !s.over; {
		n := min(chunk, size-off)
		if p, err := s.l.main(off, int(n)); err == nil {
			off += n
			s.feed(p, off == size)
			continue
		}
		// A block of it may be read all the same.
		for end := off + n; off < end && !s.over; {
			n := min(r.bs, end-off)
			p, err := s.l.block(off, int(n))
			off += n
			switch {
			case err == nil:
				s.feed(p, off == size)
			case errors.Is(err, tree.ErrBudget):
				fail(err)
				s.over = true
			default:
				fail(fmt.Errorf("%w; names may be missing", err))
				s.gap(off)
			}
		}
	}
	d.node.Meta = append(d.node.Meta, s.l.extents()...)
	if len(s.l.swaps) > 0 {
		r.silent("F507", "the records of directory %s in the metadata file are not whole; some were taken from the mirror", d.path)
	}
}

// identifier takes up one entry of a directory.
func (w *walker) identifier(d *folder, flags byte, raw string, at longAD) {
	if w.entries == maxEntries {
		w.r.sheet.Fail("F508", "directory %s: %v", d.path, tree.ErrNodes)
		d.node.Err = tree.ErrNodes
		w.r.partial = true
		return
	}
	w.entries++
	name := tree.Name(characters([]byte(raw)))
	path := tree.Join(d.path, name)
	n := &tree.Node{Name: name, Hidden: flags&1 != 0}
	if decoded := characters([]byte(raw)); decoded != name || !faithful(raw) {
		n.Raw = []byte(raw)
	}
	if !w.r.part.Needs(path, flags&2 != 0) {
		n.Mode, n.UID, n.GID, n.Err = 0o444, -1, -1, tree.ErrUnseen
		if flags&2 != 0 {
			n.Mode = fs.ModeDir | 0o555
		}
		d.node.Children = append(d.node.Children, n)
		return
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
		if !d.streams {
			w.count(e, at)
		}
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
