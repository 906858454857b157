package export

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"ripstation/discfs/tree"
	"ripstation/internal/discname"
)

// Incomplete ends the name of a file of which bytes are missing.
const Incomplete = ".incomplete"

// work is one thing of the tree that is to be made.
type work struct {
	from string // its path on the disc
	to   string // its path below the folder
	node *tree.Node
}

// plan is what there is to make, each kind in the order in which it is made.
type plan struct {
	dirs  []work // parents first
	files []work // as they lie on the disc: so a drive or a line is read in order
	links []work // last: nothing is ever written through them
	other []work
}

// newPlan lists what lies below n, whose path on the disc is from and that is
// to be made as to.
func newPlan(n *tree.Node, from, to string) *plan {
	p := &plan{}
	p.add(n, from, to)
	slices.SortStableFunc(p.files, func(a, b work) int { return cmp.Compare(place(a.node), place(b.node)) })
	return p
}

// add goes down as deep as the tree is, which those who read trees bound.
func (p *plan) add(n *tree.Node, from, to string) {
	w := work{from: from, to: to, node: n}
	switch {
	case n.IsDir():
		p.dirs = append(p.dirs, w)
		for _, c := range n.Children {
			p.add(c, strings.TrimPrefix(from+"/"+c.Name, "./"), path.Join(to, element(c.Name, "")))
		}
	case n.Mode.IsRegular():
		p.files = append(p.files, w)
	case n.Mode&fs.ModeSymlink != 0:
		p.links = append(p.links, w)
	default:
		p.other = append(p.other, w)
	}
}

// place is where a file's first bytes lie.
func place(n *tree.Node) int64 {
	for _, e := range n.Extents {
		if e.Offset >= 0 {
			return e.Offset
		}
	}
	return math.MaxInt64
}

// element makes a name fit for this file system, with a suffix: one that is too
// long is cut, and marked by a digest of the whole. Names of a tree are safe by
// their making; this is not trusted here.
func element(name, suffix string) string {
	name = strings.NewReplacer("/", "_", "\x00", "_").Replace(name)
	if name == "" || name == "." || name == ".." {
		name = "_" + name
	}
	if len(name)+len(suffix) <= discname.Max {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	mark := "~" + hex.EncodeToString(sum[:4])
	return discname.Cut(name, discname.Max-len(mark)-len(suffix)) + mark + suffix
}

var (
	errAbsolute = errors.New("the link points to a place outside of the disc")
	errOutward  = errors.New("the link points out of what is extracted")
	errCrooked  = errors.New("the link goes down and up again, which could lead out by way of another link")
	errNoLink   = errors.New("the link's target is no path")
)

// checkLink says why a symbolic link at a path below the folder is not made.
// root is the first element of that path that belongs to the disc. A link may go up, as
// far as root, and then down; whatever links lie on its way down do so too, so
// that none of them leads out.
func checkLink(at, root, target string) error {
	if target == "" || len(target) > 4000 || strings.ContainsRune(target, 0) {
		return errNoLink
	}
	if path.IsAbs(target) {
		return errAbsolute
	}
	up, down := strings.Count(strings.TrimPrefix(path.Dir(at), root), "/"), false
	if root == "" { // the link alone is extracted
		up = 0
	}
	for elem := range strings.SplitSeq(target, "/") {
		switch {
		case elem == "" || elem == ".":
		case elem != "..":
			down = true
		case down:
			return errCrooked
		default:
			if up--; up < 0 {
				return errOutward
			}
		}
	}
	return nil
}
