package station

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"ripstation/archive"
)

// desk is the counter of one store: one transfer at a time, sends before
// read-backs, and one wait for all when the store is away.
type desk struct {
	s     *Station
	store Store

	mu      sync.Mutex
	busy    bool
	sends   []chan struct{} // waiting, first come first served
	looks   []chan struct{}
	message string // the last failure

	letters letters // the events and the root files, on their way
}

func newDesk(s *Station, st Store) *desk { return &desk{s: s, store: st} }

// turn waits for the desk. done gives it to the next one.
func (d *desk) turn(ctx context.Context, send bool) (done func(), err error) {
	d.mu.Lock()
	if !d.busy {
		d.busy = true
		d.mu.Unlock()
		return d.next, nil
	}
	called := make(chan struct{})
	queue := &d.looks
	if send {
		queue = &d.sends
	}
	*queue = append(*queue, called)
	d.mu.Unlock()
	select {
	case <-called:
		return d.next, nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, c := range *queue {
		if c == called {
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			return nil, ctx.Err()
		}
	}
	go d.next() // it was called at the same moment; pass it on
	return nil, ctx.Err()
}

func (d *desk) next() {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case len(d.sends) > 0:
		close(d.sends[0])
		d.sends = d.sends[1:]
	case len(d.looks) > 0:
		close(d.looks[0])
		d.looks = d.looks[1:]
	default:
		d.busy = false
	}
}

// insist tries f until it succeeds, for as long as it takes. told hears of
// each failure and of how long the next try is away. What waiting does not
// mend is tried at the longest interval only, since a person has to mend it
// first; what can never succeed comes back as an error.
func (d *desk) insist(ctx context.Context, f func() error, told func(err error, wait time.Duration)) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = d.s.cfg.BackoffMin, d.s.cfg.BackoffMax
	for {
		err := f()
		if err == nil {
			d.say("")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if hopeless(err) {
			d.say(err.Error())
			return err
		}
		wait := b.NextBackOff()
		if errors.Is(err, archive.ErrPermanent) {
			wait = d.s.cfg.BackoffMax
		}
		d.say(err.Error())
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

func (d *desk) say(message string) {
	d.mu.Lock()
	d.message = message
	d.mu.Unlock()
}

func (d *desk) status(jobs []JobStatus) StoreStatus {
	d.mu.Lock()
	st := StoreStatus{Name: d.store.Name(), Required: d.store.Required, Message: d.message}
	d.mu.Unlock()
	st.Notes = append([]string{}, archive.NotesOf(d.store.Store)...)
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
