package tree

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxPath is how long, in bytes, a directory's path can be for its children to
// be listed. It is what systems allow that files could be taken out to, and it
// keeps hostile discs from having thousands of files below a path of megabytes.
const MaxPath = 4096

// MaxNodes is how many files and directories of one tree are listed. Honest
// discs of 100 GB stay below it by far; what a hostile one could have would not
// fit into memory.
const MaxNodes = 4 << 20

// ErrNodes says that there are more than MaxNodes.
var ErrNodes = errors.New("there are more than 4194304 files and directories; the rest was not listed")

// MaxExtents is how many extents the files of one tree can have together, for
// the same reason.
const MaxExtents = 16 << 20

// ErrExtents says that there are more than MaxExtents.
var ErrExtents = errors.New("the files have more than 16777216 extents; those of this one are not known")

// ErrPath says that a directory has a path longer than MaxPath.
var ErrPath = errors.New("its path is longer than 4096 bytes; what is in it was not listed")

// Prune takes the children from directories with too long a path, which get
// ErrPath, and gives how many these are. A walker calls it on every tree that it
// gives out.
func Prune(root *Node) int { return prune(root, 0) }

func prune(n *Node, length int) (cut int) {
	if length > MaxPath && len(n.Children) > 0 {
		n.Children, n.Err = nil, errors.Join(n.Err, ErrPath)
		return 1
	}
	for _, c := range n.Children {
		if c.IsDir() {
			cut += prune(c, length+1+len(c.Name))
		}
	}
	return cut
}

// shownPath is how much of a path a message tells.
const shownPath = 500

// Join is the path of a child of a directory, for messages: a long one has its
// begin left out, so that holding one for each file costs little.
func Join(dir, name string) string {
	switch {
	case dir == "." || dir == "":
		return name
	case len(dir) > shownPath:
		dir = strings.TrimPrefix(dir, "…")
		from := len(dir) - shownPath
		for from < len(dir) && !utf8.RuneStart(dir[from]) {
			from++
		}
		dir = "…" + dir[from:]
	}
	return dir + "/" + name
}
