package udf

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"ripstation/discfs/tree"
)

// partition is a stretch of the volume (ECMA-167 3/10.5), in blocks.
type partition struct{ start, length int64 }

// mapping says where the blocks of one partition reference stand.
type mapping interface {
	// place gives the byte of the image at which a block stands, and how many
	// blocks follow each other from there, at least 1.
	place(block int64) (off, run int64, err error)
}

var errBlock = errors.New("its block lies outside of the partition")

// partitions reads the partition maps of the logical volume descriptor (3/10.7;
// UDF 2.60, 2.2.8 to 2.2.10).
func (r *reader) partitions() error {
	r.parts = map[uint16]partition{}
	for n, p := range r.vol.partitions {
		r.parts[n] = partition{int64(le32(p[188:])), int64(le32(p[192:]))}
		r.bitmap(n, p)
	}
	l := r.vol.logical
	table := l[440:min(440+int(min(le32(l[264:]), uint32(len(l)))), len(l))]
	count := int(le32(l[268:]))
	if count < 1 || count > 64 {
		return fmt.Errorf("it has %d partition maps", count)
	}
	for i := range count {
		if len(table) < 2 || int(table[1]) < 2 || int(table[1]) > len(table) {
			return fmt.Errorf("partition map %d is cut off", i)
		}
		m := table[:table[1]]
		table = table[table[1]:]
		made, err := r.mapOf(m)
		if err != nil {
			return fmt.Errorf("partition map %d: %w", i, err)
		}
		r.maps = append(r.maps, made)
	}
	return nil
}

func (r *reader) mapOf(m []byte) (mapping, error) {
	switch {
	case m[0] == 1 && len(m) >= 6:
		return r.physical(le16(m[4:]))
	case m[0] != 2 || len(m) < 64:
		return nil, fmt.Errorf("the type %d of %d bytes is not known", m[0], len(m))
	}
	base, err := r.physical(le16(m[38:]))
	if err != nil {
		return nil, err
	}
	switch id := strings.TrimRight(string(m[5:28]), "\x00"); id {
	case "*UDF Virtual Partition":
		return r.virtual(base)
	case "*UDF Sparable Partition":
		return r.sparable(base, m)
	case "*UDF Metadata Partition":
		return r.metadata(base, m, uint16(len(r.maps)))
	default:
		return nil, fmt.Errorf("the type %q is not known", tree.CleanText(id, 32))
	}
}

func (r *reader) physical(number uint16) (*physical, error) {
	p, ok := r.parts[number]
	if !ok {
		return nil, fmt.Errorf("there is no partition %d", number)
	}
	if p.start*r.bs > r.src.Size() {
		r.silent("F506", "partition %d begins behind the end of the image", number)
	}
	return &physical{p, r.bs}, nil
}

// bitmap notes where a partition's space bitmap or table stands (4/14.3).
func (r *reader) bitmap(number uint16, p []byte) {
	for i, what := range []string{"unallocated space table", "unallocated space bitmap"} {
		size, at := int64(le32(p[56+8*i:])&0x3fffffff), int64(le32(p[60+8*i:]))
		if size > 0 {
			r.structure((int64(le32(p[188:]))+at)*r.bs, size, "%s of partition %d", what, number)
		}
	}
}

type physical struct {
	partition
	bs int64
}

func (m *physical) place(block int64) (int64, int64, error) {
	if block < 0 || block >= m.length {
		return 0, 0, errBlock
	}
	return (m.start + block) * m.bs, m.length - block, nil
}

// sparable is a partition some of whose packets stand elsewhere (UDF 2.60,
// 2.2.9).
type sparable struct {
	base   *physical
	packet int64
	moved  map[int64]int64 // packet's first block in the partition: block of the volume
}

func (m *sparable) place(block int64) (int64, int64, error) {
	off, _, err := m.base.place(block)
	if err != nil {
		return 0, 0, err
	}
	in := block % m.packet
	run := min(m.packet-in, m.base.length-block)
	if to, ok := m.moved[block-in]; ok {
		off = (to + in) * m.base.bs
	}
	return off, run, nil
}

// sparable reads the first sparing table that proves itself (2.2.12).
func (r *reader) sparable(base *physical, m []byte) (mapping, error) {
	s := &sparable{base: base, packet: int64(le16(m[40:])), moved: map[int64]int64{}}
	if s.packet < 1 {
		return nil, errors.New("a packet of no blocks")
	}
	good := 0
	for i := range min(int(m[42]), 4) {
		at := int64(le32(m[48+4*i:]))
		size := min(int64(le32(m[44:])), 56+8*65536)
		p, err := r.src.Read(at*r.bs, int(max(size, 56)))
		if err != nil {
			r.silent("F507", "sparing table at block %d: %v", at, err)
			continue
		}
		r.structure(at*r.bs, size, "sparing table %d", i+1)
		if _, err := checkTag(p, at); err != nil || !strings.HasPrefix(string(p[17:40]), "*UDF Sparing Table") {
			r.silent("F507", "sparing table at block %d: %v", at, cmp.Or(err, error(errTag)))
			continue
		}
		if good++; good > 1 {
			continue
		}
		for k := range min(int(le16(p[48:])), (len(p)-56)/8) {
			from, to := le32(p[56+8*k:]), le32(p[60+8*k:])
			if from < 0xfffffff0 {
				s.moved[int64(from)] = int64(to)
			}
		}
	}
	if good == 0 {
		r.silent("F507", "no sparing table could be read: packets that were moved are not found")
	} else {
		r.sheet.Pass("F507", "%d sparing tables", good)
	}
	return s, nil
}

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

// metadata is a partition that stands in a file of the physical one (UDF 2.60,
// 2.2.13).
type metadata struct {
	extents []tree.Extent
	starts  []int64 // of each extent, in bytes of the partition
	bs      int64
	mirror  *metadata // nil when there is none, or it is itself one
}

func (m *metadata) place(block int64) (int64, int64, error) {
	off := block * m.bs
	lo, hi := 0, len(m.extents)
	for lo < hi {
		if mid := (lo + hi) / 2; m.starts[mid]+m.extents[mid].Length > off {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if block < 0 || lo == len(m.extents) || m.extents[lo].Offset < 0 {
		return 0, 0, errBlock
	}
	in := off - m.starts[lo]
	return m.extents[lo].Offset + in, max((m.extents[lo].Length-in)/m.bs, 1), nil
}

// metadata reads the metadata file's extents, or its mirror's.
func (r *reader) metadata(base *physical, m []byte, _ uint16) (mapping, error) {
	r.maps = append(r.maps, base)
	ref := uint16(len(r.maps) - 1)
	defer func() { r.maps = r.maps[:ref] }()
	var entries [2]*entry
	for i, what := range []string{"metadata file", "metadata mirror file"} {
		e, off, err := r.icb(longAD{block: int64(le32(m[40+4*i:])), ref: ref, n: r.bs})
		if err != nil {
			r.silent("F507", "%s: %v", what, err)
			continue
		}
		if e.kind != byte(250+i) {
			r.sheet.Warn("F507", "%s: its entry has the file type %d", what, e.kind)
		}
		r.structure(off, r.bs, "entry of the %s", what)
		for _, x := range e.extents {
			r.structure(x.Offset, x.Length, "%s", what)
		}
		entries[i] = &e
	}
	main, mirror := r.extentsOf(entries[0]), r.extentsOf(entries[1])
	switch {
	case main == nil && mirror == nil:
		return nil, errors.New("neither the metadata file nor its mirror could be read")
	case main == nil:
		return mirror, nil
	}
	main.mirror = mirror
	r.sheet.Pass("F507", "metadata file of %d bytes", entries[0].size)
	return main, nil
}

// extentsOf makes a partition of a metadata file's extents; nil when it has
// none.
func (r *reader) extentsOf(e *entry) *metadata {
	if e == nil || len(e.extents) == 0 {
		return nil
	}
	out := &metadata{extents: e.extents, bs: r.bs}
	var at int64
	for _, x := range e.extents {
		out.starts = append(out.starts, at)
		at += x.Length
	}
	return out
}
