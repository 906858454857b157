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
