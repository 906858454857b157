package udf

import (
	"cmp"
	"errors"
	"strings"
)

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
