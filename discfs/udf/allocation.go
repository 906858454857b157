package udf

import (
	"errors"
	"fmt"

	"ripstation/discfs/tree"
)

const (
	// maxExtents bounds those of one file.
	maxExtents = 1 << 20
	// maxContinued bounds the chain of allocation extents of one file.
	maxContinued = 1 << 16
)

// longAD is a long allocation descriptor (ECMA-167 4/14.14.2).
type longAD struct {
	n     int64 // bytes
	kind  byte  // of the extent
	block int64
	ref   uint16 // partition reference
}

func parseLong(p []byte) longAD {
	l := le32(p)
	return longAD{int64(l & 0x3fffffff), byte(l >> 30), int64(le32(p[4:])), le16(p[8:])}
}

// allocation reads allocation descriptors (4/14.14) of the kind: 0 short, 1
// long, 2 extended.
func (r *reader) allocation(e *entry, p []byte, kind uint16, ref uint16) error {
	size, ok := map[uint16]int{0: 8, 1: 16, 2: 20}[kind]
	if !ok {
		return fmt.Errorf("its allocation descriptors are of the unknown kind %d", kind)
	}
	for range maxContinued {
		var next *longAD
		for ; len(p) >= size; p = p[size:] {
			d := longAD{ref: ref}
			switch kind {
			case 0:
				l := le32(p)
				d.n, d.kind, d.block = int64(l&0x3fffffff), byte(l>>30), int64(le32(p[4:]))
			case 1:
				d = parseLong(p)
			case 2:
				l := le32(p)
				d.n, d.kind, d.block, d.ref = int64(l&0x3fffffff), byte(l>>30), int64(le32(p[12:])), le16(p[16:])
			}
			if d.n == 0 {
				break // the end of the list (4/12)
			}
			if d.kind == 3 {
				next = &d
				break
			}
			if err := r.extent(e, d); err != nil {
				return err
			}
		}
		if next == nil {
			return nil
		}
		q, off, id, err := r.descriptor(*next)
		if err == nil && id != tagAllocation {
			err = errTag
		}
		if err != nil {
			return fmt.Errorf("its allocation descriptors go on at block %d: %w", next.block, err)
		}
		for _, m := range e.meta {
			if m.Offset == off {
				return errors.New("its allocation descriptors go round in a circle")
			}
		}
		if len(e.meta) > 1<<12 {
			return errors.New("its chain of allocation descriptors is too long")
		}
		e.meta = append(e.meta, tree.Extent{Offset: off, Length: r.bs})
		n := min(int64(le32(q[20:])), r.bs-24)
		p = q[24 : 24+n]
	}
	return errors.New("its chain of allocation descriptors has no end")
}

// extent adds one extent to a file, in as many pieces as the partition needs.
func (r *reader) extent(e *entry, d longAD) error {
	if e.isDir() {
		if e.addStretch(d, 0, r.bs); len(e.stretches) > maxExtents {
			return fmt.Errorf("it has more than %d extents", maxExtents)
		}
	}
	e.whole(d.n, r.bs)
	if d.kind != 0 { // not recorded (4/14.14.1.1)
		return e.add(tree.Extent{Offset: tree.Hole, Length: d.n})
	}
	if int(d.ref) >= len(r.maps) {
		return fmt.Errorf("there is no partition reference %d", d.ref)
	}
	for left, block := d.n, d.block; left > 0; {
		off, run, err := r.maps[d.ref].place(block)
		if err != nil {
			return fmt.Errorf("block %d: %w", block, err)
		}
		n := min(left, run*r.bs)
		if r.work++; r.work > 4*(r.src.Size()/r.bs)+1<<16 {
			return tree.ErrBudget
		}
		if err := e.add(tree.Extent{Offset: off, Length: n}); err != nil {
			return err
		}
		left -= n
		block += run
	}
	return nil
}

// whole comes before every extent of n bytes. The one before it may not have
// ended inside of a block if the file's body goes on (4/12.1). Linux leaves such
// extents behind, and means all of their last block.
func (e *entry) whole(n, bs int64) {
	if e.isDir() {
		return
	}
	if k := len(e.extents); k > 0 && e.pad > 0 && e.body < e.size {
		e.extents[k-1].Length += e.pad
		e.body += e.pad
		e.ragged = true
	}
	e.body += n
	e.pad = (bs - n%bs) % bs
}

// add takes an extent up.
func (e *entry) add(x tree.Extent) error {
	if e.join(x); len(e.extents) > maxExtents {
		e.extents = e.extents[:maxExtents]
		return fmt.Errorf("it has more than %d extents", maxExtents)
	}
	return nil
}

// join puts an extent behind the others; one with the last where it follows that
// on the image.
func (e *entry) join(x tree.Extent) {
	if n := len(e.extents); n > 0 {
		last := &e.extents[n-1]
		if x.Offset >= 0 && last.Offset >= 0 && last.Offset+last.Length == x.Offset || x.Offset < 0 && last.Offset < 0 && last.Length < 1<<61 {
			last.Length += x.Length
			return
		}
	}
	e.extents = append(e.extents, x)
}

// held is how many bytes the extents have together.
func (e *entry) held() (n int64) {
	for _, x := range e.extents {
		n += x.Length
	}
	return n
}

// content reads bytes of a file for its structure's sake.
func (r *reader) content(e entry, off int64, n int) ([]byte, error) {
	var out []byte
	for _, x := range e.extents {
		if off >= x.Length {
			off -= x.Length
			continue
		}
		k := min(x.Length-off, int64(n-len(out)))
		if x.Offset < 0 {
			if k > 1<<20 {
				return nil, errors.New("a hole stands where a structure should")
			}
			out = append(out, make([]byte, k)...)
		} else {
			p, err := r.src.Read(x.Offset+off, int(k))
			if err != nil {
				return nil, err
			}
			out = append(out, p...)
		}
		off = 0
		if len(out) == n {
			return out, nil
		}
	}
	return nil, tree.ErrShort
}
