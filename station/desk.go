package station

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"ripstation/archive"
)

// desk is the counter of one store: its own queue (turns.go), its own limit,
// and one wait for all when the store is away.
type desk struct {
	s     *Station
	store Store
	line  archive.Store // the store behind its limit

	letters letters // the events and the root files, on their way

	mu       sync.Mutex
	busy     *errand   // the one that moves bytes now
	pending  int       // parts that were given whole and whose answer is awaited
	out      int       // turns that were given and have not come back
	kept     *errand   // whose next part is waited for a moment before others have a turn
	waiting  []*waiter // for a turn, first come first
	errands  []*errand // all that are open
	alarm    *time.Timer
	alarmAt  time.Time
	away     trouble   // of the store
	hopeless string    // the last failure that no waiting mends, of an image
	locks    string    // what is wrong with the locks of its objects
	took     time.Time // when it last took bytes of an image, or gave some back
}

// trouble is how often something has failed in a row, and when it is tried
// again.
type trouble struct {
	fails   int
	next    time.Time
	waits   *backoff.ExponentialBackOff
	message string
	// person is since when it is a failure that a person has to mend; zero when
	// waiting may help.
	person time.Time
}

func newDesk(s *Station, st Store) *desk {
	d := &desk{s: s, store: st, line: st.Store, away: s.trouble()}
	if !st.Limit.None() {
		d.line = archive.NewLimited(st.Store, st.Limit)
	}
	return d
}

func (s *Station) trouble() trouble {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = s.cfg.BackoffMin, s.cfg.BackoffMax
	return trouble{waits: b}
}

func (t *trouble) over() { *t = trouble{waits: t.waits}; t.waits.Reset() }

func (t *trouble) again(err error, least time.Duration) {
	t.fails++
	t.message = err.Error()
	switch {
	case !errors.Is(err, archive.ErrPermanent):
		t.person = time.Time{}
	case t.person.IsZero():
		t.person = time.Now().UTC()
	}
	t.next = time.Now().Add(max(least, t.waits.NextBackOff()))
}

// errand is one image's business with one store. It has its own patience with
// the store: what is wrong with one image is not the others' affair.
type errand struct {
	purpose purpose
	left    int64 // bytes still to be sent
	begun   bool  // it has had a turn
	own     trouble
}

func (d *desk) open(p purpose) *errand {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &errand{purpose: p, own: d.s.trouble()}
	d.errands = append(d.errands, e)
	return e
}

func (d *desk) close(e *errand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.errands = slices.DeleteFunc(d.errands, func(x *errand) bool { return x == e })
	if d.kept == e {
		d.kept = nil
	}
	d.pump()
}

// judge takes note of how a turn went. A store that answers is not away,
// whatever it says of one image.
func (d *desk) judge(e *errand, err error) {
	switch {
	case err == nil:
		d.away.over()
		e.own.over()
		d.hopeless = ""
	case errors.Is(err, context.Canceled):
	case hopeless(err), errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrUploadGone), errors.Is(err, archive.ErrSource):
		d.away.over()
	default:
		d.away.again(err, 0)
		e.own.again(err, d.least(err))
	}
}

// least is the least wait after a failure: what a person has to mend is tried
// at long intervals only.
func (d *desk) least(err error) time.Duration {
	if errors.Is(err, archive.ErrPermanent) {
		return d.s.cfg.BackoffParked
	}
	return 0
}

// failed takes note of a failure that no turn has told of, and says how far
// the next try is away.
func (d *desk) failed(e *errand, err error) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if !e.own.next.After(now) {
		e.own.again(err, d.least(err))
	}
	return d.nextTry(e).Sub(now)
}

// nextTry is when an errand may have a turn again. d.mu is held.
func (d *desk) nextTry(e *errand) time.Time {
	if d.away.next.After(e.own.next) {
		return d.away.next
	}
	return e.own.next
}

// insist tries f until it succeeds, for as long as it takes. told hears of
// each failure and of how long the next try is away. What waiting does not
// mend is tried at long intervals only, since a person has to mend it first;
// what can never succeed comes back as an error.
func (d *desk) insist(ctx context.Context, e *errand, f func() error, told func(err error, wait time.Duration)) error {
	for {
		err := f()
		if err == nil {
			d.mu.Lock()
			e.own.over()
			d.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if hopeless(err) {
			d.mu.Lock()
			d.hopeless = err.Error()
			d.mu.Unlock()
			return err
		}
		wait := d.failed(e, err)
		told(err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hopeless failures are about the image itself, not about the store.
func hopeless(err error) bool {
	return errors.Is(err, archive.ErrExists) || errors.Is(err, archive.ErrSourceChanged)
}

func (d *desk) status(jobs []JobStatus) StoreStatus {
	d.mu.Lock()
	st := StoreStatus{Name: d.store.Name(), Required: d.store.Required, Message: d.hopeless}
	for _, e := range d.errands {
		if e.own.fails == 0 {
			continue
		}
		if since := e.own.person; !since.IsZero() && (st.TroubleSince == nil || since.Before(*st.TroubleSince)) {
			st.Trouble, st.TroubleSince = e.own.message, &since
		}
		if next := d.nextTry(e).UTC(); st.Next == nil || next.Before(*st.Next) {
			st.Message, st.Next = e.own.message, &next
		}
	}
	st.Notes = []string{}
	if d.locks != "" {
		st.Notes = append(st.Notes, d.locks)
	}
	d.mu.Unlock()
	st.Notes = append(st.Notes, d.store.notes()...)
	d.letters.mu.Lock()
	if d.letters.ended != "" && st.Trouble == "" {
		at := d.letters.endedAt
		st.Trouble, st.TroubleSince = d.letters.ended, &at
	}
	d.letters.mu.Unlock()
	for _, j := range jobs {
		if !j.Step.atLeast(StepSealed) {
			continue
		}
		for _, c := range j.Copies {
			if c.Store != st.Name || c.State == "stored" || c.State == "read back" {
				continue
			}
			st.Waiting++
			if st.Oldest == nil || j.Since.Before(*st.Oldest) {
				since := j.Since
				st.Oldest = &since
			}
		}
	}
	return st
}

// sayLocks is what status tells of the locks of the store's objects.
func (d *desk) sayLocks(text string) {
	d.mu.Lock()
	d.locks = text
	d.mu.Unlock()
}
