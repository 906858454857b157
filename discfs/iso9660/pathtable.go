package iso9660

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"ripstation/discfs/tree"
)

// maxTable bounds a path table: as many as 2^16 directories with the longest
// names.
const maxTable = 32 << 20

// row is a path table record (ECMA-119, 9.4).
type row struct {
	lba    uint32
	parent uint16
	name   string
	xar    byte // logical blocks of its directory's extended attribute record
}

// same leaves out what no reader follows.
func (x row) same(y row) bool { return x.lba == y.lba && x.parent == y.parent && x.name == y.name }

// pathTables holds the tables against each other and against the directories.
func (r *reader) pathTables(d descriptor, w *walker) {
	f := fieldsOf(d.hs)
	size := r.both32(d.p[f.tableSize:], d.sector, "path table size")
	tables := []struct {
		what  string
		lba   uint32
		order binary.ByteOrder
		must  bool
	}{
		{"path table L", le32(d.p[f.tableL:]), binary.LittleEndian, true},
		{"optional path table L", le32(d.p[f.optL:]), binary.LittleEndian, false},
		{"path table M", binary.BigEndian.Uint32(d.p[f.tableM:]), binary.BigEndian, true},
		{"optional path table M", binary.BigEndian.Uint32(d.p[f.optM:]), binary.BigEndian, false},
	}
	var first []row
	for _, t := range tables {
		if t.lba == 0 && !t.must {
			continue
		}
		rows, err := r.table(d, w, t.what, t.lba, size, t.order)
		what := fmt.Sprintf("%s of the %s tree", t.what, d.view)
		switch {
		case err != nil && isAbsent(err):
			r.sheet.NotRun("F204", "%s: %v", what, err)
			r.sheet.NotRun("F205", "%s: %v", what, err)
		case err != nil:
			r.sheet.Fail("F204", "%s: %v", what, err)
		case first == nil:
			first = rows
			r.againstTree(what, rows, w)
			w.tableOrder(what, rows)
		case !slices.EqualFunc(first, rows, row.same):
			r.sheet.Fail("F204", "%s: %s", what, difference(first, rows))
			r.againstTree(what, rows, w)
			w.tableOrder(what, rows)
		default:
			r.sheet.Pass("F204", "they agree")
			if !slices.Equal(first, rows) {
				r.sheet.Warn("F215", "%s: those of directories have other lengths than in another path table", what)
			}
		}
	}
}

// difference names the first place at which two tables part.
func difference(a, b []row) string {
	for i := range min(len(a), len(b)) {
		if !a[i].same(b[i]) {
			return fmt.Sprintf("its record %d says %q at sector %d below directory %d, another table %q at sector %d below directory %d",
				i+1, tree.Name(b[i].name), b[i].lba, b[i].parent, tree.Name(a[i].name), a[i].lba, a[i].parent)
		}
	}
	return fmt.Sprintf("it has %d records, another table %d", len(b), len(a))
}

// table reads one path table.
func (r *reader) table(d descriptor, w *walker, what string, lba uint32, size int64, order binary.ByteOrder) ([]row, error) {
	if size == 0 || size > maxTable {
		return nil, fmt.Errorf("a size of %d bytes cannot be", size)
	}
	off := int64(lba) * w.block
	p, err := r.src.Read(off, int(size))
	if err != nil {
		return nil, err
	}
	r.structure(off, size, w.v.System, fmt.Sprintf("%s of the %s tree", what, d.view))
	var rows []row
	for len(p) > 0 {
		if len(p) < 8 {
			return nil, fmt.Errorf("it ends within record %d", len(rows)+1)
		}
		var x row
		n := int(p[0])
		x.xar, x.lba, x.parent = p[1], order.Uint32(p[2:]), order.Uint16(p[6:])
		if d.hs { // the location comes first
			n = int(p[5])
			x.xar, x.lba = p[4], order.Uint32(p)
		}
		if n == 0 {
			return nil, fmt.Errorf("its record %d has no name", len(rows)+1)
		}
		whole := 8 + n + n%2
		if 8+n > len(p) {
			return nil, fmt.Errorf("it ends within record %d", len(rows)+1)
		}
		x.name = string(p[8 : 8+n])
		rows = append(rows, x)
		p = p[min(whole, len(p)):]
	}
	return rows, nil
}

// againstTree holds a table against the directories that were found: each has
// its record, which names its parent's, and there are no others.
func (r *reader) againstTree(what string, rows []row, w *walker) {
	type key struct {
		lba, parent uint32
		name        string
	}
	have := map[key]int{}
	xar := map[key]byte{}
	whole := true
	for _, it := range w.dirs {
		k := key{lba: it.rec.lba, parent: it.rec.lba, name: "\x00"}
		if it.inPlace != nil {
			k.parent, k.name = it.inPlace.rec.lba, string(it.rec.name)
		}
		have[k]++
		xar[k] = it.rec.xar
		whole = whole && it.plain.Err == nil
	}
	bad := 0
	for i, x := range rows {
		if x.parent == 0 || int(x.parent) > len(rows) {
			r.sheet.Fail("F205", "%s: record %d names a parent %d that is none", what, i+1, x.parent)
			bad++
			continue
		}
		k := key{x.lba, rows[x.parent-1].lba, x.name}
		if have[k] == 0 && whole {
			r.sheet.Fail("F205", "%s: record %d, %q at sector %d, is no directory of the tree", what, i+1, tree.Name(x.name), x.lba)
			bad++
		}
		have[k]--
		switch n, ok := xar[k]; {
		case ok && n != x.xar:
			r.sheet.Warn("F215", "%s: that of the directory %q has %d blocks, its directory record says %d", what, tree.Name(x.name), x.xar, n)
		case ok && n > 0:
			r.sheet.Pass("F215", "those of directories have the lengths that the path tables say")
		}
	}
	var left []key
	for k, n := range have {
		if n > 0 && len(rows) < 1<<16-1 {
			left = append(left, k)
		}
	}
	slices.SortFunc(left, func(a, b key) int { return cmp.Or(cmp.Compare(a.lba, b.lba), cmp.Compare(a.name, b.name)) })
	for _, k := range left {
		r.sheet.Fail("F205", "%s: the directory %q at sector %d has no record", what, tree.Name(k.name), k.lba)
		bad++
	}
	switch {
	case bad == 0 && whole:
		r.sheet.Pass("F205", "%d directories", len(rows))
	case !whole:
		r.sheet.NotRun("F205", "%s: not all directories could be read", what)
	}
}
