package catalog

import (
	"context"
	"database/sql"
	"fmt"
)

// batchProblems finds what the rows of batches cannot tell of themselves: a
// place that an event gives and the table has not, a place of a recorded disc
// that no event gives, a list that lost a row, a counter that would give a place
// twice.
func batchProblems(ctx context.Context, q querier) ([]Problem, error) {
	var out []Problem
	for _, c := range []struct{ table, query, message string }{
		{places.name, `SELECT e.carrier || ': batch ' || (` + eventBatch + `) || ', place ' || (` + eventPlace + `) FROM events e
			WHERE ` + eventBatch + ` IS NOT NULL AND NOT EXISTS (SELECT 1 FROM places p
				WHERE p.batch = ` + eventBatch + ` AND p.place = ` + eventPlace + ` AND p.carrier = e.carrier)`,
			"an event gives this place, and the table of places does not have it"},
		{places.name, `SELECT p.carrier || ': batch ' || p.batch || ', place ' || p.place FROM places p JOIN carriers c ON c.id = p.carrier
			WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.carrier = p.carrier AND ` + eventBatch + ` = p.batch AND ` + eventPlace + ` = p.place)`,
			"the disc is recorded, and no event gives it this place"},
		{batches.name, `SELECT name FROM batches b WHERE expected <> (SELECT count(*) FROM expected e WHERE e.batch = b.name)`,
			"its list has lost or won a row"},
		{batches.name, `SELECT name FROM batches b WHERE next <= (SELECT max(place) FROM places p WHERE p.batch = b.name)`,
			"it would give a place twice"},
	} {
		err := each(ctx, q, c.query, nil, func(rs *sql.Rows) error {
			var key string
			err := rs.Scan(&key)
			out = append(out, Problem{c.table, key, fmt.Sprintf("%v: %s: %s; keep the file as it is and compare it with a backup", ErrDamaged, key, c.message)})
			return err
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
