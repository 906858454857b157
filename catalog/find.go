package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"ripstation/disc"
)

// maxCandidates is how many ids an ErrAmbiguous names.
const maxCandidates = 8

// Resolve finds the carrier whose id starts with prefix, in whatever case:
// ErrNotFound, or ErrAmbiguous with the candidates in its text.
func (c *Catalog) Resolve(ctx context.Context, prefix string) (string, error) {
	p := strings.ToLower(strings.TrimSpace(prefix))
	if !idPrefix(p) {
		return "", fmt.Errorf("disc %q: %w; an id has the letters a to z and the digits 2 to 7, at most %d of them", clamp(prefix, 64), ErrNotFound, idLength)
	}
	var found []string
	// "~" comes after every letter of an id.
	err := each(ctx, c.r, `SELECT id, coalesce(item, ''), label FROM carriers WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`,
		[]any{p, p + "~", maxCandidates + 1}, func(rs *sql.Rows) error {
			var id, item, label string
			if err := rs.Scan(&id, &item, &label); err != nil {
				return err
			}
			if len(found) > 0 || id != p {
				id = strings.TrimSpace(fmt.Sprintf("%s %s %s", id, quoted(item), quoted(label)))
			}
			found = append(found, id)
			return nil
		})
	switch {
	case err != nil:
		return "", explain("look for disc "+p, err)
	case len(found) == 0:
		return "", fmt.Errorf("disc %s: %w; `ripstation list` shows all ids", p, ErrNotFound)
	case len(found) == 1 || found[0] == p:
		id, _, _ := strings.Cut(found[0], " ")
		return id, nil
	case len(found) > maxCandidates:
		found = append(found[:maxCandidates], "and more")
	}
	return "", fmt.Errorf("disc %s: %w; give more letters of one of these:\n  %s", p, ErrAmbiguous, strings.Join(found, "\n  "))
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf("%q", clamp(s, 64))
}

// Candidates gives the carriers with an image of the same medium and number of
// sectors, each with its latest image. The caller compares.
func (c *Catalog) Candidates(ctx context.Context, id disc.Identity) ([]Held, error) {
	op := fmt.Sprintf("look for discs like one of %d sectors", id.Sectors)
	rs, bad := identities.rows(ctx, c.r, `WHERE medium = ? AND sectors = ? AND version =
		(SELECT max(version) FROM images WHERE carrier = identities.carrier) ORDER BY carrier`, string(id.Medium), id.Sectors)
	if bad != nil && !errors.Is(bad, ErrDamaged) {
		return nil, explain(op, bad)
	}
	var out []Held
	for _, r := range rs {
		h, err := c.held(ctx, r)
		if err != nil {
			bad = errors.Join(bad, err)
			continue
		}
		out = append(out, h)
	}
	return out, explain(op, bad)
}

func (c *Catalog) held(ctx context.Context, r row) (Held, error) {
	h := Held{CarrierID: r.str("carrier"), Version: int(r.num("version"))}
	if err := decodeJSON([]byte(r.str("body")), &h.Identity); err != nil {
		return h, fmt.Errorf("identity of %s: %w", h.CarrierID, err)
	}
	carrier, err := mustCarrier(ctx, c.r, h.CarrierID)
	if err != nil {
		return h, err
	}
	image, ok, err := images.one(ctx, c.r, "WHERE carrier = ? AND version = ?", h.CarrierID, h.Version)
	if err == nil && !ok {
		err = fmt.Errorf("image %d of %s: %w", h.Version, h.CarrierID, ErrNotFound)
	}
	if err != nil {
		return h, err
	}
	h.Item, h.Label, h.State = carrier.str("item"), carrier.str("label"), ImageState(image.str("state"))
	h.Copies, err = c.Copies(ctx, h.CarrierID, h.Version)
	return h, err
}

// NextVersion is the number the carrier's next image gets: 1 for a carrier
// without any, or one that is not in the catalog.
func (c *Catalog) NextVersion(ctx context.Context, carrierID string) (int, error) {
	var n int
	err := c.r.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) + 1 FROM images WHERE carrier = ?", carrierID).Scan(&n)
	return n, explain("number the next image of "+carrierID, err)
}

// Record gives the bytes of an image's record.json, as they were committed.
func (c *Catalog) Record(ctx context.Context, carrierID string, version int) ([]byte, error) {
	op := fmt.Sprintf("read the record of image %d of %s", version, carrierID)
	r, ok, err := records.one(ctx, c.r, "WHERE carrier = ? AND version = ?", carrierID, version)
	if err == nil && !ok {
		err = ErrNotFound
	}
	if err != nil {
		return nil, explain(op, err)
	}
	return r.blob("body"), nil
}

// Objects gives an image's objects and the bag's other files, by path.
func (c *Catalog) Objects(ctx context.Context, carrierID string, version int) ([]Object, error) {
	rs, err := objects.rows(ctx, c.r, "WHERE carrier = ? AND version = ? ORDER BY path", carrierID, version)
	out := make([]Object, 0, len(rs))
	for _, r := range rs {
		out = append(out, objectOf(r))
	}
	return out, explain(fmt.Sprintf("read the objects of image %d of %s", version, carrierID), err)
}

func objectOf(r row) Object {
	return Object{r.str("role"), r.str("path"), r.num("size"), r.str("sha512"), r.str("sha256"), r.str("sha1"), r.str("md5"), r.str("crc64nvme")}
}
