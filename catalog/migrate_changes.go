package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"ripstation/disc"
)

// changesStep is the migration from which on events say what they changed.
const changesStep = 3

// sayChanges gives each carrier whose events are of before one more, which says
// what they had left it as: from then on a catalog can be made anew from
// records and events. Rows that are damaged are left to the integrity check.
func sayChanges(ctx context.Context, tx *sql.Tx) error {
	var ids []string
	err := each(ctx, tx, "SELECT id FROM carriers ORDER BY id", nil, func(rs *sql.Rows) error {
		var id string
		err := rs.Scan(&id)
		ids = append(ids, id)
		return err
	})
	for _, id := range ids {
		if err == nil {
			err = sayChangesOf(ctx, tx, id)
		}
		if errors.Is(err, ErrDamaged) || errors.Is(err, ErrInvalid) {
			err = nil
		}
	}
	return err
}

func sayChangesOf(ctx context.Context, tx *sql.Tx, id string) error {
	r, err := mustCarrier(ctx, tx, id)
	if err != nil {
		return err
	}
	now, err := toldOf(ctx, tx, r)
	if err != nil {
		return err
	}
	n := 0
	then, err := toldByRecords(ctx, tx, id, func(int, string) { n++ })
	if err != nil {
		return err
	}
	say := func(c *Changes, objects ...string) error {
		return putEvent(ctx, tx, id, tidy(Event{ID: NewID(), Type: EventModify, Time: time.Now(), Outcome: EventSuccess,
			Detail: "what the catalog held when its events began to say what they change", Agents: []Agent{{RoleOperator, Unattended}}, Objects: objects, Changes: c}))
	}
	c := changed(then, now)
	if n == 0 {
		caps, err := captures.rows(ctx, tx, "WHERE carrier = ? AND identity IS NOT NULL ORDER BY n LIMIT 1", id)
		if err != nil {
			return err
		}
		if len(caps) > 0 {
			var ident disc.Identity
			if err := decodeJSON([]byte(caps[0].str("identity")), &ident); err != nil {
				return fmt.Errorf("%w: %w", ErrInvalid, err)
			}
			if c == nil {
				c = &Changes{}
			}
			c.Identity = &ident
		}
	}
	if c != nil {
		if err := say(c, id); err != nil {
			return err
		}
	}
	cps, err := copies.rows(ctx, tx, "WHERE carrier = ? ORDER BY version, store", id)
	if err != nil {
		return err
	}
	for _, r := range cps {
		state := CopyState(r.str("state"))
		if oneOf(state, Queued, Sending) {
			continue
		}
		if err := say(&Changes{State: &state}, fmt.Sprintf("%s/v%d", id, r.num("version")), "store:"+r.str("store")); err != nil {
			return err
		}
	}
	return nil
}
