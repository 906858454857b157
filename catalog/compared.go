package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// Comparison is a disc that was read in full again, to be held against an image
// of the catalog.
type Comparison struct {
	// Attempt's carrier is the one whose image it is held against; its capture
	// ends as Compared.
	Attempt
	Version    int // of that image
	Size       int64
	SHA512     string   // of the image that was read now, as its seal took it
	Unrecorded int64    // sectors that were not read now, since they hold no recording
	Required   []string // stores that must have the copy
}

// ErrNotHeld says that what the catalog holds does not make a further image
// needless; the error's text says why.
var ErrNotHeld = errors.New("it is not held")

// RecordCompared records a capture that is equal to an image which the catalog
// holds well: it is complete, of the same size and SHA-512, and its copies are
// where they shall be, at this moment and no other. If any of it is not so,
// nothing is recorded, and the error is ErrNotHeld. The same capture again is no
// change, as long as all that is still so.
func (c *Catalog) RecordCompared(ctx context.Context, in Comparison) error {
	a, err := in.Attempt.settled()
	op := fmt.Sprintf("record capture %s, compared with image %d of %s", a.Capture.ID, in.Version, a.Carrier.ID)
	if err == nil && (a.Capture.Outcome != Compared || in.SHA512 == "" || in.Size <= 0) {
		err = invalid("a comparison without an image that was read for it")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.write(ctx, op, func(tx *sql.Tx) error {
		if err := in.held(ctx, tx); err != nil {
			return err
		}
		if err := a.record(ctx, tx); err != nil {
			return err
		}
		return a.place(ctx, tx) // also when the capture was there before
	})
}

// held looks whether the image is held well.
func (in Comparison) held(ctx context.Context, q querier) error {
	bag := fmt.Sprintf("%s/v%d", in.Carrier.ID, in.Version)
	not := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s %s", ErrNotHeld, bag, fmt.Sprintf(format, args...))
	}
	image, ok, err := images.one(ctx, q, "WHERE carrier = ? AND version = ?", in.Carrier.ID, in.Version)
	if errors.Is(err, ErrDamaged) || err == nil && !ok {
		return not("is not in the catalog as it was recorded")
	}
	if err != nil {
		return err
	}
	object, ok, err := objects.one(ctx, q, "WHERE carrier = ? AND version = ? AND role = ? ORDER BY path", in.Carrier.ID, in.Version, RoleImage)
	if errors.Is(err, ErrDamaged) || err == nil && !ok {
		return not("has no digest in the catalog as it was recorded")
	}
	if err != nil {
		return err
	}
	rs, err := copies.rows(ctx, q, "WHERE carrier = ? AND version = ? ORDER BY store", in.Carrier.ID, in.Version)
	if errors.Is(err, ErrDamaged) {
		return not("has copies of which the catalog is damaged")
	}
	if err != nil {
		return err
	}
	var cps []Copy
	for _, r := range rs {
		cps = append(cps, copyOf(r))
	}
	switch {
	case ImageState(image.str("state")) != Complete:
		return not("is %s", image.str("state"))
	case image.num("size") != in.Size || object.num("size") != in.Size:
		return not("has %d bytes, not %d", image.num("size"), in.Size)
	case object.str("sha512") != in.SHA512:
		return not("has another SHA-512")
	case image.num("unrecorded") < in.Unrecorded:
		return not("was read where the disc gave nothing now: %d sectors hold no recording, %d before", in.Unrecorded, image.num("unrecorded"))
	}
	if why := Ailing(cps, in.Required); why != "" {
		return not("is not safe: %s", why)
	}
	return nil
}

// Ailing says what is wrong with the copies of an image, "" when every store
// that is required has its copy. What another store lacks is made good by a
// repair; where none is required, one copy that is not in doubt is enough.
func Ailing(copies []Copy, required []string) string {
	good := func(c Copy) bool { return oneOf(c.State, Stored, ReadBack) }
	for _, store := range required {
		i := slices.IndexFunc(copies, func(c Copy) bool { return c.Store == store })
		switch {
		case i < 0:
			return "it has no copy in " + store
		case !good(copies[i]):
			return fmt.Sprintf("its copy in %s is %s", store, copies[i].State)
		}
	}
	if len(required) > 0 || slices.ContainsFunc(copies, good) {
		return ""
	}
	for _, c := range copies {
		if oneOf(c.State, Missing, Damaged, Unknown) {
			return fmt.Sprintf("its copy in %s is %s", c.Store, c.State)
		}
	}
	return ""
}
