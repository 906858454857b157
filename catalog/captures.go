package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"ripstation/disc"
)

// putCapture adds a capture. One that is there already must say the same. d
// and ident are given where no image's record holds them.
func putCapture(ctx context.Context, tx *sql.Tx, id string, c Capture, d *disc.Disc, ident *disc.Identity) error {
	if _, ok, err := captures.one(ctx, tx, "WHERE id = ?", c.ID); err != nil {
		return err
	} else if ok {
		return sameCapture(ctx, tx, id, c)
	}
	drive, err := putDrive(ctx, tx, c.Drive)
	if err != nil {
		return err
	}
	var n int64
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(n), 0) + 1 FROM captures").Scan(&n); err != nil {
		return err
	}
	insertion, err := encodeJSON(c.Insertion, "")
	if err != nil {
		return err
	}
	settings, err := encodeJSON(c.Settings, "")
	if err != nil {
		return err
	}
	var discJSON, identJSON any
	if d != nil {
		b, err := encodeJSON(d, "")
		if err != nil {
			return err
		}
		discJSON = string(b)
	}
	if ident != nil {
		b, err := encodeJSON(ident, "")
		if err != nil {
			return err
		}
		identJSON = string(b)
	}
	return captures.insert(ctx, tx, n, c.ID, id, formatTime(c.Started), formatTime(c.Ended), c.Outcome, c.Reason, c.Operator,
		drive, string(insertion), c.Program.Name, c.Program.Version, c.Program.Commit, c.Clock, string(settings), discJSON, identJSON)
}

func sameCapture(ctx context.Context, q querier, id string, c Capture) error {
	have, _, err := readCaptures(ctx, q, "WHERE id = ?", c.ID)
	if err != nil {
		return err
	}
	if len(have) == 1 && have[0].carrier == id {
		a, err := encodeJSON(have[0].Capture, "")
		if err != nil {
			return err
		}
		b, err := encodeJSON(c, "")
		if err != nil {
			return err
		}
		if slices.Equal(a, b) {
			return nil
		}
	}
	return fmt.Errorf("capture %s is recorded with other facts: %w", c.ID, ErrConflict)
}

// putDrive gives the row of a drive exactly as it presents itself.
func putDrive(ctx context.Context, tx *sql.Tx, d disc.Drive) (string, error) {
	d = tidy(d)
	b, err := encodeJSON(d, "")
	if err != nil {
		return "", err
	}
	id := contentID(b)
	_, ok, err := drives.one(ctx, tx, "WHERE id = ?", id)
	if err != nil || ok {
		return id, err
	}
	return id, drives.insert(ctx, tx, id, d.Key, d.KeyByPlace, d.Node, d.Vendor, d.Model, d.Firmware, d.Serial)
}

type heldCapture struct {
	Capture
	n       int64
	carrier string
}

// readCaptures gives captures in the order they were recorded. The drives are
// those of the captures.
func readCaptures(ctx context.Context, q querier, where string, args ...any) ([]heldCapture, map[string]disc.Drive, error) {
	rs, bad := captures.rows(ctx, q, where+" ORDER BY n", args...)
	ds, err := drives.rows(ctx, q, "WHERE id IN (SELECT drive FROM captures "+where+")", args...)
	bad = errors.Join(bad, err)
	byID := map[string]disc.Drive{}
	for _, d := range ds {
		byID[d.str("id")] = disc.Drive{Key: d.str("key"), KeyByPlace: d.num("by_place") != 0, Node: d.str("node"),
			Vendor: d.str("vendor"), Model: d.str("model"), Firmware: d.str("firmware"), Serial: d.str("serial")}
	}
	var out []heldCapture
	for _, r := range rs {
		c := heldCapture{n: r.num("n"), carrier: r.str("carrier"), Capture: Capture{
			ID: r.str("id"), Started: parseTime(r.str("started")), Ended: parseTime(r.str("ended")),
			Outcome: CaptureOutcome(r.str("outcome")), Reason: r.str("reason"), Operator: r.str("operator"),
			Drive:   byID[r.str("drive")],
			Program: Program{r.str("program"), r.str("program_version"), r.str("program_commit")},
			Clock:   Clock(r.str("clock")),
		}}
		bad = errors.Join(bad, decodeJSON([]byte(r.str("insertion")), &c.Insertion))
		bad = errors.Join(bad, decodeJSON([]byte(r.str("settings")), &c.Settings))
		out = append(out, c)
	}
	return out, byID, bad
}
