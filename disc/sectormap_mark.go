package disc

import (
	"fmt"
	"math"
	"slices"
)

// Mark enters what a read (or the disc's own word) says of an extent. Evidence
// accumulates, and tries always grow, so that nothing is lost silently:
//
//   - read and suspect sectors, of which the image holds bytes, stay what they
//     are when a later read fails; a suspect one becomes read when marked read,
//     which the caller does when a further read agreed
//   - contested sectors stay so whatever is marked: only Forget ends it
//   - unreadable, protected and unrecorded sectors do not fall back to skipped,
//     and unrecorded ones not to unreadable or protected: a read that fails
//     there is what the disc foretold
//   - in all other cases the new status holds
//
// Untried and contested cannot be marked: see Forget and Contest. An error means that
// nothing was changed.
func (m *SectorMap) Mark(e Extent, s Status, ev Evidence) error {
	if s == StatusUntried || s == StatusContested || s > StatusRead {
		return fmt.Errorf("sector map: sectors cannot be marked %s", s)
	}
	return m.change("mark", e, ev.Drive, func(c cell) cell { return c.marked(s, ev) })
}

// Contest enters that a read of the extent gave other bytes than those the
// image holds. Every sector must be read, suspect or contested: without bytes nothing
// can be contradicted. An error means that nothing was changed.
func (m *SectorMap) Contest(e Extent, ev Evidence) error {
	if err := m.inside("contest", e); err != nil {
		return err
	}
	for at, ok := m.Next(^DataStatuses, e.Start); ok && at.Start < e.End(); {
		return fmt.Errorf("sector map: contest sectors %d to %d: the image holds no bytes of sector %d", e.Start, e.End()-1, at.Start)
	}
	return m.change("contest", e, ev.Drive, func(c cell) cell {
		return cell{StatusContested, ev.Drive, ev.Pass, addTries(c.tries, ev.Tries)}
	})
}

// Forget makes the sectors untried again: the bytes that the image held of
// them are not those that the drive gave.
func (m *SectorMap) Forget(e Extent) error {
	return m.change("forget", e, 0, func(cell) cell { return cell{} })
}

func (c cell) marked(s Status, ev Evidence) cell {
	tries := addTries(c.tries, ev.Tries)
	if !c.status.yields(s) {
		c.tries = tries
		return c
	}
	return cell{s, ev.Drive, ev.Pass, tries}
}

// yields reports whether a sector of status old takes the status s, or for an
// equal one the new evidence.
func (old Status) yields(s Status) bool {
	switch old {
	case StatusRead, StatusContested:
		return false
	case StatusSuspect:
		return s.HasBytes()
	case StatusUnrecorded:
		return s.HasBytes() || s == StatusUnrecorded
	case StatusUnreadable, StatusProtected:
		return s != StatusSkipped
	}
	return true
}

func addTries(a, b uint16) uint16 { return uint16(min(uint32(a)+uint32(b), math.MaxUint16)) }

func (m *SectorMap) inside(op string, e Extent) error {
	if e.Start < 0 || e.Count < 1 || e.Count > m.sectors-int64(e.Start) {
		return fmt.Errorf("sector map: %s %d sectors from %d: the map has sectors 0 to %d", op, e.Count, e.Start, m.sectors-1)
	}
	return nil
}

// change puts every sector of e through f.
func (m *SectorMap) change(op string, e Extent, drive uint8, f func(cell) cell) error {
	if err := m.inside(op, e); err != nil {
		return err
	}
	if int(drive) > len(m.drives) {
		return fmt.Errorf("sector map: %s %d sectors from %d: there is no drive %d in its table", op, e.Count, e.Start, drive)
	}
	first, last := m.find(e.Start), m.find(e.End()-1)
	// The neighbours that are cut, or may merge, are part of what is replaced.
	lo, hi := max(first-1, 0), min(last+1, len(m.runs)-1)
	var few [8]span
	next := few[:0]
	add := func(start LBA, c cell) {
		if len(next) == 0 || next[len(next)-1].cell != c {
			next = append(next, span{start, c})
		}
	}
	for i := lo; i <= hi; i++ {
		r := m.runs[i]
		if i < first || i > last {
			add(r.start, r.cell)
			continue
		}
		from, to, c := max(r.start, e.Start), min(m.end(i), e.End()), f(r.cell)
		if r.start < from {
			add(r.start, r.cell)
		}
		add(from, c)
		if to < m.end(i) {
			add(to, r.cell)
		}
		*m.counts.of(r.status) -= int64(to - from)
		*m.counts.of(c.status) += int64(to - from)
	}
	if len(next) == hi+1-lo {
		copy(m.runs[lo:], next)
	} else {
		m.runs = slices.Replace(m.runs, lo, hi+1, next...)
	}
	return nil
}
