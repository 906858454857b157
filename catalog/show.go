package catalog

import (
	"context"
	"database/sql"
	"errors"

	"ripstation/disc"
)

// Carrier gives what people said of a carrier.
func (c *Catalog) Carrier(ctx context.Context, id string) (CarrierInfo, error) {
	op := "read carrier " + id
	r, err := mustCarrier(ctx, c.r, id)
	if err != nil {
		return CarrierInfo{}, explain(op, err)
	}
	title, err := titleOf(ctx, c.r, r)
	return CarrierInfo{ID: id, Item: r.str("item"), Title: title, Part: int(r.num("part")), Parts: int(r.num("parts")),
		Side: r.str("side"), Condition: r.str("condition"), Access: Access(r.str("access"))}, explain(op, err)
}

// titleOf gives the title of the carrier's item; without one, its own.
func titleOf(ctx context.Context, q querier, carrier row) (string, error) {
	if carrier.str("item") == "" {
		return carrier.str("title"), nil
	}
	it, _, err := items.one(ctx, q, "WHERE id = ?", carrier.str("item"))
	if err != nil {
		return "", err
	}
	if it.t == nil {
		return "", nil
	}
	return it.str("title"), nil
}

// Show gives everything of one carrier, as of one moment. Where rows are
// damaged it gives the rest, and an error that wraps ErrDamaged.
func (c *Catalog) Show(ctx context.Context, carrierID string) (View, error) {
	op := "show " + carrierID
	tx, err := c.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return View{}, explain(op, err)
	}
	defer tx.Rollback()
	v, err := show(ctx, tx, carrierID)
	return v, explain(op, err)
}

func show(ctx context.Context, q querier, id string) (View, error) {
	v := View{ID: id, Access: AccessUnreviewed, Disposition: None, Needs: []string{}, Checks: []disc.Check{}, SameContent: []string{}, SameImage: []string{}, Copies: []Copy{}, Captures: []Capture{}, Added: []AddedFile{}}
	r, bad := mustCarrier(ctx, q, id)
	if bad != nil && !errors.Is(bad, ErrDamaged) {
		return View{}, bad
	}
	note := func(err error) { bad = errors.Join(bad, err) }
	if r.t != nil {
		title, err := titleOf(ctx, q, r)
		note(err)
		v.Item, v.Title, v.Side, v.Condition = orNull(r.str("item")), orNull(title), orNull(r.str("side")), orNull(r.str("condition"))
		v.Part = orNull(partText(r.num("part"), r.num("parts")))
		v.Access, v.Kind, v.Medium = Access(r.str("access")), disc.Kind(r.str("kind")), disc.Medium(r.str("medium"))
		v.Sessions, v.Label = int(r.num("sessions")), r.str("label")
		open, err := needs.rows(ctx, q, "WHERE carrier = ? AND settled IS NULL ORDER BY kind, since, reason", id)
		note(err)
		v.Disposition, v.Needs = dispositionOf(r, open)
	}
	note(showImage(ctx, q, id, &v))
	note(showFiles(ctx, q, id, &v))
	caps, _, err := readCaptures(ctx, q, "WHERE carrier = ?", id)
	note(err)
	for _, c := range caps {
		v.Captures = append(v.Captures, c.Capture)
		v.Drive = c.Drive
	}
	cs, err := checks.rows(ctx, q, `WHERE capture = (SELECT c.id FROM captures c JOIN checks k ON k.capture = c.id
		WHERE c.carrier = ? ORDER BY c.n DESC LIMIT 1) ORDER BY place`, id)
	note(err)
	for _, k := range cs {
		v.Checks = append(v.Checks, disc.Check{Code: k.str("code"), Name: k.str("name"), Outcome: disc.Outcome(k.str("outcome")), Message: k.str("message")})
	}
	v.Added, err = addedOf(ctx, q, id)
	note(err)
	v.Retry, err = retryOf(ctx, q, id)
	note(err)
	events, err := allEvents(ctx, q, id)
	if r.t != nil || !errors.Is(err, ErrDamaged) { // a damaged carrier is named already
		note(err)
	}
	v.Events = plainEvents(events)
	return v, bad
}

func showImage(ctx context.Context, q querier, id string, v *View) error {
	i, ok, err := images.one(ctx, q, "WHERE carrier = ? ORDER BY version DESC LIMIT 1", id)
	if err != nil || !ok {
		return err
	}
	v.Image = &ImageView{State: ImageState(i.str("state")), Version: int(i.num("version")), Size: i.num("size"), Sectors: countsOf(i), SealedAt: parseTime(i.str("sealed_at"))}
	o, ok, err := objects.one(ctx, q, "WHERE carrier = ? AND version = ? AND role = ? ORDER BY path", id, v.Image.Version, RoleImage)
	if ok {
		v.Image.SHA512, v.Image.SHA256, v.Image.SHA1, v.Image.MD5 = o.str("sha512"), o.str("sha256"), o.str("sha1"), o.str("md5")
		if v.Image.State == Complete {
			twins, err4 := twinsOf(ctx, q, o, maxSame)
			err = errors.Join(err, err4)
			for _, o := range twins {
				v.SameImage = append(v.SameImage, bagOf(o))
			}
		}
	}
	cps, err2 := copies.rows(ctx, q, "WHERE carrier = ? AND version = ? ORDER BY store", id, v.Image.Version)
	for _, r := range cps {
		v.Copies = append(v.Copies, copyOf(r))
	}
	rec, ok, err3 := records.one(ctx, q, "WHERE carrier = ? AND version = ?", id, v.Image.Version)
	if ok {
		var r Record
		if r, err3 = ParseRecord(rec.blob("body")); err3 == nil {
			v.Content = r.Content
		}
	}
	return errors.Join(err, err2, err3)
}

// maxSame is how many carriers of the same content are named.
const maxSame = 100

func showFiles(ctx context.Context, q querier, id string, v *View) error {
	l, err := latestList(ctx, q, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v.Files = &l
	if l.TreeSHA256 == nil || l.Files == 0 { // without a file all discs are the same
		return nil
	}
	same, err := fileLists.rows(ctx, q, `WHERE tree_sha256 = ? AND carrier <> ? AND version = (SELECT max(version) FROM images i WHERE i.carrier = file_lists.carrier)
		ORDER BY n LIMIT ?`, *l.TreeSHA256, id, maxSame)
	for _, r := range same {
		v.SameContent = append(v.SameContent, r.str("carrier"))
	}
	return err
}

func countsOf(i row) disc.Counts {
	return disc.Counts{Total: i.num("total"), Read: i.num("read"), Suspect: i.num("suspect"), Contested: i.num("contested"),
		Unreadable: i.num("unreadable"), Protected: i.num("protected"), Unrecorded: i.num("unrecorded"),
		Skipped: i.num("skipped"), Untried: i.num("untried")}
}

// dispositionOf folds what a person decided and what is open into one word. A
// carrier that was rejected or withdrawn waits for nobody.
func dispositionOf(carrier row, open []row) (Disposition, []string) {
	reasons := []string{}
	d := Disposition(carrier.str("decision"))
	if oneOf(d, Rejected, Withdrawn) {
		return d, reasons
	}
	var identity bool
	for _, n := range open {
		reasons = append(reasons, n.str("reason"))
		identity = identity || Disposition(n.str("kind")) == NeedsIdentity
	}
	switch {
	case identity:
		return NeedsIdentity, reasons
	case len(open) > 0:
		return NeedsReview, reasons
	}
	return d, reasons
}
