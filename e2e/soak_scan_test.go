package e2e

import (
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
)

// scanned is one use of the barcode reader.
type scanned struct {
	at     time.Time // when it was over
	code   string    // empty: what waits was taken back
	slot   *slot     // nil: for no drive
	agreed bool      // the station took it
}

// settles is after how long a round is over for sure: identity.settle, the time
// in which a disc must be noticed, and what a command takes in the guest.
const settles = 15*time.Second + 10*time.Second + slack

// scan uses the barcode reader.
func (o *soak) scan(sc scanned) bool {
	if o.noReader {
		return false
	}
	argv := []string{"scan", sc.code}
	if sc.code == "" {
		argv[1] = "--cancel"
	}
	if sc.slot != nil {
		argv = append(argv, "--drive", strings.TrimPrefix(sc.slot.Node, "/dev/"))
	}
	out, exit := o.text(argv...)
	if o.noReader = strings.Contains(out, "unknown command"); o.noReader {
		return false
	}
	sc.at, sc.agreed = time.Now(), exit == 0
	o.note("`%s`: exit %d: %s", strings.Join(argv, " "), exit, strings.TrimSpace(out))
	o.scans = append(o.scans, sc)
	return sc.agreed
}

// scanBefore does with the barcode reader what comes before the insertion.
func (o *soak) scanBefore(p *piece, s *slot) {
	if p.scan == another && o.scan(scanned{code: "9" + p.code}) {
		if !o.scan(scanned{}) {
			o.scan(scanned{}) // nobody leaves a wrong code waiting
		}
	}
	switch p.scan {
	case once, another:
		o.scan(scanned{code: p.code})
	case twice:
		o.scan(scanned{code: p.code})
		o.scan(scanned{code: p.code})
	case both:
		o.scan(scanned{code: p.code})
		if len(o.queue) > 0 {
			o.scan(scanned{code: o.queue[0].code})
		}
	case forDrive:
		o.scan(scanned{code: p.code, slot: s})
	}
}

// rested reports that every round is over.
func (o *soak) rested() bool {
	last := o.upsets[len(o.upsets)-1].to
	for _, p := range o.script.pieces {
		if st := p.last(); st != nil && st.in.After(last) {
			last = st.in
		}
	}
	for _, sc := range o.scans {
		if sc.at.After(last) {
			last = sc.at
		}
	}
	return time.Since(last) > settles
}

// moment is a scan or an arrival, in the order in which they were.
type moment struct {
	at   time.Time
	code string
	stay *stay
}

// expected gives the discs that have to have the code which was scanned for them:
// those of rounds in which each scan met one arrival, nothing was taken back,
// and the daemon was not started anew. A person who knows the rules and the
// times would expect it.
func (o *soak) expected() (sure []*stay) {
	var all []moment
	for _, sc := range o.scans {
		if sc.slot == nil {
			all = append(all, moment{at: sc.at, code: sc.code})
		}
	}
	for _, p := range o.script.pieces {
		for _, st := range p.stays {
			if !slices.ContainsFunc(o.scans, func(sc scanned) bool { return sc.slot == st.slot && sc.code == p.code }) {
				all = append(all, moment{at: st.in, stay: st})
			}
		}
	}
	slices.SortFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].at.Sub(all[n-1].at) < settles {
			n++
		}
		sure = append(sure, o.clean(all[:n])...)
		all = all[n:]
	}
	for _, sc := range o.scans {
		for _, p := range o.script.pieces {
			if sc.slot == nil || !sc.agreed || p.code != sc.code {
				continue
			}
			if st := p.stays[0]; st.slot == sc.slot && !st.button && len(st.faults) == 0 && !o.upsetBetween(sc.at.Add(-settles), st.in.Add(settles)) {
				sure = append(sure, st)
			}
		}
	}
	return sure
}

func (o *soak) upsetBetween(from, to time.Time) bool {
	return slices.ContainsFunc(o.upsets, func(s span) bool { return s.to.After(from) && s.from.Before(to) })
}

// clean gives the discs of one round, nil when it is not a clean one.
func (o *soak) clean(round []moment) (sure []*stay) {
	waiting := ""
	for _, m := range round {
		switch {
		case m.stay == nil && m.code == "":
			return nil
		case m.stay == nil && waiting != "" && waiting != m.code:
			return nil
		case m.stay == nil:
			waiting = m.code
		case waiting != m.stay.piece.code || m.stay != m.stay.piece.stays[0]:
			return nil
		default:
			sure, waiting = append(sure, m.stay), ""
		}
	}
	disturbed := o.upsetBetween(round[0].at.Add(-settles), round[len(round)-1].at.Add(settles))
	for _, st := range sure {
		disturbed = disturbed || st.button
	}
	if waiting != "" || disturbed {
		return nil
	}
	return sure
}

// bindings holds the items of the records against the scans.
func (o *soak) bindings(all []*carrier) {
	sure := o.expected()
	bound := 0
	for _, st := range sure {
		p := st.piece
		its := slices.IndexFunc(all, func(c *carrier) bool { return c.Item != nil && *c.Item == p.code })
		if its < 0 && slices.ContainsFunc(all, func(c *carrier) bool {
			return c.content == p.content && c.Item == nil
		}) {
			continue // a copy of a disc that nobody has named: a person is asked (docs/decisions/0012-which-disc.md)
		}
		if its < 0 {
			o.wrong("disc %d was scanned as %s and was the one disc that came then, and no record says so", p.no, p.code)
			continue
		}
		bound++
	}
	items := 0
	for _, c := range all {
		if c.Item != nil {
			items++
		} else if c.Disposition != catalog.NeedsIdentity && len(c.Needs) == 0 {
			o.wrong("carrier %.8s has no item, and nobody is asked for it", c.ID)
		}
	}
	o.t.Logf("%d of %d carriers have an item; %d scans had to bind, %d did", items, len(all), len(sure), bound)
}
