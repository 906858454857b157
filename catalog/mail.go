package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"
)

// bell rings for whoever waits for events.
type bell struct {
	mu   sync.Mutex
	ears map[chan struct{}]bool
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ear := range b.ears {
		select {
		case ear <- struct{}{}:
		default: // it has not been heard yet
		}
	}
}

// Heard gives a channel that gets a value after something was recorded through
// this Catalog, until stop is called. Values that nobody takes run together.
func (c *Catalog) Heard() (events <-chan struct{}, stop func()) {
	ear := make(chan struct{}, 1)
	b := &c.bell
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		b.ears = map[chan struct{}]bool{}
	}
	b.ears[ear] = true
	return ear, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ear)
	}
}

// Unsent gives carriers after the one named, by id, of which a store has not
// got every event: limit at most.
func (c *Catalog) Unsent(ctx context.Context, store, after string, limit int) (ids []string, err error) {
	err = each(ctx, c.r, `SELECT c.id FROM carriers c LEFT JOIN mail m ON m.carrier = c.id AND m.store = ?
		WHERE c.events > coalesce(m.sent, 0) AND c.id > ? ORDER BY c.id LIMIT ?`, []any{store, after, limit}, func(rs *sql.Rows) error {
		var id string
		err := rs.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, explain("look up the events that store "+store+" has not got", err)
}

// Post is what a store is still to get of one carrier.
type Post struct {
	Events []StoredEvent // in order, without those that its records hold
	Since  int64         // up to which event the store was known to have them
	Last   int64         // the carrier's last event
}

// PostFor gives what a store has not got of a carrier's events.
func (c *Catalog) PostFor(ctx context.Context, carrierID, store string) (Post, error) {
	op := fmt.Sprintf("read the events of %s for store %s", carrierID, store)
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Post{}, explain(op, err)
	}
	defer tx.Rollback()
	all, last, err := letters(ctx, tx, carrierID)
	if err != nil {
		return Post{}, explain(op, err)
	}
	r, _, err := mail.one(ctx, tx, "WHERE carrier = ? AND store = ?", carrierID, store)
	if err != nil && !errors.Is(err, ErrDamaged) { // a damaged row: all are sent again, which changes nothing
		return Post{}, explain(op, err)
	}
	sent := int64(0)
	if r.t != nil {
		sent = r.num("sent")
	}
	p := Post{Since: sent, Last: last}
	for _, l := range all {
		if l.Seq > sent && !l.Sealed {
			p.Events = append(p.Events, l.StoredEvent)
		}
	}
	return p, nil
}

// Told gives the carriers, by id, that have an event of this type and outcome whose
// detail begins so.
func (c *Catalog) Told(ctx context.Context, t EventType, o EventOutcome, begins string) (ids []string, err error) {
	err = each(ctx, c.r, "SELECT DISTINCT carrier FROM events WHERE type = ? AND outcome = ? AND substr(detail, 1, ?) = ? ORDER BY carrier",
		[]any{string(t), string(o), utf8.RuneCountInString(begins), begins}, func(rs *sql.Rows) error {
			var id string
			err := rs.Scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, explain("look up what was told of discs", err)
}

// Letter is an event that a store may hold: it must, once it was sent, unless a
// record in a bag holds it.
type Letter struct {
	StoredEvent
	Sealed bool
}

// Letters are a carrier's events in order, without those that were lost before
// this catalog was made.
func (c *Catalog) Letters(ctx context.Context, carrierID string) ([]Letter, error) {
	op := "read the events of " + clamp(carrierID, 64)
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, explain(op, err)
	}
	defer tx.Rollback()
	all, _, err := letters(ctx, tx, carrierID)
	return all, explain(op, err)
}

func letters(ctx context.Context, tx *sql.Tx, carrierID string) (out []Letter, last int64, err error) {
	all, err := allEvents(ctx, tx, carrierID)
	if err != nil {
		return nil, 0, err
	}
	sealed, err := sealedEvents(ctx, tx, carrierID)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range all {
		if e.ID != lostID(carrierID, e.Seq) {
			out = append(out, Letter{StoredEvent(e), sealed[e.ID]})
		}
	}
	return out, int64(len(all)), nil
}

// sealedEvents are the ids of the events that a carrier's records hold.
func sealedEvents(ctx context.Context, q querier, carrierID string) (map[string]bool, error) {
	ids := map[string]bool{}
	err := eachRecord(ctx, q, carrierID, func(_ int, _ string, rec Record) error {
		for _, e := range rec.Events {
			e, err := identified(carrierID, e)
			if err != nil {
				return err
			}
			ids[e.ID] = true
		}
		return nil
	})
	return ids, err
}

// eachRecord gives a carrier's records by version, one at a time since they
// can be large.
func eachRecord(ctx context.Context, q querier, carrierID string, f func(version int, sha256 string, rec Record) error) error {
	var versions []int
	err := each(ctx, q, "SELECT version FROM records WHERE carrier = ? ORDER BY version", []any{carrierID}, func(rs *sql.Rows) error {
		var v int
		err := rs.Scan(&v)
		versions = append(versions, v)
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range versions {
		r, ok, err := records.one(ctx, q, "WHERE carrier = ? AND version = ?", carrierID, v)
		if err != nil || !ok {
			return err
		}
		rec, err := ParseRecord(r.blob("body"))
		if err != nil {
			return err
		}
		if err := f(v, r.str("sha256"), rec); err != nil {
			return err
		}
	}
	return nil
}

// Sent records that a store holds what it was to get of a carrier's events. It
// makes no event. What is to be sent again since p was read stays so.
func (c *Catalog) Sent(ctx context.Context, carrierID, store string, p Post) error {
	return c.write(ctx, fmt.Sprintf("record that store %s has the events of %s", store, carrierID), func(tx *sql.Tx) error {
		return putSent(ctx, tx, carrierID, store, p)
	})
}

// sendAgain has every store get a carrier's events from seq on once more, with
// the files that they name. What is there already is left as it is.
func sendAgain(ctx context.Context, tx *sql.Tx, carrierID string, seq int64) error {
	rs, err := mail.rows(ctx, tx, "WHERE carrier = ?", carrierID)
	if err != nil && !errors.Is(err, ErrDamaged) { // of a damaged row all is sent again
		return err
	}
	for _, r := range rs {
		if r.num("sent") < seq {
			continue
		}
		r.set("sent", seq-1)
		if err := r.update(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func putSent(ctx context.Context, tx *sql.Tx, carrierID, store string, p Post) error {
	r, ok, err := mail.one(ctx, tx, "WHERE carrier = ? AND store = ?", carrierID, store)
	switch {
	case errors.Is(err, ErrDamaged):
		r = mail.row(carrierID, store, p.Last)
	case err != nil:
		return err
	case !ok:
		return mail.insert(ctx, tx, carrierID, store, p.Last)
	case r.num("sent") < p.Since, r.num("sent") >= p.Last:
		return nil
	}
	r.set("sent", p.Last)
	return r.update(ctx, tx)
}
