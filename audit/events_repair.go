package audit

import (
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

// events sends what is missing of a disc's events. The catalog has them all, and
// knows what each store was sent.
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

func (r *repair) eventsIn(ctx context.Context, st archive.Store, all []catalog.Letter) error {
	sent, err := r.cfg.Catalog.SentSeq(ctx, r.cfg.CarrierID, st.Name())
	if err != nil {
		return err
	}
	listed := map[string]int64{}
	for info, err := range st.List(ctx, r.cfg.CarrierID+"/events/") {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return nil // the look before has told of it
		}
		if _, ok := catalog.IsEventKey(info.Key); ok {
			listed[info.Key] = info.Size
		}
	}
	p, err := postOf(all, sent, listed)
	if err != nil {
		return err
	}
	out := RepairedEvents{Store: st.Name(), Sent: []string{}, Differs: []string{}}
	fail := func(l letter, err error) {
		if errors.Is(err, archive.ErrExists) {
			out.Differs = append(out.Differs, l.key)
		} else if out.Failed == "" {
			out.Failed = err.Error()
		}
	}
	for _, l := range p.differs {
		fail(l, archive.ErrExists)
	}
	for _, l := range p.there {
		switch err := archive.HoldsFile(ctx, st, l.key, int64(len(l.body)), l.sum); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fail(l, err)
		}
	}
	for _, l := range p.missing {
		err := st.Put(ctx, l.key, l.body)
		if err == nil {
			err = archive.HoldsFile(ctx, st, l.key, int64(len(l.body)), l.sum)
		}
		if err != nil && ctx.Err() == nil {
			fail(l, err)
		}
		if err == nil {
			out.Sent = append(out.Sent, l.key)
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
	err = r.cfg.Catalog.AddEvent(context.WithoutCancel(ctx), r.cfg.CarrierID, catalog.Event{Type: catalog.EventReplication, Time: time.Now().UTC(), Outcome: catalog.EventSuccess,
		Detail:  fmt.Sprintf("repair: %s missing in store %s: sent again out of the catalog, and read back", plural(len(out.Sent), "event was", "events were"), out.Store),
		Agents:  append(slices.Clone(r.cfg.Agents), catalog.Agent{Role: catalog.RoleStore, Name: out.Store}),
		Objects: append([]string{"store:" + out.Store}, out.Sent...)})
	return errors.Join(err, ctx.Err())
}
