package operator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// drawActs feeds every disc once, in their order or nearly so, with what goes
// amiss between.
func drawActs(rng *rand.Rand, n *Night, o Options) (acts []Act) {
	add := func(a Act) {
		a.N = len(acts)
		acts = append(acts, a)
	}
	scan := func() Scanned {
		if !o.Scans {
			return Forgotten
		}
		return pick(rng, Own, Own, Own, Own, AtDrive, AtDrive, Twice, Forgotten, Forgotten, Astray)
	}
	pause := func() time.Duration { return between(rng, 2*time.Second, 6*time.Minute) }
	var fed []int
	for i := 0; i < len(n.Discs); i++ {
		drive := rng.IntN(n.Drives)
		if i+1 < len(n.Discs) && o.Scans && rng.IntN(12) == 0 {
			add(Act{After: pause(), Do: Swap, Disc: i, Other: i + 1, Drive: drive})
			fed = append(fed, i, i+1)
			i++
			continue
		}
		add(Act{After: pause(), Do: Feed, Disc: i, Drive: drive, Scan: scan()})
		fed = append(fed, i)
		switch rng.IntN(14) {
		case 0:
			add(Act{After: between(rng, time.Second, 2*time.Minute), Do: Button, Drive: drive})
		case 1:
			add(Act{After: between(rng, time.Second, 5*time.Minute), Do: PushIn, Drive: rng.IntN(n.Drives)})
		case 2:
			add(Act{After: pause(), Do: Feed, Disc: pick(rng, fed...), Drive: drive, Scan: scan()})
		case 3:
			if o.Scans {
				add(Act{After: pause(), Do: Stray, Disc: rng.IntN(len(n.Discs))})
			}
		case 4:
			add(Act{After: between(rng, time.Second, 2*time.Minute), Do: Force, Drive: drive})
		case 5:
			add(Act{After: pause(), Do: Fetch, Drive: rng.IntN(n.Drives)})
		}
	}
	return acts
}

// drawFaults are up to a dozen, anywhere in the night.
func drawFaults(rng *rand.Rand, n *Night, o Options) (faults []Fault) {
	kinds := o.Faults
	if kinds == nil {
		kinds = []Trouble{StoreAway, StoreHangs, StoreSlow, StoreErrors, SpoolFull, Wedged, Unplugged, Spurious, Spurious, AutoClose, Jammed, Restart, Kill, CrashPoint, PowerCut}
	}
	if len(o.Points) == 0 {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(t Trouble) bool { return t == CrashPoint })
	}
	if len(kinds) == 0 {
		return nil
	}
	for range rng.IntN(13) {
		f := Fault{At: between(rng, 0, o.Length), What: pick(rng, kinds...), Drive: rng.IntN(n.Drives), Store: rng.IntN(n.Stores), Disc: -1}
		switch f.What {
		case StoreAway, StoreHangs, StoreSlow, StoreErrors:
			f.For = between(rng, time.Minute, 5*time.Hour)
		case SpoolFull:
			f.For = between(rng, time.Minute, 2*time.Hour)
		case Wedged, Unplugged:
			f.For = between(rng, 10*time.Second, time.Hour)
		case AutoClose, Jammed:
			f.For = between(rng, time.Minute, time.Hour)
		case Restart, Kill, PowerCut, CrashPoint:
			f.For = between(rng, 5*time.Second, 20*time.Minute)
			if f.What == CrashPoint {
				f.Point = fmt.Sprintf("%s:%d", pick(rng, o.Points...), 1+rng.IntN(4))
			}
			if rng.IntN(4) == 0 {
				f.Disc = rng.IntN(len(n.Discs))
			}
		}
		faults = append(faults, f)
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return int((a.At - b.At) / time.Second) })
	for i := range faults {
		faults[i].N = i
	}
	return faults
}

// drawMore draws what nights did not have at first, from numbers of its own:
// what a seed meant before stays as it was.
func drawMore(rng *rand.Rand, n *Night) {
	n.Disk = pick[int64](rng, 24<<20, 48<<20, 96<<20, 256<<20)
	for i := range n.Faults {
		if f := &n.Faults[i]; f.What == SpoolFull && rng.IntN(2) == 0 {
			f.Room = rng.Int64N(6 << 20)
		}
	}
	n.Acts = drawDesk(rng, n)
	n.Dark, n.Start, n.Failures = pick(rng, "", "pending"), pick(rng, "", "", "hold"), pick(rng, 0, 2, 3)
	for _, key := range []string{"done", "incomplete", "refused", "already", "needs_you", "failed"} {
		if rng.IntN(6) > 0 {
			continue
		}
		if n.Trays == nil {
			n.Trays = map[string]string{}
		}
		if n.Trays[key] = "hold"; key == "failed" {
			n.Trays[key] = "eject"
		}
	}
}

// drawDesk puts between the acts at the drives what a person says at the desk:
// one to three batches in half of the nights, each with corrections, and now and
// then a word on a disc that waits for one.
func drawDesk(rng *rand.Rand, n *Night) (acts []Act) {
	next := len(n.Acts)
	say := func(a Act) {
		a.N, a.After = next, between(rng, time.Second, time.Minute)
		next++
		acts = append(acts, a)
	}
	left, open := 0, false
	if rng.IntN(2) == 0 {
		left = 1 + rng.IntN(3)
	}
	correct := func() {
		a := Act{Do: pick(rng, BatchSwap, BatchShift, BatchShiftBack), Disc: 1 + rng.IntN(6)}
		if a.Other = 1 + rng.IntN(6); a.Do != BatchSwap && a.Other < a.Disc {
			a.Disc, a.Other = a.Other, a.Disc
		}
		say(a)
	}
	for i, a := range n.Acts {
		switch {
		case !open && left > 0 && rng.IntN(3) == 0:
			list := Act{Do: BatchOpen}
			for _, b := range n.Acts[i:min(i+12, len(n.Acts))] {
				if b.Do == Feed && !slices.Contains(list.List, b.Disc) && rng.IntN(8) > 0 {
					list.List = append(list.List, b.Disc)
				}
			}
			say(list)
			open, left = true, left-1
		case open && rng.IntN(9) == 0:
			say(Act{Do: BatchClose})
			open = false
			if rng.IntN(2) == 0 {
				correct()
			}
		case open && rng.IntN(6) == 0:
			correct()
		}
		switch rng.IntN(20) {
		case 0:
			say(Act{Do: Rip, Drive: rng.IntN(n.Drives)})
		case 1, 2:
			say(Act{Do: pick(rng, Retry, Retry, Accept, Reject)})
		}
		acts = append(acts, a)
	}
	if open && rng.IntN(4) > 0 {
		say(Act{Do: BatchClose})
	}
	return acts
}
