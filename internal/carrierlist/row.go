// Package carrierlist reads a library's list of the carriers that a batch ought
// to hold (docs/decisions/0011): a CSV file with a header line.
package carrierlist

import (
	"fmt"
	"strings"
)

// Row is one disc of the list.
type Row struct {
	Item     string `json:"item"`
	Part     int    `json:"part"`  // from 1; 0 when the list does not say
	Parts    int    `json:"parts"` // how many there are; 0 when the list does not say
	Side     string `json:"side"`
	Title    string `json:"title"`
	TwoSided bool   `json:"two_sided"`
}

// Slot is one side of a disc: what one carrier can be.
type Slot struct {
	Item string
	Part int
	Side string // folded; empty when the list does not say
}

// Sides are the sides of a two-sided disc.
var Sides = [2]string{"A", "B"}

// Slots are the row's sides: two of a two-sided disc, else one.
func (r Row) Slots() []Slot {
	if r.TwoSided {
		return []Slot{{r.Item, r.Part, Sides[0]}, {r.Item, r.Part, Sides[1]}}
	}
	return []Slot{{r.Item, r.Part, strings.ToUpper(r.Side)}}
}

// Name is the row in words: "item 31234, part 2/3, side A".
func (r Row) Name() string {
	s := "item " + r.Item
	if r.Part > 0 {
		s += ", part " + r.PartText()
	}
	if r.Side != "" {
		s += ", side " + r.Side
	}
	return s
}

// PartText is "2/3", "2" when nobody says of how many, or empty.
func (r Row) PartText() string {
	switch {
	case r.Part == 0:
		return ""
	case r.Parts == 0:
		return fmt.Sprint(r.Part)
	}
	return fmt.Sprintf("%d/%d", r.Part, r.Parts)
}
