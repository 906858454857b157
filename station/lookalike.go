package station

import (
	"context"

	"ripstation/disc"
)

// notBefore finds out whether the disc in the drive is the one that its arrival
// was. A drive that tells of another insertion, and not that the disc before has
// left, may tell twice of one disc or have got another that looks like it: what
// was said of the first is not about the second. That gets an arrival of its
// own then. goesOn says that no job of the spool goes on with the disc.
func (b *bay) notBefore(ctx context.Context, d Drive, s *seen, ask *Request, goesOn bool) error {
	a := s.arrival
	if a == nil || b.back {
		return nil
	}
	b.s.arrivals.mu.Lock()
	j, samples := a.job, a.proof
	b.s.arrivals.mu.Unlock()
	switch {
	case j != nil && goesOn && !j.step().atLeast(StepSealed):
		if another(ask, j.file().Carrier) {
			return nil // a person's word about this very disc
		}
		samples = nil
	case j != nil:
		var err error
		if samples, _, err = j.samples(ctx, s.identity.Recordable); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			samples = nil // whoever goes on with the job tells it
		}
	case len(samples) == 0:
		return nil
	}
	agree, disagree, err := compare(ctx, d, samples)
	if err != nil {
		return err
	}
	if disagree > 0 || goesOn && (agree == 0 || agree < min(disc.EnoughSamples, len(samples))) {
		s.arrival = b.s.arrivals.another(*s)
	}
	return nil
}

// another is the arrival of a disc that was taken for the one before it in its
// drive.
func (as *arrivals) another(s seen) *arrival {
	as.mu.Lock()
	defer as.mu.Unlock()
	at := s.at
	if !s.arrival.retold.IsZero() {
		at = s.arrival.retold
	}
	a := as.arrive(s.ins.DriveKey, s.ins, at)
	identity := s.identity
	a.seen = &identity
	return a
}

// known notes samples of the image that a disc without a job was known by.
func (as *arrivals) known(a *arrival, samples []disc.Sample) {
	if a == nil {
		return
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	a.proof = samples
}
