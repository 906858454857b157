package pairing

import (
	"maps"
	"slices"
	"time"
)

// own are the scans that wait for the next arrival in one drive.
type own struct {
	waiting []wait
	codes   []string
	spoiled bool // more than one was scanned, and nobody can say which one counts
}

// ScanFor takes in a scan that names a drive which is empty. The same code
// again is one scan. Another one while it waits spoils both.
func (r *Rounds) ScanFor(at time.Time, id ID, code, drive string) {
	o := r.drives[drive]
	if o == nil {
		o = &own{}
		if r.drives == nil {
			r.drives = map[string]*own{}
		}
		r.drives[drive] = o
	}
	deadline := at.Add(r.Rules.Hold)
	if i := slices.IndexFunc(o.waiting, func(w wait) bool { return w.code == code }); i >= 0 {
		o.waiting[i].ids = append(o.waiting[i].ids, id)
		o.waiting[i].deadline = deadline
		return
	}
	if o.spoiled = o.spoiled || len(o.waiting) > 0; !slices.Contains(o.codes, code) {
		o.codes = append(o.codes, code)
	}
	o.waiting = append(o.waiting, wait{ids: []ID{id}, code: code, deadline: deadline})
}

// CancelFor takes back what waits for one drive.
func (r *Rounds) CancelFor(drive string) {
	o := r.drives[drive]
	if o == nil {
		return
	}
	for _, w := range o.waiting {
		for _, id := range w.ids {
			r.now = append(r.now, Outcome{ID: id, Fate: Cancelled, Code: w.code})
		}
	}
	delete(r.drives, drive)
}

// meet gives an arrival to the scans that wait for its drive. It reports
// whether there were any.
func (r *Rounds) meet(at time.Time, id ID, drive string) bool {
	o := r.drives[drive]
	if o == nil || !slices.ContainsFunc(o.waiting, func(w wait) bool { return at.Before(w.deadline) }) {
		return false
	}
	delete(r.drives, drive)
	came := Outcome{ID: id, Arrival: true, Fate: Bound, Other: o.waiting[0].ids[0], Code: o.waiting[0].code}
	if o.spoiled {
		came = Outcome{ID: id, Arrival: true, Fate: Spoiled, Cause: ManyScans, Codes: o.codes}
	}
	for _, w := range o.waiting {
		for _, scan := range w.ids {
			out := Outcome{ID: scan, Fate: came.Fate, Other: id, Code: w.code, Cause: came.Cause, Codes: came.Codes}
			r.now = append(r.now, out)
		}
	}
	r.now = append(r.now, came)
	return true
}

// expire ends what has waited for a drive for its whole time.
func (r *Rounds) expire(now time.Time) (out []Outcome) {
	for _, drive := range slices.Sorted(maps.Keys(r.drives)) {
		o := r.drives[drive]
		o.waiting = slices.DeleteFunc(o.waiting, func(w wait) bool {
			late := !now.Before(w.deadline)
			for _, id := range w.ids {
				if late {
					out = append(out, Outcome{ID: id, Fate: Expired, Code: w.code})
				}
			}
			return late
		})
		if len(o.waiting) == 0 {
			delete(r.drives, drive)
		}
	}
	return out
}

func (r *Rounds) openDrives() (out []Outcome) {
	for _, drive := range slices.Sorted(maps.Keys(r.drives)) {
		o := r.drives[drive]
		for _, w := range o.waiting {
			for _, id := range w.ids {
				x := Outcome{ID: id, Fate: Waits, Code: w.code, Until: w.deadline}
				if o.spoiled {
					x.Cause, x.Codes = ManyScans, slices.Clone(o.codes)
				}
				out = append(out, x)
			}
		}
	}
	return out
}
