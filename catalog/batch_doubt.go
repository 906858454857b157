package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// labelDoubt begins the reason of every review that a label asks for in a batch:
// a disc may have come in several, and each speaks for itself alone.
func labelDoubt(batch string) string {
	return fmt.Sprintf("batch %q: the label does not fit: ", batch)
}

// Doubt is a disc whose label says that it has another's identifier.
type Doubt struct {
	ID     string
	Reason string // in words
}

// DoubtLabels makes doubts all that labels have against the identifiers of a
// batch's discs: what is new asks for a review; what is not doubted any more, and
// nobody has settled, asks no longer. What a person has settled stays so. It gives
// those that are new. A disc that is not recorded yet is passed over.
func (c *Catalog) DoubtLabels(ctx context.Context, batch string, doubts []Doubt, by ...Agent) (fresh []Doubt, err error) {
	if len(by) == 0 {
		by = []Agent{{RoleOperator, Unattended}}
	}
	begins := labelDoubt(batch)
	err = c.write(ctx, "note what the labels of batch "+clamp(batch, 64)+" say", func(tx *sql.Tx) error {
		fresh = nil
		said := map[string]string{}
		for _, d := range doubts {
			said[d.ID] = clamp(begins+strings.TrimSpace(d.Reason), maxText)
		}
		ps, err := places.rows(ctx, tx, "WHERE batch = ? ORDER BY place", batch)
		if err != nil {
			return err
		}
		now := time.Now()
		seen := map[string]bool{}
		for _, p := range ps {
			id := p.str("carrier")
			if seen[id] {
				continue
			}
			seen[id] = true
			if _, there, err := carriers.one(ctx, tx, "WHERE id = ?", id); err != nil {
				return err
			} else if !there {
				continue
			}
			isNew, err := doubtOf(ctx, tx, id, begins, said[id], now, by)
			if err != nil {
				return err
			}
			if isNew {
				fresh = append(fresh, Doubt{id, strings.TrimPrefix(said[id], begins)})
			}
		}
		return nil
	})
	return fresh, err
}

// doubtOf makes one carrier's doubt of those that begin so what reason says;
// empty: none.
func doubtOf(ctx context.Context, tx *sql.Tx, id, begins, reason string, now time.Time, by []Agent) (fresh bool, err error) {
	rs, err := needs.rows(ctx, tx, "WHERE carrier = ? AND kind = ?", id, string(NeedsReview))
	if err != nil {
		return false, err
	}
	event := func(o EventOutcome, detail string) error {
		return addEvent(ctx, tx, id, Event{ID: NewID(), Type: EventValidation, Time: now, Outcome: o, Detail: detail, Agents: by, Objects: []string{id}})
	}
	there := false
	for _, r := range rs {
		if r.str("reason") == reason {
			there = true
			continue
		}
		if !strings.HasPrefix(r.str("reason"), begins) || r.str("settled") != "" {
			continue
		}
		// Nobody has settled it, so nothing that a person said goes with it.
		if _, err := tx.ExecContext(ctx, "DELETE FROM needs WHERE carrier = ? AND kind = ? AND reason = ?", id, r.str("kind"), r.str("reason")); err != nil {
			return false, err
		}
		if err := event(EventSuccess, "not doubted any more: "+r.str("reason")); err != nil {
			return false, err
		}
	}
	if reason == "" || there {
		return false, nil
	}
	if err := addNeed(ctx, tx, id, Need{NeedsReview, reason}, formatTime(now)); err != nil {
		return false, err
	}
	return true, event(EventWarning, reason)
}
