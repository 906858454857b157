package station

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ripstation/internal/pairing"
)

// ScanRequest is an identifier that a person gives before its disc comes, or
// for the disc in a drive.
type ScanRequest struct {
	Code     string `json:"code"`
	Title    string `json:"title"`
	Part     int    `json:"part"`  // 0: not told
	Parts    int    `json:"parts"` // 0: not told
	Side     string `json:"side"`
	Drive    string `json:"drive"` // key, node or name; empty: the next disc that comes, wherever
	Operator string `json:"operator"`
}

// ScanState is what became of a scan.
type ScanState string

const (
	ScanWaits     ScanState = "waits"     // no disc yet
	ScanMatched   ScanState = "matched"   // one disc came; its round is not over
	ScanBound     ScanState = "bound"     // it belongs to the disc
	ScanSpoiled   ScanState = "spoiled"   // nobody can say which disc it belongs to
	ScanExpired   ScanState = "expired"   // no disc came in its time
	ScanCancelled ScanState = "cancelled" // somebody took it back
)

// Scan is one scan and what became of it as far as it is known.
type Scan struct {
	N int64 `json:"scan"` // of this run of the station
	ScanRequest
	Time  time.Time  `json:"time"`
	State ScanState  `json:"state"`
	Until *time.Time `json:"until"` // when it is decided if nothing more happens; null when it is
	Came  string     `json:"came"`  // key of the drive that the disc came into, empty as long as none did
	ID    string     `json:"id"`    // the carrier it belongs to, empty as long as there is none
	Text  string     `json:"text"`
	Hint  string     `json:"hint"`

	met pairing.ID // the arrival
}

// Decided reports whether nothing about the scan will change any more.
func (sc Scan) Decided() bool {
	return sc.Until == nil && sc.State != ScanWaits && sc.State != ScanMatched
}

// ErrNotBound says that a scan cannot belong to the disc in the drive that it
// names.
var ErrNotBound = errors.New("not bound")

// maxWaiting bounds how many scans may wait at one time; maxScans, how many
// that are decided are remembered.
const (
	maxWaiting = 200
	maxScans   = 100
	maxRound   = 2000 // scans and arrivals that are not decided
)

const scanAgain = "scan it again when the disc is out, or say it with `ripstation annotate`"

func (r ScanRequest) validate() error {
	said := Request{Item: r.Code, Title: r.Title, Part: r.Part, Parts: r.Parts, Side: r.Side, Operator: r.Operator}
	if err := said.validate(); err != nil {
		return err
	}
	for name, v := range map[string]string{"code": r.Code, "title": r.Title, "side": r.Side, "operator": r.Operator} {
		if !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
			return fmt.Errorf("%w: the %s holds a control character, or is not UTF-8", ErrRequest, name)
		}
	}
	if strings.TrimSpace(r.Code) == "" {
		return fmt.Errorf("%w: the code is empty", ErrRequest)
	}
	if r.Code != strings.TrimSpace(r.Code) {
		return fmt.Errorf("%w: the code %q begins or ends with a blank", ErrRequest, r.Code)
	}
	return nil
}

func (r ScanRequest) words() words {
	return words{Item: r.Code, Title: r.Title, Part: r.Part, Parts: r.Parts, Side: r.Side}
}

// Scan takes an identifier for the next disc that comes, or for the one in the
// drive that it names, and tells what became of it so far. ErrNotBound when the
// disc in that drive cannot take it.
func (s *Station) Scan(ctx context.Context, r ScanRequest) (Scan, error) {
	if err := r.validate(); err != nil {
		return Scan{}, err
	}
	if err := s.up(ctx); err != nil {
		return Scan{}, err
	}
	key := ""
	if r.Drive != "" {
		b, err := s.find(r.Drive)
		if err != nil {
			return Scan{}, err
		}
		key = b.info().Key
	}
	said := time.Now()
	a, err := s.arrivals.lies(ctx, key, said)
	if err != nil {
		return Scan{}, err
	}
	return s.arrivals.scan(r, key, a, said)
}

// up waits until the station has taken up what its spool held.
func (s *Station) up(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-s.ended:
		return ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ScanEnd waits until a scan is decided, and, when it belongs to a disc, until
// that has a carrier. ErrRequest when there is no such scan.
func (s *Station) ScanEnd(ctx context.Context, n int64) (Scan, error) {
	as := s.arrivals
	for {
		as.mu.Lock()
		sc, news := as.scans[pairing.ID(n)], as.news
		var now Scan
		there := false
		if sc != nil {
			now = *sc
			there = as.here[sc.Came] != nil && as.here[sc.Came].n == sc.met
		}
		as.mu.Unlock()
		switch {
		case sc == nil:
			return Scan{}, fmt.Errorf("%w: there is no scan %d", ErrRequest, n)
		case now.Decided() && (now.State != ScanBound || now.ID != "" || !there):
			return now, nil
		}
		select {
		case <-news:
		case <-s.ended:
			return now, ErrStopping
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// Scans are the scans that are not decided, and the last of those that are, in
// the order in which they were made.
func (s *Station) Scans() []Scan {
	as := s.arrivals
	as.mu.Lock()
	defer as.mu.Unlock()
	as.advance()
	out := make([]Scan, 0, len(as.scans))
	for _, sc := range as.scans {
		out = append(out, *sc)
	}
	slices.SortFunc(out, func(a, b Scan) int { return cmp.Compare(a.N, b.N) })
	return out
}

// CancelScans takes back what waits: for one drive, or everything when drive
// is empty. It gives the scans that were taken back.
func (s *Station) CancelScans(ctx context.Context, drive string) ([]Scan, error) {
	if err := s.up(ctx); err != nil {
		return nil, err
	}
	key := ""
	if drive != "" {
		b, err := s.find(drive)
		if err != nil {
			return nil, err
		}
		key = b.info().Key
	}
	as := s.arrivals
	as.mu.Lock()
	defer as.mu.Unlock()
	as.advance()
	now := time.Now()
	var waited []*Scan
	for _, o := range as.rounds.Open(now) {
		if sc := as.scans[o.ID]; !o.Arrival && o.Fate == pairing.Waits && sc != nil {
			waited = append(waited, sc)
		}
	}
	if key == "" {
		as.rounds.Cancel(now)
	} else {
		as.rounds.CancelFor(key)
	}
	as.advance()
	out := []Scan{}
	for _, sc := range waited {
		if sc.State == ScanCancelled {
			out = append(out, *sc)
		}
	}
	slices.SortFunc(out, func(a, b Scan) int { return cmp.Compare(a.N, b.N) })
	return out, nil
}

// scan takes a scan in. a is the disc that lay in the drive which it names when
// it was made, nil when there was none.
func (as *arrivals) scan(r ScanRequest, key string, a *arrival, said time.Time) (Scan, error) {
	as.mu.Lock()
	as.advance()
	now := time.Now()
	if as.rounds.Waiting(now) >= maxWaiting || as.rounds.Len() >= maxRound {
		as.mu.Unlock()
		return Scan{}, fmt.Errorf("%w: too many scans are undecided already (%d may wait); take them back with `ripstation scan --cancel`", ErrNotBound, maxWaiting)
	}
	as.last++
	sc := &Scan{N: int64(as.last), ScanRequest: r, Time: now.UTC(), State: ScanWaits}
	code := r.words().code()
	if a != nil && !as.same(key, a) {
		as.mu.Unlock()
		return Scan{}, fmt.Errorf("%w: %s", ErrBusy, changing)
	}
	if key != "" && as.gone[key] {
		as.mu.Unlock()
		return Scan{}, fmt.Errorf("%w: drive %s is not there, and nobody knows what will lie in it when it is back; plug it in, then scan again", ErrNotBound, r.Drive)
	}
	a = as.here[key]
	if as.away[key] {
		a = nil // what lies in it will be looked at when it is back
	}
	if _, changed := as.changes[key]; changed {
		as.mu.Unlock()
		return Scan{}, fmt.Errorf("%w: drive %s has just told of a change, and which disc is in it is being found out; scan again in a moment", ErrNotBound, r.Drive)
	}
	if key != "" && a != nil {
		bound, err := as.bind(a, sc, said)
		as.mu.Unlock()
		if err == nil && bound != nil {
			err = as.written(a, bound)
		}
		as.mu.Lock()
		defer as.mu.Unlock()
		if err != nil {
			return Scan{}, err
		}
		as.keep(sc)
		as.tell()
		return *sc, nil
	}
	defer as.mu.Unlock()
	as.scans[pairing.ID(sc.N)] = sc
	if key == "" {
		as.rounds.Scan(now, pairing.ID(sc.N), code)
	} else {
		as.again(as.rounds.Drop(now, r.words().covers), "said again for a drive")
		as.rounds.ScanFor(now, pairing.ID(sc.N), code, key)
	}
	as.advance()
	return *sc, nil
}

// keep remembers a scan that is decided, and forgets the oldest. as.mu is held.
func (as *arrivals) keep(sc *Scan) {
	as.scans[pairing.ID(sc.N)] = sc
	as.recent = append(as.recent, pairing.ID(sc.N))
	for len(as.recent) > maxScans {
		delete(as.scans, as.recent[0])
		as.recent = as.recent[1:]
	}
}

// again ends scans that were said a second time in another way. as.mu is held.
func (as *arrivals) again(ids []pairing.ID, how string) {
	for _, id := range ids {
		if sc := as.scans[id]; sc != nil {
			sc.State, sc.Until, sc.Text, sc.Hint = ScanCancelled, nil, how, ""
			as.keep(sc)
		}
	}
}

// scanEnded takes note of the end of a scan. as.mu is held.
func (as *arrivals) scanEnded(o pairing.Outcome) {
	sc := as.scans[o.ID]
	if sc == nil || sc.Decided() {
		return
	}
	as.show(sc, o)
	as.keep(sc)
	n := Notice{Word: WordScanned, Text: sc.Code + ": " + sc.Text, Hint: sc.Hint}
	if a := as.open[o.Other]; a != nil {
		n.Drive, n.ID = a.key, a.id
	}
	if sc.State != ScanBound {
		n.Word = WordScanVoid
	}
	as.s.say(n)
}

// show makes a scan say how it stands. as.mu is held.
func (as *arrivals) show(sc *Scan, o pairing.Outcome) {
	sc.Until, sc.Hint, sc.met = nil, "", o.Other
	if !o.Until.IsZero() {
		until := o.Until.UTC()
		sc.Until = &until
	}
	if a := as.open[o.Other]; a != nil {
		sc.Came, sc.ID = a.key, a.id
	}
	clock := o.Until.Local().Format(time.TimeOnly)
	switch o.Fate {
	case pairing.Waits:
		sc.State, sc.Text = ScanWaits, "waits for its disc until "+clock
		if sc.Drive != "" {
			sc.Text = "waits for a disc in drive " + sc.Drive + " until " + clock
		}
	case pairing.Matched:
		sc.State, sc.Text = ScanMatched, "a disc came into drive "+sc.Came+"; it is its disc when nothing contradicts that until "+clock
	case pairing.Bound:
		sc.State, sc.Text = ScanBound, "bound to the disc in drive "+sc.Came
	case pairing.Expired:
		sc.State, sc.Text, sc.Hint = ScanExpired, "no disc came in its time", "scan it again, and put its disc in after that"
	case pairing.Cancelled:
		sc.State, sc.Text = ScanCancelled, "taken back"
	}
	if o.Cause != "" {
		codes := make([]string, len(o.Codes))
		for i, c := range o.Codes {
			codes[i] = shown(c)
		}
		sc.State, sc.Came, sc.ID = ScanSpoiled, "", ""
		sc.Text = because(causes[o.Cause], codes)
		sc.Hint = "the discs are read all the same; say what they are with `ripstation annotate`"
		if sc.Until != nil {
			sc.Hint = "put in no disc until " + clock + ", or take it back with `ripstation scan --cancel`; then scan again"
		}
	}
}

// refresh makes every open scan say how it stands. as.mu is held.
func (as *arrivals) refresh() {
	for _, o := range as.rounds.Open(time.Now()) {
		if sc := as.scans[o.ID]; sc != nil && !o.Arrival {
			as.show(sc, o)
		}
	}
}

// word makes what was scanned the word of a disc.
func (sc *Scan) word(n int, codes []string) *word {
	return &word{N: n, Item: sc.Code, Title: sc.Title, Part: sc.Part, Parts: sc.Parts, Side: sc.Side,
		Operator: sc.Operator, Scanned: sc.Time, Drive: sc.Drive, Codes: append([]string{}, codes...)}
}

// covers reports whether a code says nothing but what these words say, too.
func (w words) covers(code string) bool {
	c := parseWords(code)
	return c.Item == w.Item && (c.Title == "" || c.Title == w.Title) && (c.Part == 0 || c.Part == w.Part && c.Parts == w.Parts) && (c.Side == "" || c.Side == w.Side)
}
