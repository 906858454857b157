package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Decide records that carriers are accepted or rejected, and why: an event and
// the disposition of each, and every open NeedsReview settled. It does all of
// them or none. One that is withdrawn is ErrConflict: that word stands until it
// is taken back.
func (c *Catalog) Decide(ctx context.Context, ids []string, d Disposition, reason string, by ...Agent) error {
	reason = strings.TrimSpace(reason)
	a := Annotation{Disposition: &d, Note: reason}
	op := fmt.Sprintf("record that %s", d)
	err := checkSeveral(ids)
	switch {
	case err != nil:
	case !oneOf(d, Accepted, Rejected):
		err = invalid("%q is no decision of accepted, rejected", clamp(string(d), 64))
	case reason == "":
		err = invalid("a decision needs its reason")
	default:
		err = a.check()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.write(ctx, op, func(tx *sql.Tx) error {
		for _, id := range ids {
			r, err := mustCarrier(ctx, tx, id)
			if err != nil {
				return err
			}
			if Disposition(r.str("decision")) == Withdrawn {
				return withdrawnAlready(id)
			}
			if err := annotate(ctx, tx, id, a, by); err != nil {
				return fmt.Errorf("disc %s: %w", id, err)
			}
		}
		return nil
	})
}

func withdrawnAlready(id string) error {
	return fmt.Errorf("disc %s is withdrawn: %w; `ripstation annotate %.8s --disposition none` takes that back", id, ErrConflict, id)
}

// maxSeveral bounds how many carriers one word of a person is about.
const maxSeveral = 1000

func checkSeveral(ids []string) error {
	if len(ids) == 0 || len(ids) > maxSeveral {
		return invalid("%d discs are named; it can be 1 to %d", len(ids), maxSeveral)
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			return invalid("disc %s is named twice", clamp(id, 64))
		}
	}
	return nil
}
