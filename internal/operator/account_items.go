package operator

import "slices"

// items asks of every identifier whether a person gave it to this disc.
func (a *account) items() {
	for _, c := range a.Carriers {
		if c.Item == "" {
			continue
		}
		var may []string
		for _, x := range a.arrivals {
			// A job can be gone on with by a disc that looks like the first: then the image
			// says which of them the identifier has to be of.
			of := a.bears[c.ID] == nil || slices.Contains(a.bears[c.ID], a.disc(x.Disc).Content())
			if of && slices.Contains(a.discs[c.ID], x.Disc) {
				may = append(may, x.Codes...)
				if !x.Beside { // nothing was scanned for it: it passes for the one that was taken out
					may = append(may, a.saidOf(c.ID)...)
				}
			}
		}
		for _, e := range a.diary {
			if e.What == Corrected && e.Carrier == c.ID {
				may = append(may, e.Code)
			}
		}
		if !slices.Contains(may, c.Item) {
			a.flaw("carrier %s (%s) is said to be item %s; what was scanned allows %v", c.ID, a.names(a.discs[c.ID]), c.Item, may)
		}
	}
}

// saidOf is what was scanned of all discs whose captures a carrier has.
func (a *account) saidOf(id string) (codes []string) {
	for _, x := range a.arrivals {
		if slices.Contains(a.discs[id], x.Disc) {
			codes = append(codes, x.Codes...)
		}
	}
	return codes
}
