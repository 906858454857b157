// Package tree has the words in which every file system tells what it holds:
// extents, nodes, volumes, claims, checks. It knows no format. The packages
// that do (iso9660, udf, apple, boot) give a Found; discfs puts them together.
//
// Nothing here is made of bytes that are not on the image: a node's extents are
// where its bytes stand, and reading behind the image's end is an error.
package tree

import (
	"io/fs"
	"iter"
	"time"

	"ripstation/disc"
)

// Hole is the Offset of an extent that was never recorded and reads as zeroes
// (ECMA-167 4/14.14.1.1, types 1 and 2).
const Hole = -1

// Extent is a stretch of a file or structure, in bytes of the image.
type Extent struct {
	Offset int64 `json:"offset"` // of the first byte; Hole for one that was never recorded
	Length int64 `json:"length"`
	// Unit and Gap are those of an interleaved file section (ECMA-119, 6.4.3):
	// Unit bytes that are its own, then Gap bytes that are others'. Length
	// counts its own alone. Both 0 where nothing is interleaved.
	Unit int64 `json:"unit,omitempty"`
	Gap  int64 `json:"gap,omitempty"`
}

// Pieces are the stretches of the image that the extent's bytes stand in, in
// their order. A hole has none.
func (e Extent) Pieces() iter.Seq2[int64, int64] {
	return func(yield func(off, n int64) bool) {
		switch {
		case e.Offset < 0 || e.Length <= 0:
		case e.Unit <= 0 || e.Gap <= 0:
			yield(e.Offset, e.Length)
		default:
			off := e.Offset
			for left := e.Length; left > 0; off += e.Unit + e.Gap {
				n := min(left, e.Unit)
				if !yield(off, n) {
					return
				}
				left -= n
			}
		}
	}
}

// End is the first byte of the image behind the extent; 0 for a hole.
func (e Extent) End() int64 {
	switch {
	case e.Offset < 0 || e.Length <= 0:
		return 0
	case e.Unit > 0 && e.Gap > 0:
		return e.Offset + e.Length + (e.Length-1)/e.Unit*e.Gap
	}
	return e.Offset + e.Length
}

// Node is a file, directory or link of a volume.
type Node struct {
	// Name is one element of a path: UTF-8, never empty but for the root, never
	// "." or "..", without "/" and control characters, and no other child of
	// its directory has it. See Name.
	Name string
	// Raw are the name's bytes on the disc; nil when they are Name's.
	Raw []byte
	// Mode has the type, and the permissions where they are recorded; 0444 and
	// 0555 where they are not.
	Mode fs.FileMode
	// UID and GID are -1 where they are not recorded.
	UID, GID int64
	// Times that are not recorded are zero. A time without a zone counts as UTC.
	Modified, Created, Accessed, Changed time.Time
	// Size is what the file system says, in bytes.
	Size    int64
	Extents []Extent
	// Link is where a symbolic link points to, as it is recorded.
	Link string
	// Meta is where that which describes the node stands: a directory's
	// records, a file's entry or ICB.
	Meta []Extent
	// Children of a directory, in the order of the disc.
	Children []*Node
	// Hidden: the existence bit. Associated: the fork of another system
	// (ECMA-119, 9.1.6 bits 0 and 2). Interleaved and multi-extent files show
	// in Extents.
	Hidden, Associated bool
	// Err says why a directory's children, or a file's extents, are not all
	// there; nil when they are.
	Err error
}

// IsDir reports whether the node is a directory.
func (n *Node) IsDir() bool { return n.Mode.IsDir() }

// Volume is one tree of names. A disc can have several over the same files.
type Volume struct {
	// System is the file system: "ISO 9660", "High Sierra", "UDF", "HFS", "HFS+".
	System string `json:"system"`
	// View tells trees of one file system apart: "ISO 9660", "Rock Ridge",
	// "Joliet", "ISO 9660:1999"; else it is System's.
	View  string `json:"view"`
	Label string `json:"label"` // cleaned by CleanText, may be empty
	// Session is which ISO 9660 or UDF session it belongs to, from 1; 0 when
	// that was not looked for.
	Session int `json:"session,omitempty"`
	// Identifiers are the texts of its descriptors by the standard's names
	// ("publisher identifier"), cleaned; empty ones are left out.
	Identifiers map[string]string `json:"identifiers,omitempty"`
	// Dates are those of its descriptors by the standard's names ("volume
	// creation date"), raw and as understood.
	Dates []Date `json:"dates,omitempty"`
	// Root is nil when the tree cannot be walked; Err then says why.
	Root *Node `json:"-"`
	Err  error `json:"-"`
}

// Date is one date of a descriptor.
type Date struct {
	Name string     `json:"name"`
	Raw  string     `json:"raw"`  // its bytes: as text when they print, else in hexadecimal
	Time *time.Time `json:"time"` // nil when it is no date
}

// Claim is how far a structure says that the image reaches, in bytes from its
// first, taken literally.
type Claim struct {
	System string `json:"system"` // as in Volume, or "Apple partition map"
	Source string `json:"source"` // "primary volume descriptor", "Apple block zero"
	Bytes  int64  `json:"bytes"`
}

// Structure is a place of the image that belongs to a file system and to no
// node.
type Structure struct {
	Extent
	System string
	What   string // "path table L", "anchor at sector 256"
}

// Found is all that one package has found on an image.
type Found struct {
	// Systems are the file systems whose descriptors are there, also when they
	// cannot be walked: "ISO 9660", "High Sierra", "UDF", "HFS", "HFS+".
	Systems    []string
	Volumes    []*Volume
	Claims     []Claim
	Structures []Structure
	// Checks has every code of the package once, in order.
	Checks []disc.Check
}

// Walk visits root and everything below it, parents first; path is "." for the
// root. It ends when yield returns false.
func Walk(root *Node, yield func(path string, n *Node) bool) {
	if root != nil {
		walk(".", root, yield)
	}
}

func walk(path string, n *Node, yield func(string, *Node) bool) bool {
	if !yield(path, n) {
		return false
	}
	prefix := path + "/"
	if path == "." {
		prefix = ""
	}
	for _, c := range n.Children {
		if !walk(prefix+c.Name, c, yield) {
			return false
		}
	}
	return true
}

// UnixMode are the permission bits of a mode as chmod(1) has them.
func UnixMode(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	for bit, unix := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			out |= unix
		}
	}
	return out
}
