package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// canonicalJSON is one carrier as ExportCanonical writes it.
type canonicalJSON struct {
	Carrier struct {
		carrierJSON
		Disposition Disposition `json:"disposition"`
		Batch       *string     `json:"batch"` // the last in which it came
		Place       *int        `json:"place"`
	} `json:"carrier"`
	Records []canonicalRecord `json:"records"`
	Events  []canonicalEvent  `json:"events"`
}

type canonicalRecord struct {
	Version int    `json:"version"`
	SHA256  string `json:"sha256"` // of the bytes of record.json
}

type canonicalEvent struct {
	Seq int64 `json:"seq"`
	eventFields
}

// ExportCanonical writes what the sealed records and the events say, and
// nothing that depends on this station: one JSON object a line, by carrier id
// (docs/decisions/0009). The same records and events give the same bytes. A
// carrier whose rows are damaged is left out, and the error, which wraps
// ErrDamaged, names it.
func (c *Catalog) ExportCanonical(ctx context.Context, w io.Writer) error {
	const op = "export the catalog"
	var bad []error
	last := ""
	for {
		var ids []string
		err := each(ctx, c.r, "SELECT id FROM carriers WHERE id > ? ORDER BY id LIMIT 256", []any{last}, func(rs *sql.Rows) error {
			var id string
			err := rs.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return explain(op, err)
		}
		if len(ids) == 0 {
			return explain(op, errors.Join(bad...))
		}
		for _, id := range ids {
			line, err := c.canonical(ctx, id)
			if errors.Is(err, ErrDamaged) || errors.Is(err, ErrInvalid) {
				bad = append(bad, fmt.Errorf("disc %s: %w: %w", id, ErrDamaged, err))
				continue
			}
			if err != nil {
				return explain(op, err)
			}
			if _, err := w.Write(line); err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
		}
		last = ids[len(ids)-1]
	}
}

// canonical is one carrier's line, nil for one of which nothing was ever
// written down.
func (c *Catalog) canonical(ctx context.Context, id string) ([]byte, error) {
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	events, err := allEvents(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	out := canonicalJSON{Records: []canonicalRecord{}, Events: make([]canonicalEvent, len(events))}
	t, err := toldByRecords(ctx, tx, id, func(version int, sum string) {
		out.Records = append(out.Records, canonicalRecord{version, sum})
	})
	if err != nil {
		return nil, err
	}
	if len(events)+len(out.Records) == 0 {
		return nil, nil
	}
	for i, e := range events {
		t.apply(e.Changes)
		out.Events[i] = canonicalEvent{e.Seq, e.fields()}
	}
	out.Carrier.carrierJSON, out.Carrier.Disposition = t.CarrierInfo.json(), t.Disposition
	out.Carrier.Batch, out.Carrier.Place = orNull(t.Batch), orNull(t.Place)
	return encodeJSON(out, "")
}

// toldByRecords is what the first record says of a carrier: what a later one
// brought is in an event.
func toldByRecords(ctx context.Context, q querier, id string, each func(version int, sha256 string)) (told, error) {
	t := told{CarrierInfo: CarrierInfo{ID: id, Access: AccessUnreviewed}, Disposition: None}
	first := true
	err := eachRecord(ctx, q, id, func(version int, sum string, rec Record) error {
		if first {
			t.CarrierInfo = rec.Carrier
		}
		first = false
		each(version, sum)
		return nil
	})
	return t, err
}
