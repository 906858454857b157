package tree

import (
	"errors"
	"strings"
)

// Part is how much of a tree somebody wants to see. nil is all of it.
type Part struct {
	// Within is the path of what is wanted, "." for the root. What neither lies
	// on the way to it nor in it need not be read.
	Within string
	// Deep: with everything below it.
	Deep bool
	// Names: what is in it by name alone, without sizes, times and extents.
	Names bool
}

// ErrUnseen says that nobody asked for a node: its Err when it was left out.
var ErrUnseen = errors.New("not looked at")

// Lists reports whether the directory at a path has to be listed.
func (p *Part) Lists(dir string) bool {
	if p == nil || dir == "." || dir == p.Within || strings.HasPrefix(p.Within, dir+"/") {
		return true
	}
	return p.Deep && p.below(dir)
}

// Needs reports whether more than the name is wanted of what is at a path, in a
// directory that is listed.
func (p *Part) Needs(path string, dir bool) bool {
	if p == nil || path == p.Within || strings.HasPrefix(p.Within, path+"/") {
		return true
	}
	return p.below(path) && (!p.Names || dir && p.Deep)
}

// below reports whether a path lies below Within.
func (p *Part) below(path string) bool {
	return p.Within == "." || strings.HasPrefix(path, p.Within+"/")
}
