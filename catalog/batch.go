package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Batch is a named row of discs (docs/decisions/0011).
type Batch struct {
	Name     string     `json:"name"`
	Opened   time.Time  `json:"opened"`
	OpenedBy string     `json:"opened_by"` // empty in a catalog that was made anew
	Closed   *time.Time `json:"closed"`    // null while it is open
	ClosedBy string     `json:"closed_by"`
	Places   int        `json:"places"`   // how many are taken
	Next     int        `json:"next"`     // the place that the next disc takes
	Expected int        `json:"expected"` // rows of its list; 0 when it has none
	Listed   *time.Time `json:"listed"`   // when it was given the list that it has; null when it has none, or that is not known
	ListedBy string     `json:"listed_by"`
	Told     *time.Time `json:"told"` // when it was said that its discs may go back
}

const (
	maxBatchName = 100
	maxPlaces    = 1_000_000
)

// CheckBatchName gives ErrInvalid for what cannot be the name of a batch.
func CheckBatchName(name string) error {
	if name == "" || len(name) > maxBatchName || strings.TrimSpace(name) != name || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return invalid("batch name %q: it has 1 to %d bytes without control characters, and no blank at its ends", clamp(name, 64), maxBatchName)
	}
	return nil
}

// OpenBatch begins a batch. ErrConflict: one is open, or the name was used
// before; again goes on with that one, behind its last place.
func (c *Catalog) OpenBatch(ctx context.Context, name, by string, again bool) (Batch, error) {
	op := fmt.Sprintf("open batch %s", clamp(name, 64))
	if err := CheckBatchName(name); err != nil {
		return Batch{}, fmt.Errorf("open a batch: %w", err)
	}
	now := formatTime(time.Now())
	var out Batch
	err := c.write(ctx, op, func(tx *sql.Tx) error {
		open, ok, err := batches.one(ctx, tx, "WHERE closed IS NULL")
		if err != nil {
			return err
		}
		if ok && open.str("name") == name {
			return fmt.Errorf("it is open since %s: %w", open.str("opened"), ErrConflict)
		}
		if ok {
			return fmt.Errorf("batch %s is open since %s; close it first (ripstation batch close): %w", open.str("name"), open.str("opened"), ErrConflict)
		}
		r, ok, err := batches.one(ctx, tx, "WHERE name = ?", name)
		switch {
		case err != nil:
			return err
		case ok && !again:
			return fmt.Errorf("there was a batch of this name, closed at %s with %d places; choose another name, or say --again to go on with it: %w", r.str("closed"), r.num("next")-1, ErrConflict)
		case ok:
			r.set("closed", nil)
			r.set("closed_by", nil)
			r.set("told", nil)
			err = r.update(ctx, tx)
		default:
			err = batches.insert(ctx, tx, name, now, clamp(by, maxName), nil, nil, 1, 0, nil)
		}
		if err != nil {
			return err
		}
		out, err = batchOf(ctx, tx, name)
		return err
	})
	return out, err
}

// CloseBatch ends the batch that is open. ErrNotFound when none is.
func (c *Catalog) CloseBatch(ctx context.Context, by string) (Batch, error) {
	var out Batch
	err := c.write(ctx, "close the batch", func(tx *sql.Tx) error {
		r, ok, err := batches.one(ctx, tx, "WHERE closed IS NULL")
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("an open batch is %w; ripstation batch open NAME opens one", ErrNotFound)
		}
		r.set("closed", formatTime(time.Now()))
		r.set("closed_by", clamp(by, maxName))
		if err := r.update(ctx, tx); err != nil {
			return err
		}
		out, err = batchOf(ctx, tx, r.str("name"))
		return err
	})
	return out, err
}

// OpenedBatch is the name of the batch that is open, empty when none is.
func (c *Catalog) OpenedBatch(ctx context.Context) (string, error) {
	r, ok, err := batches.one(ctx, c.r, "WHERE closed IS NULL")
	if err != nil || !ok {
		return "", explain("look up the open batch", err)
	}
	return r.str("name"), nil
}

// Batches gives all batches, the one opened last first.
func (c *Catalog) Batches(ctx context.Context) ([]Batch, error) {
	const op = "list the batches"
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, explain(op, err)
	}
	defer tx.Rollback()
	rs, bad := batches.rows(ctx, tx, "ORDER BY closed IS NULL DESC, opened DESC, name")
	out := []Batch{}
	for _, r := range rs {
		b, err := batchView(ctx, tx, r)
		if err != nil {
			return out, explain(op, errors.Join(bad, err))
		}
		out = append(out, b)
	}
	return out, explain(op, bad)
}

// batchOf is one batch by its name.
func batchOf(ctx context.Context, q querier, name string) (Batch, error) {
	r, err := mustBatch(ctx, q, name)
	if err != nil {
		return Batch{}, err
	}
	return batchView(ctx, q, r)
}

func mustBatch(ctx context.Context, q querier, name string) (row, error) {
	r, ok, err := batches.one(ctx, q, "WHERE name = ?", name)
	if err == nil && !ok {
		err = fmt.Errorf("batch %q: %w; `ripstation batch list` shows those there are", clamp(name, 64), ErrNotFound)
	}
	return r, err
}

func batchView(ctx context.Context, q querier, r row) (Batch, error) {
	b := Batch{Name: r.str("name"), Opened: parseTime(r.str("opened")), OpenedBy: r.str("opened_by"), Closed: parseTimePtr(r.str("closed")),
		ClosedBy: r.str("closed_by"), Next: int(r.num("next")), Expected: int(r.num("expected")), Told: parseTimePtr(r.str("told"))}
	if err := q.QueryRowContext(ctx, "SELECT count(DISTINCT place) FROM places WHERE batch = ?", b.Name).Scan(&b.Places); err != nil {
		return Batch{}, err
	}
	l, ok, err := lists.one(ctx, q, "WHERE batch = ? ORDER BY n DESC LIMIT 1", b.Name)
	if ok {
		b.Listed, b.ListedBy = parseTimePtr(l.str("at")), l.str("operator")
	}
	return b, err
}

// BatchNamed gives the name of the batch that is meant: the one named, else the
// open one, else the one closed last. ErrNotFound when there is none.
func (c *Catalog) BatchNamed(ctx context.Context, name string) (string, error) {
	tail, args := "ORDER BY closed IS NULL DESC, closed DESC, name LIMIT 1", []any{}
	if name != "" {
		tail, args = "WHERE name = ?", []any{name}
	}
	r, ok, err := batches.one(ctx, c.r, tail, args...)
	switch {
	case err != nil:
		return "", explain("look up a batch", err)
	case !ok && name == "":
		return "", fmt.Errorf("a batch is %w yet; ripstation batch open NAME opens one", ErrNotFound)
	case !ok:
		return "", fmt.Errorf("batch %q: %w; `ripstation batch list` shows those there are", clamp(name, 64), ErrNotFound)
	}
	return r.str("name"), nil
}
