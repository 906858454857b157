package catalog

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
)

// applicationID stands in the header of a catalog ("RIPS"), so that file(1)
// and we know it from other programs' databases.
const applicationID = 0x52495053

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are the steps from an empty database to today's, in order. A step
// that was ever released does not change.
func migrations(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var steps []string
	for i, name := range names {
		var n int
		if _, err := fmt.Sscanf(name, "migrations/%04d_", &n); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s stands at place %d", name, i+1)
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(b))
	}
	return steps, nil
}

// schema reads what the database says of itself.
func schema(ctx context.Context, q querier) (app, version int, empty bool, err error) {
	var tables int
	for stmt, to := range map[string]*int{
		"PRAGMA application_id":              &app,
		"PRAGMA user_version":                &version,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := q.QueryRowContext(ctx, stmt).Scan(to); err != nil {
			return 0, 0, false, err
		}
	}
	return app, version, tables == 0, nil
}

// recognise says whether a database is a catalog this program can go on with.
func recognise(app, version int, empty bool, known int) error {
	switch {
	case app == 0 && version == 0 && empty:
		return nil
	case app != applicationID:
		return fmt.Errorf("the database belongs to another program (application id %#08x); name another file", app)
	case version > known:
		return fmt.Errorf("it was written by a newer ripstation (schema %d, this program knows schemas up to %d); use the newer program, or restore a backup that is as old as this one", version, known)
	}
	return nil
}

// migrate takes the database to the last step, each step in a transaction.
func migrate(ctx context.Context, db *sql.DB, steps []string) error {
	for {
		done, err := step(ctx, db, steps)
		if done || err != nil {
			return err
		}
	}
}

func step(ctx context.Context, db *sql.DB, steps []string) (done bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	// Asked inside the transaction: another process may have been faster.
	app, version, empty, err := schema(ctx, tx)
	if err != nil {
		return false, err
	}
	if err := recognise(app, version, empty, len(steps)); err != nil {
		return false, err
	}
	if version == len(steps) {
		return true, nil
	}
	// The step and its number go in together.
	script := fmt.Sprintf("%s;\nPRAGMA application_id = %d;\nPRAGMA user_version = %d;", steps[version], applicationID, version+1)
	if _, err := tx.ExecContext(ctx, script); err != nil {
		return false, fmt.Errorf("migration %04d: %w", version+1, err)
	}
	if version+1 == changesStep && len(steps) >= changesStep {
		if err := sayChanges(ctx, tx); err != nil {
			return false, fmt.Errorf("migration %04d: %w", version+1, err)
		}
	}
	return false, tx.Commit()
}
