package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of the catalog itself.
type Problem struct {
	Table   string `json:"table"` // empty when SQLite tells of its pages
	Key     string `json:"key"`   // of the row; empty when the fault is not in one row
	Message string `json:"message"`
}

// IntegrityCheck has SQLite check its pages, holds every row against its
// digest, every event against its place, every image's rows against its
// record, and every file list's against it. The error says that it could not look.
func (c *Catalog) IntegrityCheck(ctx context.Context) ([]Problem, error) {
	const op = "check the catalog"
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, explain(op, err)
	}
	defer tx.Rollback()
	var out []Problem
	for _, pragma := range []string{"quick_check", "foreign_key_check"} {
		ps, err := sqliteCheck(ctx, tx, pragma)
		if err != nil {
			return out, explain(op, err)
		}
		out = append(out, ps...)
	}
	for _, t := range hashedTables {
		// One row at a time, since records are large.
		err := eachRow(ctx, tx, t, func(r row, digest []byte) (err error) {
			if !slices.Equal(digest, r.digest()) {
				out = append(out, Problem{t.name, r.key(), (&damage{t.name, r.key()}).Error()})
				return nil
			}
			var more []Problem
			switch t {
			case records:
				more = recordProblems(ctx, tx, r)
			case fileLists:
				more, err = fileListProblems(ctx, tx, r)
			}
			out = append(out, more...)
			return err
		})
		if err != nil {
			return out, explain(op, err)
		}
	}
	ps, err := strayFileProblems(ctx, tx)
	out = append(out, ps...)
	if err != nil {
		return out, explain(op, err)
	}
	ps, err = batchProblems(ctx, tx)
	out = append(out, ps...)
	if err != nil {
		return out, explain(op, err)
	}
	ps, err = eventProblems(ctx, tx)
	return append(out, ps...), explain(op, err)
}

// fileListProblems holds a list's rows against it.
func fileListProblems(ctx context.Context, q querier, r row) ([]Problem, error) {
	v, err := listViewOf(r)
	if err != nil {
		return []Problem{{fileLists.name, r.key(), fmt.Sprintf("%v: %v", ErrDamaged, err)}}, nil
	}
	var out []Problem
	bad, err := walkFiles(ctx, q, v, func(row) error { return nil })
	for _, b := range bad {
		key := r.key()
		if d := (*damage)(nil); errors.As(b, &d) {
			key = d.key
		}
		out = append(out, Problem{files.name, key, fmt.Sprintf("image %d of %s: %v", v.Version, v.CarrierID, b)})
	}
	return out, err
}

// strayFileProblems finds what the lists themselves cannot tell: a list that
// is gone or another's, rows of no list, names that the search does not know.
func strayFileProblems(ctx context.Context, q querier) ([]Problem, error) {
	var out []Problem
	for _, c := range []struct{ query, message string }{
		{"SELECT o.carrier || ' ' || o.version FROM objects o LEFT JOIN file_lists l ON l.carrier = o.carrier AND l.version = o.version WHERE o.path = '" + FilesPath + "' AND l.sha256 IS NOT o.sha256",
			"its file list is gone, or another than its bag has"},
		{"SELECT l.carrier || ' ' || l.version FROM file_lists l WHERE NOT EXISTS (SELECT 1 FROM objects o WHERE o.carrier = l.carrier AND o.version = l.version AND o.path = '" + FilesPath + "')",
			"it has a file list, and its bag has none"},
		{fmt.Sprintf("SELECT 'rows ' || min(n) || ' to ' || max(n) FROM files f WHERE NOT EXISTS (SELECT 1 FROM file_lists l WHERE l.n = f.n >> %d) GROUP BY n >> %d", placeBits, placeBits),
			"they belong to no file list"},
		{"SELECT 'row ' || f.n FROM files f WHERE NOT EXISTS (SELECT 1 FROM file_names_docsize d WHERE d.id = f.n) LIMIT 8",
			"the search for names does not know it"},
	} {
		err := each(ctx, q, c.query, nil, func(rs *sql.Rows) error {
			var key string
			err := rs.Scan(&key)
			out = append(out, Problem{files.name, key, fmt.Sprintf("%v: %s: %s; keep the file as it is and compare it with a backup", ErrDamaged, key, c.message)})
			return err
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func sqliteCheck(ctx context.Context, q querier, pragma string) ([]Problem, error) {
	var out []Problem
	err := each(ctx, q, "PRAGMA "+pragma, nil, func(rs *sql.Rows) error {
		cols, err := rs.Columns()
		if err != nil {
			return err
		}
		vals, into := make([]any, len(cols)), make([]any, len(cols))
		for i := range vals {
			into[i] = &vals[i]
		}
		if err := rs.Scan(into...); err != nil {
			return err
		}
		if text := strings.TrimSpace(fmt.Sprintln(vals...)); text != "ok" {
			out = append(out, Problem{Message: fmt.Sprintf("%v: SQLite's %s says: %s; keep the file as it is and work from a backup", ErrDamaged, pragma, text)})
		}
		return nil
	})
	return out, err
}

func eachRow(ctx context.Context, q querier, t *table, f func(r row, digest []byte) error) error {
	return each(ctx, q, fmt.Sprintf("SELECT %s, digest FROM %s", t.list(), t.name), nil, func(rs *sql.Rows) error {
		r, digest, err := t.scan(rs)
		if err != nil {
			return err
		}
		return f(r, digest)
	})
}

// recordProblems holds the tables against the record they were filled from:
// rows that are gone have no digest that could tell.
func recordProblems(ctx context.Context, q querier, r row) []Problem {
	problem := func(format string, args ...any) []Problem {
		return []Problem{{records.name, r.key(), fmt.Sprintf("%v: image %s: ", ErrDamaged, r.key()) + fmt.Sprintf(format, args...)}}
	}
	if sum := sha256.Sum256(r.blob("body")); hex.EncodeToString(sum[:]) != r.str("sha256") {
		return problem("its record does not match the checksum beside it")
	}
	rec, err := ParseRecord(r.blob("body"))
	if err != nil {
		return problem("%v", err)
	}
	id, version := r.str("carrier"), r.num("version")
	i, ok, err := images.one(ctx, q, "WHERE carrier = ? AND version = ?", id, version)
	if errors.Is(err, ErrDamaged) {
		return nil // named by its own row
	}
	if err != nil || !ok || rec.Carrier.ID != id || int64(rec.Image.Version) != version ||
		ImageState(i.str("state")) != rec.Image.State || i.num("size") != rec.Image.Size || countsOf(i) != rec.Image.Sectors {
		return problem("the table of images does not say what its record says")
	}
	objs, err := objects.rows(ctx, q, "WHERE carrier = ? AND version = ?", id, version)
	if errors.Is(err, ErrDamaged) {
		return nil
	}
	if err != nil {
		return problem("%v", err)
	}
	for _, o := range rec.Objects {
		if !slices.ContainsFunc(objs, func(r row) bool { return objectOf(r) == o }) {
			return problem("the table of objects does not have %q as its record has it", o.Path)
		}
	}
	for _, c := range rec.Captures {
		if _, ok, err := captures.one(ctx, q, "WHERE id = ?", c.ID); err == nil && !ok {
			return problem("capture %s is gone", c.ID)
		}
	}
	for _, e := range rec.Events {
		e, err := identified(id, e)
		if err != nil {
			return problem("%v", err)
		}
		var n int
		if err := q.QueryRowContext(ctx, "SELECT count(*) FROM events WHERE id = ? AND carrier = ?", e.ID, id).Scan(&n); err != nil || n == 0 {
			return problem("event %s (%s, %s) is gone", e.ID, e.Type, formatTime(e.Time))
		}
	}
	return nil
}

func eventProblems(ctx context.Context, q querier) ([]Problem, error) {
	var ids []string
	err := each(ctx, q, "SELECT id FROM carriers UNION SELECT carrier FROM events ORDER BY 1", nil, func(rs *sql.Rows) error {
		var id string
		err := rs.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []Problem
	for _, id := range ids {
		_, err := allEvents(ctx, q, id)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotFound) {
			return out, err
		}
		out = append(out, Problem{"events", id, err.Error()})
	}
	return out, nil
}
