package simdrive

import (
	"slices"
	"sort"
	"sync"

	"ripstation/disc"
)

// tally counts how often each sector was given. It holds runs of equal
// counts, so a disc read from end to end costs a single run.
type tally struct {
	mu   sync.Mutex
	runs []run // in order, apart, no count of 0, no two that touch with one count
}

type run struct {
	start, end int64
	count      int
}

// add counts one more for every sector of [start, end).
func (t *tally) add(start, end int64) {
	if start >= end {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.runs); n > 0 && t.runs[n-1].end == start && t.runs[n-1].count == 1 {
		t.runs[n-1].end = end // the common case: reading on
		return
	}
	// lo..hi are the runs that touch or overlap the extent.
	lo := sort.Search(len(t.runs), func(i int) bool { return t.runs[i].end >= start })
	hi := lo
	for hi < len(t.runs) && t.runs[hi].start <= end {
		hi++
	}
	var out []run
	put := func(s, e int64, c int) {
		if s >= e {
			return
		}
		if n := len(out); n > 0 && out[n-1].end == s && out[n-1].count == c {
			out[n-1].end = e
			return
		}
		out = append(out, run{s, e, c})
	}
	at := start
	for _, r := range t.runs[lo:hi] {
		put(r.start, min(r.end, start), r.count)
		put(at, min(max(r.start, at), end), 1)
		put(max(r.start, start), min(r.end, end), r.count+1)
		at = max(at, min(r.end, end))
		if r.end > end {
			put(at, end, 1)
			at = end
			put(max(r.start, end), r.end, r.count)
		}
	}
	put(at, end, 1)
	t.runs = slices.Replace(t.runs, lo, hi, out...)
}

func (t *tally) count(lba int64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := sort.Search(len(t.runs), func(i int) bool { return t.runs[i].end > lba })
	if i < len(t.runs) && t.runs[i].start <= lba {
		return t.runs[i].count
	}
	return 0
}

func (t *tally) each(f func(disc.Extent, int)) {
	t.mu.Lock()
	runs := slices.Clone(t.runs)
	t.mu.Unlock()
	for _, r := range runs {
		f(disc.Extent{Start: disc.LBA(r.start), Count: r.end - r.start}, r.count)
	}
}
