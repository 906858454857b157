package catalog

import (
	"context"
	"errors"
)

// Each gives the carriers that List would, page by page, so that a long list
// never lies in memory whole. A carrier that is damaged is left out, and told in
// the error, which wraps ErrDamaged then; an error of yield ends it.
func (c *Catalog) Each(ctx context.Context, f Filter, yield func(Summary) error) error {
	const op = "list the catalog"
	ids, err := listed(ctx, c.r, f)
	if err != nil {
		return explain(op, err)
	}
	var bad error
	for len(ids) > 0 {
		n := min(len(ids), listPage)
		page, err := summaries(ctx, c.r, ids[:n])
		bad = errors.Join(bad, err)
		if err != nil && !errors.Is(err, ErrDamaged) {
			break
		}
		for _, s := range page {
			if err := yield(s); err != nil {
				return err
			}
		}
		ids = ids[n:]
	}
	return explain(op, bad)
}
