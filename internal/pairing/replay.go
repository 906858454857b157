package pairing

import (
	"slices"
	"time"
)

// wait is a scan that waits, told once or more often.
type wait struct {
	ids      []ID
	code     string
	deadline time.Time
	taken    int // when it was said to be taken back: an arrival that is told later does not get it
}

// tale is a history as it was told up to one moment: the rounds that were
// judged, and the one that is open.
type tale struct {
	judged []Outcome
	upTo   int       // entries of the log that are decided
	closed time.Time // end of the last round that was judged

	open    bool
	waiting []wait
	done    []Outcome // of the open round
	codes   []string
	cause   Cause     // empty: not spoiled
	last    time.Time // when something was scanned or came
	over    time.Time // the last expiry
	came    bool      // an arrival is in it
}

// replay tells the log anew. Everything is decided here and nowhere else.
func (r *Rounds) replay(now time.Time) *tale {
	t := &tale{closed: r.floor}
	for i, e := range r.log {
		if e.at.After(now) {
			break
		}
		if t.pass(e.at, r.Rules) {
			t.upTo = i
		}
		t.take(e, r.Rules)
		if !t.open {
			t.upTo = i + 1
		}
	}
	told := 0
	for told < len(r.log) && !r.log[told].at.After(now) {
		told++
	}
	if t.pass(now, r.Rules) {
		t.upTo = told
	}
	return t
}

// pass lets time go by until an instant, which belongs to what comes then. It
// reports whether the round was over before that.
func (t *tale) pass(until time.Time, rules Rules) bool {
	for t.open {
		at := t.next(rules)
		if at.After(until) {
			return false
		}
		if len(t.waiting) == 0 {
			t.close(at)
			return true
		}
		i := t.first()
		w := t.waiting[i]
		t.waiting = slices.Delete(t.waiting, i, i+1)
		for _, id := range w.ids {
			t.done = append(t.done, Outcome{ID: id, Fate: Expired, Code: w.code})
		}
		t.spoil(NoArrival)
		t.over = at
	}
	return false
}

// next is when the open round changes by itself.
func (t *tale) next(rules Rules) time.Time {
	if len(t.waiting) > 0 {
		return t.waiting[t.first()].deadline
	}
	return latest(t.last.Add(rules.Settle), t.over)
}

// end is when the open round is over if nothing more happens.
func (t *tale) end(rules Rules) time.Time {
	end := latest(t.last.Add(rules.Settle), t.over)
	for _, w := range t.waiting {
		end = latest(end, w.deadline)
	}
	return end
}

// first is the scan whose time is over first.
func (t *tale) first() int {
	first := 0
	for i, w := range t.waiting {
		if w.deadline.Before(t.waiting[first].deadline) {
			first = i
		}
	}
	return first
}

func (t *tale) take(e entry, rules Rules) {
	switch e.kind {
	case scanned:
		t.open, t.last = true, e.at
		if i := slices.IndexFunc(t.waiting, func(w wait) bool { return w.code == e.code }); i >= 0 {
			t.waiting[i].ids = append(t.waiting[i].ids, e.id)
			t.waiting[i].deadline = e.at.Add(rules.Hold)
			t.waiting[i].taken = e.taken
			return
		}
		t.waiting = append(t.waiting, wait{ids: []ID{e.id}, code: e.code, deadline: e.at.Add(rules.Hold), taken: e.taken})
		if !slices.Contains(t.codes, e.code) {
			t.codes = append(t.codes, e.code)
		}
	case arrived:
		if !t.open {
			t.judged = append(t.judged, Outcome{ID: e.id, Arrival: true, Fate: Alone})
			return
		}
		t.came, t.last = true, e.at
		first, waiting := -1, 0
		for i := len(t.waiting) - 1; i >= 0; i-- {
			if taken := t.waiting[i].taken; taken == 0 || e.told < taken {
				first = i
				waiting++
			}
		}
		switch {
		case first < 0:
			t.spoil(NoScan)
		case waiting > 1:
			t.spoil(ManyScans)
		}
		if e.doubt {
			t.spoil(Doubtful)
		}
		if first < 0 {
			t.done = append(t.done, Outcome{ID: e.id, Arrival: true})
			return
		}
		w := t.waiting[first]
		t.waiting = slices.Delete(t.waiting, first, first+1)
		for _, id := range w.ids {
			t.done = append(t.done, Outcome{ID: id, Fate: Matched, Other: e.id, Code: w.code})
		}
		t.done = append(t.done, Outcome{ID: e.id, Arrival: true, Fate: Matched, Other: w.ids[0], Code: w.code})
	case cancelled:
		if !t.open {
			return
		}
		for _, w := range t.waiting {
			for _, id := range w.ids {
				t.done = append(t.done, Outcome{ID: id, Fate: Cancelled, Code: w.code})
			}
		}
		if len(t.waiting) > 0 {
			t.last = e.at
		}
		t.waiting = nil
		if !t.came {
			t.close(e.at)
		}
	}
}

func (t *tale) spoil(c Cause) {
	if t.cause == "" {
		t.cause = c
	}
}

// close judges the open round.
func (t *tale) close(at time.Time) {
	t.judged = append(t.judged, t.outcomes(time.Time{})...)
	*t = tale{judged: t.judged, upTo: t.upTo, closed: latest(t.closed, at)}
}

// outcomes are the fates in the open round; until is zero when it is over, and
// they are final.
func (t *tale) outcomes(until time.Time) []Outcome {
	out := slices.Clone(t.done)
	for _, w := range t.waiting {
		for _, id := range w.ids {
			out = append(out, Outcome{ID: id, Fate: Waits, Code: w.code, Until: w.deadline})
		}
	}
	for i := range out {
		o := &out[i]
		if o.Fate == Expired || o.Fate == Cancelled {
			continue
		}
		if o.Fate != Waits {
			o.Until = until
		}
		switch {
		case t.cause != "":
			o.Cause, o.Codes = t.cause, slices.Clone(t.codes)
			if o.Fate != Waits {
				o.Fate, o.Other = Spoiled, 0
			}
			if o.Arrival {
				o.Code = ""
			}
		case until.IsZero() && o.Fate == Matched:
			o.Fate = Bound
		}
	}
	return out
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
