// Package hsimage makes small High Sierra images for tests, from the working
// paper of 1986 that ECMA-119 grew out of. No tool of Debian's writes them.
package hsimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// File is one file. Its path is in capitals, with a dot in each file's name.
type File struct {
	Path     string
	Data     []byte
	Modified time.Time // from 1900 to 2155, in UTC
}

const (
	sectorSize = 2048
	// What stands where: the descriptor, its terminator, both path tables.
	standard   = 16
	terminator = 17
	tableL     = 18

	flagDirectory = 2
	maxDepth      = 8
)

// node is a file or a directory. A directory's size is that of its records.
type node struct {
	name     string
	dir      bool
	data     []byte
	modified time.Time
	children []*node
	parent   *node
	sector   int
	size     int
	number   int // in the path table, from 1
}

// New makes an image. A file without a time is of 1986-05-28 12:30:59, as all
// directories are.
func New(label string, files []File) ([]byte, error) {
	made := time.Date(1986, 5, 28, 12, 30, 59, 0, time.UTC)
	root := &node{name: "\x00", dir: true, modified: made}
	root.parent = root
	for _, f := range files {
		at := root
		parts := strings.Split(path.Clean(f.Path), "/")
		if len(parts) > maxDepth {
			return nil, fmt.Errorf("high sierra image: %s lies more than %d levels deep", f.Path, maxDepth)
		}
		for i, p := range parts {
			last := i == len(parts)-1
			if len(p) > 31 {
				return nil, fmt.Errorf("high sierra image: the name %s is too long", p)
			}
			k := slices.IndexFunc(at.children, func(c *node) bool { return c.name == p })
			switch {
			case k < 0:
				at.children = append(at.children, &node{name: p, dir: !last, parent: at, modified: made})
				k = len(at.children) - 1
			case last || !at.children[k].dir:
				return nil, fmt.Errorf("high sierra image: %s is there already", f.Path)
			}
			at = at.children[k]
		}
		at.data, at.size = f.Data, len(f.Data)
		if !f.Modified.IsZero() {
			at.modified = f.Modified.UTC()
		}
	}
	return layout(label, root), nil
}

// layout gives everything its place: tables, directories, files.
func layout(label string, root *node) []byte {
	dirs := []*node{root}
	for i := 0; i < len(dirs); i++ {
		d := dirs[i]
		d.number = i + 1
		slices.SortFunc(d.children, func(a, b *node) int { return strings.Compare(a.name, b.name) })
		for _, c := range d.children {
			if c.dir {
				dirs = append(dirs, c)
			}
		}
	}
	table := len(paths(dirs, binary.LittleEndian))
	next := tableL + 2*sectors(table)
	for _, d := range dirs {
		d.sector, d.size = next, len(d.records())
		next += sectors(d.size)
	}
	var leaves []*node
	for _, d := range dirs {
		for _, c := range d.children {
			if !c.dir {
				c.sector = next
				next += sectors(c.size)
				leaves = append(leaves, c)
			}
		}
	}
	img := make([]byte, next*sectorSize)
	root.describe(img, label, next, table)
	copy(img[tableL*sectorSize:], paths(dirs, binary.LittleEndian))
	copy(img[(tableL+sectors(table))*sectorSize:], paths(dirs, binary.BigEndian))
	for _, d := range dirs {
		copy(img[d.sector*sectorSize:], d.records())
	}
	for _, f := range leaves {
		copy(img[f.sector*sectorSize:], f.data)
	}
	return img
}

func sectors(n int) int { return (n + sectorSize - 1) / sectorSize }

// describe writes the standard file structure volume descriptor and the
// terminator. Each begins with its own address, which ECMA-119 left out.
func (root *node) describe(img []byte, label string, total, table int) {
	p := img[standard*sectorSize : terminator*sectorSize]
	both32(p, standard)
	p[8] = 1
	copy(p[9:], "CDROM")
	p[14] = 1
	copy(p[16:], fmt.Sprintf("%-32s%-32s", "RIPSTATION TEST", label))
	both32(p[88:], uint32(total))
	both16(p[128:], 1)
	both16(p[132:], 1)
	both16(p[136:], sectorSize)
	both32(p[140:], uint32(table))
	binary.LittleEndian.PutUint32(p[148:], tableL)
	binary.BigEndian.PutUint32(p[164:], uint32(tableL+sectors(table)))
	copy(p[180:], root.record("\x00"))
	copy(p[214:], bytes.Repeat([]byte{' '}, 4*128+2*32)) // volume set to copyright and abstract
	copy(p[790:], root.modified.Format("20060102150405")+"00")
	copy(p[806:], strings.Repeat("0", 3*16))
	p[854] = 1
	q := img[terminator*sectorSize:]
	both32(q, terminator)
	q[8] = 255
	copy(q[9:], "CDROM")
	q[14] = 1
}

// records are a directory's, none over a sector's end.
func (n *node) records() []byte {
	out := append(n.record("\x00"), n.parent.record("\x01")...)
	for _, c := range n.children {
		id := c.name
		if !c.dir {
			id += ";1"
		}
		r := c.record(id)
		if room := sectorSize - len(out)%sectorSize; room < len(r) {
			out = append(out, make([]byte, room)...)
		}
		out = append(out, r...)
	}
	return append(out, make([]byte, sectors(len(out))*sectorSize-len(out))...)
}

// record has a date of six bytes, and the flags right behind it.
func (n *node) record(id string) []byte {
	p := make([]byte, 33+len(id)+(33+len(id))%2)
	p[0] = byte(len(p))
	both32(p[2:], uint32(n.sector))
	both32(p[10:], uint32(n.size))
	t := n.modified
	copy(p[18:], []byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second())})
	if n.dir {
		p[24] = flagDirectory
	}
	both16(p[28:], 1)
	p[32] = byte(len(id))
	copy(p[33:], id)
	return p
}

// paths is a path table: location first, then the lengths.
func paths(dirs []*node, order binary.AppendByteOrder) (out []byte) {
	for _, d := range dirs {
		out = order.AppendUint32(out, uint32(d.sector))
		out = append(out, 0, byte(len(d.name)))
		out = append(order.AppendUint16(out, uint16(d.parent.number)), d.name...)
		if len(d.name)%2 == 1 {
			out = append(out, 0)
		}
	}
	return out
}

func both16(p []byte, v uint16) {
	binary.LittleEndian.PutUint16(p, v)
	binary.BigEndian.PutUint16(p[2:], v)
}

func both32(p []byte, v uint32) {
	binary.LittleEndian.PutUint32(p, v)
	binary.BigEndian.PutUint32(p[4:], v)
}
