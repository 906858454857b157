package iso9660

import (
	"slices"
	"strings"
	"unicode"

	"ripstation/discfs/tree"
)

// order looks whether the names of a directory ascend (ECMA-119, 9.3).
func (w *walker) order(it *item) {
	holes := w.holes
	for i := 1; i < len(it.kids); i++ {
		for len(holes) > 0 && holes[0].at < i {
			holes = holes[1:]
		}
		if len(holes) > 0 && holes[0].at == i {
			continue
		}
		if a, b := it.kids[i-1], it.kids[i]; w.descends(string(a.rec.name), string(b.rec.name)) {
			w.r.sheet.Warn("F214", "directory %s: the record of %s stands before that of %s", it.path, a.plain.Name, b.plain.Name)
			return
		}
	}
}

// tableOrder looks whether a path table is in order: by level and parent, then
// by name (6.9.1).
func (w *walker) tableOrder(what string, rows []row) {
	for i := 2; i < len(rows); i++ { // the root's record is the first
		a, b := rows[i-1], rows[i]
		if a.parent > b.parent || a.parent == b.parent && w.descends(a.name, b.name) {
			w.r.sheet.Warn("F214", "%s: record %d, %q, stands before %q", what, i, tree.Name(a.name), tree.Name(b.name))
			return
		}
	}
}

// orders are the ways in which programs sort names that ECMA-119 has no order
// for (more than one full stop, small letters, Joliet's): by name and extension as
// the standard says, by all characters, with separators before all others, and
// without regard to case.
var orders = []func(a, b []uint16) int{
	func(a, b []uint16) int {
		i, j := stop(a), stop(b)
		if c := padded(a[:i], b[:j]); c != 0 {
			return c
		}
		return padded(a[i:], b[j:])
	},
	slices.Compare[[]uint16],
	func(a, b []uint16) int { return slices.Compare(each(a, separators), each(b, separators)) },
	func(a, b []uint16) int { return slices.Compare(each(a, unicode.ToUpper), each(b, unicode.ToUpper)) },
}

// descends reports whether b stands before a in every order that is in use.
func (w *walker) descends(a, b string) bool {
	if a <= b { // as nearly always
		return false
	}
	x, y := w.characters(a), w.characters(b)
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] && (replaces(x[i]) || replaces(y[i])) {
			return false
		}
	}
	for _, order := range orders {
		if order(x, y) <= 0 {
			return false
		}
	}
	return true
}

// replaces reports whether a character may have taken the place of another after
// names were sorted, or was one that should have been replaced.
func replaces(c uint16) bool { return c == '_' || c == ';' }

// characters are those of an identifier without its version.
func (w *walker) characters(id string) []uint16 {
	if i := strings.LastIndexByte(id, ';'); i > 0 {
		if w.d.view != Joliet {
			id = id[:i]
		} else if id[i-1] == 0 {
			id = id[:i-1]
		}
	}
	var out []uint16
	if w.d.view != Joliet {
		for i := range len(id) {
			out = append(out, uint16(id[i]))
		}
		return out
	}
	for i := 0; i+1 < len(id); i += 2 {
		out = append(out, uint16(id[i])<<8|uint16(id[i+1]))
	}
	return out
}

func stop(a []uint16) int {
	if i := slices.Index(a, '.'); i >= 0 {
		return i
	}
	return len(a)
}

// padded compares as if the shorter one had spaces behind it.
func padded(a, b []uint16) int {
	n := max(len(a), len(b))
	pad := func(p []uint16) []uint16 {
		out := slices.Clone(p)
		for len(out) < n {
			out = append(out, ' ')
		}
		return out
	}
	return slices.Compare(pad(a), pad(b))
}

func each(p []uint16, to func(rune) rune) []uint16 {
	out := make([]uint16, len(p))
	for i, c := range p {
		out[i] = uint16(to(rune(c)))
	}
	return out
}

func separators(c rune) rune {
	if c == '.' {
		return 0
	}
	return c
}
