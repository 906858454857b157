package operator

import (
	"slices"
	"strings"
	"time"
)

// Batch is a batch as its report has it in the morning.
type Batch struct {
	Name           string
	Closed         bool
	Told           *time.Time // when it was said that its discs may go back
	MayGoBack      bool
	Expected       int
	Stored         int
	Incomplete     int
	NotCaptured    int
	NeverPresented int
	Rows           []BatchRow
	Discs          []string // carriers, by place
}

// BatchRow is one expected disc.
type BatchRow struct {
	Item, State string
	ID          string // the carrier that came for it; empty when none did
}

// retries is how often a person asked for a disc, or one that looks like it, to
// be read anew.
func (a *account) retries(d int) (n int) {
	for _, e := range a.diary {
		if e.What == Decided && e.Code == "retry" &&
			slices.ContainsFunc(a.discs[e.Carrier], func(o int) bool { return a.disc(o).Model == a.disc(d).Model }) {
			n++
		}
	}
	return n
}

// decisions asks of every disc that a person has decided on whether that stands.
func (a *account) decisions() {
	last := map[string]string{}
	for _, e := range a.diary {
		if e.What == Decided && e.Code != "retry" {
			last[e.Carrier] = e.Code
		}
	}
	for id, want := range last {
		i := slices.IndexFunc(a.Carriers, func(c Carrier) bool { return c.ID == id })
		switch {
		case i < 0:
			a.flaw("carrier %s was %s, and has no record any more", id, want)
		case a.Carriers[i].Disposition != want && !strings.HasPrefix(a.Carriers[i].Disposition, "needs"): // something new may want a person
			a.flaw("carrier %s was %s, and its record says %q", id, want, a.Carriers[i].Disposition)
		}
	}
}

// while are the times at which a batch was open.
type while struct{ from, to time.Time }

func (a *account) batches() {
	for _, b := range a.Batches {
		var of []while
		for _, e := range a.diary {
			switch {
			case e.What == Opening && e.Code == b.Name:
				of = append(of, while{from: e.At})
			case e.What == Closing && e.Code == b.Name && len(of) > 0:
				of[len(of)-1].to = e.At
			}
		}
		a.rows(b)
		a.places(b, of)
		a.shelf(b)
	}
}

// rows holds each row of the report against the carrier that came for it.
func (a *account) rows(b Batch) {
	if sum := b.Stored + b.Incomplete + b.NotCaptured + b.NeverPresented; sum != b.Expected || b.Expected != len(b.Rows) {
		a.flaw("batch %s expects %d discs of %d rows, and reports %d stored, %d incomplete, %d not captured, %d never presented", b.Name, b.Expected, len(b.Rows), b.Stored, b.Incomplete, b.NotCaptured, b.NeverPresented)
	}
	for _, row := range b.Rows {
		var came []Carrier
		for _, c := range a.Carriers {
			if c.Item == row.Item && slices.Contains(b.Discs, c.ID) {
				came = append(came, c)
			}
		}
		i := slices.IndexFunc(came, func(c Carrier) bool { return c.ID == row.ID })
		switch {
		case row.State == "never presented" && len(came) == 0:
		case row.State == "not captured" && slices.ContainsFunc(a.Jobs, func(j Job) bool { return j.ID == row.ID }): // not recorded yet
		case i < 0:
			a.flaw("batch %s says of item %s: %s (%s); %d carriers in it are that item", b.Name, row.Item, row.State, row.ID, len(came))
		case row.State != a.became(came[i]):
			a.flaw("batch %s says of item %s, carrier %s: %s; it is %s", b.Name, row.Item, row.ID, row.State, a.became(came[i]))
		}
	}
}

// became is what a carrier's latest image says when every store has it; that
// they do is asked elsewhere.
func (a *account) became(c Carrier) string {
	state, version := "not captured", 0
	for _, i := range c.Images {
		if i.Version > version {
			version, state = i.Version, map[string]string{"complete": "stored", "incomplete": "incomplete"}[i.State]
		}
	}
	return state
}

// places: what came while a batch was open is in it, and nothing else.
func (a *account) places(b Batch, of []while) {
	const noticed = time.Minute
	for _, c := range a.Carriers {
		surely, perhaps := false, false
		for i, p := range c.Captures {
			x := a.arrival(p.Insertion, p.Drive, p.Started)
			if x == nil {
				continue
			}
			for _, w := range of {
				// A disc that goes on in the drive where it was is no arrival (0011): the
				// first capture alone tells when the carrier came. Of a drive that hung, or left
				// the bus, before its disc had a carrier, nobody knows when it came.
				came := x.From
				if len(x.Insertions) > 0 && p.Insertion != x.Insertions[0] || a.interruptions(x) > 0 {
					came = p.Started
				}
				surely = surely || i == 0 && p.Outcome == "imaged" && x.From.After(w.from.Add(noticed)) && (w.to.IsZero() || came.Before(w.to.Add(-noticed)))
			}
		}
		// A reading that is still in the spool is in no record yet; it may be that of a
		// further copy of the pressing, which a retry of the carrier is read from (0012).
		for _, x := range a.arrivals {
			like := slices.ContainsFunc(a.discs[c.ID], func(d int) bool { return a.disc(d).Content() == a.disc(x.Disc).Content() })
			for _, w := range of {
				perhaps = perhaps || like && (x.To.IsZero() || x.To.After(w.from.Add(-noticed))) && (w.to.IsZero() || x.From.Before(w.to.Add(noticed)))
			}
		}
		switch in := slices.Contains(b.Discs, c.ID); {
		case in && !perhaps:
			a.flaw("batch %s has carrier %s (%s), which did not come while it was open", b.Name, c.ID, a.names(a.discs[c.ID]))
		case !in && surely:
			a.flaw("batch %s lacks carrier %s (%s), which came while it was open", b.Name, c.ID, a.names(a.discs[c.ID]))
		}
	}
}

// shelf: that the discs may go back was said when it was so, and if it is so.
func (a *account) shelf(b Batch) {
	if b.Told == nil {
		if b.Closed && b.MayGoBack {
			a.flaw("the discs of batch %s may go back, and nobody was told", b.Name)
		}
		return
	}
	if !b.Closed {
		a.flaw("the discs of batch %s were told to go back while it is open", b.Name)
	}
	for _, id := range b.Discs {
		i := slices.IndexFunc(a.Carriers, func(c Carrier) bool { return c.ID == id })
		if i < 0 {
			a.flaw("the discs of batch %s were told to go back, and %s has no record", b.Name, id)
			continue
		}
		for _, img := range a.Carriers[i].Images {
			required := img.Store == "store0" || a.night.Both
			if required && img.Version == 1 && (img.ReadBack == nil || img.ReadBack.After(*b.Told)) && a.before(a.Carriers[i], *b.Told) {
				a.flaw("the discs of batch %s were told to go back at %s; image %d of %s was read back from %s at %v", b.Name, b.Told.Format(time.TimeOnly), img.Version, id, img.Store, img.ReadBack)
			}
		}
	}
}

// before reports whether a carrier's first image was begun before a time. A disc
// that is read anew later does not take back what was said.
func (a *account) before(c Carrier, t time.Time) bool {
	return slices.ContainsFunc(c.Captures, func(p Capture) bool { return p.Outcome == "imaged" && p.Started.Before(t) })
}
