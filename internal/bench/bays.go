package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bayCase is what the bays of one station read.
type bayCase struct {
	Bays    int    `json:"bays"` // that work; one more hangs
	Sectors int64  `json:"sectors"`
	Speed   string `json:"speed"` // of a DVD drive; empty for no limit
	Rounds  int    `json:"rounds"`
}

var (
	sevenBays = bayCase{Bays: 7, Sectors: 128 << 20 / 2048, Speed: "16x", Rounds: 5}
	quickBays = bayCase{Bays: 7, Sectors: 4 << 20 / 2048, Speed: "", Rounds: 2}
)

// bayRound is one pair of runs, with and without a drive that hangs beside.
type bayRound struct {
	Without bayRun  `json:"without"`
	With    bayRun  `json:"with"`
	Ratio   float64 `json:"ratio"` // of the speeds: with a hanging drive to without
}

// bayFigures are all that was measured.
type bayFigures struct {
	Case   bayCase    `json:"case"`
	Rounds []bayRound `json:"rounds"`
	Ratio  float64    `json:"ratio"` // the median of the rounds
	Worst  float64    `json:"worst"`
}

// bayGoal is what a hanging drive may cost the others.
const bayGoal = 0.97

// benchBays measures what a drive that hangs costs the bays beside it.
func benchBays(ctx context.Context, s settings) (section, error) {
	c := sevenBays
	if s.quick {
		c = quickBays
	}
	f, err := measureBays(ctx, s, c)
	if err != nil {
		return section{}, err
	}
	return section{table: f.table(), method: bayMethod, result: f}, nil
}

func measureBays(ctx context.Context, s settings, c bayCase) (f bayFigures, err error) {
	dir, leave, err := workshop(s.dir)
	if err != nil {
		return f, err
	}
	defer leave()
	if err := roomFor(filepath.Dir(dir), 2*int64(c.Bays+1)*c.Sectors*2048); err != nil {
		return f, err
	}
	f.Case = c
	once := func(wedged bool) (bayRun, error) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return bayRun{}, err
		}
		r, err := inChild[bayRun](ctx, "child-bays", bayOrder{Case: c, Wedged: wedged, Dir: dir})
		return r, cmp.Or(err, os.RemoveAll(dir))
	}
	for n := range c.Rounds {
		// What warms up or fills up hits both alike.
		order := []bool{false, true}
		if n%2 == 1 {
			order = []bool{true, false}
		}
		var r bayRound
		for _, wedged := range order {
			run, err := once(wedged)
			if err != nil {
				return f, err
			}
			if wedged {
				r.With = run
			} else {
				r.Without = run
			}
		}
		r.Ratio = r.Without.Seconds / r.With.Seconds
		fmt.Fprintf(s.talk, "round %d of %d: %.2f s without a hanging drive, %.2f s with one, ratio of the speeds %.4f\n", n+1, c.Rounds, r.Without.Seconds, r.With.Seconds, r.Ratio)
		f.Rounds = append(f.Rounds, r)
	}
	ratios := make([]float64, 0, len(f.Rounds))
	for _, r := range f.Rounds {
		ratios = append(ratios, r.Ratio)
	}
	slices.Sort(ratios)
	f.Ratio, f.Worst = medianOf(ratios), ratios[0]
	return f, nil
}

// medianOf is the median of sorted numbers.
func medianOf(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (f bayFigures) table() string {
	var b strings.Builder
	bytes := float64(f.Case.Bays) * float64(f.Case.Sectors) * 2048 / 1e6
	b.WriteString("| round | without a hanging drive | with one beside | ratio of the speeds | cores busy with other work (without, with) |\n|---|---|---|---|---|\n")
	for i, r := range f.Rounds {
		fmt.Fprintf(&b, "| %d | %.1f MB/s (%.2f s) | %.1f MB/s (%.2f s) | %.4f | %.2f, %.2f |\n", i+1,
			bytes/r.Without.Seconds, r.Without.Seconds, bytes/r.With.Seconds, r.With.Seconds, r.Ratio, r.Without.Others, r.With.Others)
	}
	word := "met"
	if f.Ratio < bayGoal {
		word = "missed"
	}
	fmt.Fprintf(&b, "\nMedian ratio %.4f, the lowest %.4f; the goal of %.2f is %s.\n", f.Ratio, f.Worst, bayGoal, word)
	return b.String()
}

const bayMethod = `Each run is a process with a whole station in it, with eight bays on simulated DVD drives at the speed and acceleration of their name, in real time, one
directory store, spool and catalog on one disk. Seven bays are given a disc of 128 MiB each at one moment, and what is measured is the time from
then until the last of them has read its disc in full; sealing, sending and reading back of those that are done go on meanwhile. With a hanging drive
the eighth has a disc, too, and a read of it that never comes back, before the others are given theirs; without, it is empty. Runs come in pairs, in turn the one and the other first;
the ratio is the speed with a hanging drive divided by that without. Every disc must end as done, and the station must end although the call is
still out. What this does not say: what a real host adapter does to the drives on it when the kernel resets it.
`
