package catalog

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Wanted is a carrier that waits for a person, or for its disc to be read anew.
type Wanted struct {
	ID, Item, Title, Label string
	Disposition            Disposition
	HasImage               bool
	Needs                  []OpenNeed // by kind, the oldest first
	Retry                  *Retry
}

// OpenNeed is one reason why.
type OpenNeed struct {
	Kind   Disposition // NeedsIdentity or NeedsReview
	Reason string
	Since  time.Time
}

// Wanted gives every carrier with an open need, and those that are to be read
// anew, the one that has waited longest first. Those that were rejected or
// withdrawn wait for nobody. Damaged rows are left out and told in an error that
// wraps ErrDamaged; the others are there.
func (c *Catalog) Wanted(ctx context.Context) ([]Wanted, error) {
	const op = "look up what waits for a person"
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, explain(op, err)
	}
	defer tx.Rollback()
	open, bad := needs.rows(ctx, tx, "WHERE settled IS NULL ORDER BY since, carrier, kind, reason")
	marked, err := retries.rows(ctx, tx, "ORDER BY since, carrier")
	bad = errors.Join(bad, err)
	all, at := []Wanted{}, map[string]int{}
	of := func(id string) (*Wanted, error) {
		if i, known := at[id]; known {
			if i < 0 {
				return nil, nil
			}
			return &all[i], nil
		}
		at[id] = -1
		w, err := wantedOf(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		at[id] = len(all)
		all = append(all, w)
		return &all[at[id]], nil
	}
	for _, n := range open {
		w, err := of(n.str("carrier"))
		if bad = errors.Join(bad, err); w == nil || oneOf(w.Disposition, Rejected, Withdrawn) {
			continue
		}
		w.Needs = append(w.Needs, OpenNeed{Disposition(n.str("kind")), n.str("reason"), parseTime(n.str("since"))})
		if w.Disposition != NeedsIdentity {
			w.Disposition = Disposition(n.str("kind"))
		}
	}
	for _, r := range marked {
		w, err := of(r.str("carrier"))
		if bad = errors.Join(bad, err); w == nil {
			continue
		}
		w.Retry = &Retry{r.str("id"), r.str("drive"), r.str("operator"), parseTime(r.str("since"))}
	}
	all = slices.DeleteFunc(all, func(w Wanted) bool { return len(w.Needs) == 0 && w.Retry == nil })
	return all, explain(op, bad)
}

func wantedOf(ctx context.Context, q querier, id string) (Wanted, error) {
	r, err := mustCarrier(ctx, q, id)
	if err != nil {
		return Wanted{}, err
	}
	w := Wanted{ID: id, Item: r.str("item"), Label: r.str("label"), Disposition: Disposition(r.str("decision"))}
	if w.Title, err = titleOf(ctx, q, r); err != nil {
		return w, err
	}
	_, w.HasImage, err = images.one(ctx, q, "WHERE carrier = ? ORDER BY version DESC LIMIT 1", id)
	return w, err
}
