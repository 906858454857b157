package discfs

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// Whatever the layout of a file, its stretches in bad sectors are those that
// its pieces have, one by one.
func TestGapsAreThoseOfThePieces(t *testing.T) {
	const sectors = 300
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		marks := map[disc.Extent]disc.Status{}
		for at := int64(r.IntN(20)); at < sectors-5; at += int64(1 + r.IntN(60)) {
			n := int64(1 + r.IntN(4))
			marks[disc.Extent{Start: disc.LBA(at), Count: n}] = []disc.Status{disc.StatusUnreadable, disc.StatusContested, disc.StatusSuspect}[r.IntN(3)]
			at += n
		}
		sm := mapOf(t, sectors, marks)
		m := &Image{Size: sectors*disc.SectorSize - int64(r.IntN(3000))}
		n := &tree.Node{}
		for range 1 + r.IntN(3) {
			e := tree.Extent{Offset: int64(r.IntN(sectors * disc.SectorSize)), Length: int64(r.IntN(30_000))}
			if r.IntN(2) == 0 {
				e.Unit, e.Gap = 512*int64(1+r.IntN(9)), 512*int64(1+r.IntN(30))
			}
			n.Extents = append(n.Extents, e)
			n.Size += e.Length
		}
		n.Size -= min(n.Size, int64(r.IntN(500)))
		g := gapsOf(sm, believed)
		g.behind(m.Size)
		lost := map[int64]bool{}
		for _, x := range m.lost(n, g) {
			for b := x.Offset; b < x.End(); b++ {
				lost[b] = true
			}
		}
		left, want := n.Size, 0
		have := sm.Believed()
		for _, e := range n.Extents {
			for off, k := range e.Pieces() {
				for b := off; b < off+k && left > 0; b++ {
					left--
					bad := b >= m.Size || !have(b, 1)
					if bad {
						want++
					}
					if lost[b] != bad {
						// Another extent over the same bytes may have lost them.
						if bad {
							t.Fatalf("seed %d: byte %d of %v is not told as lost", seed, b, n.Extents)
						}
						t.Fatalf("seed %d: byte %d of %v is told as lost", seed, b, n.Extents)
					}
				}
			}
		}
		if (len(lost) == 0) != (want == 0) || len(lost) > want {
			t.Fatalf("seed %d: %d bytes are lost, want %d", seed, len(lost), want)
		}
	}
}

// A disc that names the same scratches in a hundred thousand files, in pieces or
// whole, is told of in bounded time; what was not looked at is not called whole.
func TestScratchesInEveryFileAreBounded(t *testing.T) {
	const sectors = 40_000
	marks := map[disc.Extent]disc.Status{}
	for at := disc.LBA(1000); at < sectors; at += 4 {
		marks[disc.Extent{Start: at, Count: 1}] = disc.StatusUnreadable
	}
	sm := mapOf(t, sectors, marks)
	m := &Image{Size: sectors * disc.SectorSize}
	root := dirNode("", 20)
	for i := range int64(100_000) {
		e := tree.Extent{Offset: (1000 + i%30_000) * disc.SectorSize, Length: 9000 * disc.SectorSize}
		if i%2 == 0 {
			e = tree.Extent{Offset: (1000 + i%30_000) * disc.SectorSize, Length: 4500 * disc.SectorSize, Unit: 2048, Gap: 2048}
		}
		root.Children = append(root.Children, &tree.Node{Name: fmt.Sprint(i), Mode: 0o444, Size: e.Length, Extents: []tree.Extent{e}})
	}
	m.Volumes = []*tree.Volume{{System: "ISO 9660", View: "ISO 9660", Root: root}}
	begun := time.Now()
	d := m.Damage(sm)
	if !d.Cut || d.Whole != 0 || d.Listed == 0 {
		t.Errorf("cut %v, %d of %d whole", d.Cut, d.Whole, d.Listed)
	}
	_, list := m.Listed(nil, sm)
	for _, e := range list {
		if len(e.Lost) == 0 {
			t.Fatalf("file %s has lost nothing", e.Path)
		}
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	} else {
		t.Logf("it took %v", took)
	}
}

// A further name of damaged bytes is told beside the first.
func TestFurtherNamesOfDamagedBytes(t *testing.T) {
	m := &Image{Size: 200 * disc.SectorSize}
	m.Volumes = []*tree.Volume{{System: "ISO 9660", View: "Rock Ridge", Root: dirNode("", 20,
		fileNode("a", at(50, 2, 0)), fileNode("b", at(60, 2, 0)), fileNode("c", at(50, 2, 0)))}}
	d := m.Damage(mapOf(t, 200, map[disc.Extent]disc.Status{{Start: 51, Count: 1}: disc.StatusUnreadable}))
	if len(d.Files) != 1 || d.Files[0].Path != "a" || fmt.Sprint(d.Files[0].Also) != "[c]" || d.Listed != 2 || d.Whole != 1 {
		t.Errorf("%+v", d)
	}
}
