package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"ripstation/disc"
)

// NotReadYet gives those carriers of an item that have no image, and whose disc
// looked like this one when it came: what was not read because it looks the
// same as another, and comes again. The oldest comes first. Their events alone are asked, which a
// rebuilt catalog has, too.
func (c *Catalog) NotReadYet(ctx context.Context, item string, id disc.Identity) ([]string, error) {
	op := "look for discs of item " + item + " without an image"
	var ids []string
	err := each(ctx, c.r, `SELECT id FROM carriers c WHERE item = ? AND NOT EXISTS (SELECT 1 FROM images WHERE carrier = c.id) ORDER BY created, id`, []any{item}, func(rs *sql.Rows) error {
		var id string
		err := rs.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, explain(op, err)
	}
	var out []string
	for _, carrier := range ids {
		events, err := readEvents(ctx, c.r, "WHERE carrier = ?", carrier)
		if err != nil && !errors.Is(err, ErrDamaged) { // of a damaged one, another carrier is made
			return out, fmt.Errorf("%s: %w", op, err)
		}
		for _, e := range events {
			if e.Changes != nil && e.Changes.Identity != nil && disc.LooksLike(*e.Changes.Identity, id) != disc.Different {
				out = append(out, carrier)
				break
			}
		}
	}
	return out, nil
}
