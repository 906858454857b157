package udf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"ripstation/discfs/tree"
)

// FuzzWalk reads what a sealed directory, and entries behind it, are made of:
// data fills the bodies of eight blocks, whose tags are then made right, so that
// what is tried lies behind the checksums.
func FuzzWalk(f *testing.F) {
	f.Add([]byte{0, 1, 2}, []byte("\x00\x00"))
	f.Add([]byte{0, 0, 1, 2, 3, 1, 0, 1}, bytes.Repeat([]byte{0, 3, 1}, 900))
	kinds := []uint16{tagFileEntry, tagExtendedFile, tagAllocation, tagIndirect, tagIdentifier}
	const bs, blocks = 512, 8
	f.Fuzz(func(t *testing.T, shape, data []byte) {
		image := make([]byte, bs*blocks)
		for i := range blocks {
			p := image[i*bs:][:bs]
			kind := tagExtendedFile
			if i < len(shape) {
				kind = int(kinds[int(shape[i])%len(kinds)])
			}
			p[27], p[34] = 4, 3 // an embedded directory, until data say otherwise
			n := min(len(data), bs-20)
			for k, b := range data[:n] {
				p[20+k] ^= b
			}
			data = data[n:]
			if kind == tagIdentifier {
				seal(p[:40], tagIdentifier, i, 40)
				continue
			}
			lengths := 168
			if kind == tagExtendedFile {
				lengths = 208
			}
			if at := lengths + 8; binary.LittleEndian.Uint32(p[lengths:]) == 0 && at+80 <= bs {
				for k := 0; k < 2; k++ { // names that lead on
					q := p[at+40*k:][:40]
					q[19], q[36], q[37] = 2, 0, 0
					seal(q, tagIdentifier, i, 40)
				}
			}
			seal(p, uint16(kind), i, bs)
		}
		src := tree.NewSource(bytes.NewReader(image), int64(len(image)))
		r := &reader{src: src, sheet: tree.NewSheet(Codes), bs: bs, budget: 1 << 16}
		r.maps = []mapping{&physical{partition{0, blocks}, bs}}
		w := &walker{r: r, v: &tree.Volume{}, seen: map[icbKey]string{}}
		root := &tree.Node{}
		if e, ok := w.fill(root, ".", longAD{n: bs}); ok {
			w.enter(root, ".", 0, longAD{n: bs}, e)
		}
		for i := 0; i < len(w.dirs); i++ {
			w.directory(w.dirs[i])
		}
		nodes := 0
		tree.Walk(root, func(path string, n *tree.Node) bool {
			nodes++
			seen := map[string]bool{}
			for _, c := range n.Children {
				if seen[c.Name] || tree.Name(c.Name) != c.Name {
					t.Errorf("name %q in %q", c.Name, path)
				}
				seen[c.Name] = true
			}
			return true
		})
		if nodes > 4*len(image)/38+1 {
			t.Errorf("%d nodes of %d bytes", nodes, len(image))
		}
	})
}
