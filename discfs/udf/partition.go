package udf

import (
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
