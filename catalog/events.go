package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// sealedEvent is what an event's digest is taken of, as compact JSON in this
// order of fields.
type sealedEvent struct {
	Carrier string `json:"carrier"`
	Seq     int64  `json:"seq"` // from 1, without gaps
	Event
}

func (e sealedEvent) digest() ([]byte, error) {
	b, err := encodeJSON(e, "")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return sum[:], nil
}

// identified gives the event an id of its content if it has none.
func identified(carrierID string, e Event) (Event, error) {
	e = tidy(e)
	for i := range e.Agents {
		e.Agents[i].Name = clamp(e.Agents[i].Name, maxName)
	}
	if err := checkEvents([]Event{e}); err != nil {
		return e, err
	}
	if e.ID == "" {
		b, err := encodeJSON(sealedEvent{Carrier: carrierID, Event: e}, "")
		if err != nil {
			return e, err
		}
		e.ID = contentID(b)
	}
	return e, nil
}

func addEvents(ctx context.Context, tx *sql.Tx, carrierID string, events []Event) error {
	for _, e := range events {
		if err := addEvent(ctx, tx, carrierID, e); err != nil {
			return err
		}
	}
	return nil
}

func addEvent(ctx context.Context, tx *sql.Tx, carrierID string, e Event) error {
	e, err := identified(carrierID, e)
	if err != nil {
		return err
	}
	old, err := readEvents(ctx, tx, "WHERE id = ?", e.ID)
	if err != nil {
		return err
	}
	if len(old) > 0 {
		a, err1 := encodeJSON(sealedEvent{carrierID, 0, e}, "")
		b, err2 := encodeJSON(sealedEvent{old[0].Carrier, 0, old[0].Event}, "")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if !slices.Equal(a, b) {
			return fmt.Errorf("event %s: %w", e.ID, ErrConflict)
		}
		return nil
	}
	return putEvent(ctx, tx, carrierID, e)
}

// putEvent adds an event that the catalog has not got.
func putEvent(ctx context.Context, tx *sql.Tx, carrierID string, e Event) error {
	carrier, err := mustCarrier(ctx, tx, carrierID)
	if err != nil {
		return err
	}
	s := sealedEvent{carrierID, carrier.num("events") + 1, e}
	carrier.set("events", s.Seq)
	if err := carrier.update(ctx, tx); err != nil {
		return err
	}
	digest, err := s.digest()
	if err != nil {
		return err
	}
	var n int64
	var changes any
	if e.Changes != nil {
		b, err := encodeJSON(e.Changes, "")
		if err != nil {
			return err
		}
		changes = string(b)
	}
	err = tx.QueryRowContext(ctx, "INSERT INTO events (id, carrier, seq, type, time, outcome, detail, digest, changes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING n",
		e.ID, carrierID, s.Seq, string(e.Type), formatTime(e.Time), string(e.Outcome), e.Detail, digest, changes).Scan(&n)
	if err != nil {
		return err
	}
	for i, a := range e.Agents {
		if _, err := tx.ExecContext(ctx, "INSERT INTO agents (role, name) VALUES (?, ?) ON CONFLICT DO NOTHING", a.Role, a.Name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO event_agents (event, place, agent) SELECT ?, ?, n FROM agents WHERE role = ? AND name = ?", n, i, a.Role, a.Name)
		if err != nil {
			return err
		}
	}
	for i, o := range e.Objects {
		if _, err := tx.ExecContext(ctx, "INSERT INTO event_objects (event, place, object) VALUES (?, ?, ?)", n, i, o); err != nil {
			return err
		}
	}
	return placeOf(ctx, tx, carrierID, e)
}

// readEvents gives the events that where lets through, in the order they were
// recorded; damaged ones are left out and told in the error.
func readEvents(ctx context.Context, q querier, where string, args ...any) ([]sealedEvent, error) {
	var out []sealedEvent
	var digests [][]byte
	place := map[int64]int{}
	err := each(ctx, q, "SELECT n, id, carrier, seq, type, time, outcome, detail, digest, changes FROM events "+where+" ORDER BY n", args, func(rs *sql.Rows) error {
		var n int64
		var e sealedEvent
		var at string
		var digest []byte
		var changes sql.NullString
		if err := rs.Scan(&n, &e.ID, &e.Carrier, &e.Seq, &e.Type, &at, &e.Outcome, &e.Detail, &digest, &changes); err != nil {
			return err
		}
		if changes.Valid {
			e.Changes = &Changes{}
			if decodeJSON([]byte(changes.String), e.Changes) != nil {
				digest = nil // it fits no event
			}
		}
		e.Time, e.Agents, e.Objects = parseTime(at), []Agent{}, []string{}
		place[n] = len(out)
		out, digests = append(out, e), append(digests, digest)
		return nil
	})
	if err != nil || len(out) == 0 {
		return out, err
	}
	in := "WHERE event IN (SELECT n FROM events " + where + ") ORDER BY event, place"
	err = each(ctx, q, "SELECT event, role, name FROM event_agents JOIN agents ON agents.n = agent "+in, args, func(rs *sql.Rows) error {
		var n int64
		var a Agent
		if err := rs.Scan(&n, &a.Role, &a.Name); err != nil {
			return err
		}
		if i, ok := place[n]; ok {
			out[i].Agents = append(out[i].Agents, a)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, q, "SELECT event, object FROM event_objects "+in, args, func(rs *sql.Rows) error {
		var n int64
		var o string
		if err := rs.Scan(&n, &o); err != nil {
			return err
		}
		if i, ok := place[n]; ok {
			out[i].Objects = append(out[i].Objects, o)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	whole := out[:0:0]
	var bad []error
	for i, e := range out {
		d, err := e.digest()
		if err != nil {
			return nil, err
		}
		if !slices.Equal(d, digests[i]) {
			bad = append(bad, &damage{"events", fmt.Sprintf("%s (event %d of %s)", e.ID, e.Seq, e.Carrier)})
			continue
		}
		whole = append(whole, e)
	}
	return whole, errors.Join(bad...)
}

func each(ctx context.Context, q querier, query string, args []any, f func(*sql.Rows) error) error {
	rs, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rs.Close()
	for rs.Next() {
		if err := f(rs); err != nil {
			return err
		}
	}
	return rs.Err()
}

// AddEvent adds one event to a carrier. The same event again is no change. It
// changes nothing else, so it may not say that it did.
func (c *Catalog) AddEvent(ctx context.Context, carrierID string, e Event) error {
	if e.Changes != nil {
		return fmt.Errorf("record an event of %s: %w", carrierID, invalid("an event that changes something comes with the change"))
	}
	return c.write(ctx, "record an event of "+carrierID, func(tx *sql.Tx) error {
		return addEvent(ctx, tx, carrierID, e)
	})
}

// Events gives a carrier's events in the order they were recorded.
func (c *Catalog) Events(ctx context.Context, carrierID string) ([]Event, error) {
	op := "read events of " + carrierID
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, explain(op, err)
	}
	defer tx.Rollback()
	sealed, err := allEvents(ctx, tx, carrierID)
	return plainEvents(sealed), explain(op, err)
}

// allEvents gives a carrier's events. None may be gone from among them or from
// their end: seq counts without gaps, and the carrier knows how many there are.
func allEvents(ctx context.Context, q querier, carrierID string) ([]sealedEvent, error) {
	carrier, err := mustCarrier(ctx, q, carrierID)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	events, bad := readEvents(ctx, q, "WHERE carrier = ?", carrierID)
	if err != nil || bad != nil { // those are named already
		return events, errors.Join(err, bad)
	}
	for i, e := range events {
		if e.Seq != int64(i+1) {
			return events, lost(i+1, carrierID)
		}
	}
	if n := int(carrier.num("events")); n != len(events) {
		return events, lost(len(events)+1, carrierID)
	}
	return events, nil
}

func lost(seq int, carrierID string) error {
	return &damage{"events", fmt.Sprintf("%d of %s (it is gone, or stands in another place)", seq, carrierID)}
}

func plainEvents(sealed []sealedEvent) []Event {
	out := make([]Event, len(sealed))
	for i, s := range sealed {
		out[i] = s.Event
	}
	return out
}
