package station

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
)

// errWhichRetry says that a disc may be either of two that are to be read anew.
var errWhichRetry = errors.New("two discs that are to be read anew look like this one")

// toRetry finds the carrier whose disc is in the drive and is to be read anew,
// nil when there is none. A person has said so; which disc it is the evidence
// says all the same. Samples that disagree are another disc; enough that agree
// are this one; where the drive was named, too, fewer will do, or none when no
// image was ever made.
func (b *bay) toRetry(ctx context.Context, d Drive, s seen, ask *Request) (*catalog.ToRetry, error) {
	all, err := b.s.cfg.Catalog.ToRetry(ctx)
	if errors.Is(err, catalog.ErrDamaged) {
		b.s.cfg.Log.Warn().Err(err).Msg("not all that is to be read anew is known")
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("look the disc up: %w", err)
	}
	var found *catalog.ToRetry
	reader := newSampler(d)
	for i, r := range all {
		here := r.Drive != "" && b.s.isDrive(b.info(), r.Drive)
		if r.Drive != "" && !here || another(ask, r.Carrier) || disc.LooksLike(s.identity, r.Identity) == disc.Different {
			continue
		}
		samples := r.Identity.Samples
		agree, disagree, err := reader.against(ctx, samples)
		if err != nil {
			return nil, err
		}
		enough := len(samples) > 0 && agree >= min(disc.EnoughSamples, len(samples)) || here && (agree > 0 || len(samples) == 0)
		if disagree > 0 || !enough {
			continue
		}
		if found != nil && !(ask != nil && ask.Item != "" && found.Carrier.Item != r.Carrier.Item) {
			return nil, fmt.Errorf("%w: %.8s and %.8s", errWhichRetry, found.CarrierID, r.CarrierID)
		}
		if found == nil || r.Carrier.Item == ask.Item {
			found = &all[i]
		}
	}
	return found, nil
}

// readAnew is toRetry for a disc of which it is known whose it is: one that fits
// waits for that. The way is clear for its next version then.
func (b *bay) readAnew(ctx context.Context, d Drive, s seen, ask *Request) (*catalog.ToRetry, *Request, error) {
	anew, err := b.toRetry(ctx, d, s, ask)
	if err == nil && anew == nil || err != nil && !errors.Is(err, errWhichRetry) {
		return nil, ask, err
	}
	if ask, err = b.whose(ctx, s.arrival, ask); err != nil {
		return nil, nil, err
	}
	if anew, err = b.toRetry(ctx, d, s, ask); err == nil && anew != nil {
		err = b.s.makeWay(ctx, anew.CarrierID)
	}
	return anew, ask, err
}

// isDrive reports whether a drive goes by a name, its own or one of the
// configuration.
func (s *Station) isDrive(d disc.Drive, name string) bool {
	return isCalled(d, name) || isCalled(d, s.cfg.DriveNames[name])
}

// makeWay clears the done job of a carrier whose disc is to be read anew: its
// image has left the spool, and the disc need not leave its drive for that.
func (s *Station) makeWay(ctx context.Context, id string) error {
	if err := s.batches.queued(ctx, id); err != nil {
		return err
	}
	s.mu.Lock()
	j := s.jobs[id]
	if j == nil || j.step() != StepDone {
		s.mu.Unlock()
		return nil
	}
	delete(s.jobs, id)
	s.mu.Unlock()
	return s.spool.discard(j)
}

// bind has an unfinished job of the carrier count as the reading that was asked
// for, unless its image is sealed already.
func (j *job) bind(r *catalog.ToRetry) error {
	if r == nil || r.CarrierID != j.ID || j.step().atLeast(StepSealed) {
		return nil
	}
	return j.update(func(f *jobFile) { f.Retry = r.ID })
}

// askedFor is what the record says of why the disc was read again.
func askedFor(r *catalog.ToRetry) string {
	return fmt.Sprintf("read anew whatever is held of it: %s asked for that at %s", r.Operator, r.Since.UTC().Format(time.RFC3339))
}

// Anew says what becomes of a disc that is to be read anew.
type Anew struct {
	Begun bool   `json:"begun"` // it is in a drive, and its reading begins
	Drive string `json:"drive"` // that drive's node
	Text  string `json:"text"`
}

// ReadAnew begins to read the disc of a carrier, which is marked already, if it
// lies in a drive that may read it and nothing is done with it there. drive is
// the name of the one that may; empty for any.
func (s *Station) ReadAnew(ctx context.Context, id, drive, operator string) (Anew, error) {
	s.mu.Lock()
	var in *bay
	for key, b := range s.bays {
		if s.discs[key] != (disc.Insertion{}) && b.viewID() == id && (drive == "" || s.isDrive(b.info(), drive)) {
			in = b
		}
	}
	s.mu.Unlock()
	where := "a drive"
	if drive != "" {
		where = "drive " + drive
	}
	later := Anew{Text: "it is read anew the next time its disc comes into " + where}
	if in == nil {
		return later, nil
	}
	later.Drive = in.info().Node
	answer := make(chan error, 1)
	in.send(anewAsked{id, operator, answer})
	err := s.answer(ctx, answer)
	if errors.Is(err, ErrBusy) {
		later.Text += fmt.Sprintf("; now it is in %s, and its story there goes on to its end first", later.Drive)
		return later, nil
	}
	if err != nil {
		return later, err
	}
	return Anew{Begun: true, Drive: later.Drive, Text: "its reading begins in " + later.Drive}, nil
}

// anewAsked has a bay begin with the disc that is in it already.
type anewAsked struct {
	id, operator string
	answer       chan<- error
}

// anew begins the story of a disc that is to be read anew.
func (st *stay) anew(ctx context.Context, m anewAsked) error {
	if st.now != nil || st.b.viewID() != m.id {
		return ErrBusy
	}
	st.ask = &Request{Operator: m.operator}
	st.ins, st.tries, st.again = disc.Insertion{}, retries{}, nil
	st.b.forgetID()
	st.start(ctx)
	return nil
}

// DriveNamed is the drive that goes by a name.
func (s *Station) DriveNamed(name string) (disc.Drive, error) {
	b, err := s.find(name)
	if err != nil {
		return disc.Drive{}, err
	}
	return b.info(), nil
}
