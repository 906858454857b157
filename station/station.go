// Package station is the conductor: one bay a drive, and the story of a disc
// from its insertion to its eject.
package station

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"ripstation/archive"
	"ripstation/disc"
)

// Station owns the bays, the spool and the couriers of sealed images.
type Station struct {
	cfg     Config
	board   board
	started time.Time
	spool   *spool
	desks   []*desk // one a store, in the config's order
	batches *batches
	line    *line  // who waits for room in the spool
	books   *books // what is kept of the bays

	clearing sync.Mutex // held while a done job is taken out of the spool; before mu

	mu       sync.Mutex
	bays     map[string]*bay // by drive key
	jobs     map[string]*job // by carrier id: all that are in the spool
	arrivals *arrivals
	claims   map[string]*bay // carrier id to the bay that works on its job
	wg       sync.WaitGroup
	start    func(func(context.Context)) // runs a function under Run's context; set before ready is closed
	ready    chan struct{}               // closed when Run has taken up what the spool held
	ended    chan struct{}               // closed when Run ends: nothing is started any more
	aside    []LeftAlone                 // folders of the spool that are not touched
	discs    map[string]disc.Insertion   // by drive key: what lies in the drives that were heard of; zero for nothing
	stays    map[string][]disc.Insertion // by drive key: all insertions of the stay of what lies there
}

// New checks the config and builds a station; it starts nothing.
func New(cfg Config) (*Station, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Station{cfg: cfg, started: time.Now().UTC(), bays: map[string]*bay{}, jobs: map[string]*job{}, claims: map[string]*bay{},
		ready: make(chan struct{}), ended: make(chan struct{}), discs: map[string]disc.Insertion{}, stays: map[string][]disc.Insertion{}}
	s.spool, s.line, s.books = &spool{dir: cfg.Spool}, newLine(s), newBooks(s)
	s.batches = newBatches(s)
	s.arrivals = newArrivals(s)
	for _, st := range cfg.Stores {
		s.desks = append(s.desks, newDesk(s, st))
	}
	return s, nil
}

// Run works until ctx is done, then stops what it started and returns nil. It
// owns the spool folder while it runs.
func (s *Station) Run(ctx context.Context) error {
	unlock, err := s.spool.lock()
	if err != nil {
		return err
	}
	defer unlock()
	defer s.wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.ended)
	}()

	s.books.load()
	jobs, broken, err := s.spool.jobs()
	if err != nil {
		return err
	}
	if jobs, err = s.setAside(ctx, jobs, broken); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.mu.Lock()
	s.start = func(f func(context.Context)) { s.wg.Go(func() { f(ctx) }) }
	for _, j := range jobs {
		s.jobs[j.ID] = j
	}
	s.mu.Unlock()
	slices.SortFunc(jobs, func(a, b *job) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	s.batches.takeUp(ctx, jobs) // before a disc could take a place
	for _, j := range jobs {
		j.stoppedBefore(s)
		s.takeUp(j)
	}
	s.start(s.batches.run)
	s.start(s.arrivals.run)
	s.start(s.line.run)
	for _, d := range s.desks {
		s.start(func(ctx context.Context) { s.mail(ctx, d) })
		s.start(func(ctx context.Context) { s.endUploads(ctx, d) })
		if k := archive.KeeperOf(d.store.Store); k != nil {
			s.start(func(ctx context.Context) { s.keepLocks(ctx, d, k) })
		}
	}
	close(s.ready)

	events := s.cfg.Events
	for {
		select {
		case <-ctx.Done():
			s.say(Notice{Word: WordStopping, Text: "reads are paused where they are; they go on at the next start"})
			return nil
		case ev, open := <-events:
			if !open {
				events = nil // the watcher ended; discs can still be brought by Rip
				continue
			}
			if ev.Drive.Key != "" {
				s.arrivals.heard(ev) // before anything that a slow disk can hold up: its time counts
			}
			s.batches.heard(ctx, ev)
			s.dispatch(ev)
		}
	}
}

// stoppedBefore says of a job that the station took up again that what was
// scanned for it is not known any more. A full disk keeps no station from its
// start: what cannot be written is found again at the next.
func (j *job) stoppedBefore(s *Station) {
	f := j.file()
	if f.Scan == nil || !f.Scan.Waits {
		return
	}
	err := j.hold(func(f *jobFile) {
		w := &word{Codes: f.Scan.Codes, Against: f.Scan.Against, Reason: because("the station was stopped before it was known whose disc it is", f.Scan.Codes)}
		if w.Against != "" && len(w.Codes) > 0 {
			w.Reason = inDoubt(w.Against, w.Codes)
			f.hear(s, w)
			return
		}
		f.Scan = w
		if f.Carrier.Item != "" {
			f.Scan = nil
		}
	})
	if err != nil {
		s.cfg.Log.Warn().Err(err).Str("id", j.ID).Msg("that nobody knows whose disc it is could not be written down yet")
	}
}

// takeUp goes on with a job that the spool held at start, as far as it needs
// no drive. What needs its disc waits for it.
func (s *Station) takeUp(j *job) {
	step := j.step()
	if step == StepDone {
		j.mu.Lock()
		j.delivering = true // there is nothing left for a courier
		j.mu.Unlock()
		close(j.mayOpen)
		close(j.released)
		return
	}
	if step.atLeast(StepSealed) {
		j.mu.Lock()
		j.before = true
		j.mu.Unlock()
		if p := j.file().Pending; p != nil && p.Over == nil { // when it was stopped just then, nobody has heard of it
			s.say(Notice{ID: j.ID, Word: WordResumed, Text: fmt.Sprintf("the station was stopped when this disc was %s; it belongs on the pending rack: its image is only on this station", step), Hint: rackHint(p)})
		} else {
			s.say(Notice{ID: j.ID, Word: WordResumed, Text: fmt.Sprintf("the station was stopped when this disc was %s", step)})
		}
		s.deliver(j)
		return
	}
	s.say(Notice{ID: j.ID, Word: WordPaused, Text: "the station was stopped while this disc was read", Hint: "put the disc in again if it is not in a drive; reading goes on where it stopped"})
}

// claim makes a bay the only one that works on a carrier's job. It reports
// whether it could.
func (s *Station) claim(b *bay, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner := s.claims[id]; owner != nil && owner != b {
		return false
	}
	s.claims[id] = b
	return true
}

// claimed reports whether a bay's story has found that its disc is a job's.
func (s *Station) claimed(b *bay, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims[id] == b
}

// unclaim gives up the jobs that a bay has claimed, all or the one named.
func (s *Station) unclaim(b *bay, only ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.claims, func(id string, owner *bay) bool {
		return owner == b && (len(only) == 0 || slices.Contains(only, id))
	})
}

// present notes what lies in a drive now, and which insertions the drive told of
// since anything was seen to leave. Done jobs of another disc that was
// in it are cleared, whoever took that out.
func (s *Station) present(driveKey string, now disc.Insertion, stay []disc.Insertion) {
	s.mu.Lock()
	s.discs[driveKey], s.stays[driveKey] = now, slices.Clone(stay)
	jobs := slices.Collect(maps.Values(s.jobs))
	s.mu.Unlock()
	for _, j := range jobs {
		if err := s.forget(j); err != nil {
			s.cfg.Log.Error().Err(err).Str("id", j.ID).Msg("a done job could not be cleared")
		}
	}
}

// found notes which disc a story has found in its drive, in the place of the one
// that the watcher told of: it may not have told that they were exchanged.
func (s *Station) found(now seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.discs[now.ins.DriveKey] != (disc.Insertion{}) {
		s.discs[now.ins.DriveKey] = now.ins
	}
}

// away reports whether a job's disc has left its drive: its tray was seen to
// open, or the drive holds another disc or none. A media change alone is no
// other disc: a job that was forgotten at one would have its disc read again.
// While a bay works on the job, it alone says so. s.mu is held.
func (s *Station) away(f jobFile) bool {
	if f.Eject != nil && f.Eject.Done {
		return true
	}
	now, heard := s.discs[f.Insertion.DriveKey]
	return heard && now != f.Insertion && !slices.Contains(s.stays[f.Insertion.DriveKey], f.Insertion) && s.claims[f.ID] == nil
}

// hasJobOf reports whether the spool has a job of a disc that was in a drive.
func (s *Station) hasJobOf(driveKey string) bool {
	return slices.ContainsFunc(s.allJobs(), func(j *job) bool { return j.file().Insertion.DriveKey == driveKey })
}

// stillLies reports whether a disc is in the drive that it was in, as far as that
// drive has told.
func (s *Station) stillLies(ins disc.Insertion) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bays[ins.DriveKey]
	return s.discs[ins.DriveKey] == ins && b != nil && b.there()
}

// dispatch brings a watcher's event to the bay of its drive.
func (s *Station) dispatch(ev disc.DriveEvent) {
	if ev.Drive.Key == "" {
		s.cfg.Log.Warn().Str("node", ev.Drive.Node).Msg("an event without a drive's key was passed over")
		return
	}
	b := s.bay(ev.Drive)
	b.send(ev)
}

// bay is the bay of a drive; it is made when the drive is met first.
func (s *Station) bay(d disc.Drive) *bay {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bays[d.Key]
	if b == nil {
		b = newBay(s, d)
		s.bays[d.Key] = b
		select {
		case <-s.ended:
		default:
			s.start(b.run)
		}
	}
	return b
}

// Listen gives every notice from now on until stop is called.
func (s *Station) Listen() (notices <-chan Notice, stop func()) { return s.board.listen() }

// say posts a notice and writes it to the log once.
func (s *Station) say(n Notice) {
	n.Time = time.Now().UTC()
	s.board.post(n)
	if n.Progress != nil || n.Text == "" {
		return
	}
	e := s.cfg.Log.Info()
	switch n.Word {
	case WordFailed, WordDriveFault, WordEjectFailed, WordDamaged, WordNeedsYou:
		e = s.cfg.Log.Warn()
	}
	if n.Hint != "" {
		e = e.Str("hint", n.Hint)
	}
	e.Str("id", n.ID).Str("drive", n.Drive).Str("word", string(n.Word)).Msg(n.Text)
}
