package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Annotation is what a person adds to a carrier. Nil fields stay as they are;
// an empty string takes a value away.
type Annotation struct {
	Item, Title, Side, Condition *string
	Part, Parts                  *int // both or neither; 0 and 0 take them away
	Access                       *Access
	// Disposition may be None, Accepted, Rejected or Withdrawn; it settles
	// every open NeedsReview.
	Disposition *Disposition
	Note        string // kept in the event
	// Authority is on whose word a disc is withdrawn; it goes with that
	// disposition, and makes the event a deaccession.
	Authority string
}

// maxSaid bounds one thing that a person says, as it bounds what is said when
// a disc is read. It is refused, not cut: half a barcode is another barcode.
const maxSaid = 500

func (a Annotation) check() error {
	for _, f := range []struct {
		what string
		said *string
	}{{"item", a.Item}, {"title", a.Title}, {"side", a.Side}, {"condition", a.Condition}} {
		switch {
		case f.said == nil:
		case len(*f.said) > maxSaid:
			return invalid("the %s is %d bytes long, %d is the most", f.what, len(*f.said), maxSaid)
		case !utf8.ValidString(*f.said) || strings.ContainsFunc(*f.said, unicode.IsControl):
			return invalid("the %s holds a control character, or is not UTF-8", f.what)
		}
	}
	if a.Authority != "" {
		if len(a.Authority) > maxSaid || !utf8.ValidString(a.Authority) || strings.ContainsFunc(a.Authority, unicode.IsControl) {
			return invalid("the authority is longer than %d bytes, holds a control character, or is not UTF-8", maxSaid)
		}
		if a.Disposition == nil || *a.Disposition != Withdrawn {
			return invalid("an authority is named when a disc is withdrawn, and then only")
		}
	}
	if len(a.Note) > maxText {
		return invalid("the note is %d bytes long, %d is the most", len(a.Note), maxText)
	}
	if a.Access != nil && !a.Access.valid() {
		return invalid("access %q is none of unreviewed, open, restricted, closed", *a.Access)
	}
	if d := a.Disposition; d != nil && !oneOf(*d, None, Accepted, Rejected, Withdrawn) {
		return invalid("disposition %q is none of none, accepted, rejected, withdrawn", *d)
	}
	return nil
}

// Annotate records what a person says of a carrier, with an event that tells
// what changed and who said so. An item settles NeedsIdentity. Without by, the
// event's agent is an unattended operator.
func (c *Catalog) Annotate(ctx context.Context, carrierID string, a Annotation, by ...Agent) error {
	if err := a.check(); err != nil {
		return fmt.Errorf("annotate %s: %w", carrierID, err)
	}
	return c.write(ctx, "annotate "+carrierID, func(tx *sql.Tx) error {
		return annotate(ctx, tx, carrierID, a, by)
	})
}

// annotate is Annotate in a transaction, for what was checked.
func annotate(ctx context.Context, tx *sql.Tx, carrierID string, a Annotation, by []Agent) error {
	a = tidy(a)
	if len(by) == 0 {
		by = []Agent{{RoleOperator, Unattended}}
	}
	r, err := mustCarrier(ctx, tx, carrierID)
	if err != nil {
		return err
	}
	before, err := toldOf(ctx, tx, r)
	if err != nil {
		return err
	}
	n := &annotating{ctx: ctx, tx: tx, r: r, at: formatTime(time.Now())}
	if err := n.apply(a); err != nil {
		return err
	}
	after, err := toldOf(ctx, tx, r)
	if err != nil {
		return err
	}
	detail := strings.Join(n.changes, "; ")
	if note := strings.TrimSpace(a.Note); note != "" {
		detail = strings.TrimPrefix(detail+"; note: "+note, "; ")
	}
	if detail == "" {
		return invalid("nothing was said of it")
	}
	// The time of a person's word is part of the event's id, so that the
	// same word on another day is another event.
	typ := EventModify
	if a.Authority != "" {
		typ = EventDeaccession
		by = append(slices.Clone(by), Agent{RoleAuthority, a.Authority})
	}
	return addEvent(ctx, tx, carrierID, Event{ID: NewID(), Type: typ, Time: time.Now(), Outcome: EventSuccess,
		Detail: detail, Agents: by, Objects: []string{carrierID}, Changes: a.changes(before, after)})
}

// changes are what became another, and what was said again as it was: the
// decision that a disc is accepted settles its doubts each time.
func (a Annotation) changes(before, after told) *Changes {
	c := changed(before, after)
	if a.Disposition != nil {
		if c == nil {
			c = &Changes{}
		}
		c.Disposition = a.Disposition
	}
	return c
}

// annotating is one annotation in its transaction.
type annotating struct {
	ctx     context.Context
	tx      *sql.Tx
	r       row
	at      string
	changes []string
}

func (n *annotating) change(what, from, to string) {
	said := func(s string) string {
		if s == "" {
			return "not known"
		}
		return fmt.Sprintf("%q", s)
	}
	n.changes = append(n.changes, fmt.Sprintf("%s: %s, before: %s", what, said(to), said(from)))
}

func (n *annotating) apply(a Annotation) error {
	for _, f := range []struct {
		col string
		to  *string
	}{{"side", a.Side}, {"condition", a.Condition}} {
		if f.to == nil {
			continue
		}
		to := strings.TrimSpace(*f.to)
		n.change(f.col, n.r.str(f.col), to)
		n.r.set(f.col, orNull(to))
	}
	if err := n.part(a.Part, a.Parts); err != nil {
		return err
	}
	if a.Access != nil {
		n.change("access", n.r.str("access"), string(*a.Access))
		n.r.set("access", *a.Access)
	}
	if err := n.identity(a.Item, a.Title); err != nil {
		return err
	}
	if d := a.Disposition; d != nil {
		n.change("disposition", n.r.str("decision"), string(*d))
		n.r.set("decision", *d)
		if err := settleNeeds(n.ctx, n.tx, n.r.str("id"), NeedsReview, n.at); err != nil {
			return err
		}
	}
	return n.r.update(n.ctx, n.tx)
}

func (n *annotating) part(part, parts *int) error {
	if part == nil && parts == nil {
		return nil
	}
	to := CarrierInfo{ID: n.r.str("id"), Part: orZero(part), Parts: orZero(parts), Access: AccessUnreviewed}
	if err := checkCarrier(to); err != nil {
		return err
	}
	n.change("part", partText(n.r.num("part"), n.r.num("parts")), partText(int64(to.Part), int64(to.Parts)))
	n.r.set("part", orNull(to.Part))
	n.r.set("parts", orNull(to.Parts))
	return nil
}

func (n *annotating) identity(item, title *string) error {
	id := n.r.str("id")
	if item != nil {
		to := strings.TrimSpace(*item)
		n.change("item", n.r.str("item"), to)
		if to == "" {
			n.r.set("item", nil)
			if err := addNeed(n.ctx, n.tx, id, Need{NeedsIdentity, noItem}, n.at); err != nil {
				return err
			}
		} else if err := giveItem(n.ctx, n.tx, n.r, to, n.at); err != nil {
			return err
		}
	}
	if title == nil {
		return nil
	}
	to := strings.TrimSpace(*title)
	if n.r.str("item") == "" {
		n.change("title", n.r.str("title"), to)
		n.r.set("title", orNull(to))
		return nil
	}
	it, ok, err := items.one(n.ctx, n.tx, "WHERE id = ?", n.r.str("item"))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("item %s: %w", n.r.str("item"), ErrNotFound)
	}
	n.change("title of item "+n.r.str("item"), it.str("title"), to)
	it.set("title", orNull(to))
	return it.update(n.ctx, n.tx)
}

func settleNeeds(ctx context.Context, tx *sql.Tx, id string, kind Disposition, at string) error {
	rs, err := needs.rows(ctx, tx, "WHERE carrier = ? AND kind = ? AND settled IS NULL", id, string(kind))
	if err != nil {
		return err
	}
	for _, r := range rs {
		r.set("settled", at)
		if err := r.update(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// partText is "2/3", or empty.
func partText(part, parts int64) string {
	if part == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", part, parts)
}
