package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"ripstation/disc"
)

// putCarrier adds a carrier, or fills what is not yet known of one. What the
// catalog knows is never replaced by what a reading brings: a contradiction
// goes to a person.
func putCarrier(ctx context.Context, tx *sql.Tx, in CarrierInfo, d disc.Disc, ident disc.Identity, cap Capture) error {
	at := formatTime(cap.Ended)
	if in.Item != "" {
		if err := putItem(ctx, tx, in.Item, in.Title, at); err != nil {
			return err
		}
	}
	label := clamp(ident.Label, maxName)
	r, ok, err := carriers.one(ctx, tx, "WHERE id = ?", in.ID)
	if err != nil {
		return err
	}
	if !ok {
		var title any
		if in.Item == "" {
			title = orNull(in.Title)
		}
		return carriers.insert(ctx, tx, in.ID, orNull(in.Item), title, orNull(in.Part), orNull(in.Parts), orNull(in.Side),
			orNull(in.Condition), in.Access, d.Kind, d.Medium, d.TOC.Sessions, label, None, 0, at)
	}
	if have := r.str("item"); have != "" && in.Item != "" && have != in.Item {
		reason := fmt.Sprintf("a later reading was started for item %s, and the catalog says item %s", in.Item, have)
		if err := addNeed(ctx, tx, in.ID, Need{NeedsReview, reason}, at); err != nil {
			return err
		}
	}
	if r.str("item") == "" && in.Item != "" {
		if err := giveItem(ctx, tx, r, in.Item, at); err != nil {
			return err
		}
	}
	if r.str("item") == "" && r.str("title") == "" {
		r.set("title", orNull(in.Title))
	}
	for col, v := range map[string]string{"side": in.Side, "condition": in.Condition} {
		if r.str(col) == "" && v != "" {
			r.set(col, v)
		}
	}
	if r.num("part") == 0 && in.Part != 0 {
		r.set("part", in.Part)
		r.set("parts", in.Parts)
	}
	if r.str("label") == "" {
		r.set("label", label)
	}
	if oneOf(disc.Kind(r.str("kind")), "", disc.KindUnknown, disc.KindNoTOC) {
		r.set("kind", d.Kind)
		r.set("medium", d.Medium)
		r.set("sessions", d.TOC.Sessions)
	}
	return r.update(ctx, tx)
}

// giveItem says which item a carrier belongs to; the title it had until now
// becomes the item's.
func giveItem(ctx context.Context, tx *sql.Tx, carrier row, item, at string) error {
	if err := putItem(ctx, tx, item, carrier.str("title"), at); err != nil {
		return err
	}
	carrier.set("item", item)
	carrier.set("title", nil)
	return settleNeeds(ctx, tx, carrier.str("id"), NeedsIdentity, at)
}

// putItem adds an item, or gives its title to one that has none.
func putItem(ctx context.Context, tx *sql.Tx, item, title, at string) error {
	r, ok, err := items.one(ctx, tx, "WHERE id = ?", item)
	if err != nil {
		return err
	}
	if !ok {
		return items.insert(ctx, tx, item, orNull(title), at)
	}
	if r.str("title") == "" && title != "" {
		r.set("title", title)
		return r.update(ctx, tx)
	}
	return nil
}

// toldOf is what the catalog has of a carrier now.
func toldOf(ctx context.Context, q querier, r row) (told, error) {
	title, err := titleOf(ctx, q, r)
	return told{CarrierInfo: CarrierInfo{ID: r.str("id"), Item: r.str("item"), Title: title, Part: int(r.num("part")), Parts: int(r.num("parts")),
		Side: r.str("side"), Condition: r.str("condition"), Access: Access(r.str("access"))}, Disposition: Disposition(r.str("decision"))}, err
}

// toldBefore is toldOf for a carrier that need not be there yet.
func toldBefore(ctx context.Context, q querier, id string) (t told, there bool, err error) {
	r, there, err := carriers.one(ctx, q, "WHERE id = ?", id)
	if err != nil || !there {
		return told{CarrierInfo: CarrierInfo{ID: id, Access: AccessUnreviewed}, Disposition: None}, false, err
	}
	t, err = toldOf(ctx, q, r)
	return t, true, err
}

// changedSince is what became another since before.
func changedSince(ctx context.Context, q querier, before told) (*Changes, error) {
	after, _, err := toldBefore(ctx, q, before.ID)
	return changed(before, after), err
}

const noItem = "nobody has said yet which item this disc belongs to"

func addNeeds(ctx context.Context, tx *sql.Tx, id string, given []Need, cap Capture) error {
	r, err := mustCarrier(ctx, tx, id)
	if err != nil {
		return err
	}
	at := formatTime(cap.Ended)
	for _, n := range given {
		if n.Kind == NeedsIdentity {
			if strings.TrimSpace(n.Reason) == "" {
				continue
			}
			// One question is open at a time, and the latest reason is known best.
			if err := settleNeeds(ctx, tx, id, NeedsIdentity, at); err != nil {
				return err
			}
		}
		if err := addNeed(ctx, tx, id, n, at); err != nil {
			return err
		}
	}
	if r.str("item") != "" {
		return nil
	}
	open, err := needs.rows(ctx, tx, "WHERE carrier = ? AND kind = ? AND settled IS NULL", id, string(NeedsIdentity))
	if err != nil || len(open) > 0 {
		return err
	}
	return addNeed(ctx, tx, id, Need{NeedsIdentity, noItem}, at)
}

func addNeed(ctx context.Context, tx *sql.Tx, id string, n Need, at string) error {
	n.Reason = clamp(strings.TrimSpace(n.Reason), maxText)
	if !oneOf(n.Kind, NeedsIdentity, NeedsReview) || n.Reason == "" {
		return invalid("need %q because of %q", n.Kind, n.Reason)
	}
	r, ok, err := needs.one(ctx, tx, "WHERE carrier = ? AND kind = ? AND reason = ?", id, string(n.Kind), n.Reason)
	if err != nil {
		return err
	}
	if !ok {
		return needs.insert(ctx, tx, id, n.Kind, n.Reason, at, nil)
	}
	r.set("settled", nil)
	return r.update(ctx, tx)
}

func mustCarrier(ctx context.Context, q querier, id string) (row, error) {
	r, ok, err := carriers.one(ctx, q, "WHERE id = ?", id)
	if err == nil && !ok {
		err = fmt.Errorf("disc %s: %w", clamp(id, 64), ErrNotFound)
	}
	return r, err
}
