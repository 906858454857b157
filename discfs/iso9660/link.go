package iso9660

import "strings"

// components reads those of a symbolic link; it reports whether the last one
// goes on in the next entry, and whether all are in this one.
func (r *rock) components(p []byte, goOn bool) (on, whole bool) {
	r.linked = true
	for len(p) >= 2 && len(r.link) < 4096 {
		flags, n := p[0], int(p[1])
		if n > len(p)-2 {
			return false, false
		}
		text := string(p[2 : 2+n])
		p = p[2+n:]
		switch {
		case flags&2 != 0:
			text = "."
		case flags&4 != 0:
			text = ".."
		case flags&8 != 0:
			text = "\x00" // the root: no other component can be this
		}
		if k := len(r.link); goOn && k > 0 && len(r.link[k-1]) < 4096 {
			r.link[k-1] += text
		} else {
			r.link = append(r.link, text)
		}
		goOn = flags&1 != 0
	}
	return goOn, len(p) == 0 || len(p) == 1 && p[0] == 0 || len(r.link) >= 4096
}

// target is the symbolic link's, with "/" between components.
func (r *rock) target() string {
	s := strings.Join(r.link, "/")
	if len(r.link) > 0 && r.link[0] == "\x00" {
		s = "/" + strings.TrimPrefix(strings.TrimPrefix(s, "\x00"), "/")
	}
	return strings.ReplaceAll(s, "\x00", "")
}
