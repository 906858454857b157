package station

import (
	"fmt"
	"time"

	"ripstation/disc"
	"ripstation/internal/pairing"
)

// bind makes a scan the word of the disc that lies in the drive which it
// names, if that may still be said of it. as.mu is held.
func (as *arrivals) bind(a *arrival, sc *Scan, said time.Time) (*word, error) {
	same := func(item string) bool { return item == sc.Code }
	no := func(format string, args ...any) (*word, error) {
		return nil, fmt.Errorf("%w: %s", ErrNotBound, fmt.Sprintf(format, args...))
	}
	both := []*arrival{a}
	if a.job != nil && a.job.arrival != nil && a.job.arrival != a {
		both = append(both, a.job.arrival)
	}
	if a.job == nil && a.id != "" {
		return no("the disc in drive %s is recorded as %.8s; say what it is with `ripstation annotate %.8s --item %s`", sc.Drive, a.id, a.id, sc.Code)
	}
	if a.job != nil {
		f := a.job.file()
		if f.Carrier.Item != "" && !same(f.Carrier.Item) {
			return no("the disc in drive %s is being read as item %q; see `ripstation show %.8s` when it is done", sc.Drive, f.Carrier.Item, f.ID)
		}
		if f.Step.atLeast(StepSealed) {
			return no("the image of the disc in drive %s is sealed; say what it is with `ripstation annotate %.8s --item %s`", sc.Drive, f.ID, sc.Code)
		}
		if !as.s.bay(disc.Drive{Key: a.key}).witness.after(said) {
			return nil, fmt.Errorf("%w: drive %s: %s", ErrBusy, sc.Drive, unproved)
		}
	}
	now := time.Now()
	for _, x := range both {
		if x.word != nil && x.word.Item != "" && !same(x.word.Item) {
			return no("the disc in drive %s belongs to %s, which was scanned before", sc.Drive, x.word.Item)
		}
		for _, o := range as.rounds.Open(now) {
			if o.Arrival && o.ID == x.n && o.Fate == pairing.Matched && !same(parseWords(o.Code).Item) {
				return no("the disc in drive %s came when %s was scanned, and is taken for its disc; if it is not, take it out and scan anew after %s", sc.Drive, shown(o.Code),
					o.Until.Local().Format(time.TimeOnly))
			}
		}
	}
	as.words++
	w := sc.word(as.words, nil)
	for _, x := range both {
		if as.open[x.n] != nil {
			as.again(as.rounds.Name(now, x.n, sc.words().covers), "said again for the drive")
		}
		x.said, x.goes = true, nil
		as.decide(x, w)
	}
	sc.State, sc.Until, sc.met, sc.Came, sc.ID = ScanBound, nil, a.n, a.key, a.id
	sc.Text = "bound to the disc in drive " + sc.Drive
	as.advance()
	return w, nil
}

// written has a word in the job of its disc before anybody is told so.
func (as *arrivals) written(a *arrival, w *word) error {
	as.mu.Lock()
	j := a.job
	as.mu.Unlock()
	if j == nil {
		return nil // it is in the job when there is one
	}
	if err := as.s.give(j, w); err != nil {
		return err
	}
	if f := j.file(); f.Scan == nil || f.Scan.N != w.N {
		return fmt.Errorf("%w: the image of this disc is sealed; say what it is with `ripstation annotate %.8s`", ErrNotBound, j.ID)
	}
	return nil
}

// saidOf is what a person said of this very disc, by its drive; nil for nothing.
func (as *arrivals) saidOf(a *arrival) *Request {
	if a == nil {
		return nil
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if !a.said && (a.word == nil || a.word.Drive == "") {
		return nil
	}
	return (*Request)(nil).with(a.word)
}

// namedJob is named for the disc of a job.
func (as *arrivals) namedJob(j *job, ask *Request) {
	as.mu.Lock()
	a := j.arrival
	as.mu.Unlock()
	if a != nil {
		as.named(a, ask)
	}
}

// named says that a person's request names the disc: its arrival is in no
// round, and what was scanned of the same item was meant for it.
func (as *arrivals) named(a *arrival, ask *Request) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.open[a.n] == nil {
		return
	}
	as.meant(a, words{Item: ask.Item, Title: ask.Title, Part: ask.Part, Parts: ask.Parts, Side: ask.Side})
	as.decide(a, nil)
	as.advance()
}
