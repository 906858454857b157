package audit

import (
	"context"
	"errors"
	"slices"
	"strings"

	"ripstation/catalog"
)

// LostEvents are the discs of which an audit found events missing in a store, or
// not as they were sent, that no repair has sent again since.
func LostEvents(ctx context.Context, cat *catalog.Catalog) (ids []string, err error) {
	for _, code := range []Code{EventMissing, EventDiffers} {
		told, err := cat.Told(ctx, catalog.EventFixity, catalog.EventFail, "audit: "+string(code)+" ")
		if err != nil {
			return nil, err
		}
		ids = append(ids, told...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	lost := ids[:0]
	for _, id := range ids {
		events, err := cat.Events(ctx, id)
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return nil, err
		}
		if len(lacking(id, events)) > 0 {
			lost = append(lost, id)
		}
	}
	return lost, nil
}

// lacking are the keys of a disc's events that were found lacking in a store last,
// by store and key.
func lacking(id string, events []catalog.Event) map[[2]string]bool {
	lack := map[[2]string]bool{}
	for _, e := range events {
		found, sent := e.Type == catalog.EventFixity && e.Outcome == catalog.EventFail, e.Type == catalog.EventReplication && e.Outcome == catalog.EventSuccess
		if !found && !sent {
			continue
		}
		for _, store := range e.Objects {
			for _, key := range e.Objects {
				if of, ok := catalog.IsEventKey(key); !ok || of != id || !strings.HasPrefix(store, "store:") {
					continue
				}
				if at := [2]string{store, key}; found {
					lack[at] = true
				} else {
					delete(lack, at)
				}
			}
		}
	}
	return lack
}
