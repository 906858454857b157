package operator

import (
	"slices"
	"time"
)

// Waits is the longest that a scan may wait for its disc: identity.hold, and
// as long as a disc may go unnoticed.
const Waits = 2*time.Minute + 15*time.Second

// surely is how long a scan is waiting in any case.
const surely = 110 * time.Second

// codes finds what may stand on each arrival's carrier (docs/decisions/0011): a
// code that alone waited when the disc came, and was scanned for this drive or
// for none. With two that wait, neither may. A disc that was in the drive
// before need not count as one that came, so it may have the code and leave it
// to the next.
func codes(diary []Entry, all []*Arrival) {
	type scanned struct {
		code string
		at   time.Time
		// left: a disc came meanwhile that had been in its drive before. The code may
		// have been that one's, and then nothing waits beside the next.
		left bool
	}
	var waiting []scanned
	at := map[int][]scanned{} // by drive
	next := 0
	current := map[int]*Arrival{}
	fresh := func(of []scanned, now time.Time) (still []scanned) {
		for _, s := range of {
			if now.Sub(s.at) <= Waits {
				still = append(still, s)
			}
		}
		return still
	}
	may := func(a *Arrival, code string) {
		if !slices.Contains(a.Codes, code) {
			a.Codes = append(a.Codes, code)
		}
	}
	for _, e := range diary {
		switch e.What {
		case Started: // what was scanned before is forgotten
			waiting, at = nil, map[int][]scanned{}
		case Scan:
			s := scanned{code: e.Code, at: e.At}
			// Scanned again, with a drive or without one, it waits once.
			waiting = slices.DeleteFunc(waiting, func(w scanned) bool { return w.code == e.Code })
			if e.Drive < 0 {
				waiting = append(waiting, s)
				continue
			}
			if a := current[e.Drive]; a != nil {
				may(a, e.Code)
				continue
			}
			at[e.Drive] = append(at[e.Drive], s)
		case Closed:
			if e.Disc < 0 {
				continue
			}
			a := all[next]
			next++
			current[e.Drive] = a
			waiting, at[e.Drive] = fresh(waiting, e.At), fresh(at[e.Drive], e.At)
			a.Beside = len(waiting)+len(at[e.Drive]) > 0
			// A scan that named the drive takes its disc out of every round.
			named := slices.ContainsFunc(at[e.Drive], func(s scanned) bool { return !s.left && e.At.Sub(s.at) < surely })
			for _, s := range waiting {
				if !named && !slices.ContainsFunc(waiting, func(w scanned) bool { return w.code != s.code && !w.left && e.At.Sub(w.at) < surely }) {
					may(a, s.code)
				}
			}
			for _, s := range at[e.Drive] {
				may(a, s.code)
			}
			switch {
			case a.Again:
			case named:
				at[e.Drive] = nil
				continue
			default:
				waiting, at[e.Drive] = nil, nil
			}
			for _, of := range [][]scanned{waiting, at[e.Drive]} {
				for i := range of {
					of[i].left = true
				}
			}
		case Opened, Ejected:
			delete(current, e.Drive)
		}
	}
}
