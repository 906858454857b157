package isoimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

// Volume descriptor types (ECMA-119, 8.1.1).
const (
	typePrimary       = 1
	typeSupplementary = 2
	typeTerminator    = 255
)

// trailer is what a program that writes discs leaves behind the files: 150
// sectors of zeros.
const trailer = 150

// table is a path table with its place.
type table struct {
	size         int64
	sectorL, end int64
}

// New lays an image out.
func New(o Options) (*Image, error) {
	if len(o.Label) > 32 {
		return nil, fmt.Errorf("make image: the label %q has more than 32 characters", o.Label)
	}
	if o.Sectors < 0 || o.Base < 0 || o.Sectors+o.Base > 1<<31-1 {
		return nil, fmt.Errorf("make image: %d sectors from %d are more than a disc has", o.Sectors, o.Base)
	}
	if o.Created.IsZero() {
		o.Created = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	}
	o.Created = o.Created.UTC()
	fill := len(o.Files) // from which file on they take what is left
	if fill == 0 {
		o.Files, fill = sampleFiles(o)
	}
	root, leaves, err := build(o.Files)
	if err != nil {
		return nil, fmt.Errorf("make image: %w", err)
	}
	trees := 1
	if o.Joliet {
		trees = 2
	}
	at := int64(16 + trees + 1) // behind the system area, the descriptors and the terminator
	if o.UDF {
		at = udfEnd
	}
	var tables [2]table
	var folders [2][]*node
	for tree := range trees {
		folders[tree] = root.folders(tree)
		if len(folders[tree]) > 0xFFFF {
			return nil, fmt.Errorf("make image: %d folders are too many", len(folders[tree]))
		}
		size := int64(len(pathTable(folders[tree], tree, 0, binary.LittleEndian)))
		tables[tree] = table{size: size, sectorL: at}
		at += 2 * wholeSectors(size)
		tables[tree].end = at
	}
	for tree := range trees {
		for _, f := range folders[tree] {
			f.size[tree] = int64(len(f.records(tree, 0, o.Created)))
			f.sector[tree] = at
			at += wholeSectors(f.size[tree])
		}
	}
	m := &Image{noise: NewNoise(o.Seed)}
	headers := at
	for i, n := range leaves {
		f := o.Files[i]
		if i >= fill {
			f.Size = max(min(o.Sectors-tail(o)-at, fillSectors), 0) * sectorSize
		}
		n.sector[0], n.size[0] = at, f.Size
		m.files = append(m.files, Placed{f.Path, at, f.Size})
		if f.Size > 0 {
			m.segments = append(m.segments, segment{start: at * sectorSize, size: f.Size, content: f.Content})
		}
		at += wholeSectors(f.Size)
	}
	need := at
	if o.Sectors == 0 {
		need += trailer
	}
	need += tail(o)
	if m.sectors = o.Sectors; m.sectors == 0 {
		m.sectors = need
	}
	if need > m.sectors || m.sectors+o.Base > 1<<31-1 {
		return nil, fmt.Errorf("make image: the files need %d sectors, there are %d", need, m.sectors)
	}

	head := make([]byte, headers*sectorSize)
	sector := func(i int64) []byte { return head[i*sectorSize : (i+1)*sectorSize] }
	for tree := range trees {
		volume(sector(16+int64(tree)), o, m.sectors, tree, root, tables[tree])
		half := (tables[tree].end - tables[tree].sectorL) / 2
		copy(head[tables[tree].sectorL*sectorSize:], pathTable(folders[tree], tree, o.Base, binary.LittleEndian))
		copy(head[(tables[tree].sectorL+half)*sectorSize:], pathTable(folders[tree], tree, o.Base, binary.BigEndian))
		for _, f := range folders[tree] {
			copy(head[f.sector[tree]*sectorSize:], f.records(tree, o.Base, o.Created))
		}
	}
	end := sector(16 + int64(trees))
	end[0], end[6] = typeTerminator, 1
	copy(end[1:], "CD001")
	m.segments = append([]segment{{start: 0, size: int64(len(head)), held: head}}, m.segments...)
	if o.UDF {
		anchor := bridge(head, o, m.sectors, 16+int64(trees)+1)
		m.segments = append(m.segments, segment{start: (m.sectors - 1) * sectorSize, size: sectorSize, held: anchor})
	}
	return m, nil
}

func wholeSectors(bytes int64) int64 { return (bytes + sectorSize - 1) / sectorSize }

// tail is what must stay free at the image's end: the second UDF anchor.
func tail(o Options) int64 {
	if o.UDF {
		return 1
	}
	return 0
}

// fillSectors is the size of the files that fill an image: 1 GiB.
const fillSectors = 1 << 19

// sampleFiles are what an image has that nobody gave files for. From the one
// numbered fill on they take what is left of the image.
func sampleFiles(o Options) (files []File, fill int) {
	text := func(path, s string) File { return File{path, int64(len(s)), strings.NewReader(s)} }
	files = []File{
		text("readme.txt", fmt.Sprintf("This is %s, a disc that was never pressed.\nIts noise has the seed %d.\n", o.Label, o.Seed)),
		text("docs/contents.txt", "docs: this list\ndata: noise, made as it is read\n"),
	}
	fill = len(files)
	for i := int64(0); i*fillSectors < o.Sectors; i++ {
		files = append(files, File{Path: fmt.Sprintf("data/fill%04d.bin", i+1)})
	}
	return files, fill
}

// volume fills in a primary or supplementary volume descriptor (8.4, 8.5).
func volume(b []byte, o Options, sectors int64, tree int, root *node, t table) {
	text := func(at, n int, s string) {
		if tree == treeISO {
			copy(b[at:at+n], bytes.Repeat([]byte{' '}, n))
			copy(b[at:at+n], strings.ToUpper(s))
			return
		}
		u := utf16.Encode([]rune(s))
		for i := 0; i+1 < n; i += 2 {
			v := uint16(' ')
			if i/2 < len(u) {
				v = u[i/2]
			}
			binary.BigEndian.PutUint16(b[at+i:], v)
		}
	}
	b[0], b[6] = typePrimary, 1
	if tree == treeJoliet {
		b[0] = typeSupplementary
		copy(b[88:], "%/E") // UCS-2 level 3
	}
	copy(b[1:], "CD001")
	text(8, 32, "")
	text(40, 32, o.Label)
	both32(b[80:], uint32(sectors))
	both16(b[120:], 1) // volume set size
	both16(b[124:], 1) // volume sequence number
	both16(b[128:], sectorSize)
	both32(b[132:], uint32(t.size))
	half := (t.end - t.sectorL) / 2
	binary.LittleEndian.PutUint32(b[140:], uint32(o.Base+t.sectorL))
	binary.BigEndian.PutUint32(b[148:], uint32(o.Base+t.sectorL+half))
	copy(b[156:190], record([]byte{0}, o.Base+root.sector[tree], root.size[tree], flagDirectory, o.Created))
	text(190, 128, "")               // volume set
	text(318, 128, "")               // publisher
	text(446, 128, "")               // data preparer
	text(574, 128, "RIPSTATION SIM") // application
	text(702, 37, "")
	text(739, 37, "")
	text(776, 37, "")
	copy(b[813:], o.Created.Format("20060102150405")+"00")
	copy(b[830:], o.Created.Format("20060102150405")+"00")
	copy(b[847:], strings.Repeat("0", 16)) // never expires
	copy(b[864:], strings.Repeat("0", 16)) // effective at once
	b[881] = 1
}
