package nights

import (
	"fmt"
	"slices"
	"strings"

	"ripstation/internal/operator"
)

// shrink leaves out acts and faults as long as the night still fails, at most
// for a number of tries.
func shrink(n operator.Night, tries int, fails func(operator.Night) bool) operator.Night {
	for half := true; half; {
		half = false
		for _, list := range []struct {
			of  func(operator.Night) int
			cut func(n operator.Night, from, to int) operator.Night
		}{
			{func(n operator.Night) int { return len(n.Faults) }, func(n operator.Night, from, to int) operator.Night {
				n.Faults = slices.Delete(slices.Clone(n.Faults), from, to)
				return n
			}},
			{func(n operator.Night) int { return len(n.Acts) }, func(n operator.Night, from, to int) operator.Night {
				n.Acts = slices.Delete(slices.Clone(n.Acts), from, to)
				return n
			}},
		} {
			for size := (list.of(n) + 1) / 2; size > 0; size /= 2 {
				for from := 0; from < list.of(n); {
					if tries--; tries < 0 {
						return n
					}
					less := list.cut(n, from, min(from+size, list.of(n)))
					if fails(less) {
						n, half = less, true
						continue
					}
					from += size
				}
			}
		}
	}
	return less(n)
}

// less leaves the discs that nobody touches without what takes room.
func less(n operator.Night) operator.Night {
	used := map[int]bool{}
	for _, a := range n.Acts {
		used[a.Disc], used[a.Other] = true, true
	}
	for _, f := range n.Faults {
		used[f.Disc] = true
	}
	last := 0
	for d := range used {
		last = max(last, d)
	}
	n.Discs = n.Discs[:min(last+2, len(n.Discs))] // one more for Astray
	return n
}

// script is a night for a person to read.
func script(n operator.Night) string {
	var s strings.Builder
	fmt.Fprintf(&s, "seed %d, %d drives, %d stores (both required: %v), eject %s\n", n.Seed, n.Drives, n.Stores, n.Both, n.Eject)
	met := map[int]bool{}
	for _, a := range n.Acts {
		for _, d := range []int{a.Disc, a.Other} {
			if !met[d] {
				met[d] = true
				fmt.Fprintf(&s, "  %s like %d, item %s, %d sectors, bad %v, shy %v\n", n.Discs[d].Name(), n.Discs[d].Model, n.Discs[d].Item, n.Discs[d].Sectors, n.Discs[d].Bad, n.Discs[d].Shy)
			}
		}
		fmt.Fprintf(&s, "  %v\n", a)
	}
	for _, f := range n.Faults {
		fmt.Fprintf(&s, "  fault %v\n", f)
	}
	return s.String()
}
