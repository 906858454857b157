package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"ripstation/archive"
	"ripstation/catalog"
)

// accessIn finds out from a store who may use a disc that no catalog knows. The
// bag's record says what was known when it was sealed, the disc's events what
// was said since. As long as an event that may speak of it cannot be read, or is
// gone, it is not known (g.unsure).
func (b *bags) accessIn(ctx context.Context, g *bag, from string) error {
	if g.catalogue {
		return nil
	}
	cfg, err := b.cfg.storeNamed(from)
	if err != nil {
		return err
	}
	s, err := b.store(ctx, cfg)
	if err != nil {
		return err
	}
	events, err := storedEvents(ctx, s, g.id)
	if err == nil {
		err = allThere(ctx, s, g, events)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		g.unsure = fmt.Sprintf("store %s: %v", one(from), err)
		return nil
	}
	for _, e := range events {
		if e.Changes != nil && e.Changes.Access != nil {
			g.access = *e.Changes.Access
		}
	}
	return nil
}

// storedEvents reads all events of a disc that a store has, in their order. Each
// is held against the digest in its name.
func storedEvents(ctx context.Context, s archive.Store, id string) (all []catalog.StoredEvent, err error) {
	for info, err := range s.List(ctx, id+"/events/") {
		if err != nil {
			return nil, err
		}
		if _, ok := catalog.IsEventKey(info.Key); !ok {
			continue // no event's name; an audit tells of it
		}
		body, err := readSmall(ctx, s, info.Key, catalog.MaxEvent)
		if err != nil {
			return nil, err
		}
		e, whole, err := catalog.ParseEvent(info.Key, body)
		switch {
		case err != nil:
			return nil, err
		case !whole:
			return nil, fmt.Errorf("%s says more than this program knows", info.Key)
		case len(all) > 0 && all[len(all)-1].Seq == e.Seq:
			return nil, fmt.Errorf("%s: another event has its number", info.Key)
		}
		all = append(all, e)
	}
	return all, nil
}

// allThere holds the numbers of a disc's events against what must be there: one
// that the store has not got stands in the record of an image
// (docs/decisions/0009).
func allThere(ctx context.Context, s archive.Store, g *bag, events []catalog.StoredEvent) error {
	if len(events) == 0 {
		return nil
	}
	lack := events[len(events)-1].Seq - int64(len(events)) - int64(g.told)
	if lack <= 0 {
		return nil
	}
	others, err := versions(ctx, s, g.id)
	if err != nil {
		return err
	}
	delete(others, g.version)
	for _, n := range slices.Sorted(maps.Keys(others)) {
		body, err := readSmall(ctx, s, bagKey(g.id, n)+"metadata/record.json", catalog.MaxRecord)
		if errors.Is(err, archive.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		rec, err := catalog.ParseRecord(body)
		if err != nil {
			return fmt.Errorf("%smetadata/record.json: %w", bagKey(g.id, n), err)
		}
		lack -= int64(len(rec.Events))
	}
	if lack > 0 {
		return fmt.Errorf("%d of the disc's events are gone from it", lack)
	}
	return nil
}

// readSmall reads a whole object of at most so many bytes.
func readSmall(ctx context.Context, s archive.Store, key string, most int64) ([]byte, error) {
	r, err := s.Read(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, most+1))
	if err = errors.Join(err, r.Close()); err == nil && int64(len(body)) > most {
		err = fmt.Errorf("store %s: %s has more than %d bytes", s.Name(), key, most)
	}
	return body, err
}
