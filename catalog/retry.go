package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"ripstation/disc"
)

// Retry is a person's word that a carrier's disc is to be read anew, whatever is
// held of it. It stands until that reading is recorded or it is taken back. It
// is this catalog's: one that is made anew from a store has its event only.
type Retry struct {
	ID       string    `json:"id"`
	Drive    string    `json:"drive"` // its key, or a name as it was said; empty for any
	Operator string    `json:"operator"`
	Since    time.Time `json:"since"`
}

// ToRetry is a carrier that is to be read anew, with the evidence by which its
// disc is known.
type ToRetry struct {
	Retry
	CarrierID string
	Carrier   CarrierInfo
	Version   int // of its latest image; 0 when there is none
	Identity  disc.Identity
}

// AskRetry marks carriers to be read anew, in one drive or in any, each with an
// event; all of them or none. What was asked for before is asked for anew. A
// withdrawn carrier is ErrConflict. One of which there is no image has nothing
// that proves which disc it is: the drive must be named then.
func (c *Catalog) AskRetry(ctx context.Context, ids []string, drive string, by ...Agent) error {
	const op = "note that discs are to be read anew"
	drive = strings.TrimSpace(drive)
	err := checkSeveral(ids)
	if err == nil && (len(drive) > maxSaid || clamp(drive, maxSaid) != drive) {
		err = invalid("the drive's name is too long, or not UTF-8")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	by = orUnattended(by)
	return c.write(ctx, op, func(tx *sql.Tx) error {
		for _, id := range ids {
			r, err := mustCarrier(ctx, tx, id)
			if err != nil {
				return err
			}
			if Disposition(r.str("decision")) == Withdrawn {
				return withdrawnAlready(id)
			}
			version, _, err := evidenceOf(ctx, tx, id)
			if err != nil {
				return err
			}
			if version == 0 && drive == "" {
				return fmt.Errorf("disc %s: %w", id, invalid("no image of it was ever made, so nothing proves which disc it is; name the drive that it will be in (--drive)"))
			}
			if _, err := tx.ExecContext(ctx, "DELETE FROM retries WHERE carrier = ?", id); err != nil {
				return err
			}
			now := time.Now()
			if err := retries.insert(ctx, tx, id, NewID(), drive, operatorOf(by), formatTime(now)); err != nil {
				return err
			}
			detail := "to be read anew, whatever is held of it"
			if drive != "" {
				detail += ", in drive " + drive
			}
			if err := addEvent(ctx, tx, id, Event{ID: NewID(), Type: EventModify, Time: now, Outcome: EventSuccess, Detail: detail, Agents: by, Objects: []string{id}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// CancelRetry takes back that carriers are to be read anew, each with an event;
// all of them or none. One that is not marked is ErrConflict.
func (c *Catalog) CancelRetry(ctx context.Context, ids []string, by ...Agent) error {
	const op = "take back that discs are to be read anew"
	if err := checkSeveral(ids); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	by = orUnattended(by)
	return c.write(ctx, op, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := mustCarrier(ctx, tx, id); err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, "DELETE FROM retries WHERE carrier = ?", id)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n == 0 {
				return fmt.Errorf("disc %s is not to be read anew: %w", id, ErrConflict)
			}
			err = addEvent(ctx, tx, id, Event{ID: NewID(), Type: EventModify, Time: time.Now(), Outcome: EventSuccess,
				Detail: "not to be read anew any more", Agents: by, Objects: []string{id}})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// useUp takes away the mark that a reading was made for. Another one, set since,
// stands.
func useUp(ctx context.Context, tx *sql.Tx, carrier, retry string) error {
	if retry == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM retries WHERE carrier = ? AND id = ?", carrier, retry)
	return err
}

func retryOf(ctx context.Context, q querier, id string) (*Retry, error) {
	r, ok, err := retries.one(ctx, q, "WHERE carrier = ?", id)
	if err != nil || !ok {
		return nil, err
	}
	return &Retry{r.str("id"), r.str("drive"), r.str("operator"), parseTime(r.str("since"))}, nil
}

// ToRetry gives every carrier that is to be read anew. Damaged rows are left out
// and told in an error that wraps ErrDamaged; the others are there.
func (c *Catalog) ToRetry(ctx context.Context) (all []ToRetry, err error) {
	const op = "look up what is to be read anew"
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, explain(op, err)
	}
	defer tx.Rollback()
	rs, bad := retries.rows(ctx, tx, "ORDER BY since, carrier")
	for _, r := range rs {
		t := ToRetry{Retry: Retry{r.str("id"), r.str("drive"), r.str("operator"), parseTime(r.str("since"))}, CarrierID: r.str("carrier")}
		carrier, err := mustCarrier(ctx, tx, t.CarrierID)
		if err == nil {
			var told told
			told, err = toldOf(ctx, tx, carrier)
			t.Carrier = told.CarrierInfo
		}
		if err == nil {
			t.Version, t.Identity, err = evidenceOf(ctx, tx, t.CarrierID)
		}
		if err != nil {
			bad = errors.Join(bad, err)
			continue
		}
		all = append(all, t)
	}
	return all, explain(op, bad)
}

// evidenceOf gives what a carrier's disc is known by: the identity of its latest
// image, else of its latest capture.
func evidenceOf(ctx context.Context, q querier, id string) (version int, ident disc.Identity, err error) {
	r, ok, err := identities.one(ctx, q, "WHERE carrier = ? ORDER BY version DESC LIMIT 1", id)
	if err != nil {
		return 0, ident, err
	}
	if ok {
		return int(r.num("version")), ident, decodeJSON([]byte(r.str("body")), &ident)
	}
	r, ok, err = captures.one(ctx, q, "WHERE carrier = ? AND identity IS NOT NULL ORDER BY n DESC LIMIT 1", id)
	if err != nil || !ok {
		return 0, ident, err
	}
	return 0, ident, decodeJSON([]byte(r.str("identity")), &ident)
}

func orUnattended(by []Agent) []Agent {
	if len(by) == 0 {
		return []Agent{{RoleOperator, Unattended}}
	}
	return by
}

// operatorOf is the person among an event's agents.
func operatorOf(by []Agent) string {
	for _, a := range by {
		if a.Role == RoleOperator {
			return clamp(a.Name, maxName)
		}
	}
	return Unattended
}
