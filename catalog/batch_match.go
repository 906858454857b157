package catalog

import (
	"slices"
	"strings"

	"ripstation/internal/carrierlist"
)

// What people have still to say of a disc.
const (
	whichPart = "nobody has said which part of its item it is"
	whichSide = "nobody has said which side of its disc it is"
)

// slot is one side of a disc that a list expects, with the discs that came for
// it.
type slot struct {
	row  int // in the list
	side string
	came []int // of the discs: the best first
}

// matched is a list held against the discs that came.
type matched struct {
	slots []slot
	of    []int    // by disc: its slot, -1 when it is on no row
	why   []string // by disc: why it is on no row, or what of it nobody has said
}

// match finds the row of each disc by what people said of it: item, part, side.
// Nothing is taken from the order. A disc of which nobody said the part is on a
// row only where its item has no other part; of which nobody said the side, on
// any side of its disc that has not come, since it is the number of them that
// counts.
func match(rows []carrierlist.Row, discs []BatchDisc) matched {
	m := matched{of: make([]int, len(discs)), why: make([]string, len(discs))}
	byItem := map[string][]int{}
	for i, r := range rows {
		for _, s := range r.Slots() {
			byItem[r.Item] = append(byItem[r.Item], len(m.slots))
			m.slots = append(m.slots, slot{row: i, side: s.Side})
		}
	}
	var sideless []int
	fits := make([][]int, len(discs))
	for i, d := range discs {
		m.of[i] = -1
		if d.Item == "" {
			continue
		}
		all := byItem[d.Item]
		if len(all) == 0 {
			if len(rows) > 0 {
				m.why[i] = "its item is not on the list"
			}
			continue
		}
		part, parts := d.PartNumber, map[int]bool{}
		for _, s := range all {
			parts[rows[m.slots[s].row].Part] = true
		}
		if part == 0 && len(parts) > 1 {
			m.why[i] = whichPart
			continue
		}
		for _, s := range all {
			if p := rows[m.slots[s].row].Part; p != 0 && part != 0 && p != part {
				continue
			}
			if side := m.slots[s].side; side != "" && d.Side != "" && side != strings.ToUpper(d.Side) {
				continue
			}
			fits[i] = append(fits[i], s)
		}
		switch {
		case len(fits[i]) == 0:
			m.why[i] = "its item is on the list, and this part or side of it is not"
		case d.Side == "" && len(fits[i]) > 1:
			sideless = append(sideless, i)
		default:
			m.put(i, fits[i][0])
		}
	}
	for _, i := range sideless {
		free := slices.IndexFunc(fits[i], func(s int) bool { return len(m.slots[s].came) == 0 })
		m.put(i, fits[i][max(free, 0)])
		m.why[i] = whichSide
	}
	for s := range m.slots {
		m.best(s, discs)
	}
	return m
}

func (m *matched) put(disc, slot int) {
	m.of[disc] = slot
	m.slots[slot].came = append(m.slots[slot].came, disc)
}

// best leaves the slot to the disc that gave most; the others of it are on no
// row.
func (m *matched) best(s int, discs []BatchDisc) {
	came := m.slots[s].came
	if len(came) < 2 {
		return
	}
	slices.SortStableFunc(came, func(a, b int) int { return discs[b].worth() - discs[a].worth() })
	for _, i := range came[1:] {
		m.of[i], m.why[i] = -1, "another disc stands on its row"
	}
}

// worth orders the discs that came for one row.
func (d BatchDisc) worth() int {
	n := map[RowState]int{RowStored: 30, RowIncomplete: 20, RowNotCaptured: 10}[d.State]
	if d.Disposition == Rejected || d.Disposition == Withdrawn {
		n -= 25
	}
	return n
}
