package station

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// letters is where the mail of one store stands.
type letters struct {
	mu      sync.Mutex
	waiting bool   // the store did not take the last one, and is tried again
	given   int    // carriers of which an event cannot be sent at all
	ended   string // why nothing is sent any more; empty when it is
	endedAt time.Time
	moved   chan struct{} // closed when one of these changes
}

func (l *letters) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	if l.moved != nil {
		close(l.moved)
	}
	l.moved = make(chan struct{})
}

// mail brings the store's root files and every event into one store, for ever:
// each in its carrier's order, only if absent. It takes no turn at the desk,
// since an event is small and waits for nobody. It makes no events itself.
func (s *Station) mail(ctx context.Context, d *desk) {
	heard, stop := s.cfg.Catalog.Heard()
	defer stop()
	e := d.open(looking)
	defer d.close(e)
	rooted := false
	given := map[string]bool{} // carriers of which an event cannot be sent; until the next start
	for {
		err := d.insist(ctx, e, func() error {
			if !rooted {
				if err := archive.PutRoot(ctx, d.store); err != nil {
					return err
				}
				rooted = true
			}
			return s.mailAll(ctx, d, given)
		}, func(error, time.Duration) {
			d.letters.change(func() { d.letters.waiting = true })
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			// The root holds other bytes than this program's: an older one's.
			s.cfg.Log.Error().Err(err).Str("store", d.store.Name()).Msg("events are not sent there any more until the next start")
			d.letters.change(func() {
				d.letters.waiting = true
				d.letters.ended, d.letters.endedAt = "events are not sent there any more until the next start: "+err.Error(), time.Now().UTC()
			})
			return
		}
		d.letters.change(func() { d.letters.waiting, d.letters.given = false, len(given) })
		select {
		case <-heard:
		case <-ctx.Done():
			return
		}
	}
}

// mailAll sends every event that the store has not got. What waits for another
// store is told in the error when all else was sent.
func (s *Station) mailAll(ctx context.Context, d *desk, given map[string]bool) error {
	var later error
	for last := ""; ; {
		ids, err := s.cfg.Catalog.Unsent(ctx, d.store.Name(), last, 256)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			if err := s.clearAdded(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn().Err(err).Msg("files that the stores have could not be let go")
			}
			return later
		}
		for _, id := range ids {
			last = id
			if given[id] {
				continue
			}
			err := s.mailCarrier(ctx, d, id)
			if errors.Is(err, errNoSource) {
				later = err
				continue
			}
			if errors.Is(err, catalog.ErrDamaged) || errors.Is(err, catalog.ErrInvalid) || errors.Is(err, archive.ErrExists) || errors.Is(err, errLost) {
				given[id] = true
				d.unsent(id, err)
				s.say(Notice{ID: id, Word: WordNeedsYou, Text: fmt.Sprintf("its events are not sent to %s: %v", d.store.Name(), err),
					Hint: "mend that and restart the station; nothing was overwritten"})
				continue
			}
			if err != nil {
				return err
			}
		}
	}
}

// mailCarrier sends one carrier's events, and notes that the store has them.
func (s *Station) mailCarrier(ctx context.Context, d *desk, id string) error {
	name := d.store.Name()
	p, err := s.cfg.Catalog.PostFor(ctx, id, name)
	if err != nil {
		return err
	}
	for _, e := range p.Events {
		body, err := e.Encode()
		if err != nil {
			return err
		}
		if e.Changes != nil && e.Changes.Added != nil {
			if err := s.sendAdded(ctx, d, id, *e.Changes.Added); err != nil {
				return err
			}
		}
		if err := d.store.Put(ctx, catalog.EventKey(id, e.Seq, body), body); err != nil {
			return err
		}
	}
	return s.untilRecorded(ctx, id, func() error { return s.cfg.Catalog.Sent(ctx, id, name, p) })
}

// Mailed waits until every store that answers has all events that were recorded
// before it was called. Stores that do not answer get theirs later.
func (s *Station) Mailed(ctx context.Context) error {
	for _, d := range s.desks {
		for {
			d.letters.mu.Lock()
			waiting, given, moved := d.letters.waiting, d.letters.given, d.letters.moved
			if moved == nil {
				d.letters.moved = make(chan struct{})
				moved = d.letters.moved
			}
			d.letters.mu.Unlock()
			ids, err := s.cfg.Catalog.Unsent(ctx, d.store.Name(), "", given+1)
			if err != nil {
				return err
			}
			if waiting || len(ids) <= given {
				break
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// unsent notes that a carrier's events cannot be sent to the store.
func (d *desk) unsent(id string, err error) {
	d.letters.change(func() {
		if d.letters.ended == "" {
			d.letters.ended, d.letters.endedAt = fmt.Sprintf("events of disc %.8s are not sent there until the next start: %v", id, err), time.Now().UTC()
		}
	})
}
