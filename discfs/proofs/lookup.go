package proofs

import (
	"io/fs"
	"path"
	"strings"

	"ripstation/discfs/tree"
)

// maxLinks is how many symbolic links one name may lead through, maxSteps how
// many elements of paths the links of all names put together.
const (
	maxLinks = 40
	maxSteps = 5_000_000
)

// resolver finds files by the names that lists have for them. Each directory is
// indexed once, so that a list of many names costs no more than it is long.
type resolver struct {
	root  *tree.Node
	index map[*tree.Node]names
	steps int
}

// names are the children of a directory. folded has those that no other one
// equals without regard to case; the others are nil.
type names struct{ exact, folded map[string]*tree.Node }

func newResolver(root *tree.Node) *resolver {
	return &resolver{root: root, index: map[*tree.Node]names{}}
}

// place is a node with the directories that lead to it, the root first.
type place []*tree.Node

func (p place) node() *tree.Node { return p[len(p)-1] }

// fold gives names that differ as systems without cases spell them: case, and
// the dot of an empty extension (ECMA-119, 7.5.1).
func fold(name string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

func (r *resolver) children(dir *tree.Node) names {
	x, ok := r.index[dir]
	if ok {
		return x
	}
	x = names{make(map[string]*tree.Node, len(dir.Children)), make(map[string]*tree.Node, len(dir.Children))}
	for _, c := range dir.Children {
		x.exact[c.Name] = c
		if f := fold(c.Name); f != c.Name {
			if _, taken := x.folded[f]; taken {
				c = nil
			}
			x.folded[f] = c
		}
	}
	r.index[dir] = x
	return x
}

// child finds a child, or nil.
func (r *resolver) child(dir *tree.Node, name string) *tree.Node {
	x := r.children(dir)
	if c := x.exact[name]; c != nil {
		return c
	}
	f := fold(name)
	lower, upper := x.exact[f], x.folded[f]
	switch {
	case lower == nil:
		return upper
	case upper == nil:
		if _, ambiguous := x.folded[f]; ambiguous {
			return nil
		}
		return lower
	}
	return nil
}

// find walks from a directory. err is a directory's own on the way when the
// name is not among what could be read of it: whether it is there is not known.
func (r *resolver) find(from place, name string) (p place, err error) {
	p = append(place(nil), from...)
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		elem := rest[0]
		rest = rest[1:]
		switch elem {
		case "", ".":
			continue
		case "..":
			p = p[:max(len(p)-1, 1)]
			continue
		}
		dir := p.node()
		if !dir.IsDir() {
			return nil, nil
		}
		c := r.child(dir, tree.Name(elem))
		if c == nil {
			return nil, dir.Err
		}
		if c.Mode&fs.ModeSymlink == 0 {
			p = append(p, c)
			continue
		}
		if links++; links > maxLinks {
			return nil, nil
		}
		if r.steps > maxSteps {
			return nil, errTooMuch
		}
		if path.IsAbs(c.Link) {
			p = p[:1]
		}
		rest = append(strings.Split(c.Link, "/"), rest...)
		r.steps += len(rest)
	}
	return p, nil
}

// named finds a file by the name that a list has for it: below the list's own
// directory, with backslashes as slashes where there is no such name, and from
// the root when the name begins there.
func (r *resolver) named(dir place, name string) (n *tree.Node, err error) {
	tries := []string{name}
	if back := strings.ReplaceAll(name, `\`, "/"); back != name {
		tries = append(tries, back)
	}
	for _, t := range tries {
		from := []place{dir}
		if len(t) > 2 && t[1] == ':' && t[2] == '/' { // a drive's letter
			t, from = t[2:], from[:0]
		}
		if path.IsAbs(t) {
			from = append(from, dir[:1])
		}
		for _, f := range from {
			p, e := r.find(f, t)
			if p != nil {
				return p.node(), nil
			}
			if err == nil {
				err = e
			}
		}
	}
	return nil, err
}
