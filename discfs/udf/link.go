package udf

import (
	"strings"
)

// maxLink is how many bytes a symbolic link may have.
const maxLink = 64 << 10

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
