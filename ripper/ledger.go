package ripper

import (
	"fmt"
	"slices"
	"sort"

	"ripstation/disc"
)

// chunk is one line of the ledger: what the drive gave for an extent.
type chunk struct {
	disc.Extent
	status disc.Status
	disc.Evidence
	sum [32]byte // SHA-256 of the extent's bytes
	// nth tells a line from all others of its ledger, also from one that says
	// the same of other bytes: those of a chunk that was withdrawn and read anew.
	nth uint64
}

// ledger holds the chunks that are in force: sorted, disjoint.
type ledger struct {
	chunks []chunk
	// parts are lines that lie inside a larger chunk, by its start. The larger
	// one is in force until they cover it whole: a split that was cut off
	// half-way has not happened.
	parts map[disc.LBA][]chunk
	lines uint64 // added so far
	// changed is lines as it was when a chunk in force last went out of it.
	changed uint64
}

// search is the index of the first chunk that ends behind lba.
func (l *ledger) search(lba disc.LBA) int {
	return sort.Search(len(l.chunks), func(i int) bool { return l.chunks[i].End() > lba })
}

// add puts a line in force: a chunk of its own, one that replaces another of
// the same extent, or a part of a larger one. A line of untried sectors
// withdraws the chunk of its extent. Everything else is an error.
func (l *ledger) add(c chunk) error {
	l.lines++
	c.nth = l.lines
	i := l.search(c.Start)
	if i == len(l.chunks) || l.chunks[i].Start >= c.End() {
		if c.status != disc.StatusUntried {
			l.chunks = slices.Insert(l.chunks, i, c)
		}
		return nil
	}
	switch old := l.chunks[i]; {
	case old.Extent == c.Extent && c.status == disc.StatusUntried:
		delete(l.parts, c.Start)
		l.chunks = slices.Delete(l.chunks, i, i+1)
		l.changed = l.lines
	case old.Extent == c.Extent:
		delete(l.parts, c.Start)
		l.chunks[i] = c
		l.changed = l.lines
	case c.Start >= old.Start && c.End() <= old.End() && c.status != disc.StatusUntried:
		l.split(i, c)
	default:
		return fmt.Errorf("sectors %d to %d overlap the chunk of sectors %d to %d", c.Start, c.End()-1, old.Start, old.End()-1)
	}
	return nil
}

// split takes a part of chunk i, and puts the parts in its place once they
// are whole.
func (l *ledger) split(i int, c chunk) {
	whole := l.chunks[i]
	// Another way to split, of which only the beginning was written, has not
	// happened either.
	parts := slices.DeleteFunc(l.parts[whole.Start], func(p chunk) bool { return p.Start < c.End() && p.End() > c.Start })
	j := sort.Search(len(parts), func(j int) bool { return parts[j].Start >= c.End() })
	parts = slices.Insert(parts, j, c)
	var covered int64
	for _, p := range parts {
		covered += p.Count
	}
	if covered == whole.Count {
		l.chunks = slices.Replace(l.chunks, i, i+1, parts...)
		delete(l.parts, whole.Start)
		l.changed = l.lines
		return
	}
	if l.parts == nil {
		l.parts = map[disc.LBA][]chunk{}
	}
	l.parts[whole.Start] = parts
}

// unproven are the stretches of e that no chunk covers.
func (l *ledger) unproven(e disc.Extent) (gaps []disc.Extent) {
	at := e.Start
	for i := l.search(e.Start); at < e.End(); i++ {
		to := e.End()
		if i < len(l.chunks) {
			to = min(to, l.chunks[i].Start)
		}
		if to > at {
			gaps = append(gaps, disc.Extent{Start: at, Count: int64(to - at)})
		}
		if i == len(l.chunks) {
			break
		}
		at = l.chunks[i].End()
	}
	return gaps
}
