package e2e

import (
	"bytes"
	"slices"
	"testing"

	"ripstation/disc"
)

// A seed means the same soak on every machine, and its discs are what their
// kinds say: copies are equal, almost equal ones are so in all but one file.
func TestSoakScriptFollowsFromItsSeed(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		one, err := newScript(seed)
		if err != nil {
			t.Fatal(err)
		}
		two, err := newScript(seed)
		if err != nil {
			t.Fatal(err)
		}
		if one.String() != two.String() {
			t.Errorf("seed %d gives two scripts:\n%s\n%s", seed, one, two)
		}
		if len(one.pieces) != 24 || len(one.faults) != 10 {
			t.Errorf("seed %d has %d discs and %d faults", seed, len(one.pieces), len(one.faults))
		}
		var whole [][]byte
		for i, p := range one.pieces {
			whole = append(whole, onDisc(t, p.m))
			if !bytes.Equal(whole[i], onDisc(t, two.pieces[i].m)) {
				t.Errorf("seed %d: %s has other bytes the second time", seed, p)
			}
			for k, q := range one.pieces[:i] {
				if same := bytes.Equal(whole[i], whole[k]); same != (p.content == q.content) && !p.refused {
					t.Errorf("seed %d: equal is %v of\n%s\n%s", seed, same, p, q)
				}
				if p.label == q.label && p.content != q.content {
					almost(t, p, q, whole[i], whole[k])
				}
			}
		}
		if slices.IndexFunc(one.pieces, func(p *piece) bool { return p.habit == exchanged }) < 0 && seed == 1 {
			t.Errorf("seed 1 has no disc that is exchanged by a paper clip:\n%s", one)
		}
	}
}

// almost holds two discs of one label against being equal in size, in their
// descriptors, and in most but not all of their sectors.
func almost(t *testing.T, p, q *piece, a, b []byte) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s\n%s\nare not of one size", p, q)
	}
	differ := 0
	for at := 0; at < len(a); at += disc.SectorSize {
		if !bytes.Equal(a[at:at+disc.SectorSize], b[at:at+disc.SectorSize]) {
			if at < 20*disc.SectorSize {
				t.Errorf("%s\n%s\ndiffer in sector %d already", p, q, at/disc.SectorSize)
			}
			differ++
		}
	}
	if share := float64(differ) / float64(len(a)/disc.SectorSize); share < 0.2 || share > 0.4 {
		t.Errorf("%s\n%s\ndiffer in %d of %d sectors", p, q, differ, len(a)/disc.SectorSize)
	}
}
