package operator

import "slices"

// worn reports whether sectors of a disc fail, or of one that is like it: its
// reading may have been broken off, and gone on with by this one.
func (a *account) worn(d Disc) bool {
	return slices.ContainsFunc(a.night.Discs, func(o Disc) bool {
		return (o.Number == d.Number || o.Model == d.Model) && len(o.Bad)+len(o.Shy) > 0
	})
}

// left is how many readings of discs that look like this one may have been
// broken off: one of which nobody has said which item it is can be gone on with
// by this disc, as long as every sector of it agrees.
func (a *account) left(d int) (n int) {
	for _, x := range a.arrivals {
		if x.Disc != d && a.disc(x.Disc).Model == a.disc(d).Model && a.broken(x) {
			n++
		}
	}
	return n
}

// broken reports whether a disc's reading may have been broken off.
func (a *account) broken(x *Arrival) bool {
	return !x.Ejected || x.Asked > 0 || a.interruptions(x) > 0
}

// elsewhere reports whether a disc was in another drive before, and its reading
// may have been broken off there: all that was read is held against it then.
func (a *account) elsewhere(x *Arrival) bool {
	return slices.ContainsFunc(a.arrivals, func(y *Arrival) bool {
		return y.Disc == x.Disc && y.Drive != x.Drive && y.From.Before(x.From) && a.broken(y)
	})
}

// reads asks how often the whole of each disc was read. Descriptors and samples
// are few of its sectors. Where a sector fails, much else is read to drive it
// out of the drive's cache before it is confirmed.
func (a *account) reads() {
	for d, of := range a.night.Discs {
		if !of.Imageable() {
			continue
		}
		times := make([]int, of.Sectors)
		reasons, stays := 0, 0
		for _, x := range a.arrivals {
			if x.Disc != d {
				continue
			}
			if stays == 0 || of.Recordable() || of.Missing() > 0 {
				reasons++
			}
			if stays++; a.worn(of) {
				reasons += 4
			}
			if a.elsewhere(x) {
				reasons++
			}
			reasons += x.Asked
			reasons += a.interruptions(x)
			for _, e := range x.Reads {
				for l := max(e.Start, 0); l < e.End() && int64(l) < of.Sectors; l++ {
					times[l]++
				}
			}
		}
		reasons += a.retries(d) + a.left(d)
		slices.Sort(times)
		if whole := times[len(times)*4/10]; whole > reasons {
			a.flaw("%s was read %d times; there were reasons for %d (%d stays)", of.Name(), whole, reasons, stays)
		}
	}
}
