package station

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
)

// batches tells what is to be told of a batch: that a label contradicts, that
// its discs may go back. Which disc came in which batch, its line knows.
type batches struct {
	s    *Station
	line arrivalOrder

	mu   sync.Mutex
	view []BatchStatus
	turn map[string]*placing // by carrier: its job waits for its place
	news chan struct{}

	// Only run uses these.
	doubt map[string]bool   // what was told of labels, by carrier and words
	seen  map[string]string // by batch: what its labels were held against last
}

// placing is a job on its way to its place.
type placing struct {
	done chan struct{} // closed when it has it, or gets none
	left bool          // the job is done: its folder goes when it has its place
}

func newBatches(s *Station) *batches {
	bs := &batches{s: s, doubt: map[string]bool{}, seen: map[string]string{}, turn: map[string]*placing{}, news: make(chan struct{}, 1)}
	bs.line = arrivalOrder{came: map[string]*coming{}, moved: make(chan struct{})}
	return bs
}

// nudge has the batches looked at soon.
func (bs *batches) nudge() {
	select {
	case bs.news <- struct{}{}:
	default:
	}
}

// heard takes in what the watcher tells, before the bay hears of it: a disc is of
// the batch that was open when it came, not of the one that is open when it is
// known.
func (bs *batches) heard(ctx context.Context, ev disc.DriveEvent) {
	switch ev.Kind {
	case disc.EventInserted:
		bs.arrive(ctx, ev.Drive, ev.Insertion, ev.Time)
	case disc.EventRemoved, disc.EventDriveGone:
		bs.empty(ev.Drive.Key)
	}
}

// empty takes note that a drive has no disc, also one that told of a disc: the
// next one is of the batch that is open when it comes.
func (bs *batches) empty(driveKey string) {
	bs.line.left(driveKey)
	bs.nudge()
}

// arrive binds an insertion to the batch that is open now, once.
func (bs *batches) arrive(ctx context.Context, d disc.Drive, ins disc.Insertion, told time.Time) {
	bs.line.arrive(d, ins, when(time.Now(), told, bs.s.cfg.ScanSettle), func() string {
		name, err := bs.s.cfg.Catalog.OpenedBatch(ctx)
		if err != nil && ctx.Err() == nil {
			bs.s.cfg.Log.Error().Err(err).Str("drive", d.Key).Msg("which batch is open could not be read; this disc gets no place in one")
		}
		return name
	})
}

// of is the batch that was open when an insertion came.
func (bs *batches) of(ins disc.Insertion) string {
	if c := bs.line.of(ins); c != nil {
		return c.batch
	}
	return ""
}

// settled says that a story has come to its end: if the disc has no carrier by
// now, it takes no place.
func (bs *batches) settled(ins disc.Insertion) {
	bs.line.settled(ins)
	bs.nudge()
}

// queue has a job take its place as soon as those that came before it have
// theirs; its reading does not wait for that.
func (bs *batches) queue(j *job, ins disc.Insertion) {
	c := bs.line.hold(ins)
	if f := j.file(); f.Batch == "" || f.placed() {
		bs.line.over(c)
		return
	}
	p := &placing{done: make(chan struct{})}
	bs.mu.Lock()
	bs.turn[j.ID] = p
	bs.mu.Unlock()
	bs.s.start(func(ctx context.Context) {
		defer close(p.done)
		defer bs.taken(ctx, j, p)
		if bs.line.turn(ctx, c) != nil {
			return // job.json names the batch: the place is taken at the next start
		}
		err := bs.place(ctx, j)
		bs.line.over(c)
		bs.nudge()
		if err != nil && ctx.Err() == nil {
			bs.unplaced(j, err)
		}
	})
}

// taken ends the wait of a job for its place. One that was done meanwhile goes
// out of the spool now, unless the station is stopped: then its folder is what
// the next start takes its place from.
func (bs *batches) taken(ctx context.Context, j *job, p *placing) {
	bs.mu.Lock()
	left := p.left
	if !left && bs.turn[j.ID] == p {
		delete(bs.turn, j.ID) // from now on its folder goes as any done job's
	}
	bs.mu.Unlock()
	if !left {
		return
	}
	if ctx.Err() == nil {
		if err := bs.s.spool.discard(j); err != nil { // without the lock: a slow disk must not stop the screens
			bs.s.cfg.Log.Error().Err(err).Str("id", j.ID).Msg("a done job could not be cleared")
		}
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.turn[j.ID] == p {
		delete(bs.turn, j.ID)
	}
}

// leaves has a done job's folder go when the job has its place, and reports
// whether it waits for one.
func (bs *batches) leaves(id string) bool {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	p := bs.turn[id]
	if p != nil {
		p.left = true
	}
	return p != nil
}

// queued waits until a carrier's job has taken its place, if it is about to.
func (bs *batches) queued(ctx context.Context, id string) error {
	bs.mu.Lock()
	p := bs.turn[id]
	bs.mu.Unlock()
	if p == nil {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt records a capture that gave no image when it is its turn to take a
// place.
func (bs *batches) attempt(ctx context.Context, a catalog.Attempt, record func(catalog.Attempt) error) error {
	c := bs.line.hold(a.Capture.Insertion)
	if c == nil {
		return record(a)
	}
	if err := bs.line.turn(ctx, c); err != nil {
		bs.line.letGo(c)
		return err
	}
	a.Batch = c.batch
	if err := record(a); err != nil {
		bs.line.letGo(c)
		return err
	}
	bs.line.over(c)
	bs.nudge()
	return nil
}

func (bs *batches) unplaced(j *job, err error) {
	bs.s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: err.Error(), Hint: "the disc goes on all the same; look at its place with `ripstation batch report`"})
}

// place gives a job its place in the batch that its job.json names, and the job
// the event of it. Told again, it changes nothing: the place is the carrier's,
// and job.json names the batch before the place is taken.
func (bs *batches) place(ctx context.Context, j *job) error {
	f := j.file()
	if f.Batch == "" || f.placed() || f.Compare.needless() {
		return nil
	}
	cap := f.Captures[len(f.Captures)-1]
	by := []catalog.Agent{{Role: catalog.RoleOperator, Name: cap.Operator}, bs.s.agent(), {Role: catalog.RoleDrive, Name: driveName(cap.Drive)}}
	var e catalog.Event
	var recorded bool
	err := bs.s.untilRecorded(ctx, j.ID, func() (err error) {
		e, recorded, err = bs.s.cfg.Catalog.TakePlace(ctx, f.Batch, j.ID, by...)
		return err
	})
	if err != nil {
		return fmt.Errorf("take a place in batch %s: %w", f.Batch, err)
	}
	crashpoint.Here("place-taken")
	if recorded {
		return nil // it has its event already
	}
	return j.update(func(f *jobFile) {
		// What is sealed stays as it is; its event comes when it is recorded.
		if !f.Step.atLeast(StepSealed) && !f.placed() {
			f.Events = append(f.Events, e)
		}
	})
}

// placed reports whether the job holds the event of its place.
func (f *jobFile) placed() bool {
	return slices.ContainsFunc(f.Events, func(e catalog.Event) bool {
		return e.Changes != nil && e.Changes.Batch != nil && *e.Changes.Batch == f.Batch
	})
}

// takeUp makes sure that the catalog has the places of the jobs from before a
// restart: those that they have, before one that has none takes another's.
func (bs *batches) takeUp(ctx context.Context, jobs []*job) {
	jobs = slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool {
		f := j.file()
		if f.Compare.needless() {
			return true // its places are the known carrier's by now
		}
		err := bs.s.cfg.Catalog.KeepPlaces(ctx, j.ID, f.Events)
		if err != nil && ctx.Err() == nil {
			bs.unplaced(j, err)
		}
		return err != nil
	})
	for _, j := range jobs {
		bs.takePlace(ctx, j)
	}
}

func (bs *batches) takePlace(ctx context.Context, j *job) {
	// The place of a sealed image that is still to be compared goes to the disc
	// that it is: what is recorded then takes it. A job that is recorded, or done,
	// may still have waited for one that came earlier.
	if f := j.file(); f.Compare.open() && f.Step.atLeast(StepSealed) {
		return
	}
	if err := bs.place(ctx, j); err != nil && ctx.Err() == nil {
		bs.unplaced(j, err)
	}
}

// BatchSight is what the catalog cannot know of a batch by itself: what the
// spool and the drives hold, and what the stores have to prove.
func (s *Station) BatchSight(batch string) catalog.BatchSight {
	sight := catalog.BatchSight{Required: BatchStores(s.cfg.Stores)}
	sight.Coming = s.batches.line.waiting(batch)
	s.mu.Lock()
	jobs := make([]*job, 0, len(s.jobs))
	for _, j := range s.jobs {
		jobs = append(jobs, j)
	}
	for _, l := range s.aside {
		if !l.Contradicts {
			sight.Underway = append(sight.Underway, catalog.Underway{CarrierInfo: catalog.CarrierInfo{ID: l.ID}, What: l.Reason})
		}
	}
	s.mu.Unlock()
	for _, j := range jobs {
		if u := underway(j.file()); u != nil {
			sight.Underway = append(sight.Underway, *u)
		}
	}
	return sight
}

// BatchStores are the stores that a batch's images have to be in, and what
// counts as their proof.
func BatchStores(stores []Store) (out []catalog.BatchStore) {
	for _, st := range stores {
		if st.Required {
			out = append(out, catalog.BatchStore{Name: st.Name(), Checksum: st.proof() == ProofChecksum})
		}
	}
	return out
}

// run looks at the batches whenever something was recorded, or came or left.
func (bs *batches) run(ctx context.Context) {
	recorded, stop := bs.s.cfg.Catalog.Heard()
	defer stop()
	for {
		if err := bs.look(ctx); err != nil && ctx.Err() == nil {
			bs.s.cfg.Log.Warn().Err(err).Msg("the batches could not be looked at; it is tried again when something is recorded")
		}
		select {
		case <-recorded:
		case <-bs.news:
		case <-ctx.Done():
			return
		}
		// What happens together is looked at together.
		select {
		case <-time.After(lookAfter):
		case <-ctx.Done():
			return
		}
	}
}

// lookAfter is how long the batches are let be after something has happened.
const lookAfter = 250 * time.Millisecond
