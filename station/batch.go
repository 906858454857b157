package station

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
)

// batches knows which disc came while which batch was open, and tells what is to
// be told of a batch: that a label contradicts, that its discs may go back.
type batches struct {
	s *Station

	mu    sync.Mutex
	came  map[string]coming // by drive key: the disc in it
	doubt map[string]bool   // what was told of labels, by carrier and words
	view  []BatchStatus
	seen  map[string]string // by batch: what its labels were held against last
	news  chan struct{}
}

// coming is a disc that came while a batch was open.
type coming struct {
	ins    disc.Insertion
	batch  string // empty when none was open
	placed bool   // its carrier has its place, or it has no carrier
	node   string
}

func newBatches(s *Station) *batches {
	return &batches{s: s, came: map[string]coming{}, doubt: map[string]bool{}, seen: map[string]string{}, news: make(chan struct{}, 1)}
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
		bs.arrive(ctx, ev.Drive, ev.Insertion)
	case disc.EventRemoved, disc.EventDriveGone:
		bs.mu.Lock()
		delete(bs.came, ev.Drive.Key)
		bs.mu.Unlock()
		bs.nudge()
	}
}

// arrive binds an insertion to the batch that is open now, once. The batch is
// asked for under the lock, so that whoever sees the batch closed sees the disc
// as well.
func (bs *batches) arrive(ctx context.Context, d disc.Drive, ins disc.Insertion) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if had, there := bs.came[d.Key]; there && had.ins == ins {
		return
	}
	name, err := bs.s.cfg.Catalog.OpenedBatch(ctx)
	if err != nil && ctx.Err() == nil {
		bs.s.cfg.Log.Error().Err(err).Str("drive", d.Key).Msg("which batch is open could not be read; this disc gets no place in one")
	}
	bs.came[d.Key] = coming{ins: ins, batch: name, node: d.Node}
}

// of is the batch that was open when an insertion came.
func (bs *batches) of(ins disc.Insertion) string {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if c, there := bs.came[ins.DriveKey]; there && c.ins == ins {
		return c.batch
	}
	return ""
}

// placed says that nothing of an insertion is on its way to a place any more.
func (bs *batches) placed(ins disc.Insertion) {
	bs.mu.Lock()
	if c, there := bs.came[ins.DriveKey]; there && c.ins == ins {
		c.placed = true
		bs.came[ins.DriveKey] = c
	}
	bs.mu.Unlock()
	bs.nudge()
}

// place gives a job its place in the batch that its job.json names, and the job
// the event of it. Told again, it changes nothing: the place is the carrier's,
// and job.json names the batch before the place is taken.
func (bs *batches) place(ctx context.Context, j *job) error {
	e, err := bs.take(ctx, j)
	if err == nil {
		err = j.note(e)
	}
	return err
}

// take gives the job's carrier its place, and the event that the job is to note;
// nil when there is nothing to note.
func (bs *batches) take(ctx context.Context, j *job) (*catalog.Event, error) {
	f := j.file()
	if f.Batch == "" || f.placed() {
		return nil, nil
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
		return nil, fmt.Errorf("take a place in batch %s: %w", f.Batch, err)
	}
	bs.nudge()
	// What is recorded has its event already; what is sealed gets it from the
	// catalog when it is recorded.
	if recorded || f.Step.atLeast(StepSealed) {
		return nil, nil
	}
	return &e, nil
}

// note puts an event into a record that is not sealed yet.
func (j *job) note(e *catalog.Event) error {
	if e == nil {
		return nil
	}
	return j.update(func(f *jobFile) { f.Events = append(f.Events, *e) })
}

// placed reports whether the job holds the event of its place.
func (f *jobFile) placed() bool {
	return slices.ContainsFunc(f.Events, func(e catalog.Event) bool {
		return e.Changes != nil && e.Changes.Batch != nil && *e.Changes.Batch == f.Batch
	})
}

// takeUp makes sure that the catalog has the places of a job from before a
// restart.
func (bs *batches) takeUp(ctx context.Context, j *job) {
	f := j.file()
	if f.Compare.needless() {
		return // its places are the known carrier's by now
	}
	err := bs.s.cfg.Catalog.KeepPlaces(ctx, j.ID, f.Events)
	if err == nil && !f.Step.atLeast(StepRecorded) {
		err = bs.place(ctx, j)
	}
	if err != nil && ctx.Err() == nil {
		bs.s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: err.Error(), Hint: "the disc goes on all the same; look at its place with `ripstation batch report`"})
	}
}

// BatchSight is what the catalog cannot know of a batch by itself: what the
// spool and the drives hold, and what the stores have to prove.
func (s *Station) BatchSight(batch string) catalog.BatchSight {
	sight := catalog.BatchSight{Required: BatchStores(s.cfg.Stores)}
	bs := s.batches
	bs.mu.Lock()
	for _, key := range sortedKeys(bs.came) {
		if c := bs.came[key]; c.batch == batch && batch != "" && !c.placed {
			sight.Coming = append(sight.Coming, "the disc in "+nonEmpty(c.node, key)+" came in this batch and is not known yet")
		}
	}
	bs.mu.Unlock()
	s.mu.Lock()
	jobs := make([]*job, 0, len(s.jobs))
	for _, j := range s.jobs {
		jobs = append(jobs, j)
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
