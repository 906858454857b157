package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// maxTwins is how many images of the same bytes a new one is told of, those
// that were recorded first: of a pressing that is read a thousand times, each
// leads to those.
const maxTwins = 16

// bagOf names the image of an object: "<id>/v1".
func bagOf(object row) string {
	return fmt.Sprintf("%s/v%d", object.str("carrier"), object.num("version"))
}

// twinsOf are the image objects of other carriers that have the same bytes, of
// complete images alone: what stands in missing sectors says nothing of a
// disc. There is one a carrier, of its latest such image, those that were recorded
// first come first.
func twinsOf(ctx context.Context, q querier, o row, limit int) ([]row, error) {
	return objects.rows(ctx, q, `WHERE sha256 = ? AND sha512 = ? AND size = ? AND role = ? AND carrier <> ?
		AND version = (SELECT max(i.version) FROM images i JOIN objects o ON o.carrier = i.carrier AND o.version = i.version
			WHERE i.carrier = objects.carrier AND i.state = ? AND o.role = objects.role AND o.sha256 = objects.sha256)
		ORDER BY (SELECT rowid FROM images i WHERE i.carrier = objects.carrier AND i.version = objects.version) LIMIT ?`,
		o.str("sha256"), o.str("sha512"), o.num("size"), RoleImage, o.str("carrier"), string(Complete), limit)
}

// tellSameContent adds an event to an image that is being recorded, and one to
// each that has the same bytes on another carrier: two discs, and one content.
// A carrier whose rows are damaged gets none; that must not keep the other
// from its record.
func tellSameContent(ctx context.Context, tx *sql.Tx, rec Record) error {
	if rec.Image.State != Complete {
		return nil
	}
	o, ok, err := objects.one(ctx, tx, "WHERE carrier = ? AND version = ? AND role = ? ORDER BY path", rec.Carrier.ID, rec.Image.Version, RoleImage)
	if err != nil || !ok {
		return err
	}
	twins, err := twinsOf(ctx, tx, o, maxTwins)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	for _, twin := range twins {
		for _, pair := range [][2]row{{o, twin}, {twin, o}} {
			err := addEvent(ctx, tx, pair[0].str("carrier"), sameContentEvent(rec, pair[0], pair[1]))
			if err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
		}
	}
	return nil
}

func sameContentEvent(rec Record, own, other row) Event {
	image := func(o row) string { return bagOf(o) + "/" + o.str("path") }
	program := rec.Captures[len(rec.Captures)-1].Program
	return Event{Type: EventMetadata, Time: time.Now(), Outcome: EventSuccess,
		Detail:  fmt.Sprintf("same content as %s: one SHA-512 of %d bytes", bagOf(other), own.num("size")),
		Agents:  []Agent{{RoleOperator, Unattended}, {RoleProgram, program.Name + " " + program.Version}},
		Objects: []string{image(own), image(other)}}
}
