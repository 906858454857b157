package udf

import (
	"errors"
	"fmt"
	"strings"

	"ripstation/discfs/tree"
)

// virtual is a partition of a disc that is written once: a table says where
// each block was written last (UDF 2.60, 2.2.10 and 2.2.11).
type virtual struct {
	base  *physical
	table []byte // 4 bytes a block
}

func (m *virtual) place(block int64) (int64, int64, error) {
	if block < 0 || block >= int64(len(m.table)/4) {
		return 0, 0, errBlock
	}
	to := int64(le32(m.table[4*block:]))
	off, _, err := m.base.place(to)
	run := int64(1)
	for ; block+run < int64(len(m.table)/4) && int64(le32(m.table[4*(block+run):])) == to+run && run < 1<<20; run++ {
	}
	return off, run, err
}

// lastBlocks is how far before the end of the image the table's entry is
// looked for: behind it may be the run-out of a track.
const lastBlocks = 512

// maxAbsent is how many blocks that were not read yet it is looked for in.
const maxAbsent = 32

// virtual finds the virtual allocation table, whose entry is the last thing
// that was written.
func (r *reader) virtual(base *physical) (mapping, error) {
	last, absent := r.lastWritten(), 0
	for at := last; at > last-lastBlocks && at >= base.start; at-- {
		p, err := r.bytes(at*r.bs, int(r.bs))
		if errors.Is(err, tree.ErrAbsent) {
			// Asked for a few at a time: there may be nothing to find.
			if absent++; absent >= maxAbsent {
				break
			}
		}
		if err != nil {
			continue
		}
		id, err := checkTag(p, at-base.start)
		if err != nil || id != tagFileEntry && id != tagExtendedFile {
			continue
		}
		if kind := p[27]; kind != 248 && kind != 0 {
			continue
		}
		r.maps = append(r.maps, base) // its own extents are those of the physical partition
		e, err := r.entry(p, at*r.bs, uint16(len(r.maps)-1))
		r.maps = r.maps[:len(r.maps)-1]
		if err != nil {
			continue
		}
		table, err := r.table(e)
		if err != nil {
			r.silent("F507", "virtual allocation table at block %d: %v", at, err)
			continue
		}
		for _, x := range append(e.extents, tree.Extent{Offset: at * r.bs, Length: r.bs}) {
			r.structure(x.Offset, x.Length, "virtual allocation table")
		}
		r.sheet.Pass("F507", "virtual allocation table of %d blocks", len(table)/4)
		return &virtual{base, table}, nil
	}
	return nil, errors.New("the virtual allocation table, which is the last thing written, was not found: the disc was not closed, or the image lacks its end")
}

// maxPadding is how many blocks of zeroes at the end of an image are passed
// over on the way to what was written last.
const maxPadding = 32 << 20 / 2048

// lastWritten is the last block of the image that is not all zero.
func (r *reader) lastWritten() int64 {
	last := r.src.Size()/r.bs - 1
	for at := last; at > last-maxPadding && at > 0; at-- {
		p, err := r.src.Read(at*r.bs, int(r.bs))
		if errors.Is(err, tree.ErrAbsent) {
			return at // what it holds is not known yet
		}
		if err != nil {
			break
		}
		for _, b := range p {
			if b != 0 {
				return at
			}
		}
	}
	return last
}

// table is the content of the virtual allocation table: in UDF 1.50 entries and
// behind them its name, later a header and then entries.
func (r *reader) table(e entry) ([]byte, error) {
	if e.size > 4<<24 {
		return nil, fmt.Errorf("it has %d bytes", e.size)
	}
	p, err := r.content(e, 0, int(e.size))
	if err != nil {
		return nil, err
	}
	if e.kind == 248 {
		if len(p) < 152 || int(le16(p)) > len(p) || le16(p) < 152 {
			return nil, errors.New("its header is cut off")
		}
		return p[le16(p):], nil
	}
	if n := len(p) - 36; n >= 0 && strings.HasPrefix(string(p[n+1:]), "*UDF Virtual Alloc Tbl") {
		return p[:n], nil
	}
	return nil, errors.New("it does not bear the name of one")
}
