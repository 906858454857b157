package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// TakePlace gives a carrier the next place of a batch, or the one that it has in
// it: told twice, it takes one. The place is on disk when it returns. A carrier
// that is in the catalog gets its event at once (recorded); of any other the
// caller puts the event into its record, or no rebuild would know the place.
func (c *Catalog) TakePlace(ctx context.Context, batch, carrier string, by ...Agent) (e Event, recorded bool, err error) {
	op := fmt.Sprintf("take a place of batch %s for %s", clamp(batch, 64), clamp(carrier, 64))
	if !ValidID(carrier) {
		return Event{}, false, fmt.Errorf("%s: %w", op, invalid("carrier id"))
	}
	err = c.write(ctx, op, func(tx *sql.Tx) (err error) {
		e, recorded, err = takePlace(ctx, tx, batch, carrier, by)
		return err
	})
	return e, recorded, err
}

func takePlace(ctx context.Context, tx *sql.Tx, batch, carrier string, by []Agent) (e Event, recorded bool, err error) {
	if err := CheckBatchName(batch); err != nil {
		return e, false, err
	}
	b, ok, err := batches.one(ctx, tx, "WHERE name = ?", batch)
	if err != nil {
		return e, false, err
	}
	if !ok { // the job is from before this catalog: no place is lost for that
		b = batches.row(batch, formatTime(time.Now()), "", formatTime(time.Now()), "", 1, 0, nil)
		if err := batches.insert(ctx, tx, b.v...); err != nil {
			return e, false, err
		}
	}
	p, ok, err := places.one(ctx, tx, "WHERE batch = ? AND carrier = ? ORDER BY place LIMIT 1", batch, carrier)
	if err != nil {
		return e, false, err
	}
	if !ok {
		if b.num("next") > maxPlaces {
			return e, false, invalid("batch %s has %d places; open another", batch, maxPlaces)
		}
		p = places.row(batch, b.num("next"), carrier, formatTime(time.Now()))
		if err := keepPlace(ctx, tx, p); err != nil {
			return e, false, err
		}
	}
	e = placeEvent(p, by)
	if _, there, err := carriers.one(ctx, tx, "WHERE id = ?", carrier); err != nil || !there {
		return e, false, err
	}
	return e, true, sayPlace(ctx, tx, p, by)
}

// placeEvent is what gives a carrier its place, in words and as a change.
func placeEvent(p row, by []Agent) Event {
	batch, place := p.str("batch"), int(p.num("place"))
	return tidy(Event{Type: EventModify, Time: parseTime(p.str("since")), Outcome: EventSuccess, Detail: fmt.Sprintf("batch %s, place %d", batch, place),
		Agents: by, Objects: []string{p.str("carrier")}, Changes: &Changes{Batch: &batch, Place: &place}})
}

// The batch and the place that an event gives, in SQL; NULL for one that gives
// none, and for one that is damaged.
const (
	eventBatch = "CASE WHEN json_valid(e.changes) THEN e.changes ->> '$.batch' END"
	eventPlace = "CASE WHEN json_valid(e.changes) THEN e.changes ->> '$.place' END"
)

// sayPlaces adds the events of the places that a carrier took before it was
// recorded, where its record does not hold them.
func sayPlaces(ctx context.Context, tx *sql.Tx, carrier string, by []Agent) error {
	ps, err := places.rows(ctx, tx, "WHERE carrier = ? ORDER BY since, batch, place", carrier)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if err := sayPlace(ctx, tx, p, by); err != nil {
			return err
		}
	}
	return nil
}

// sayPlace adds the event of a place, if the carrier has none of it.
func sayPlace(ctx context.Context, tx *sql.Tx, p row, by []Agent) error {
	var n int
	err := tx.QueryRowContext(ctx, "SELECT count(*) FROM events e WHERE carrier = ? AND "+eventBatch+" = ? AND "+eventPlace+" = ?",
		p.str("carrier"), p.str("batch"), p.num("place")).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	return addEvent(ctx, tx, p.str("carrier"), placeEvent(p, by))
}

// keepPlace adds a place that is not there yet, and has the batch go on behind
// it.
func keepPlace(ctx context.Context, tx *sql.Tx, p row) error {
	_, ok, err := places.one(ctx, tx, "WHERE batch = ? AND place = ? AND carrier = ?", p.str("batch"), p.num("place"), p.str("carrier"))
	if err != nil || ok {
		return err
	}
	b, ok, err := batches.one(ctx, tx, "WHERE name = ?", p.str("batch"))
	if err != nil {
		return err
	}
	if !ok {
		// Of a batch that this catalog never saw open: it was made anew, or is older
		// than the record.
		err := batches.insert(ctx, tx, p.str("batch"), p.str("since"), "", p.str("since"), "", p.num("place")+1, 0, nil)
		if err != nil {
			return err
		}
		return places.insert(ctx, tx, p.v...)
	}
	if p.num("place") >= b.num("next") {
		b.set("next", p.num("place")+1)
	}
	if b.str("opened_by") == "" { // of what is known, the first and the last moment
		b.set("opened", min(b.str("opened"), p.str("since")))
		if closed := b.str("closed"); closed != "" {
			b.set("closed", max(closed, p.str("since")))
		}
	}
	if err := b.update(ctx, tx); err != nil {
		return err
	}
	return places.insert(ctx, tx, p.v...)
}

// placeOf takes the place that an event gives into the table of them.
func placeOf(ctx context.Context, tx *sql.Tx, carrier string, e Event) error {
	if e.Changes == nil || e.Changes.Batch == nil {
		return nil
	}
	return keepPlace(ctx, tx, places.row(*e.Changes.Batch, *e.Changes.Place, carrier, formatTime(e.Time)))
}

// KeepPlaces takes in the places that events say which are not recorded yet: of
// a job of the spool, at start. A catalog that is older than the spool learns
// them so, before another disc could take one of them.
func (c *Catalog) KeepPlaces(ctx context.Context, carrier string, events []Event) error {
	var give []Event
	for _, e := range events {
		if e.Changes == nil || e.Changes.Batch == nil {
			continue
		}
		if err := e.Changes.check(); err != nil {
			return fmt.Errorf("places of %s: %w", clamp(carrier, 64), err)
		}
		give = append(give, e)
	}
	if len(give) == 0 {
		return nil
	}
	return c.write(ctx, "keep the places of "+clamp(carrier, 64), func(tx *sql.Tx) error {
		for _, e := range give {
			// Somebody else's meanwhile: it was given on to the disc that this one turned
			// out to be, or by an older catalog. The record says it when it comes.
			taken, err := places.rows(ctx, tx, "WHERE batch = ? AND place = ?", *e.Changes.Batch, *e.Changes.Place)
			if err != nil {
				return err
			}
			if len(taken) > 0 {
				continue
			}
			if err := placeOf(ctx, tx, carrier, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// place gives the attempt's carrier its place.
func (in Attempt) place(ctx context.Context, tx *sql.Tx) error {
	by := agentsOf(in.Capture)
	if in.PlaceOf != "" {
		if err := inheritPlaces(ctx, tx, in.PlaceOf, in.Carrier.ID, by); err != nil {
			return err
		}
	}
	if in.Batch != "" {
		if _, _, err := takePlace(ctx, tx, in.Batch, in.Carrier.ID, by); err != nil {
			return err
		}
	}
	return sayPlaces(ctx, tx, in.Carrier.ID, by)
}

// inheritPlaces gives the places of a carrier that was never recorded to the one
// whose disc it turned out to be. In a batch in which that one has a place it
// keeps its own, and the other is nobody's.
func inheritPlaces(ctx context.Context, tx *sql.Tx, from, to string, by []Agent) error {
	if _, there, err := carriers.one(ctx, tx, "WHERE id = ?", from); err != nil {
		return err
	} else if there {
		return fmt.Errorf("give the places of %s to %s: it is in the catalog itself: %w", clamp(from, 64), to, ErrConflict)
	}
	rs, err := places.rows(ctx, tx, "WHERE carrier = ? ORDER BY batch, place", from)
	if err != nil {
		return err
	}
	for _, p := range rs {
		if _, err := tx.ExecContext(ctx, "DELETE FROM places WHERE batch = ? AND place = ? AND carrier = ?", p.str("batch"), p.num("place"), from); err != nil {
			return err
		}
		_, has, err := places.one(ctx, tx, "WHERE batch = ? AND carrier = ? LIMIT 1", p.str("batch"), to)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		p.set("carrier", to)
		if err := sayPlace(ctx, tx, p, by); err != nil {
			return err
		}
	}
	return nil
}
