package udfimage

import (
	"fmt"
	"strings"
)

// File is one file, symbolic link, or further name of a file.
type File struct {
	Path string
	Data []byte
	// Hole is how many bytes that were never recorded come before Data.
	Hole int64
	// Embedded puts the data into the file's entry; at most 1,500 bytes.
	Embedded bool
	Link     string // a symbolic link's target
	// Same is the path of the file that this is a further name of.
	Same string
	// Chained puts every block of the data into an extent of its own, four to a
	// descriptor: the others follow in allocation extent descriptors (4/14.5).
	Chained bool
	// Ragged lets the first of several extents say that it has 3 bytes, as Linux
	// does now and then of a file that grew (against 4/12.1).
	Ragged bool
	// Rewritten has an older entry, whose ICB leads to the one that counts
	// (strategy 4096: UDF 2.60, 2.3.5.1).
	Rewritten bool
}

func (b *builder) find(p string) *File {
	for i := range b.o.Files {
		if b.o.Files[i].Path == p {
			return &b.o.Files[i]
		}
	}
	return nil
}

// file writes a file's entry, unless another name has it already; its data go
// into the physical partition.
func (b *builder) file(f File) int {
	if f.Same != "" {
		first := b.find(f.Same)
		if first == nil || first.Same != "" {
			b.err = fmt.Errorf("udf image: %s is a further name of %q, which is no file", f.Path, f.Same)
			return 0
		}
		f = *first
	}
	if at, ok := b.placed[f.Path]; ok {
		return at
	}
	b.files++
	at := b.block()
	b.placed[f.Path] = at
	current := at
	if f.Rewritten {
		indirect := b.block()
		current = b.block()
		b.block() // where the next indirect entry would stand
		copy(b.meta[at], b.entry(at, 5, 5, []byte("older"), 3))
		b.strategy(at)
		copy(b.meta[indirect], b.indirect(indirect, current))
	}
	kind, size, ads, form := b.layout(f)
	copy(b.meta[current], b.entry(current, kind, size, ads, form))
	put16(b.meta[current][48:], b.names(f.Path))
	if f.Rewritten {
		b.strategy(current)
	} else {
		b.reseal(current)
	}
	return at
}

// names is how many names lead to a file.
func (b *builder) names(p string) uint16 {
	n := uint16(1)
	for _, f := range b.o.Files {
		if f.Same == p {
			n++
		}
	}
	return n
}

// layout stores a file's data, and gives what its entry says of them.
func (b *builder) layout(f File) (kind byte, size int64, ads []byte, form uint16) {
	switch {
	case f.Link != "":
		var p []byte
		for _, part := range strings.Split(f.Link, "/") {
			if part == ".." {
				p = append(p, 3, 0, 0, 0)
				continue
			}
			id := characters(part)
			p = append(append(p, 5, byte(len(id)), 0, 0), id...)
		}
		return 12, int64(len(p)), p, 3
	case f.Embedded:
		return 5, int64(len(f.Data)), f.Data, 3
	}
	if f.Hole > 0 {
		ads = append(ads, longAD(uint32(f.Hole)|2<<30, 0, 0)...)
	}
	// Two extents that do not follow each other, where there is enough.
	piece := 2 * bs
	if f.Chained {
		piece = bs
	}
	for rest, n := f.Data, 0; n == 0 || len(rest) > 0; n++ {
		part := rest
		if (n == 0 || f.Chained) && len(part) > piece {
			part = part[:piece]
		}
		if n > 0 {
			b.store(make([]byte, bs)) // a block of nobody's
		}
		ads = append(ads, longAD(uint32(len(part)), b.store(part), 0)...)
		rest = rest[len(part):]
	}
	if f.Ragged {
		put32(ads, 3)
	}
	if f.Chained {
		ads = b.chain(ads)
	}
	return 5, f.Hole + int64(len(f.Data)), ads, 1
}

// chain leaves four allocation descriptors, and one that leads to the others.
func (b *builder) chain(ads []byte) []byte {
	const most = 4 * 16
	if len(ads) <= most {
		return ads
	}
	at := b.block()
	rest := b.chain(ads[most:])
	p := b.meta[at]
	put32(p[20:], uint32(len(rest)))
	copy(p[24:], rest)
	sealN(p, 258, at, b.rev, 24+len(rest)-16)
	return append(append([]byte{}, ads[:most]...), longAD(bs|3<<30, at, b.ref())...)
}

// strategy makes an entry one of a chain of entries (4/14.6.2).
func (b *builder) strategy(at int) {
	p := b.meta[at]
	put16(p[20:], 4096)
	put16(p[22:], 1)
	put16(p[24:], 2)
	b.reseal(at)
}

// reseal proves an entry anew that was changed.
func (b *builder) reseal(at int) {
	p := b.meta[at]
	sealN(p, uint16(get32(p)&0xffff), at, b.rev, get32(p[8:])>>16)
}

// indirect is an indirect entry (4/14.7).
func (b *builder) indirect(at, to int) []byte {
	p := make([]byte, 52)
	put16(p[20:], 4096)
	put16(p[22:], 1)
	put16(p[24:], 2)
	p[27] = 3
	copy(p[36:], longAD(bs, to, b.ref()))
	seal(p, 259, at, b.rev)
	return p
}
