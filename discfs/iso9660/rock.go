package iso9660

import (
	"bytes"
	"io/fs"
	"time"

	"ripstation/discfs/tree"
)

// rock is what the Rock Ridge entries of one record say (IEEE P1282).
type rock struct {
	name     []byte
	named    bool
	px       bool
	mode     uint32
	uid, gid uint32
	modified, created, accessed,
	changed time.Time
	link     []string // components, each whole
	linked   bool
	child    uint32 // CL: where the relocated directory stands
	hasChild bool
	moved    bool   // RE
	form     string // in which the file's bytes are stored, when not as they are
}

// rockRidge reads the entries of a record.
func (w *walker) rockRidge(path string, rec record, root bool) *rock {
	r := &rock{}
	goOn := false // the last symbolic link component is not whole
	w.suspEntries(path, rec, root, func(sig string, version byte, data []byte) {
		short := func(n int) bool {
			if len(data) >= n {
				return false
			}
			w.r.sheet.Fail("F301", "%s: the entry %s has only %d bytes", path, sig, len(data)+4)
			return true
		}
		switch sig {
		case "NM": // 4.1.4
			if short(1) {
				return
			}
			switch {
			case data[0]&2 != 0:
				r.name = []byte(".")
			case data[0]&4 != 0:
				r.name = []byte("..")
			case len(r.name)+len(data) < 4096:
				r.name = append(r.name, data[1:]...)
			}
			r.named = true
		case "PX": // 4.1.1
			if short(32) {
				return
			}
			w.orders(path, sig, data[:32])
			r.px, r.mode, r.uid, r.gid = true, le32(data), le32(data[16:]), le32(data[24:])
		case "SL": // 4.1.3
			if short(1) {
				return
			}
			var whole bool
			if goOn, whole = r.components(data[1:], goOn); !whole {
				w.r.sheet.Fail("F301", "%s: a component of its symbolic link reaches over the end of its entry", path)
			}
		case "TF": // 4.1.6
			if !short(1) {
				r.times(data)
			}
		case "CL": // 4.1.5.1
			if !short(8) {
				r.child, r.hasChild = le32(data), true
			}
		case "RE":
			r.moved = true
		case "ZF", "SF":
			r.form = storedForm(sig, data)
		}
	})
	if goOn {
		w.r.sheet.Fail("F301", "%s: the last component of its symbolic link goes on, and nothing follows", path)
	}
	w.r.sheet.Pass("F301", "they are well-formed")
	return r
}

// times reads a TF entry: its flags say which times follow, in this order.
func (r *rock) times(p []byte) {
	flags, p := p[0], p[1:]
	size := 7
	if flags&0x80 != 0 {
		size = 17
	}
	for i, to := range []*time.Time{&r.created, &r.modified, &r.accessed, &r.changed} {
		if flags>>i&1 == 0 {
			continue
		}
		if len(p) < size {
			return
		}
		if size == 7 {
			*to = shortDate(p, true)
		} else if t, ok := longDate(p[:17]); ok {
			*to = t
		}
		p = p[size:]
	}
}

// apply lays what was said over a node.
func (r *rock) apply(n *tree.Node) {
	if r.px {
		n.Mode = posixMode(r.mode)
		n.UID, n.GID = int64(r.uid), int64(r.gid)
	}
	for _, t := range []struct {
		to   *time.Time
		from time.Time
	}{{&n.Modified, r.modified}, {&n.Created, r.created}, {&n.Accessed, r.accessed}, {&n.Changed, r.changed}} {
		if !t.from.IsZero() {
			*t.to = t.from
		}
	}
	if r.linked && (n.Mode&fs.ModeSymlink != 0 || !r.px) {
		n.Mode = fs.ModeSymlink | n.Mode.Perm()
		n.Link = r.target()
	}
}

// posixMode turns st_mode into Go's.
func posixMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & 0o170000 {
	case 0o040000:
		mode |= fs.ModeDir
	case 0o120000:
		mode |= fs.ModeSymlink
	case 0o020000:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case 0o060000:
		mode |= fs.ModeDevice
	case 0o010000:
		mode |= fs.ModeNamedPipe
	case 0o140000:
		mode |= fs.ModeSocket
	}
	for bit, f := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= f
		}
	}
	return mode
}

// rockEntry makes the Rock Ridge node of a record.
func (w *walker) rockEntry(c *item, rec record) {
	r := w.rockRidge(c.path, rec, false)
	n := *c.plain
	n.Children, n.Raw = nil, nil
	if r.named {
		n.Name = tree.Name(string(r.name))
		if n.Name != string(r.name) {
			n.Raw = bytes.Clone(r.name)
		}
	} else if n.Name != string(rec.name) {
		n.Raw = bytes.Clone(rec.name)
	}
	isDir := n.IsDir()
	r.apply(&n)
	switch {
	case r.hasChild && !isDir:
		// A stand-in for a directory that was moved because it lay too deep.
		c.child, c.standIn = r.child, true
		n.Mode, n.Size, n.Extents = fs.ModeDir|n.Mode.Perm(), 0, nil
		n.Link = ""
	case isDir != n.IsDir():
		w.r.sheet.Fail("F301", "%s: its Rock Ridge mode and its directory record do not agree on whether it is a directory", c.path)
		n.Mode, n.Link = c.plain.Mode, ""
	}
	if !n.Mode.IsRegular() && !n.IsDir() {
		n.Size, n.Extents, n.Err = 0, nil, nil
	}
	if r.form != "" && !isDir {
		w.r.sheet.Warn("F304", "%s is %s; the %d bytes that are stored are read and digested as they are", c.path, r.form, rec.size)
	}
	c.reloc = r.moved && isDir
	c.rock = &n
}

// maxLogicalDepth bounds how deep relocation may bring a directory.
const maxLogicalDepth = 1000

// relocate puts moved directories where they belong (4.1.5).
func (w *walker) relocate() {
	for _, it := range w.dirs {
		for _, c := range it.kids {
			if !c.standIn {
				continue
			}
			moved := w.byLBA[c.child]
			err := ""
			switch {
			case moved == nil:
				err = "names a sector where no directory was found"
			case moved.placed || moved.parent == nil:
				err = "names a directory that stands elsewhere already"
			case !deeper(it, moved):
				err = "would put a directory into itself, or too deep"
			}
			if err != "" {
				w.r.sheet.Fail("F302", "%s: the entry for a relocated directory %s", c.path, err)
				c.rock.Err = tree.ErrShort
				continue
			}
			if !moved.reloc {
				w.r.sheet.Warn("F302", "the directory %s was moved, and no RE entry says so", c.path)
			}
			w.r.sheet.Pass("F302", "they stand where they belong")
			moved.placed = true
			moved.parent = it // from now on its place in the Rock Ridge tree
			moved.rock.Name, moved.rock.Raw = c.rock.Name, c.rock.Raw
			c.rock = moved.rock
		}
	}
}

// deeper reports whether moved may hang below it.
func deeper(it, moved *item) bool {
	n := 0
	for p := it; p != nil; p = p.parent {
		if n++; p == moved || n > maxLogicalDepth {
			return false
		}
	}
	return true
}

// rockTree hangs the nodes of the Rock Ridge tree together. A directory that
// held nothing but relocated ones is not part of it.
func (w *walker) rockTree() {
	for _, it := range w.dirs {
		if it.rock == nil {
			continue
		}
		it.rock.Meta, it.rock.Size, it.rock.Err = it.plain.Meta, it.plain.Size, it.plain.Err
		var kids []*item
		for _, c := range it.kids {
			if c.placed && !c.standIn {
				continue // it stands at its own place, also where no RE says so
			}
			kids = append(kids, c)
		}
		for _, c := range kids {
			if c.rec.dir() && len(c.kids) > 0 && holdsOnlyMoved(c) {
				continue
			}
			if c.rock != nil {
				it.rock.Children = append(it.rock.Children, c.rock)
			}
		}
		tree.Unique(it.rock.Children)
	}
}

func holdsOnlyMoved(c *item) bool {
	for _, k := range c.kids {
		if !k.placed {
			return false
		}
	}
	return true
}
