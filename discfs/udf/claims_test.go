package udf

import (
	"encoding/binary"
	"math"
	"testing"

	"ripstation/discfs/tree"
)

// A partition claims its start and length times the block size, literally; what no
// int64 holds stays the largest claim, and does not become a small one.
func TestClaims(t *testing.T) {
	for _, c := range []struct {
		start, length, block uint32
		want                 int64
	}{
		{257, 1000, 2048, 1257 * 2048},
		{0, 1 << 20, 512, 1 << 29},
		{257, 1000, 0, 0},
		{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxInt64},
		{1 << 31, 1 << 31, 1 << 31, math.MaxInt64},
		{1 << 31, 1 << 31, 1 << 30, 1 << 62},
	} {
		l, p := make([]byte, 512), make([]byte, 512)
		binary.LittleEndian.PutUint32(l[212:], c.block)
		binary.LittleEndian.PutUint32(p[188:], c.start)
		binary.LittleEndian.PutUint32(p[192:], c.length)
		r := &reader{bs: 2048, sheet: tree.NewSheet(Codes)}
		r.vol.logical, r.vol.partitions = l, map[uint16][]byte{0: p}
		r.claims()
		if len(r.found.Claims) != 1 || r.found.Claims[0].Bytes != c.want || r.found.Claims[0].System != UDF {
			t.Errorf("%+v: %+v", c, r.found.Claims)
		}
	}
}
