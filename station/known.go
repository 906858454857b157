package station

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ripstation/catalog"
	"ripstation/internal/crashpoint"
)

// known asks whether the disc has been met before: first among the unfinished
// jobs of the spool, then in the catalog. It gives the job to go on with (a
// new one when the disc is to be read), or what makes reading it needless. What
// is said of the disc comes back with it: a disc that looks like a known one
// waits here until it is known whose it is (whose).
func (b *bay) known(ctx context.Context, d Drive, s *seen, ask *Request) (*job, *notRead, *Request, error) {
	if err := b.notBefore(ctx, d, s, ask, false); err != nil {
		return nil, nil, nil, err
	}
	anew, ask, err := b.readAnew(ctx, d, *s, ask)
	if err != nil {
		return nil, nil, nil, err
	}
	j, ask, err := b.unfinished(ctx, d, *s, ask)
	if err == nil && j != nil {
		err = j.bind(anew)
	}
	if err != nil || j != nil {
		return j, nil, ask, err
	}
	if err := b.notBefore(ctx, d, s, ask, true); err != nil {
		return nil, nil, nil, err
	}
	if anew == nil {
		if err := b.heldAtStart(*s, ask); err != nil {
			return nil, nil, nil, err
		}
	}
	v := verdictOn{}
	if anew != nil && b.s.claim(b, anew.CarrierID) {
		v.next = &held{Held: catalog.Held{CarrierID: anew.CarrierID, Item: anew.Carrier.Item}}
	} else {
		anew = nil // or another drive has that disc
		v, ask, err = b.verdict(ctx, d, *s, ask)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if v.not != nil {
		return nil, v.not, ask, nil
	}
	if b.back {
		return nil, nil, nil, b.notAgain()
	}
	f := jobFile{
		ID: catalog.NewID(), ImageVersion: 1, Step: StepIdentified, Insertion: s.ins, Carrier: carrierInfo(ask),
		Drive: s.drive, Disc: s.disc, Identity: s.identity, Created: time.Now().UTC(), Operator: b.operator(ask),
		Batch: b.s.batches.of(s.ins),
	}
	if err := b.carrierOf(ctx, &f, v, *s, ask); err != nil {
		return nil, nil, nil, err
	}
	f.Carrier.ID = f.ID
	cap := b.capture(*s, ask)
	f.Captures = []catalog.Capture{cap}
	f.Events = []catalog.Event{b.event(catalog.EventFormat, catalog.EventSuccess, describe(*s), cap, f.ID)}
	if anew != nil {
		f.Retry = anew.ID
		f.Events = append(f.Events, b.event(catalog.EventCapture, catalog.EventSuccess, askedFor(anew), cap, f.ID))
	}
	for _, note := range s.notes {
		f.Events = append(f.Events, b.event(catalog.EventFormat, catalog.EventWarning, note, cap, f.ID))
	}
	if h := v.beside; h != nil && h.who.Item == "" {
		f.Events = append(f.Events, b.event(catalog.EventFormat, catalog.EventSuccess, "looks the same as "+h.image().bag()+" by its descriptors and samples, and nobody has said which item that one is: read on its own", cap, f.ID, h.image().bag()))
	} else if h != nil {
		f.Events = append(f.Events, b.event(catalog.EventFormat, catalog.EventSuccess, "looks the same as "+h.image().bag()+" by its descriptors and samples, and is of another item: read on its own", cap, f.ID, h.image().bag()))
	}
	if f.Scan = b.s.arrivals.waiting(s.arrival); f.Scan == nil && ask != nil && ask.word != nil {
		f.hear(b.s, ask.word)
	}
	j, err = b.newJob(f, s.arrival)
	return j, nil, ask, err
}

// verdict says what becomes of a disc that no job of the spool goes on with.
func (b *bay) verdict(ctx context.Context, d Drive, s seen, ask *Request) (verdictOn, *Request, error) {
	alike, err := b.alike(ctx, d, s)
	if err == nil && len(alike) > 0 {
		ask, err = b.whose(ctx, s.arrival, ask)
	}
	if err != nil {
		return verdictOn{}, nil, err
	}
	return b.judge(alike, s.identity.Recordable, ask), ask, nil
}

// carrierOf makes a job that of the carrier that the verdict says: a new one
// where it says none.
func (b *bay) carrierOf(ctx context.Context, f *jobFile, v verdictOn, s seen, ask *Request) error {
	switch {
	case v.next != nil:
		// While another drive has that disc, this one is a further copy of the
		// same pressing, which is a carrier of its own.
		return b.nextVersion(ctx, f, v.next.CarrierID, ask)
	case len(v.with) > 0:
		f.Compare = &comparison{}
		for _, h := range v.with {
			f.Compare.With = append(f.Compare.With, h.image())
		}
	case v.beside != nil:
		// It may have come before, and not been read then.
		waiting, err := b.waiting(ctx, s, ask)
		if err != nil || waiting == "" {
			return err
		}
		return b.nextVersion(ctx, f, waiting, ask)
	}
	return nil
}

// nextVersion makes a job one of a carrier that there is, unless another bay
// works on that.
func (b *bay) nextVersion(ctx context.Context, f *jobFile, id string, ask *Request) (err error) {
	if !b.s.claim(b, id) {
		return nil
	}
	b.s.cleared()
	if b.s.job(id) != nil || b.s.leftAlone(id) {
		return fmt.Errorf("%w: carrier %.8s", errUnfinished, id)
	}
	f.ID = id
	if f.ImageVersion, err = b.s.cfg.Catalog.NextVersion(ctx, id); err != nil {
		return err
	}
	if f.Carrier, err = b.s.cfg.Catalog.Carrier(ctx, id); err != nil {
		return err
	}
	merge(&f.Carrier, ask)
	return nil
}

// newJob puts a job into the spool, and gives its carrier its place in the batch.
func (b *bay) newJob(f jobFile, a *arrival) (*job, error) {
	b.s.claim(b, f.ID)
	j, err := b.s.spool.create(f)
	if err != nil {
		return nil, err
	}
	b.s.mu.Lock()
	b.s.jobs[j.ID] = j
	b.s.mu.Unlock()
	b.carried(a, j.ID, j)
	b.mu.Lock()
	b.view.ID = j.ID
	b.mu.Unlock()
	crashpoint.Here("job-written")
	b.s.batches.queue(j, f.Insertion)
	if c := f.Compare; c != nil {
		b.notice(Notice{ID: j.ID, Word: WordComparing, Text: "it looks like " + name(c.With[0].Item, c.With[0].Carrier) +
			"; discs of one recorder can look alike, so it is read in full and compared. Nothing of it is sent before that"})
	}
	return j, nil
}

// errUnfinished says that the spool holds a job of this disc that a person
// has to look at first.
var errUnfinished = errors.New("an earlier image of this disc is still in the spool and cannot be finished; see `ripstation status`")

// job is the carrier's job in the spool, nil when there is none.
func (s *Station) job(id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[id]
}

func name(item, id string) string {
	if item != "" {
		return fmt.Sprintf("%s (%.8s)", item, id)
	}
	return id[:min(8, len(id))]
}
