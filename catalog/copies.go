package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// copyMoves says where a copy may go from each state. Staying is always
// allowed. A full re-read alone mends "damaged"; a look at a list does not. What was
// missing or damaged stays so while the store cannot be looked at.
var copyMoves = map[CopyState][]CopyState{
	Queued:   {Sending, Stored, Damaged},
	Sending:  {Queued, Stored, Damaged},
	Stored:   {ReadBack, Missing, Damaged, Unknown},
	ReadBack: {Missing, Damaged, Unknown},
	Missing:  {Queued, Sending, Stored, ReadBack, Damaged},
	Damaged:  {ReadBack, Missing},
	Unknown:  {Stored, ReadBack, Missing, Damaged},
}

// needsEvent is true for a move that nobody may make without saying why.
func needsEvent(from, to CopyState) bool {
	return from != to && (oneOf(to, Missing, Damaged, Unknown) || oneOf(from, Missing, Damaged, Unknown))
}

// SetCopy records where a copy stands now, and the events that tell why. A
// move to or from missing, damaged and unknown needs at least one event. Times
// that are nil stay as they are, or become now where the state needs them.
// ErrTransition says that a copy does not go this way.
func (c *Catalog) SetCopy(ctx context.Context, carrierID string, version int, cp Copy, events ...Event) error {
	op := fmt.Sprintf("record the copy of image %d of %s in store %s", version, carrierID, cp.Store)
	events = stating(events, carrierID, version, cp)
	return c.write(ctx, op, func(tx *sql.Tx) error {
		_, ok, err := images.one(ctx, tx, "WHERE carrier = ? AND version = ?", carrierID, version)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("the image is %w", ErrNotFound)
		}
		r, ok, err := copies.one(ctx, tx, "WHERE carrier = ? AND version = ? AND store = ?", carrierID, version, cp.Store)
		if err != nil {
			return err
		}
		if !ok {
			if err := putCopy(ctx, tx, carrierID, version, cp); err != nil {
				return err
			}
			return addEvents(ctx, tx, carrierID, events)
		}
		if err := moveCopy(r, cp, len(events)); err != nil {
			return err
		}
		if err := r.update(ctx, tx); err != nil {
			return err
		}
		return addEvents(ctx, tx, carrierID, events)
	})
}

// stating has the events that come with a copy's state say it. One at least
// names the copy.
func stating(events []Event, carrierID string, version int, cp Copy) []Event {
	events = slices.Clone(events)
	bag, store := fmt.Sprintf("%s/v%d", carrierID, version), "store:"+cp.Store
	named := func(e Event) bool { return slices.Contains(e.Objects, bag) && slices.Contains(e.Objects, store) }
	if len(events) > 0 && !slices.ContainsFunc(events, named) {
		events[0].Objects = append(slices.Clone(events[0].Objects), bag, store)
	}
	for i := range events {
		if named(events[i]) {
			events[i].Changes = &Changes{State: &cp.State}
		}
	}
	return events
}

// putCopy adds a copy that the catalog has not got yet.
func putCopy(ctx context.Context, tx *sql.Tx, carrierID string, version int, cp Copy) error {
	cp = timed(tidy(cp))
	if err := checkCopy(cp); err != nil {
		return err
	}
	return copies.insert(ctx, tx, carrierID, version, cp.Store, cp.Key, cp.State, formatTimePtr(cp.StoredAt), formatTimePtr(cp.ReadBackAt), cp.Detail)
}

// moveCopy takes a row to where cp says, if a copy may go there.
func moveCopy(r row, cp Copy, events int) error {
	have := copyOf(r)
	if cp.Key == "" {
		cp.Key = have.Key
	}
	if cp.StoredAt == nil {
		cp.StoredAt = have.StoredAt
	}
	if cp.ReadBackAt == nil {
		cp.ReadBackAt = have.ReadBackAt
	}
	cp = timed(tidy(cp))
	if err := checkCopy(cp); err != nil {
		return err
	}
	switch {
	case cp.Key != have.Key:
		return fmt.Errorf("it lies under %s, not under %s: %w", have.Key, cp.Key, ErrConflict)
	case cp.State != have.State && !slices.Contains(copyMoves[have.State], cp.State):
		return fmt.Errorf("%w: from %q to %q", ErrTransition, have.State, cp.State)
	case needsEvent(have.State, cp.State) && events == 0:
		return fmt.Errorf("%w: from %q to %q without an event that says why", ErrTransition, have.State, cp.State)
	}
	r.set("state", cp.State)
	r.set("stored_at", formatTimePtr(cp.StoredAt))
	r.set("read_back_at", formatTimePtr(cp.ReadBackAt))
	r.set("detail", cp.Detail)
	return nil
}

func timed(cp Copy) Copy {
	now := moment(time.Now())
	if cp.StoredAt == nil && oneOf(cp.State, Stored, ReadBack) {
		cp.StoredAt = &now
	}
	if cp.ReadBackAt == nil && cp.State == ReadBack {
		cp.ReadBackAt = &now
	}
	return cp
}

func copyOf(r row) Copy {
	return Copy{Store: r.str("store"), Key: r.str("key"), State: CopyState(r.str("state")),
		StoredAt: parseTimePtr(r.str("stored_at")), ReadBackAt: parseTimePtr(r.str("read_back_at")), Detail: r.str("detail")}
}

func heldCopyOf(r row) HeldCopy {
	return HeldCopy{r.str("carrier"), int(r.num("version")), copyOf(r)}
}

// Copies gives the copies of one image.
func (c *Catalog) Copies(ctx context.Context, carrierID string, version int) ([]Copy, error) {
	rs, err := copies.rows(ctx, c.r, "WHERE carrier = ? AND version = ? ORDER BY store", carrierID, version)
	out := make([]Copy, 0, len(rs))
	for _, r := range rs {
		out = append(out, copyOf(r))
	}
	return out, explain(fmt.Sprintf("read the copies of image %d of %s", version, carrierID), err)
}

// PendingCopies gives the copies that wait for something: queued, sending and
// stored ones, and unknown ones that were never read back. Those of the images
// that were recorded first come first.
func (c *Catalog) PendingCopies(ctx context.Context) ([]HeldCopy, error) {
	rs, err := copies.rows(ctx, c.r, `WHERE state IN (?, ?, ?) OR state = ? AND read_back_at IS NULL
		ORDER BY (SELECT rowid FROM images i WHERE i.carrier = copies.carrier AND i.version = copies.version), store`,
		string(Queued), string(Sending), string(Stored), string(Unknown))
	var out []HeldCopy
	for _, r := range rs {
		out = append(out, heldCopyOf(r))
	}
	return out, explain("read the copies that are not read back", err)
}

// AllCopies gives every copy, in the order of carrier, version and store. It
// holds no transaction between two of them, so that a long audit does not keep
// the database's log from being folded in. A damaged row is an error, and the
// others go on; after any other error nothing follows.
func (c *Catalog) AllCopies(ctx context.Context) iter.Seq2[HeldCopy, error] {
	const op = "read all copies"
	return func(yield func(HeldCopy, error) bool) {
		var last HeldCopy
		for {
			// The keys are walked apart from the rows, so that a damaged row
			// cannot stop the walk.
			var page []HeldCopy
			err := each(ctx, c.r, `SELECT carrier, version, store FROM copies WHERE (carrier, version, store) > (?, ?, ?)
				ORDER BY carrier, version, store LIMIT 256`, []any{last.CarrierID, last.Version, last.Store}, func(rs *sql.Rows) error {
				var h HeldCopy
				err := rs.Scan(&h.CarrierID, &h.Version, &h.Store)
				page = append(page, h)
				return err
			})
			if err != nil {
				yield(HeldCopy{}, explain(op, err))
				return
			}
			if len(page) == 0 {
				return
			}
			for _, h := range page {
				r, ok, err := copies.one(ctx, c.r, "WHERE carrier = ? AND version = ? AND store = ?", h.CarrierID, h.Version, h.Store)
				switch {
				case errors.Is(err, ErrDamaged):
					if !yield(h, explain(op, err)) {
						return
					}
				case err != nil:
					yield(h, explain(op, err))
					return
				case ok && !yield(heldCopyOf(r), nil):
					return
				}
			}
			last = page[len(page)-1]
		}
	}
}
