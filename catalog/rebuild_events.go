package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ripstation/disc"
)

func (a *adding) event(e StoredEvent) error {
	c := e.Changes
	var ident *disc.Identity
	if c != nil {
		ident = c.Identity
	}
	if _, err := a.carrier(e.Time, ident); err != nil {
		return err
	}
	old, err := readEvents(a.ctx, a.tx, "WHERE id = ?", e.ID)
	if err != nil {
		return err
	}
	if len(old) > 0 {
		return fmt.Errorf("event %s stands at two places: %w", e.ID, ErrConflict)
	}
	if err := putEvent(a.ctx, a.tx, a.in.CarrierID, e.Event); err != nil {
		return err
	}
	if err := a.unnamed(e.Event); err != nil {
		return err
	}
	if err := a.count(); err != nil || c == nil {
		return err
	}
	if ident != nil && e.Outcome != EventSuccess && len(a.recs) == 0 {
		if err := addNeed(a.ctx, a.tx, a.in.CarrierID, Need{NeedsReview, e.Detail}, formatTime(e.Time)); err != nil {
			return err
		}
	}
	if c.State != nil {
		a.copyState(e)
	}
	if c.Added != nil {
		if err := putAdded(a.ctx, a.tx, a.in.CarrierID, *c.Added, e.Event); err != nil {
			return err
		}
	}
	return a.apply(e.Time, c)
}

// unnamed takes the reason why nobody knows the item from an event that has one.
func (a *adding) unnamed(e Event) error {
	why := Unnamed([]Event{e})
	if why == "" {
		return nil
	}
	r, err := mustCarrier(a.ctx, a.tx, a.in.CarrierID)
	if err != nil || r.str("item") != "" {
		return err
	}
	if err := settleNeeds(a.ctx, a.tx, a.in.CarrierID, NeedsIdentity, formatTime(e.Time)); err != nil {
		return err
	}
	return addNeed(a.ctx, a.tx, a.in.CarrierID, Need{NeedsIdentity, why}, formatTime(e.Time))
}

// apply does to the carrier what an event says was done to it.
func (a *adding) apply(at time.Time, c *Changes) error {
	r, err := mustCarrier(a.ctx, a.tx, a.in.CarrierID)
	if err != nil {
		return err
	}
	when := formatTime(at)
	for _, f := range []struct {
		col string
		to  *string
	}{{"side", c.Side}, {"condition", c.Condition}} {
		if f.to != nil {
			r.set(f.col, orNull(*f.to))
		}
	}
	if c.Part != nil {
		r.set("part", orNull(*c.Part))
		r.set("parts", orNull(*c.Parts))
	}
	if c.Access != nil {
		r.set("access", *c.Access)
	}
	if c.Item != nil {
		if *c.Item == "" {
			r.set("item", nil)
			err = addNeed(a.ctx, a.tx, a.in.CarrierID, Need{NeedsIdentity, noItem}, when)
		} else {
			err = giveItem(a.ctx, a.tx, r, *c.Item, when)
		}
		if err != nil {
			return err
		}
	}
	if c.Title != nil {
		if err := a.title(r, *c.Title, at); err != nil {
			return err
		}
	}
	if c.Disposition != nil {
		r.set("decision", *c.Disposition)
		if err := settleNeeds(a.ctx, a.tx, a.in.CarrierID, NeedsReview, when); err != nil {
			return err
		}
	}
	return r.update(a.ctx, a.tx)
}

// title is the item's, where there is one: what was said last counts, on
// whichever of its carriers.
func (a *adding) title(r row, title string, at time.Time) error {
	item := r.str("item")
	if item == "" {
		r.set("title", orNull(title))
		return nil
	}
	if at.Before(a.titled[item]) {
		return nil
	}
	a.titled[item] = at
	it, ok, err := items.one(a.ctx, a.tx, "WHERE id = ?", item)
	if err != nil || !ok {
		return errors.Join(err, putItem(a.ctx, a.tx, item, title, formatTime(at)))
	}
	it.set("title", orNull(title))
	return it.update(a.ctx, a.tx)
}

// firstTitle has an item keep the title of the record that was the first to have
// one, if no event gave it another.
func (a *adding) firstTitle(rec Record) error {
	item, at := rec.Carrier.Item, rec.Image.SealedAt
	if item == "" || rec.Carrier.Title == "" {
		return nil
	}
	if _, said := a.titled[item]; said {
		return nil
	}
	if first, there := a.first[item]; there && !at.Before(first) {
		return nil
	}
	a.first[item] = at
	it, ok, err := items.one(a.ctx, a.tx, "WHERE id = ?", item)
	if err != nil || !ok {
		return err
	}
	it.set("title", rec.Carrier.Title)
	return it.update(a.ctx, a.tx)
}

// copyState notes where an event left the copy that it names.
func (a *adding) copyState(e StoredEvent) {
	version, store := 0, ""
	for _, o := range e.Objects {
		if v, ok := strings.CutPrefix(o, a.in.CarrierID+"/v"); ok {
			if n, err := strconv.Atoi(v); err == nil {
				version = n
			}
		} else if s, ok := strings.CutPrefix(o, "store:"); ok {
			store = s
		}
	}
	if version < 1 || store == "" {
		return
	}
	key := fmt.Sprintf("%d %s", version, store)
	c := a.copies[key]
	if c == nil {
		c = &rebuiltCopy{version, Copy{Store: store, Key: fmt.Sprintf("%s/v%d/", a.in.CarrierID, version)}}
		a.copies[key] = c
	}
	c.State, c.Detail = *e.Changes.State, ""
	switch c.State {
	case Stored:
		if c.StoredAt == nil {
			c.StoredAt = &e.Time
		}
	case ReadBack:
		c.ReadBackAt = &e.Time
	case Missing, Damaged, Unknown:
		c.Detail = e.Detail
	}
}

// putCopies adds the copies in other stores as the events left them. A copy in
// this store was listed, not read: it is unknown, unless it was found damaged,
// which nothing but reading it mends.
func (a *adding) putCopies() error {
	for _, c := range a.copies {
		if !slices.ContainsFunc(a.recs, func(r Record) bool { return r.Image.Version == c.version }) {
			continue // told by whoever looked for its bag
		}
		r, there, err := copies.one(a.ctx, a.tx, "WHERE carrier = ? AND version = ? AND store = ?", a.in.CarrierID, c.version, c.Store)
		switch {
		case err != nil:
			return err
		case !there:
			err = putCopy(a.ctx, a.tx, a.in.CarrierID, c.version, c.Copy)
		case c.State == Damaged:
			r.set("state", c.State)
			r.set("detail", c.Detail)
			err = r.update(a.ctx, a.tx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
