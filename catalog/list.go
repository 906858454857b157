package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"ripstation/disc"
)

// listPage is how many carriers List takes up at once.
const listPage = 200

// List gives carriers, the one read last first. Damaged rows are left out and
// told in an error that wraps ErrDamaged; the others are there.
func (c *Catalog) List(ctx context.Context, f Filter) ([]Summary, error) {
	const op = "list the catalog"
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, explain(op, err)
	}
	defer tx.Rollback()
	ids, err := listed(ctx, tx, f)
	if err != nil {
		return nil, explain(op, err)
	}
	out := []Summary{}
	var bad error
	for len(ids) > 0 {
		n := min(len(ids), listPage)
		page, err := summaries(ctx, tx, ids[:n])
		bad = errors.Join(bad, err)
		if err != nil && !errors.Is(err, ErrDamaged) {
			break
		}
		out, ids = append(out, page...), ids[n:]
	}
	return out, explain(op, bad)
}

// listed gives the ids that the filter lets through, in order.
func listed(ctx context.Context, q querier, f Filter) ([]string, error) {
	const latest = "(SELECT max(version) FROM images WHERE carrier = c.id)"
	where, args := []string{"1"}, []any{}
	only := func(cond string, vals ...any) {
		where, args = append(where, cond), append(args, vals...)
	}
	if f.Image != "" {
		only("EXISTS (SELECT 1 FROM images i WHERE i.carrier = c.id AND i.version = "+latest+" AND i.state = ?)", string(f.Image))
	}
	if f.Copy != "" {
		only("EXISTS (SELECT 1 FROM copies k WHERE k.carrier = c.id AND k.version = "+latest+" AND k.state = ?)", string(f.Copy))
	}
	if f.NeedsYou {
		only("c.decision NOT IN (?, ?) AND EXISTS (SELECT 1 FROM needs n WHERE n.carrier = c.id AND n.settled IS NULL)", string(Rejected), string(Withdrawn))
	}
	if f.Item != "" {
		only("c.item = ?", f.Item)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = -1
	}
	var ids []string
	err := each(ctx, q, "SELECT c.id FROM carriers c WHERE "+strings.Join(where, " AND ")+
		" ORDER BY (SELECT max(ended) FROM captures WHERE carrier = c.id) DESC, (SELECT max(n) FROM captures WHERE carrier = c.id) DESC, c.id LIMIT ?", append(args, limit), func(rs *sql.Rows) error {
		var id string
		err := rs.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// summaries gives the carriers of ids in the order of ids.
func summaries(ctx context.Context, q querier, ids []string) ([]Summary, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	const in = " IN (SELECT value FROM json_each(?)) "
	var bad error
	all := func(t *table, tail string) map[string][]row {
		rs, err := t.rows(ctx, q, tail, string(list))
		bad = errors.Join(bad, err)
		by := map[string][]row{}
		for _, r := range rs {
			id := ""
			if t == carriers || t == items {
				id = r.str("id")
			} else {
				id = r.str("carrier")
			}
			by[id] = append(by[id], r)
		}
		return by
	}
	cs := all(carriers, "WHERE id"+in)
	its := all(items, "WHERE id IN (SELECT item FROM carriers WHERE id"+in+")")
	ns := all(needs, "WHERE settled IS NULL AND carrier"+in+"ORDER BY kind, since, reason")
	imgs := all(images, "WHERE carrier"+in+"AND version = (SELECT max(version) FROM images i WHERE i.carrier = images.carrier)")
	cps := all(copies, "WHERE carrier"+in+"AND version = (SELECT max(version) FROM images i WHERE i.carrier = copies.carrier) ORDER BY store")
	failed, err := failedChecks(ctx, q, string(list))
	bad = errors.Join(bad, err)
	caps := all(captures, "WHERE carrier"+in+"AND n = (SELECT max(n) FROM captures c WHERE c.carrier = captures.carrier)")
	var out []Summary
	for _, id := range ids {
		if len(cs[id]) == 0 {
			continue // told in bad
		}
		r := cs[id][0]
		s := Summary{ID: id, Item: orNull(r.str("item")), Title: orNull(r.str("title")), Part: orNull(partText(r.num("part"), r.num("parts"))),
			Side: orNull(r.str("side")), Kind: disc.Kind(r.str("kind")), Medium: disc.Medium(r.str("medium")), Label: r.str("label"), Copies: []Copy{}, FailedChecks: failed[id]}
		if it := its[r.str("item")]; len(it) > 0 {
			s.Title = orNull(it[0].str("title"))
		}
		s.Disposition, s.Needs = dispositionOf(r, ns[id])
		for _, i := range imgs[id] {
			s.Image = &SummaryImage{ImageState(i.str("state")), int(i.num("version")), i.num("size"), countsOf(i)}
		}
		for _, k := range cps[id] {
			s.Copies = append(s.Copies, copyOf(k))
		}
		for _, k := range caps[id] {
			ended := parseTime(k.str("ended"))
			s.Outcome, s.At = CaptureOutcome(k.str("outcome")), &ended
		}
		out = append(out, s)
	}
	return out, bad
}

// failedChecks counts, by carrier, the failed checks of the latest capture
// that had any. list is a JSON array of carrier ids.
func failedChecks(ctx context.Context, q querier, list string) (map[string]int, error) {
	carrier := map[string]string{}
	err := each(ctx, q, `SELECT c.id, c.carrier FROM captures c JOIN
		(SELECT d.carrier, max(d.n) n FROM captures d JOIN json_each(?) ids ON d.carrier = ids.value
			WHERE EXISTS (SELECT 1 FROM checks k WHERE k.capture = d.id) GROUP BY d.carrier) last
		ON c.carrier = last.carrier AND c.n = last.n`, []any{list}, func(rs *sql.Rows) error {
		var capture, of string
		err := rs.Scan(&capture, &of)
		carrier[capture] = of
		return err
	})
	if err != nil {
		return nil, err
	}
	latest, err := json.Marshal(slices.Collect(maps.Keys(carrier)))
	if err != nil {
		return nil, err
	}
	rs, err := checks.rows(ctx, q, "WHERE capture IN (SELECT value FROM json_each(?))", string(latest))
	n := map[string]int{}
	for _, r := range rs {
		if disc.Outcome(r.str("outcome")) == disc.Failure {
			n[carrier[r.str("capture")]]++
		}
	}
	return n, err
}

// Withdrawn gives the carriers that were withdrawn, of which copies may be gone.
func (c *Catalog) Withdrawn(ctx context.Context) (map[string]bool, error) {
	rs, err := carriers.rows(ctx, c.r, "WHERE decision = ?", string(Withdrawn))
	ids := map[string]bool{}
	for _, r := range rs {
		ids[r.str("id")] = true
	}
	if errors.Is(err, ErrDamaged) { // a damaged row withdraws nothing
		err = nil
	}
	return ids, explain("look up the withdrawn discs", err)
}
