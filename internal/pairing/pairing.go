// Package pairing finds out which scanned identifier belongs to which disc, by
// the order in which they came (docs/decisions/0011-whose-disc.md). It holds no
// clock and no goroutine: whoever uses it says what time it is.
//
// Scans and arrivals that follow one another closely are one round. A round is
// judged as a whole when it is over: in its order every scan must have met
// exactly one arrival, or nobody in it gets an identifier. Until then everything
// may still change, since an arrival can turn out to be none.
package pairing

import (
	"maps"
	"slices"
	"time"
)

// ID names a scan or an arrival. The user gives it; none is given twice.
type ID int64

// Rules are the two times of a round.
type Rules struct {
	Hold   time.Duration // how long a scan waits for its arrival
	Settle time.Duration // how long it must be quiet before a round is over
}

// Fate is what became of a scan or of an arrival.
type Fate string

const (
	Waits     Fate = "waits"     // a scan: no arrival yet
	Matched   Fate = "matched"   // it has met its other half; the round is not over
	Bound     Fate = "bound"     // final: the two belong together
	Spoiled   Fate = "spoiled"   // final, or certain already in an open round: nobody in its round gets anything
	Expired   Fate = "expired"   // a scan that got no arrival in its time
	Cancelled Fate = "cancelled" // a scan that was taken back
	Alone     Fate = "alone"     // an arrival outside of every round
)

// Cause is what spoiled a round first.
type Cause string

const (
	NoScan    Cause = "no scan"    // an arrival came and no scan waited
	ManyScans Cause = "many scans" // an arrival came and more than one scan waited
	NoArrival Cause = "no arrival" // a scan got none in its time
	Doubtful  Cause = "doubtful"   // an arrival came that may have been meant or not
)

// Outcome is the fate of one scan or arrival.
type Outcome struct {
	ID      ID
	Arrival bool // else it is a scan
	Fate    Fate
	Other   ID     // whom it met; 0 for nobody
	Code    string // of the scan, or what the arrival got: empty unless it is bound or matched
	Cause   Cause  // of a spoiled one
	// Codes are all that were scanned in a spoiled round, each once, in order.
	Codes []string
	// Until is when it is decided if nothing more happens; zero when it is.
	Until time.Time
}

type kind uint8

const (
	scanned kind = iota
	arrived
	cancelled
)

type entry struct {
	kind  kind
	at    time.Time
	id    ID
	code  string
	doubt bool
	told  int // which it was of all that was told
	taken int // of a scan: when it was told that it is taken back; 0 when it was not
}

// Rounds are the scans and arrivals of a station that are not decided yet. The
// zero value with Rules set is ready.
type Rounds struct {
	Rules Rules

	log    []entry // in order of time; of what came at one time, as it was told
	floor  time.Time
	drives map[string]*own
	now    []Outcome // decided at once, and not fetched yet
	told   int       // how many entries were
}

// insert puts an entry in its place.
func (r *Rounds) insert(e entry) {
	r.told++
	e.told = r.told
	i := len(r.log)
	for i > 0 && r.log[i-1].at.After(e.at) {
		i--
	}
	r.log = slices.Insert(r.log, i, e)
}

// Scan takes in a scan that names no drive. The same code while it waits is the
// same scan: its time begins anew.
func (r *Rounds) Scan(at time.Time, id ID, code string) {
	r.insert(entry{kind: scanned, at: r.notBefore(at), id: id, code: code})
}

// Arrive takes in a disc that came into a drive. A scan that waits for this
// drive takes it out of every round.
func (r *Rounds) Arrive(at time.Time, id ID, drive string) {
	if r.meet(at, id, drive) {
		return
	}
	r.insert(entry{kind: arrived, at: at, id: id}) // before every open round when its own was judged without it
}

// Cancel takes back every scan that waits at this time, of rounds and of drives.
func (r *Rounds) Cancel(at time.Time) {
	at = r.notBefore(at)
	for _, w := range r.replay(at).waiting {
		for i := range r.log {
			if e := &r.log[i]; e.kind == scanned && slices.Contains(w.ids, e.id) {
				e.taken = r.told + 1
			}
		}
	}
	r.insert(entry{kind: cancelled, at: at})
	for _, drive := range slices.Sorted(maps.Keys(r.drives)) {
		r.CancelFor(drive)
	}
}

func (r *Rounds) notBefore(at time.Time) time.Time {
	if at.Before(r.floor) {
		return r.floor
	}
	return at
}

// Withdraw takes an arrival out that turned out to be none, as if it had never
// been told. It reports false when that comes too late.
func (r *Rounds) Withdraw(id ID) bool {
	n := len(r.log)
	r.log = slices.DeleteFunc(r.log, func(e entry) bool { return e.kind == arrived && e.id == id })
	return len(r.log) < n
}

// Doubt says of an arrival that nobody can tell whether a scan was meant for
// it. It reports false when that comes too late.
func (r *Rounds) Doubt(id ID) bool {
	for i := range r.log {
		if e := &r.log[i]; e.kind == arrived && e.id == id {
			e.doubt = true
			return true
		}
	}
	return false
}

// Name takes an arrival out of its round because somebody said what it is, in
// words of its own. Scans of a code that means the same and that wait by now
// were meant for it: they are taken out, too, and given back.
func (r *Rounds) Name(now time.Time, id ID, means func(code string) bool) []ID {
	r.Withdraw(id)
	return r.Drop(now, means)
}

// Meant reports whether a scan waits whose code means that, when an arrival is
// taken for none.
func (r *Rounds) Meant(now time.Time, id ID, means func(code string) bool) bool {
	without := Rounds{Rules: r.Rules, floor: r.floor, log: slices.Clone(r.log)}
	without.Withdraw(id)
	return slices.ContainsFunc(without.replay(now).waiting, func(w wait) bool { return means(w.code) })
}

// Drop takes out the scans that wait and whose code means what was said again
// in another way.
func (r *Rounds) Drop(now time.Time, means func(code string) bool) (ids []ID) {
	for _, w := range r.replay(now).waiting {
		if means(w.code) {
			ids = append(ids, w.ids...)
		}
	}
	r.log = slices.DeleteFunc(r.log, func(e entry) bool { return e.kind == scanned && slices.Contains(ids, e.id) })
	return ids
}

// Advance judges the rounds that are over and gives the fates that are final
// since it was last called. The order is that of time.
func (r *Rounds) Advance(now time.Time) []Outcome {
	t := r.replay(now)
	out := slices.Concat(r.now, t.judged, r.expire(now))
	r.now = nil
	if t.upTo > 0 {
		r.log = slices.Delete(r.log, 0, t.upTo)
	}
	if t.closed.After(r.floor) {
		r.floor = t.closed
	}
	return out
}

// Open gives what is not decided, as it stands now.
func (r *Rounds) Open(now time.Time) []Outcome {
	t := r.replay(now)
	return append(t.outcomes(t.end(r.Rules)), r.openDrives()...)
}

// Next is when something is decided by itself; false when nothing is open.
func (r *Rounds) Next(now time.Time) (next time.Time, any bool) {
	sooner := func(t time.Time) {
		if !any || t.Before(next) {
			next, any = t, true
		}
	}
	if t := r.replay(now); t.open {
		sooner(t.next(r.Rules))
	} else if len(r.log) > 0 {
		sooner(r.log[len(r.log)-1].at) // told with a time that is still to come
	}
	for _, o := range r.drives {
		for _, w := range o.waiting {
			sooner(w.deadline)
		}
	}
	if len(r.now) > 0 {
		sooner(now)
	}
	return next, any
}

// Len is how many scans and arrivals are not decided.
func (r *Rounds) Len() int { return len(r.log) }

// Waiting is how many scans wait.
func (r *Rounds) Waiting(now time.Time) int {
	n := len(r.replay(now).waiting)
	for _, o := range r.drives {
		n += len(o.waiting)
	}
	return n
}
