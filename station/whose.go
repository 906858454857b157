package station

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/pairing"
)

// word is what the scans say of whose disc it is: its item, or why nobody can
// tell. It is kept in job.json.
type word struct {
	N        int       `json:"n"` // tells one word from another in one process
	Waits    bool      `json:"waits"`
	Item     string    `json:"item"` // empty: Reason says why there is none
	Title    string    `json:"title"`
	Part     int       `json:"part"`
	Parts    int       `json:"parts"`
	Side     string    `json:"side"`
	Operator string    `json:"operator"` // who scanned it
	Scanned  time.Time `json:"scanned"`
	Drive    string    `json:"drive"`  // the drive that was named with it, empty when none was
	Codes    []string  `json:"codes"`  // all that were scanned in its round
	Reason   string    `json:"reason"` // in plain words
	// Against is the item that was said before and is taken back by this.
	Against string `json:"against,omitempty"`
}

// whose waits until it is known whose disc an arrival is, and gives what is
// said of it: by a person's request, which stands above, else by a scan. It
// comes back at once when that is decided; a disc that came when nothing was
// scanned never waits. The story asks before it decides anything about a disc
// that looks like a known one, and before the seal.
func (b *bay) whose(ctx context.Context, a *arrival, ask *Request) (*Request, error) {
	if a == nil {
		return ask, nil
	}
	if ask != nil && ask.Item != "" {
		b.s.arrivals.named(a, ask)
		return ask, nil
	}
	w, err := b.hear(ctx, a)
	if err != nil {
		return nil, err
	}
	b.s.arrivals.mu.Lock()
	a.told = w
	b.s.arrivals.mu.Unlock()
	return ask.with(w), nil
}

// hear waits for the word of an arrival, and shows that it does.
func (b *bay) hear(ctx context.Context, a *arrival) (*word, error) {
	as := b.s.arrivals
	var shown time.Time
	for {
		as.mu.Lock()
		news, w := as.news, a.word
		until, codes := as.standing(a)
		as.mu.Unlock()
		select {
		case <-a.done:
			return w, nil
		default:
		}
		if !until.Equal(shown) {
			shown = until
			b.notice(Notice{ID: b.viewID(), Word: WordWhose, Text: fmt.Sprintf("waiting to know whose disc it is (scanned: %s), until %s",
				strings.Join(codes, ", "), until.Local().Format(time.TimeOnly)), Hint: "nothing has to be done; the next disc need not wait"})
		}
		select {
		case <-a.done:
		case <-news:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// standing is until when an arrival waits if nothing more happens, and what
// was scanned in its round so far. as.mu is held.
func (as *arrivals) standing(a *arrival) (until time.Time, codes []string) {
	for _, o := range as.rounds.Open(time.Now()) {
		if o.Arrival && o.ID == a.n {
			until = o.Until
		}
		if !o.Arrival && o.Code != "" {
			codes = appendNew(codes, shown(o.Code))
		}
	}
	return until, codes
}

// settled waits, before the seal, until it is known whose disc it is, since the
// sealed record holds the item.
func (b *bay) settled(ctx context.Context, j *job) error {
	if j.step().atLeast(StepSealed) {
		return nil
	}
	a := b.s.arrivals.of(j)
	if a == nil {
		return nil
	}
	w, err := b.hear(ctx, a)
	if err != nil {
		return err
	}
	return b.s.give(j, w)
}

// of is the arrival of a job's disc, nil after a restart.
func (as *arrivals) of(j *job) *arrival {
	as.mu.Lock()
	defer as.mu.Unlock()
	return j.arrival
}

// carried is told once of each arrival that got a carrier, before anything
// says so outside. j is its job; nil when it was recorded without one.
func (b *bay) carried(a *arrival, id string, j *job) {
	if a == nil {
		return
	}
	as := b.s.arrivals
	if j != nil {
		as.attach(a, j)
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	a.id = id
	if a.job == nil && a.word != a.told { // said while it was being recorded
		as.void(a, words{}, "it came too late: the disc is recorded", fmt.Sprintf("say it with `ripstation annotate %.8s`", id))
	}
	for _, sc := range as.scans {
		if sc.met == a.n && sc.State == ScanBound {
			sc.ID = id
		}
	}
	as.tell()
}

// with adds a word to what a person said; the person's stands above.
func (r *Request) with(w *word) *Request {
	if w == nil {
		return r
	}
	out := Request{}
	if r != nil {
		out = *r
	}
	out.word = w
	if w.Item == "" || out.Item != "" {
		return &out
	}
	out.Item = w.Item
	if out.Title == "" {
		out.Title = w.Title
	}
	if out.Part == 0 {
		out.Part, out.Parts = w.Part, w.Parts
	}
	if out.Side == "" {
		out.Side = w.Side
	}
	if out.Operator == "" {
		out.Operator = w.Operator
	}
	return &out
}

// waiting is what job.json says while nobody knows whose disc it is; nil when
// that is decided.
func (as *arrivals) waiting(a *arrival) *word {
	if a == nil {
		return nil
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	select {
	case <-a.done:
		return nil
	default:
	}
	_, codes := as.standing(a)
	w := &word{Waits: true, Codes: codes}
	if a.goes != nil {
		w.Against = a.goes.Item
	}
	return w
}

// give writes a word into an unsealed job: the item, the event that binds it,
// or the reason why there is none. What a person said of the disc stays. It may
// be called twice.
func (s *Station) give(j *job, w *word) error {
	f := j.file()
	if w == nil {
		if f.Scan == nil || !f.Scan.Waits {
			return nil
		}
		return j.update(func(f *jobFile) {
			if !f.Step.atLeast(StepSealed) {
				f.Scan = nil
			}
		})
	}
	if f.Step.atLeast(StepSealed) || f.Scan != nil && !f.Scan.Waits && f.Scan.N == w.N {
		return nil
	}
	return j.update(func(f *jobFile) {
		if f.Step.atLeast(StepSealed) || f.Scan != nil && !f.Scan.Waits && f.Scan.N == w.N {
			return
		}
		f.hear(s, w)
	})
}

// hear takes a word over. A job that has another item keeps it: a person said
// so.
func (f *jobFile) hear(s *Station, w *word) {
	switch {
	case w.Against != "" && f.Carrier.Item == w.Against && f.ImageVersion == 1:
		f.Carrier = catalog.CarrierInfo{ID: f.ID}
	case w.Against != "" && f.Carrier.Item == w.Against: // the carrier keeps its name, and a person looks whether this is its disc
	case f.Carrier.Item != "" && f.Carrier.Item != w.Item:
		f.Scan = nil
		return
	case w.Item != "":
		merge(&f.Carrier, (*Request)(nil).with(w))
		if last := len(f.Captures) - 1; w.Operator != "" && last >= 0 {
			f.Captures[last].Operator = w.Operator
		}
	}
	f.Scan = w
	f.Events = append(f.Events, s.wordEvent(w, f.Drive, f.ID))
}

// wordEvent is the event that says whose disc it is, and who scanned that.
func (s *Station) wordEvent(w *word, d disc.Drive, id string) catalog.Event {
	e := catalog.Event{Type: catalog.EventModify, Time: time.Now().UTC(), Outcome: catalog.EventSuccess, Objects: []string{id}}
	by := w.Operator
	if w.Item == "" {
		e.Outcome, e.Detail, by = catalog.EventWarning, w.Reason, ""
	} else {
		e.Detail = fmt.Sprintf("item %q: scanned at %s, and one disc came, in drive %s", shownAs(w.Item, w.Part, w.Parts, w.Side), w.Scanned.UTC().Format(time.RFC3339), d.Key)
		if w.Drive != "" {
			e.Detail = fmt.Sprintf("item %q: scanned at %s for the disc in drive %s", shownAs(w.Item, w.Part, w.Parts, w.Side), w.Scanned.UTC().Format(time.RFC3339), d.Key)
		}
	}
	if by == "" {
		by = s.cfg.Operator
	}
	e.Agents = []catalog.Agent{{Role: catalog.RoleOperator, Name: by}, s.agent(), {Role: catalog.RoleDrive, Name: driveName(d)}}
	return e
}

// said is what a word adds to a capture that has no job.
func (s *Station) said(ask *Request, d disc.Drive, id string, hasItem bool) (needs []catalog.Need, events []catalog.Event) {
	if ask == nil || ask.word == nil {
		return nil, nil
	}
	w := ask.word
	if w.Item == "" {
		if hasItem {
			return nil, nil
		}
		needs = append(needs, catalog.Need{Kind: catalog.NeedsIdentity, Reason: w.Reason})
	}
	return needs, append(events, s.wordEvent(w, d, id))
}

// unnamed is why nobody can say which item a job's disc belongs to.
func (f *jobFile) unnamed() string {
	if f.Carrier.Item != "" {
		return ""
	}
	if f.Scan != nil && f.Scan.Reason != "" {
		return f.Scan.Reason
	}
	return "nobody has said which item this disc belongs to"
}

// wordOf makes a word of a round's judgement; nil when nothing was scanned.
// as.mu is held.
func (as *arrivals) wordOf(o pairing.Outcome) *word {
	as.words++
	switch o.Fate {
	case pairing.Bound:
		sc := as.scans[o.Other]
		if sc == nil {
			return nil
		}
		return sc.word(as.words, nil)
	case pairing.Spoiled:
		codes := make([]string, len(o.Codes))
		for i, c := range o.Codes {
			codes[i] = shown(c)
		}
		return &word{N: as.words, Codes: codes, Reason: because(causes[o.Cause], codes)}
	}
	return nil
}

// causes say in plain words why a round gave nobody an identifier.
var causes = map[pairing.Cause]string{
	pairing.NoScan:    "more discs came than were scanned",
	pairing.ManyScans: "more than one scan waited when a disc came",
	pairing.NoArrival: "a scan beside it got no disc in its time",
	pairing.Doubtful:  "a disc came back, or one that is like it, and the scan may have been meant for it",
}

// because is a reason with the codes that waited.
func because(cause string, codes []string) string {
	const most = 20
	more := ""
	if len(codes) > most {
		codes, more = codes[:most], fmt.Sprintf(" and %d more", len(codes)-most)
	}
	return fmt.Sprintf("nobody can say which scan is this disc's: %s (scanned: %s%s)", cause, strings.Join(codes, ", "), more)
}

// words are what is scanned of one disc, as one text: two scans with the same
// words are one.
type words struct {
	Item  string `json:"item"`
	Title string `json:"title,omitempty"`
	Part  int    `json:"part,omitempty"`
	Parts int    `json:"parts,omitempty"`
	Side  string `json:"side,omitempty"`
}

func (w words) code() string {
	b, err := json.Marshal(w)
	if err != nil {
		return w.Item // texts and numbers always marshal
	}
	return string(b)
}

// shown is a code of the rounds as a person scanned it.
func shown(code string) string {
	w := parseWords(code)
	return shownAs(w.Item, w.Part, w.Parts, w.Side)
}

func parseWords(code string) (w words) {
	if json.Unmarshal([]byte(code), &w) != nil {
		return words{Item: code}
	}
	return w
}

func shownAs(item string, part, parts int, side string) string {
	s := item
	if part > 0 && parts > 0 {
		s += fmt.Sprintf(" part %d/%d", part, parts)
	} else if part > 0 {
		s += fmt.Sprintf(" part %d", part)
	}
	if side != "" {
		s += " side " + side
	}
	return s
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
