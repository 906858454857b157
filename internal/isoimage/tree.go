package isoimage

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// node is a file or a folder of a tree. There is one node for both trees: it
// has a name in each.
type node struct {
	iso, joliet []byte // file identifiers, without ";1"
	dir         bool
	children    []*node
	parent      *node
	// Of a file: the place and size of its data. Of a folder: those of its
	// records, for each of the trees.
	sector [2]int64
	size   [2]int64
	number [2]int // of a folder, in the path table
}

// The two trees.
const (
	treeISO = iota
	treeJoliet
)

func (n *node) name(tree int) []byte {
	if tree == treeISO {
		return n.iso
	}
	return n.joliet
}

// identifier is the file identifier in a directory record: with the version
// number for files (ECMA-119, 7.5.1).
func (n *node) identifier(tree int) []byte {
	id := n.name(tree)
	switch {
	case n.dir:
	case tree == treeISO:
		id = append(bytes.Clone(id), ";1"...)
	default:
		id = append(bytes.Clone(id), 0, ';', 0, '1')
	}
	return id
}

// maxDepth is the number of folder levels, the root counted (6.8.2.1).
const maxDepth = 8

// maxEntries bounds the files of one image.
const maxEntries = 100_000

// build makes the tree of the files, each with its node.
func build(files []File) (root *node, leaves []*node, err error) {
	if len(files) > maxEntries {
		return nil, nil, fmt.Errorf("%d files are more than an image takes", len(files))
	}
	root = &node{dir: true, iso: []byte{0}, joliet: []byte{0}}
	for _, f := range files {
		parts := strings.Split(f.Path, "/")
		if len(parts) > maxDepth {
			return nil, nil, fmt.Errorf("file %q lies more than %d folders deep", f.Path, maxDepth-1)
		}
		if f.Size < 0 {
			return nil, nil, fmt.Errorf("file %q has a negative size", f.Path)
		}
		at := root
		for i, part := range parts {
			last := i == len(parts)-1
			n, err := at.child(part, !last)
			if err != nil {
				return nil, nil, fmt.Errorf("file %q: %w", f.Path, err)
			}
			at = n
		}
		leaves = append(leaves, at)
	}
	return root, leaves, nil
}

// child finds the folder of that name, or adds a file or folder.
func (n *node) child(name string, dir bool) (*node, error) {
	if name == "" || name == "." || name == ".." {
		return nil, fmt.Errorf("%q is no name", name)
	}
	iso, joliet := isoName(name, dir), jolietName(name)
	if len(joliet) > 128 {
		return nil, fmt.Errorf("the name %q is too long", name)
	}
	for _, c := range n.children {
		if !bytes.Equal(c.iso, iso) && !bytes.Equal(c.joliet, joliet) {
			continue
		}
		if dir && c.dir && bytes.Equal(c.joliet, joliet) {
			return c, nil
		}
		return nil, fmt.Errorf("the name %q is there already as %s", name, iso)
	}
	c := &node{iso: iso, joliet: joliet, dir: dir, parent: n}
	n.children = append(n.children, c)
	return c, nil
}

// isoName is a name in d-characters, with one dot in a file's, and at most 30
// characters besides (ECMA-119, 7.5.1, 7.6.1, 10.2).
func isoName(name string, dir bool) []byte {
	base, ext, dotted := name, "", false
	if i := strings.LastIndexByte(name, '.'); i >= 0 && !dir {
		base, ext, dotted = name[:i], name[i+1:], true
	}
	clean := func(s string, most int) []byte {
		out := []byte{}
		for _, r := range strings.ToUpper(s) {
			if len(out) == most {
				break
			}
			if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				out = append(out, byte(r))
			} else {
				out = append(out, '_')
			}
		}
		return out
	}
	if base == "" {
		base = "_" // a name that begins with its dot
	}
	if dir {
		return clean(base, 31)
	}
	e := clean(ext, 3)
	out := append(clean(base, 30-len(e)), '.')
	if dotted {
		out = append(out, e...)
	}
	return out
}

// jolietName is a name in big-endian UCS-2, with "_" for what Joliet does not
// allow.
func jolietName(name string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(name)) {
		if u < 0x20 || strings.ContainsRune(`*/:;?\`, rune(u)) {
			u = '_'
		}
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}

// folders are the folders of a tree in the order of its path table: by level,
// then by parent, then by name (ECMA-119, 6.9.1). Each gets its number.
func (root *node) folders(tree int) []*node {
	out := []*node{root}
	for i := 0; i < len(out); i++ {
		out[i].number[tree] = i + 1
		for _, c := range out[i].sorted(tree) {
			if c.dir {
				out = append(out, c)
			}
		}
	}
	return out
}

// sorted are the children in the order of their identifiers (9.3).
func (n *node) sorted(tree int) []*node {
	out := slices.Clone(n.children)
	slices.SortFunc(out, func(a, b *node) int { return compareNames(a.name(tree), b.name(tree), tree) })
	return out
}

// compareNames puts a name before a longer one it begins, base name first and
// extension second, each padded with spaces.
func compareNames(a, b []byte, tree int) int {
	if tree == treeJoliet {
		return bytes.Compare(a, b)
	}
	aBase, aExt, _ := bytes.Cut(a, []byte("."))
	bBase, bExt, _ := bytes.Cut(b, []byte("."))
	if c := comparePadded(aBase, bBase); c != 0 {
		return c
	}
	return comparePadded(aExt, bExt)
}

func comparePadded(a, b []byte) int {
	for i := range max(len(a), len(b)) {
		ca, cb := byte(' '), byte(' ')
		if i < len(a) {
			ca = a[i]
		}
		if i < len(b) {
			cb = b[i]
		}
		if ca != cb {
			return int(ca) - int(cb)
		}
	}
	return 0
}
