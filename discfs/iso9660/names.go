package iso9660

import (
	"strconv"
	"strings"

	"ripstation/discfs/tree"
)

// name is the shown name of an identifier: in Joliet's 16-bit characters or as
// it stands, without its version number, and without the full stop that
// separates an empty extension (ECMA-119, 7.5.1).
func (w *walker) name(id []byte) string {
	s := string(id)
	if w.d.view == Joliet {
		s = tree.UTF16BE(id)
	}
	if base, _, ok := version(s); ok && w.d.view != Enhanced {
		s = base
		if w.d.view != Joliet {
			s = strings.TrimSuffix(s, ".")
		}
	}
	return tree.Name(s)
}

// differs reports whether a name does not say what stands on the disc. Joliet's
// characters say the same in another encoding, also without a version.
func (w *walker) differs(id []byte, name string) bool {
	if w.d.view != Joliet {
		return string(id) != name
	}
	s, _, _ := version(tree.UTF16BE(id))
	return s != name || len(id)%2 != 0
}

// version parts an identifier at its version number.
func version(s string) (base string, n int, ok bool) {
	i := strings.LastIndexByte(s, ';')
	if i <= 0 {
		return s, 0, false
	}
	n, err := strconv.Atoi(s[i+1:])
	if err != nil || n < 1 || n > 32767 {
		return s, 0, false
	}
	return s[:i], n, true
}

// versions gives the newest version of a file its plain name, and leaves older
// ones their number.
func (w *walker) versions(it *item) {
	newest := map[string]*item{}
	of := func(c *item) int {
		s := string(c.rec.name)
		if w.d.view == Joliet {
			s = tree.UTF16BE(c.rec.name)
		}
		_, n, _ := version(s)
		return n
	}
	for _, c := range it.kids {
		if c.rec.dir() || c.plain.Associated {
			continue
		}
		old := newest[c.plain.Name]
		if old == nil {
			newest[c.plain.Name] = c
			continue
		}
		older := c
		if of(c) > of(old) {
			newest[c.plain.Name], older = c, old
		}
		if n := of(older); n > 0 && n != of(newest[c.plain.Name]) {
			older.plain.Name += ";" + strconv.Itoa(n)
		}
	}
}
