package operator

import (
	"fmt"
	"slices"
	"time"
)

// trays asks of every tray that the station opened by itself whether it might.
func (a *account) trays() {
	for _, x := range a.arrivals {
		if x.Ejected {
			a.policy(x)
			a.waited(x)
		}
	}
}

// keysOf are the policies that may have counted for a stay that ended so.
func keysOf(outcome string) []string {
	switch outcome {
	case "done", "incomplete", "failed":
		return []string{outcome}
	case "already archived":
		return []string{"already"}
	case "needs you":
		return []string{"refused", "needs_you", "incomplete"} // an image can be incomplete and a check fail
	}
	return nil
}

// holds reports whether a policy says that the disc stays in.
func (n Night) holds(key string) bool {
	if p := n.Trays[key]; p != "" {
		return p == "hold"
	}
	return key == "failed"
}

// policy: no disc is given back whose stay ended in a way that is to be held.
func (a *account) policy(x *Arrival) {
	outcome := ""
	for _, n := range a.Notices {
		// What is said of no disc after the tray has opened is said of an empty drive.
		after := n.At.After(x.To) && (n.ID == "" || n.At.After(x.To.Add(5*time.Second)))
		if n.Drive == x.Drive && n.Final && !n.At.Before(x.From) && !after {
			outcome = n.Outcome
		}
	}
	keys := keysOf(outcome)
	if len(keys) > 0 && !slices.ContainsFunc(keys, func(key string) bool { return !a.night.holds(key) }) {
		a.flaw("%s ended as %q in drive %d, which is to be held (%v), and the tray opened at %s", a.disc(x.Disc).Name(), outcome, x.Drive, a.night.Trays, x.To.Format(time.TimeOnly))
	}
}

// waited: what eject.when says was so when the tray opened, or the disc went to
// the pending rack.
func (a *account) waited(x *Arrival) {
	if a.night.Eject == "imaged" {
		return
	}
	for _, c := range a.Carriers {
		version := 0 // each capture that ends in an image makes the next one
		for _, p := range c.Captures {
			if p.Outcome != "imaged" {
				continue
			}
			version++
			if !slices.Contains(x.Insertions, p.Insertion) || a.racked(c, x) {
				continue
			}
			for s := range a.night.Stores {
				if s > 0 && !a.night.Both {
					break
				}
				store := fmt.Sprintf("store%d", s)
				i := slices.IndexFunc(c.Images, func(i Image) bool { return i.Version == version && i.Store == store })
				if i < 0 {
					continue // told elsewhere
				}
				had := a.due(c.Images[i])
				if (had == nil || had.After(x.To.Add(a.Slack))) && !a.heldBefore(c, version, store, x) {
					a.flaw("the tray of drive %d opened at %s under %s; carrier %s, image %d, was to be %s in %s first, and that was at %v",
						x.Drive, x.To.Format(time.TimeOnly), a.disc(x.Disc).Name(), c.ID, version, a.night.Eject, store, had)
				}
			}
		}
	}
}

// due is when a store had of an image what eject.when says.
func (a *account) due(i Image) *time.Time {
	if a.night.Eject == "read-back" {
		return i.ReadBack
	}
	return i.Stored
}

// heldBefore reports whether a store had an earlier image of the carrier in full
// when the tray opened. Of two discs that are equal, one can wait for the later
// image, and then the other one is told as archived already.
func (a *account) heldBefore(c Carrier, version int, store string, x *Arrival) bool {
	return slices.ContainsFunc(c.Images, func(i Image) bool {
		had := a.due(i)
		return i.Version < version && i.Store == store && i.State == "complete" && had != nil && !had.After(x.To.Add(a.Slack))
	})
}

// racked reports whether it was said that the disc goes to the pending rack. When
// the station is killed just then nobody hears it: the event tells.
func (a *account) racked(c Carrier, x *Arrival) bool {
	during := func(at time.Time) bool { return !at.Before(x.From) && !at.After(x.To.Add(5*time.Second)) }
	return a.night.Dark == "pending" && (slices.ContainsFunc(c.Racked, during) || slices.ContainsFunc(a.Notices, func(n Notice) bool {
		return n.Pending && n.ID == c.ID && n.Drive == x.Drive && during(n.At)
	}))
}
