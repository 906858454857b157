package udf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"ripstation/discfs/tree"
)

// seal gives a descriptor its tag (ECMA-167 3/7.2), its CRC over n bytes.
func seal(p []byte, id uint16, location, n int) {
	le := binary.LittleEndian
	le.PutUint16(p, id)
	le.PutUint16(p[2:], 3)
	le.PutUint16(p[8:], crc16(p[16:n]))
	le.PutUint16(p[10:], uint16(n-16))
	le.PutUint32(p[12:], uint32(location))
	p[4] = 0
	var sum byte
	for _, b := range p[:16] {
		sum += b
	}
	p[4] = sum
}

// Streams of streams, which the standard forbids, are not followed: block 2i is
// a file, and block 2i+1 its stream directory, which names block 2i+2.
func TestStreamsOfStreams(t *testing.T) {
	const levels, bs = 100, 2048
	image := make([]byte, (2*levels+1)*bs)
	le := binary.LittleEndian
	for i := range 2*levels + 1 {
		p := image[i*bs:][:bs]
		p[27] = 5
		le.PutUint16(p[34:], 3)
		if i%2 == 0 && i < 2*levels {
			le.PutUint32(p[152:], bs)
			le.PutUint32(p[156:], uint32(i+1))
		}
		if i%2 == 1 {
			p[27] = 13
			q := p[216:][:40]
			copy(q[38:], "\x08s")
			q[19] = 2
			le.PutUint32(q[20:], bs)
			le.PutUint32(q[24:], uint32(i+1))
			seal(q, tagIdentifier, i, 40)
			le.PutUint64(p[56:], 40)
			le.PutUint32(p[212:], 40)
		}
		seal(p, tagExtendedFile, i, bs)
	}
	r := &reader{src: tree.NewSource(bytes.NewReader(image), int64(len(image))), sheet: tree.NewSheet(Codes), bs: bs, budget: 1 << 20}
	r.maps = []mapping{&physical{partition{0, 2*levels + 1}, bs}}
	w := &walker{r: r, seen: map[icbKey]string{}}
	d := &folder{node: &tree.Node{}, path: "."}
	w.identifier(d, 0, "\x08f", longAD{n: bs})
	var names []string
	for _, c := range d.node.Children {
		names = append(names, c.Name)
	}
	if len(names) != 2 || names[0] != "f" || names[1] != "f:s" {
		t.Errorf("listed %q", names)
	}
}

// Equal names in a directory that breaks off are told apart as in a whole one.
func TestEqualNamesBeforeDamage(t *testing.T) {
	const bs = 2048
	image := make([]byte, bs)
	le := binary.LittleEndian
	for i := range 2 {
		q := image[40*i:][:40]
		copy(q[38:], "\x08s")
		q[19] = 2
		le.PutUint32(q[24:], 7)
		seal(q, tagIdentifier, 0, 40)
	}
	r := &reader{src: tree.NewSource(bytes.NewReader(image), bs), sheet: tree.NewSheet(Codes), bs: bs, budget: bs}
	r.maps = []mapping{&physical{partition{0, 1}, bs}}
	w := &walker{r: r, seen: map[icbKey]string{}}
	d := &folder{node: &tree.Node{}, path: ".", e: entry{size: 120, extents: []tree.Extent{{Length: bs}}}}
	w.directory(d)
	if c := d.node.Children; len(c) != 2 || c[0].Name != "s" || c[1].Name != "s~2" || d.node.Err == nil {
		t.Errorf("%d children, error %v", len(c), d.node.Err)
	}
}
