package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// Correction moves identifiers (item, part, side) between places of a batch.
// Bytes, keys and places do not move.
type Correction struct {
	Batch string
	// Underway are discs that may not be corrected now: their record is not made
	// yet.
	Underway []Underway
}

// Moved is what one disc is called after a correction.
type Moved struct {
	Place int    `json:"place"`
	ID    string `json:"id"`
	Item  string `json:"item"`
	Part  string `json:"part"`
	Side  string `json:"side"`
}

// identifiers are what a correction moves.
type identifiers struct {
	item, side  string
	part, parts int
}

// Shift moves the identifiers of places from to to one place on (by = 1) or back
// (by = -1). The place behind the end that they move onto must have none; the
// one that they leave is left with none. All or nothing, one event a carrier.
func (c *Catalog) Shift(ctx context.Context, in Correction, from, to, by int, agents ...Agent) ([]Moved, error) {
	op := fmt.Sprintf("shift places %d to %d of batch %s", from, to, clamp(in.Batch, 64))
	if by != 1 && by != -1 || from < 1 || to < from || to > maxPlaces {
		return nil, fmt.Errorf("%s by %d: %w", op, by, invalid("places go from a lower to a higher one, by +1 or -1"))
	}
	first, last := from, to
	if by > 0 {
		last++
	} else {
		first--
	}
	if first < 1 {
		return nil, fmt.Errorf("%s: %w", op, invalid("there is no place before place 1"))
	}
	return c.correct(ctx, op, in, first, last, func(at []identifiers) ([]identifiers, error) {
		out := make([]identifiers, len(at))
		onto, gone := len(at)-1, 0
		if by < 0 {
			onto, gone = 0, len(at)-1
		}
		if at[onto] != (identifiers{}) {
			return nil, fmt.Errorf("place %d has %s, which would be lost; shift it on first, or take it away (ripstation annotate): %w", first+onto, at[onto], ErrConflict)
		}
		for i := range at {
			if i != onto {
				out[i+by] = at[i]
			}
		}
		out[gone] = identifiers{}
		return out, nil
	}, fmt.Sprintf("batch %s: the identifiers of places %d to %d moved by %+d", in.Batch, from, to, by), agents)
}

// Swap exchanges the identifiers of two places.
func (c *Catalog) Swap(ctx context.Context, in Correction, a, b int, agents ...Agent) ([]Moved, error) {
	op := fmt.Sprintf("swap places %d and %d of batch %s", a, b, clamp(in.Batch, 64))
	if a == b || a < 1 || b < 1 || max(a, b) > maxPlaces {
		return nil, fmt.Errorf("%s: %w", op, invalid("two places are swapped, from 1 on"))
	}
	return c.correctAt(ctx, op, in, []int{a, b}, func(at []identifiers) ([]identifiers, error) {
		if at[0] == at[1] {
			return nil, fmt.Errorf("both have %s: there is nothing to swap: %w", at[0], ErrConflict)
		}
		return []identifiers{at[1], at[0]}, nil
	}, fmt.Sprintf("batch %s: the identifiers of places %d and %d were exchanged", in.Batch, a, b), agents)
}

func (i identifiers) String() string {
	if i == (identifiers{}) {
		return "no identifier"
	}
	var parts []string
	if i.item != "" {
		parts = append(parts, "item "+i.item)
	}
	if i.part > 0 {
		parts = append(parts, "part "+partText(int64(i.part), int64(i.parts)))
	}
	if i.side != "" {
		parts = append(parts, "side "+i.side)
	}
	return strings.Join(parts, ", ")
}

func (c *Catalog) correct(ctx context.Context, op string, in Correction, first, last int, move func([]identifiers) ([]identifiers, error), detail string, by []Agent) ([]Moved, error) {
	if last-first > maxShift {
		return nil, fmt.Errorf("%s: %w", op, invalid("%d places at once; %d are the most", last-first, maxShift))
	}
	at := make([]int, 0, last-first+1)
	for p := first; p <= last; p++ {
		at = append(at, p)
	}
	return c.correctAt(ctx, op, in, at, move, detail, by)
}

// maxShift is how many places one correction may move.
const maxShift = 10_000

// correctAt looks at all places first, and changes them in one transaction.
func (c *Catalog) correctAt(ctx context.Context, op string, in Correction, at []int, move func([]identifiers) ([]identifiers, error), detail string, by []Agent) ([]Moved, error) {
	if len(by) == 0 {
		by = []Agent{{RoleOperator, Unattended}}
	}
	var out []Moved
	err := c.write(ctx, op, func(tx *sql.Tx) error {
		out = []Moved{}
		if _, err := mustBatch(ctx, tx, in.Batch); err != nil {
			return err
		}
		discs, held := make([]row, len(at)), make([]identifiers, len(at))
		seen := map[string]int{}
		for i, p := range at {
			r, err := in.at(ctx, tx, p)
			if err != nil {
				return err
			}
			if other := seen[r.str("id")]; other > 0 {
				return fmt.Errorf("places %d and %d are the same disc (%.8s), put in twice; correct it by its id (ripstation annotate): %w", other, p, r.str("id"), ErrConflict)
			}
			seen[r.str("id")] = p
			discs[i], held[i] = r, identifiers{r.str("item"), r.str("side"), int(r.num("part")), int(r.num("parts"))}
		}
		to, err := move(held)
		if err != nil {
			return err
		}
		now := time.Now()
		for i, r := range discs {
			if to[i] != held[i] {
				if err := rename(ctx, tx, r, held[i], to[i], now, detail, by); err != nil {
					return fmt.Errorf("place %d: %w", at[i], err)
				}
			}
			out = append(out, Moved{at[i], r.str("id"), to[i].item, partText(int64(to[i].part), int64(to[i].parts)), to[i].side})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// at is the recorded disc of a place.
func (in Correction) at(ctx context.Context, tx *sql.Tx, place int) (row, error) {
	ps, err := places.rows(ctx, tx, "WHERE batch = ? AND place = ? ORDER BY carrier", in.Batch, place)
	if err != nil {
		return row{}, err
	}
	switch len(ps) {
	case 0:
		return row{}, fmt.Errorf("a disc of place %d is %w; ripstation batch report shows the places", place, ErrNotFound)
	case 1:
	default:
		return row{}, fmt.Errorf("place %d has two discs, %.8s and %.8s; correct them by their ids (ripstation annotate): %w", place, ps[0].str("carrier"), ps[1].str("carrier"), ErrConflict)
	}
	id := ps[0].str("carrier")
	r, there, err := carriers.one(ctx, tx, "WHERE id = ?", id)
	if err != nil {
		return row{}, err
	}
	what := "it is not recorded yet"
	if u := (BatchSight{Underway: in.Underway}).underway(id); u != nil {
		there, what = false, "it is not recorded yet ("+u.What+")"
	}
	if !there {
		return row{}, fmt.Errorf("place %d (%.8s): %s; wait until it is (ripstation batch report), then say this again: %w", place, id, what, ErrConflict)
	}
	return r, nil
}

// rename gives a carrier other identifiers, with the event that says so.
func rename(ctx context.Context, tx *sql.Tx, r row, from, to identifiers, now time.Time, detail string, by []Agent) error {
	before, err := toldOf(ctx, tx, r)
	if err != nil {
		return err
	}
	var a Annotation
	if from.item != to.item {
		a.Item = &to.item
	}
	if from.side != to.side {
		a.Side = &to.side
	}
	if from.part != to.part || from.parts != to.parts {
		a.Part, a.Parts = &to.part, &to.parts
	}
	n := &annotating{ctx: ctx, tx: tx, r: r, at: formatTime(now)}
	if err := n.apply(a); err != nil {
		return err
	}
	after, err := toldOf(ctx, tx, r)
	if err != nil {
		return err
	}
	return addEvent(ctx, tx, r.str("id"), Event{ID: NewID(), Type: EventModify, Time: now, Outcome: EventSuccess,
		Detail: detail + ": " + strings.Join(n.changes, "; "), Agents: by, Objects: []string{r.str("id")}, Changes: a.changes(before, after)})
}
