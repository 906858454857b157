package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/internal/carrierlist"
)

// Imported is what a list changed in a batch.
type Imported struct {
	Batch   string   `json:"batch"`
	Rows    int      `json:"rows"`    // of the list as it is now
	Added   []string `json:"added"`   // in words
	Changed []string `json:"changed"` // title, number of parts
	Removed []string `json:"removed"`
}

// None is true when the batch had this list already.
func (i Imported) None() bool { return len(i.Added)+len(i.Changed)+len(i.Removed) == 0 }

// ImportList makes rows what a batch ought to hold, all or nothing, and keeps by
// whom. The same list again changes nothing. ErrConflict: a row that is not on
// the new list has a disc that came.
func (c *Catalog) ImportList(ctx context.Context, batch string, rows []carrierlist.Row, sight BatchSight, by string) (Imported, error) {
	op := "import the list of batch " + clamp(batch, 64)
	out := Imported{Batch: batch, Rows: len(rows), Added: []string{}, Changed: []string{}, Removed: []string{}}
	if err := checkList(rows); err != nil {
		return out, fmt.Errorf("%s: %w", op, err)
	}
	err := c.write(ctx, op, func(tx *sql.Tx) error {
		b, err := mustBatch(ctx, tx, batch)
		if err != nil {
			return err
		}
		old, err := listOf(ctx, tx, batch)
		if err != nil {
			return err
		}
		out.compare(old, rows)
		if slices.Equal(old, rows) {
			return nil
		}
		if err := presented(ctx, tx, batch, old, rows, sight); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM expected WHERE batch = ?", batch); err != nil {
			return err
		}
		for n, r := range rows {
			err := expected.insert(ctx, tx, batch, n+1, r.Item, orNull(r.Part), orNull(r.Parts), orNull(r.Side), orNull(r.Title), r.TwoSided)
			if err != nil {
				return err
			}
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM lists WHERE batch = ?", batch).Scan(&n); err != nil {
			return err
		}
		if err := lists.insert(ctx, tx, batch, n+1, formatTime(time.Now()), clamp(by, maxName), len(rows)); err != nil {
			return err
		}
		b.set("expected", len(rows))
		return b.update(ctx, tx)
	})
	return out, err
}

func checkList(rows []carrierlist.Row) error {
	if len(rows) == 0 || len(rows) > carrierlist.MaxRows {
		return invalid("a list of %d rows; 1 to %d can be", len(rows), carrierlist.MaxRows)
	}
	for i, r := range rows {
		if r.Item == "" || max(len(r.Item), len(r.Side), len(r.Title)) > maxSaid || r.Part < 0 || r.Parts < 0 || r.Part > maxParts || r.Parts > maxParts || r.TwoSided && r.Side != "" {
			return invalid("row %d of the list: %s", i+1, clamp(r.Name(), 100))
		}
	}
	return nil
}

// compare says what of the list became another.
func (i *Imported) compare(old, now []carrierlist.Row) {
	was, is := slotsOf(old), slotsOf(now)
	in := func(rows []carrierlist.Row, others map[carrierlist.Slot]int) (names []string) {
		for _, r := range rows {
			for _, s := range r.Slots() {
				if _, there := others[s]; !there {
					names = append(names, slotName(r, s))
				}
			}
		}
		return names
	}
	i.Added = append(i.Added, in(now, was)...)
	i.Removed = append(i.Removed, in(old, is)...)
	for _, r := range now {
		if o, there := was[r.Slots()[0]]; there && old[o] != r {
			if before := old[o]; before.Title != r.Title || before.Parts != r.Parts {
				i.Changed = append(i.Changed, fmt.Sprintf("%s: title %q, before: %q", r.Name(), r.Title, before.Title))
			}
		}
	}
}

func slotsOf(rows []carrierlist.Row) map[carrierlist.Slot]int {
	m := map[carrierlist.Slot]int{}
	for i, r := range rows {
		for _, s := range r.Slots() {
			m[s] = i
		}
	}
	return m
}

func slotName(r carrierlist.Row, s carrierlist.Slot) string {
	r.Side = s.Side
	return r.Name()
}

// presented refuses a list that leaves out a row whose disc came.
func presented(ctx context.Context, q querier, batch string, old, now []carrierlist.Row, sight BatchSight) error {
	discs, err := batchDiscs(ctx, q, batch, sight)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	is := slotsOf(now)
	var lost []string
	for _, s := range match(old, discs).slots {
		key := carrierlist.Slot{Item: old[s.row].Item, Part: old[s.row].Part, Side: s.side}
		if _, there := is[key]; len(s.came) > 0 && !there {
			lost = append(lost, fmt.Sprintf("%s (place %d)", slotName(old[s.row], key), discs[s.came[0]].Place))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	more := ""
	if len(lost) > 5 {
		lost, more = lost[:5], fmt.Sprintf(" and %d more", len(lost)-5)
	}
	return fmt.Errorf("the list leaves out %s%s, and that disc came: keep the row, or say first what the disc is (ripstation annotate): %w", strings.Join(lost, ", "), more, ErrConflict)
}
