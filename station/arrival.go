package station

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ripstation/disc"
	"ripstation/internal/pairing"
)

// arrival is a disc that a bay has not had in its hands. Whose disc it is, is
// decided once; done is closed then.
type arrival struct {
	n   pairing.ID
	key string // of the drive
	at  time.Time

	// arrivals.mu guards what follows.
	ins  disc.Insertion // changes when the drive reports a change that was none
	seen *disc.Identity // nil before the story knows it
	job  *job           // nil before it has one
	id   string         // its carrier, empty before it has one
	word *word          // what is known of whose disc it is; nil when nobody said anything
	told *word          // what its story was told of that
	said bool           // somebody said it of this very disc, by its drive
	out  bool           // its tray was opened: what comes under another insertion is an arrival
	goes *words         // it goes on with a job that was named so: what is scanned of another item beside it puts that in doubt
	done chan struct{}

	again  string        // sets it apart from one before it whose insertion had the same key; empty for most
	retold time.Time     // when its drive told of its insertion last; zero when it did so once
	proof  []disc.Sample // of the image that it was known by, for a disc that got no job
}

// arrivals knows which disc came when and where, and holds them against what
// was scanned. It takes discs in as the watcher tells of them, never later: a
// bay that is busy with a stuck drive must not change the order.
type arrivals struct {
	s *Station

	mu      sync.Mutex
	rounds  pairing.Rounds
	last    pairing.ID
	words   int                       // how many words were given, so that each has its number
	open    map[pairing.ID]*arrival   // not decided
	here    map[string]*arrival       // by drive key: the disc that lies in it; none when it is empty
	changes map[string]change         // by drive key: what the drive told and nobody has looked at
	away    map[string]bool           // by drive key: the drive left the bus; nobody knows what lies in it
	gone    map[string]bool           // by drive key: it has not come back
	looking map[string]bool           // by drive key: it is being found out once more which disc lies in it
	before  map[string]disc.Insertion // by drive key: of the last arrival
	scans   map[pairing.ID]*Scan
	recent  []pairing.ID // scans that are decided, oldest first
	due     []due
	news    chan struct{} // closed, and made anew, whenever something has changed
}

// change is an insertion that a drive told of without its disc having left.
type change struct {
	ins disc.Insertion
	at  time.Time
}

// due is a word that a job has not been told yet.
type due struct {
	j *job
	a *arrival
}

func newArrivals(s *Station) *arrivals {
	return &arrivals{s: s, rounds: pairing.Rounds{Rules: pairing.Rules{Hold: s.cfg.ScanHold, Settle: s.cfg.ScanSettle}},
		open: map[pairing.ID]*arrival{}, here: map[string]*arrival{}, changes: map[string]change{}, away: map[string]bool{}, gone: map[string]bool{}, looking: map[string]bool{}, before: map[string]disc.Insertion{}, scans: map[pairing.ID]*Scan{}, news: make(chan struct{})}
}

// heard takes in what the watcher tells, before the bay hears of it. A change
// without the disc's having left is not an arrival until the story has found
// another disc.
func (as *arrivals) heard(ev disc.DriveEvent) {
	as.mu.Lock()
	defer as.mu.Unlock()
	key := ev.Drive.Key
	switch ev.Kind {
	case disc.EventInserted:
		delete(as.away, key)
		delete(as.gone, key)
		now := time.Now()
		at := when(now, ev.Time, as.s.cfg.ScanSettle)
		switch here := as.here[key]; {
		case here == nil && ev.AtStart: // it lay there before anything was scanned
			as.here[key] = as.decided(key, ev.Insertion, now)
		case here == nil, here.out && here.ins != ev.Insertion:
			as.arrive(key, ev.Insertion, at)
		case here.ins != ev.Insertion:
			as.changes[key] = change{ev.Insertion, at}
		}
	case disc.EventRemoved:
		delete(as.here, key)
		delete(as.changes, key)
		delete(as.looking, key)
	case disc.EventDriveGone:
		as.away[key], as.gone[key] = true, true
	case disc.EventDriveAdded:
		delete(as.gone, key)
	}
}

// when is the time that an event tells, on this process's own clock: another
// clock may jump, and none is trusted to be off by more than limit.
func when(now, told time.Time, limit time.Duration) time.Time {
	age := now.Round(0).Sub(told)
	if told.IsZero() || age < 0 {
		return now
	}
	return now.Add(-min(age, limit))
}

// arrive takes an arrival into the rounds. as.mu is held.
func (as *arrivals) arrive(key string, ins disc.Insertion, at time.Time) *arrival {
	as.last++
	a := &arrival{n: as.last, key: key, at: at, ins: ins, done: make(chan struct{})}
	if as.before[key] == ins { // the kernel does not count, or has not yet
		a.again = fmt.Sprint(as.s.started.UnixNano(), " ", a.n)
	}
	as.before[key] = ins
	as.here[key], as.open[a.n] = a, a
	as.rounds.Arrive(at, a.n, key)
	as.advance()
	return a
}

// decided is a disc that nobody said anything of. as.mu is held.
func (as *arrivals) decided(key string, ins disc.Insertion, at time.Time) *arrival {
	as.last++
	a := &arrival{n: as.last, key: key, at: at, ins: ins, done: make(chan struct{})}
	close(a.done)
	return a
}

// meet is the arrival of the disc that a story has identified. A disc that no
// event told of came when the story began. An image file is nobody's arrival.
func (as *arrivals) meet(s seen) *arrival {
	as.mu.Lock()
	defer as.mu.Unlock()
	key := s.ins.DriveKey
	if s.disc.Medium == disc.MediumFile {
		return as.decided(key, s.ins, s.at)
	}
	a := as.here[key]
	at := s.at
	if c := as.changes[key]; c.ins == s.ins {
		at = c.at
	}
	switch {
	case a == nil, a.out && a.ins != s.ins:
		a = as.arrive(key, s.ins, at)
	case a.seen != nil && disc.LooksLike(*a.seen, s.identity) == disc.Different: // also under one insertion: the kernel may not have noticed
		a = as.arrive(key, s.ins, at)
	case a.ins != s.ins: // the drive told twice of one disc, as far as its descriptors say
		a.ins, a.retold = s.ins, at
	}
	delete(as.changes, key)
	delete(as.looking, key)
	identity := s.identity
	a.seen = &identity
	return a
}

// toldOnce reports whether an arrival has one insertion: its disc is none that
// lay in the drive before a change that may have been none.
func (as *arrivals) toldOnce(a *arrival) bool {
	as.mu.Lock()
	defer as.mu.Unlock()
	return a.retold.IsZero()
}

// empty says that a drive which told of a disc has none. What it told of may
// have been nothing, or a disc that it cannot see, as one that lies upside
// down: a scan may have been meant for that, so its round gives nobody an
// identifier. What the drive has told of since is another disc.
func (as *arrivals) empty(key string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.here[key]
	if a == nil {
		return
	}
	delete(as.here, key)
	if as.open[a.n] != nil && a.seen == nil {
		as.rounds.Doubt(a.n)
	}
	if c, told := as.changes[key]; told {
		delete(as.changes, key)
		as.arrive(key, c.ins, c.at)
	}
	as.advance()
}

// meant takes an arrival out of its round, since it is known what it is. What
// was scanned of the same item was meant for it. as.mu is held.
func (as *arrivals) meant(a *arrival, own words) {
	for _, id := range as.rounds.Name(time.Now(), a.n, own.covers) {
		if sc := as.scans[id]; sc != nil {
			sc.State, sc.Until, sc.met, sc.Came, sc.ID, sc.Text = ScanBound, nil, a.n, a.key, a.id, "bound to the disc in drive "+a.key
			as.keep(sc)
		}
	}
}

// void says of the scans that are bound to an arrival, and tell another item
// than its own, that they are not, after all. as.mu is held.
func (as *arrivals) void(a *arrival, own words, text, hint string) {
	for _, sc := range as.scans {
		if sc.met == a.n && sc.State == ScanBound && !own.covers(sc.words().code()) {
			sc.State, sc.ID, sc.Until, sc.Text, sc.Hint = ScanSpoiled, "", nil, text, hint
			as.s.say(Notice{Drive: a.key, ID: a.id, Word: WordScanVoid, Text: sc.Code + ": " + text, Hint: hint})
		}
	}
}

// decide says whose disc an arrival is, for good. as.mu is held.
func (as *arrivals) decide(a *arrival, w *word) {
	delete(as.open, a.n)
	if a.goes != nil && w != nil && w.Against == "" && !a.said {
		w = as.against(a, w)
	}
	a.word = w
	select {
	case <-a.done:
	default:
		close(a.done)
	}
	if a.job != nil && w != nil {
		as.due = append(as.due, due{a.job, a})
	}
}

// letGo parts a job from the arrival that it was begun with: what is decided of
// that is not due to the job any more.
func (as *arrivals) letGo(j *job) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a := j.arrival; a != nil {
		a.job, j.arrival = nil, nil
	}
	as.due = slices.DeleteFunc(as.due, func(d due) bool { return d.j == j })
}

// attach makes a job the arrival's. What was decided meanwhile is due to it.
func (as *arrivals) attach(a *arrival, j *job) {
	as.mu.Lock()
	defer as.mu.Unlock()
	a.job, a.id, j.arrival = j, j.ID, a
	if a.word != nil {
		as.due = append(as.due, due{j, a})
		as.tell()
	}
}

// advance judges what is over and tells everybody who waits. as.mu is held.
func (as *arrivals) advance() {
	for _, o := range as.rounds.Advance(time.Now()) {
		if !o.Arrival {
			as.scanEnded(o)
			continue
		}
		if a := as.open[o.ID]; a != nil {
			as.decide(a, as.wordOf(o))
		}
	}
	as.refresh()
	as.tell()
}

func (as *arrivals) tell() {
	close(as.news)
	as.news = make(chan struct{})
}

// run lets time go by, and tells jobs whose disc theirs is.
func (as *arrivals) run(ctx context.Context) {
	for {
		as.mu.Lock()
		as.advance()
		todo := as.due
		as.due = nil
		news := as.news
		next, any := as.rounds.Next(time.Now())
		as.mu.Unlock()
		for _, d := range todo {
			if err := as.s.give(d.j, as.wordFor(d.a)); err != nil {
				// The story tells it again before the seal, and waits until it can.
				as.s.cfg.Log.Warn().Err(err).Str("id", d.j.ID).Msg("whose disc it is could not be written down yet")
			}
		}
		var alarm <-chan time.Time
		var t *time.Timer
		if any {
			t = time.NewTimer(time.Until(next))
			alarm = t.C
		}
		select {
		case <-alarm:
		case <-news:
		case <-ctx.Done():
		}
		if t != nil {
			t.Stop()
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (as *arrivals) wordFor(a *arrival) *word {
	as.mu.Lock()
	defer as.mu.Unlock()
	return a.word
}
