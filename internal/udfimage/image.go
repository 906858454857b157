// Package udfimage makes small UDF images for tests, from ECMA-167 and OSTA UDF
// 2.60: with a physical, sparable, virtual or metadata partition. No tool of
// Debian's writes files into all of these.
package udfimage

import (
	"bytes"
	"fmt"
	"path"
	"sort"
	"strings"
)

// Kind is a kind of partition.
type Kind string

// The kinds, each with the revision that an image of it claims.
const (
	Physical   Kind = "physical 2.01"
	Sparable   Kind = "sparable 2.01"
	Virtual150 Kind = "virtual 1.50"
	Virtual201 Kind = "virtual 2.01"
	Metadata   Kind = "metadata 2.50"
	// Metadata260 needs no more of a reader than revision 2.50 (UDF 2.60, 2.2.6.4).
	Metadata260 Kind = "metadata 2.60"
)

// Options say what is to be in an image.
type Options struct {
	Kind  Kind
	Label string
	Files []File
	// BadMain damages the metadata file, all of it, so that its mirror counts.
	BadMain bool
}

const (
	bs       = 2048
	start    = 272 // of the partition
	packet   = 32
	metaAt   = 32 // of the metadata file's content, in the partition
	mirrorAt = 96
	metaSize = 64
	dataAt   = 160
)

// builder puts one image together. Meta blocks are those of the partition that
// directories and entries stand in; data blocks are those of the physical one.
type builder struct {
	o    Options
	rev  uint16
	meta [][]byte
	data [][]byte
	// placed is where the entry of each file's path stands.
	placed      map[string]int
	files, dirs uint32
	err         error // of what cannot be laid down
}

// New makes an image.
func New(o Options) ([]byte, error) {
	b := &builder{o: o, rev: map[Kind]uint16{Physical: 0x201, Sparable: 0x201, Virtual150: 0x150, Virtual201: 0x201, Metadata: 0x250, Metadata260: 0x260}[o.Kind], placed: map[string]int{}}
	if b.rev == 0 {
		return nil, fmt.Errorf("udf image: there is no kind %q", o.Kind)
	}
	b.block() // block 0 is the file set descriptor's
	root := b.dir("", -1)
	if b.err != nil {
		return nil, b.err
	}
	copy(b.meta[0], b.fileSet(root))
	if b.split() && len(b.meta) > metaSize {
		return nil, fmt.Errorf("udf image: %d blocks of entries are more than %d", len(b.meta), metaSize)
	}
	return b.image()
}

// block takes a new meta block.
func (b *builder) block() int {
	b.meta = append(b.meta, make([]byte, bs))
	return len(b.meta) - 1
}

// store puts bytes into data blocks, and gives the first one's number in the
// physical partition.
func (b *builder) store(p []byte) int {
	first := len(b.data)
	for len(p) > 0 {
		block := make([]byte, bs)
		p = p[copy(block, p):]
		b.data = append(b.data, block)
	}
	return b.dataStart() + first
}

// dataStart is where data blocks begin, in the physical partition.
func (b *builder) dataStart() int { return dataAt }

// dir writes a directory and all below it, and gives its entry's block.
func (b *builder) dir(name string, parent int) int {
	at := b.block()
	b.dirs++
	if parent < 0 {
		parent = at
	}
	var ids []byte
	ids = append(ids, identifier("", at, parent, b.ref(), 2|8)...)
	seen := map[string]bool{}
	var names []string
	for _, f := range b.o.Files {
		rest, ok := strings.CutPrefix(f.Path, name)
		if first, _, _ := strings.Cut(rest, "/"); ok && first != "" && !seen[first] {
			seen[first] = true
			names = append(names, first)
		}
	}
	sort.Strings(names)
	for _, n := range names {
		flags, child := byte(0), 0
		if f := b.find(name + n); f != nil {
			child = b.file(*f)
		} else {
			flags, child = 2, b.dir(path.Clean(name+n)+"/", at)
		}
		ids = append(ids, identifier(n, at, child, b.ref(), flags)...)
	}
	// The directory's records stand in meta blocks of their own.
	var ads []byte
	for off := 0; off < len(ids); off += bs {
		n := min(bs, len(ids)-off)
		block := b.block()
		copy(b.meta[block], ids[off:off+n])
		ads = le32(ads, uint32(n))
		ads = le32(ads, uint32(block))
	}
	// A record's tag names the block that it begins in.
	b.retag(ids, ads)
	copy(b.meta[at], b.entry(at, 4, int64(len(ids)), ads, 0))
	return at
}

// retag gives every record of a directory the block that it stands in.
func (b *builder) retag(ids, ads []byte) {
	for off := 0; off < len(ids); {
		n := (38 + int(ids[off+19]) + 3) &^ 3
		block := get32(ads[off/bs*8+4:])
		seal(ids[off:off+n], 257, block, b.rev)
		off += n
	}
	for off := 0; off < len(ids); off += bs {
		copy(b.meta[get32(ads[off/bs*8+4:])], ids[off:min(off+bs, len(ids))])
	}
}

// ref is the partition reference of meta blocks.
func (b *builder) ref() uint16 {
	if b.o.Kind == Physical || b.o.Kind == Sparable {
		return 0
	}
	return 1
}

// split reports whether entries stand in a metadata file.
func (b *builder) split() bool { return b.o.Kind == Metadata || b.o.Kind == Metadata260 }

// image lays everything down.
func (b *builder) image() ([]byte, error) {
	length := dataAt + len(b.data) + 2*packet
	img := make([]byte, (start+length+400)*bs)
	at := func(n int) []byte { return img[n*bs : (n+1)*bs] }
	part := func(n int) []byte { return at(start + n) }
	for i, d := range b.data {
		copy(part(b.dataStart()+i), d)
	}
	last := len(img)/bs - 1
	switch b.o.Kind {
	case Physical:
		for i, m := range b.meta {
			copy(part(i), m)
		}
	case Sparable:
		for i, m := range b.meta {
			copy(part(i), m)
		}
		b.spare(at, part, length)
	case Virtual150, Virtual201:
		length = last - start + 1
		b.virtual(part, last-start)
	case Metadata, Metadata260:
		b.metadata(part)
	}
	b.volume(at, length)
	b.anchor(at(256), 256)
	if b.o.Kind != Virtual150 && b.o.Kind != Virtual201 {
		b.anchor(at(last), last)
	}
	return img, nil
}

// spare moves the packet of the first meta blocks to behind the partition, and leaves
// noise in its place.
func (b *builder) spare(at, part func(int) []byte, length int) {
	spare := start + length + packet
	for i := range packet {
		copy(at(spare+i), part(i))
		copy(part(i), bytes.Repeat([]byte{0x5a}, bs))
	}
	for _, place := range []int{80, 112} {
		p := at(place)
		copy(p[16:], regid("*UDF Sparing Table", b.rev))
		put16(p[48:], 1)
		put32(p[56:], 0)
		put32(p[60:], uint32(spare))
		sealN(p[:64], 0, place, b.rev, 48)
	}
}

// virtual scatters the meta blocks, and writes the table that finds them into the last
// block.
func (b *builder) virtual(part func(int) []byte, last int) {
	var table []byte
	for i, m := range b.meta {
		place := 1 + (i*7)%127
		copy(part(place), m)
		table = le32(table, uint32(place))
	}
	kind := byte(248)
	if b.o.Kind == Virtual150 {
		kind = 0
		table = append(table, regid("*UDF Virtual Alloc Tbl", b.rev)...)
		table = le32(table, 1<<32-1)
	} else {
		head := make([]byte, 152)
		put16(head, 152)
		copy(head[4:132], dstring(b.o.Label, 128))
		put32(head[132:], 1<<32-1)
		table = append(head, table...)
	}
	copy(part(last), b.entry(last, kind, int64(len(table)), table, 3))
}

// metadata writes the metadata file and its mirror.
func (b *builder) metadata(part func(int) []byte) {
	for i, m := range b.meta {
		copy(part(metaAt+i), m)
		copy(part(mirrorAt+i), m)
	}
	for i, place := range []int{metaAt, mirrorAt} {
		var ads []byte
		ads = le32(ads, metaSize*bs)
		ads = le32(ads, uint32(place))
		copy(part(i), b.entry(i, byte(250+i), metaSize*bs, ads, 0))
	}
	if b.o.BadMain {
		for i := range b.meta {
			copy(part(metaAt+i), bytes.Repeat([]byte{0xa5}, bs))
		}
	}
}
