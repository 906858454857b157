package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// RepairedEvents is what was done about a disc's events in one store.
type RepairedEvents struct {
	Store string `json:"store"`
	// Sent are the keys of those that were missing, and were sent out of the
	// catalog and read back.
	Sent []string `json:"sent"`
	// Differs are the keys of those in whose place others lie; they were left as
	// they are.
	Differs []string `json:"differs"`
	Failed  string   `json:"failed"` // what did not work; empty when all did
}

// events sends what the look before missed of a disc's events. The catalog has them
// all.
func (r *repair) events(ctx context.Context) error {
	all, err := r.cfg.Catalog.Letters(ctx, r.cfg.CarrierID)
	if errors.Is(err, catalog.ErrDamaged) || errors.Is(err, catalog.ErrNotFound) {
		return nil // the look before has told of it
	}
	if err != nil {
		return err
	}
	for _, st := range r.cfg.Stores {
		if r.cfg.To != "" && st.Name() != r.cfg.To {
			continue
		}
		if err := r.eventsIn(ctx, st, all); err != nil {
			return err
		}
	}
	return nil
}

// eventsIn goes by what the look before found of the events in one store.
func (r *repair) eventsIn(ctx context.Context, st archive.Store, all []catalog.Letter) error {
	out := RepairedEvents{Store: st.Name(), Sent: []string{}, Differs: []string{}}
	for _, f := range r.report.Before.Findings {
		if _, ok := catalog.IsEventKey(f.Key); !ok || f.Store != st.Name() {
			continue
		}
		switch f.Code {
		case EventDiffers:
			out.Differs = append(out.Differs, f.Key)
		case CouldNotLook:
			out.Failed = cmp.Or(out.Failed, f.Message)
		case EventMissing:
			err := sendEvent(ctx, st, all, f.Key)
			switch {
			case err == nil:
				out.Sent = append(out.Sent, f.Key)
			case errors.Is(err, archive.ErrExists):
				out.Differs = append(out.Differs, f.Key)
			case ctx.Err() == nil:
				out.Failed = cmp.Or(out.Failed, err.Error())
			}
		}
	}
	if len(out.Sent)+len(out.Differs) == 0 && out.Failed == "" {
		return ctx.Err()
	}
	r.report.Events = append(r.report.Events, out)
	if len(out.Sent) == 0 {
		return ctx.Err()
	}
	// What was done has to be written down even when somebody has stopped it.
	err := r.cfg.Catalog.AddEvent(context.WithoutCancel(ctx), r.cfg.CarrierID, catalog.Event{Type: catalog.EventReplication, Time: time.Now().UTC(), Outcome: catalog.EventSuccess,
		Detail:  fmt.Sprintf("repair: %s missing in store %s: sent again out of the catalog, and read back", plural(len(out.Sent), "event was", "events were"), out.Store),
		Agents:  append(slices.Clone(r.cfg.Agents), catalog.Agent{Role: catalog.RoleStore, Name: out.Store}),
		Objects: append([]string{"store:" + out.Store}, out.Sent...)})
	return errors.Join(err, ctx.Err())
}

// sendEvent puts the event of a key, only if absent, and reads it back.
func sendEvent(ctx context.Context, st archive.Store, all []catalog.Letter, key string) error {
	for _, l := range all {
		e, err := letterOf(l)
		if err != nil {
			return err
		}
		if e.key != key {
			continue
		}
		if err := st.Put(ctx, e.key, e.body); err != nil {
			return err
		}
		return archive.HoldsFile(ctx, st, e.key, int64(len(e.body)), e.sum)
	}
	return fmt.Errorf("%s: the catalog does not have it any more", key)
}
