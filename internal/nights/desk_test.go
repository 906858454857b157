package nights

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ripstation/catalog"
	"ripstation/internal/carrierlist"
	"ripstation/internal/operator"
	"ripstation/station"
)

// person is who says things at the desk.
var person = catalog.Agent{Role: catalog.RoleOperator, Name: "night shift"}

// say does at the desk what an act says, as the verbs do it. What is refused, a
// person leaves at that; a fault of the catalog is one of the night.
func (l *life) say(ctx context.Context, a operator.Act) error {
	var err error
	switch a.Do {
	case operator.Rip:
		if l.hand.Lying(a.Drive) >= 0 {
			l.ask(a.Drive, "rip")
		}
	case operator.BatchOpen:
		err = l.openBatch(ctx, a)
	case operator.BatchClose:
		var b catalog.Batch
		if b, err = l.catalog.CloseBatch(ctx, person.Name); err == nil {
			l.hand.Note(operator.Entry{What: operator.Closing, Act: a.N, Drive: -1, Disc: -1, Code: b.Name})
		}
	case operator.BatchSwap, operator.BatchShift, operator.BatchShiftBack:
		err = l.correct(ctx, a)
	case operator.Retry, operator.Accept, operator.Reject:
		err = l.decide(ctx, a)
	}
	for _, refusal := range []error{catalog.ErrConflict, catalog.ErrNotFound, catalog.ErrInvalid} {
		if errors.Is(err, refusal) {
			return nil
		}
	}
	return err
}

func (l *life) openBatch(ctx context.Context, a operator.Act) error {
	name := fmt.Sprintf("of act %d", a.N)
	if _, err := l.catalog.OpenBatch(ctx, name, person.Name, false); err != nil {
		return err
	}
	l.hand.Note(operator.Entry{What: operator.Opening, Act: a.N, Drive: -1, Disc: -1, Code: name})
	var rows []carrierlist.Row
	for _, d := range a.List {
		rows = append(rows, carrierlist.Row{Item: l.night.Discs[d].Item, Title: l.night.Discs[d].Label})
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := l.catalog.ImportList(ctx, name, rows, l.station.BatchSight(name), "the operator")
	return err
}

func (l *life) correct(ctx context.Context, a operator.Act) error {
	name, err := l.catalog.BatchNamed(ctx, "")
	if err != nil {
		return err
	}
	in := catalog.Correction{Batch: name, Underway: l.station.BatchSight(name).Underway}
	var moved []catalog.Moved
	switch a.Do {
	case operator.BatchSwap:
		moved, err = l.catalog.Swap(ctx, in, a.Disc, a.Other, person)
	case operator.BatchShift:
		moved, err = l.catalog.Shift(ctx, in, a.Disc, a.Other, 1, person)
	default:
		moved, err = l.catalog.Shift(ctx, in, a.Disc, a.Other, -1, person)
	}
	if err != nil {
		return err
	}
	for _, m := range moved {
		l.hand.Note(operator.Entry{What: operator.Corrected, Act: a.N, Drive: -1, Disc: -1, Carrier: m.ID, Code: m.Item})
	}
	return nil
}

// decide says a word on the disc that has waited longest for a person.
func (l *life) decide(ctx context.Context, a operator.Act) error {
	r, err := l.station.Review(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(r.Wanting, func(w station.Wanting) bool { return w.Kind == station.WantingDisc })
	if i < 0 {
		return nil
	}
	id := r.Wanting[i].ID
	note := func(what string) {
		l.hand.Note(operator.Entry{What: operator.Decided, Act: a.N, Drive: -1, Disc: -1, Carrier: id, Code: what})
	}
	switch a.Do {
	case operator.Accept:
		if err = l.catalog.Decide(ctx, []string{id}, catalog.Accepted, "it will do", person); err == nil {
			note(string(catalog.Accepted))
		}
	case operator.Reject:
		if err = l.catalog.Decide(ctx, []string{id}, catalog.Rejected, "it will not do", person); err == nil {
			note(string(catalog.Rejected))
		}
	default:
		if err = l.catalog.AskRetry(ctx, []string{id}, "", person); err == nil {
			note("retry")
			_, err = l.station.ReadAnew(ctx, id, "", person.Name)
			if err != nil && ctx.Err() == nil { // the mark stands
				err = nil
			}
		}
	}
	return err
}

// batches is what the reports of all batches say.
func (m *morning) batches(ctx context.Context, c *catalog.Catalog, sight func(string) catalog.BatchSight) (all []operator.Batch, err error) {
	list, err := c.Batches(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		r, err := c.BatchReport(ctx, b.Name, sight(b.Name))
		if err != nil {
			return nil, err
		}
		out := operator.Batch{Name: b.Name, Closed: b.Closed != nil, Told: b.Told, MayGoBack: r.MayGoBack, Expected: r.Sides,
			Stored: r.Stored, Incomplete: r.Incomplete, NotCaptured: r.NotCaptured, NeverPresented: r.NeverPresented}
		for _, row := range r.Rows {
			out.Rows = append(out.Rows, operator.BatchRow{Item: row.Item, State: string(row.State), ID: row.ID})
		}
		for _, d := range r.Discs {
			out.Discs = append(out.Discs, d.ID)
		}
		all = append(all, out)
	}
	return all, nil
}
