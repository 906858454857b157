package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ripstation/disc"
)

// Need is a reason why a person has to look at a carrier.
type Need struct {
	Kind   Disposition // NeedsIdentity or NeedsReview
	Reason string      // in plain words
}

// Commit is a sealed image on its way into the catalog.
type Commit struct {
	// RecordBytes is the bag's metadata/record.json, as EncodeRecord gave it.
	// The tables are filled from it and from nothing else.
	RecordBytes []byte
	// Files are the bag's other files (tag files and manifests), as far as
	// they are known; with them an audit can tell a forged manifest.
	Files []Object
	// FileList opens the bag's metadata/files.json, which must be among Files
	// with its size and SHA-256; nil when the bag has none. It is read once, in
	// one go, and not at all when the image is in the catalog already. A list
	// with other bytes than the bag's is ErrInvalid.
	FileList func() (io.ReadCloser, error)
	Needs    []Need
	Copies   []Copy
	Events   []Event // later than those in the record
	// Retry is the id of the Retry that this reading was made for: it is used up.
	Retry string
}

// Attempt is a capture that gave no image: audio, blank, failed, interrupted,
// already archived, compared, not read.
type Attempt struct {
	Carrier  CarrierInfo // a carrier that is known already keeps what it has
	Disc     disc.Disc
	Identity disc.Identity
	Capture  Capture
	Checks   []disc.Check
	Needs    []Need
	Events   []Event
	// Batch is the batch that was open when the disc came: its carrier takes the
	// next place in it, unless it has one. Empty when none was.
	Batch string
	// PlaceOf is a carrier that was never recorded, since its disc turned out to
	// be this one's: its places become this one's.
	PlaceOf string
}

// Commit records a sealed image in one transaction that is on disk when it
// returns. The same record again is no change (its copies go on from where the
// catalog has them); another record under the same capture or version is
// ErrConflict. A carrier without an item gets NeedsIdentity by itself.
func (c *Catalog) Commit(ctx context.Context, in Commit) error {
	rec, err := ParseRecord(in.RecordBytes)
	if err != nil {
		return fmt.Errorf("record an image: %w", err)
	}
	id, version := rec.Carrier.ID, rec.Image.Version
	op := fmt.Sprintf("record image %d of %s", version, id)
	if err := checkObjects(in.Files, false); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if _, _, err := fileListOf(in); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	sum := sha256.Sum256(in.RecordBytes)
	return c.write(ctx, op, func(tx *sql.Tx) error {
		old, ok, err := records.one(ctx, tx, "WHERE carrier = ? AND version = ?", id, version)
		if err != nil {
			return err
		}
		if ok {
			if old.str("sha256") == hex.EncodeToString(sum[:]) {
				return nil
			}
			return fmt.Errorf("it holds another record of this image: %w", ErrConflict)
		}
		before, known, err := toldBefore(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := putRecord(ctx, tx, rec, in); err != nil {
			return err
		}
		if err := useUp(ctx, tx, id, in.Retry); err != nil {
			return err
		}
		if err := addEvents(ctx, tx, id, rec.Events); err != nil {
			return err
		}
		// What a record says of a carrier that was there before is not all taken
		// in: an event says what was.
		if c, err := changedSince(ctx, tx, before); err != nil {
			return err
		} else if known && c != nil {
			if err := addEvent(ctx, tx, id, filledBy(rec.Captures[len(rec.Captures)-1], c, id, fmt.Sprintf("%s/v%d", id, version))); err != nil {
				return err
			}
		}
		if err := addEvents(ctx, tx, id, in.Events); err != nil {
			return err
		}
		if err := sayPlaces(ctx, tx, id, agentsOf(rec.Captures[len(rec.Captures)-1])); err != nil {
			return err
		}
		return tellSameContent(ctx, tx, rec)
	})
}

// filledBy is the event of a later reading that brought what was not known.
func filledBy(cap Capture, c *Changes, objects ...string) Event {
	return Event{Type: EventModify, Time: cap.Ended, Outcome: EventSuccess, Detail: "a later reading brought what was not known of the disc",
		Agents: agentsOf(cap), Objects: objects, Changes: c}
}

func agentsOf(cap Capture) []Agent {
	as := []Agent{{RoleOperator, cap.Operator}, {RoleProgram, strings.TrimSpace(cap.Program.Name + " " + cap.Program.Version)}}
	if cap.Drive.Key != "" {
		as = append(as, Agent{RoleDrive, cap.Drive.Key})
	}
	return as
}

// putRecord fills the tables from a record, but for its events.
func putRecord(ctx context.Context, tx *sql.Tx, rec Record, in Commit) error {
	id, version := rec.Carrier.ID, rec.Image.Version
	last := rec.Captures[len(rec.Captures)-1]
	if err := putCarrier(ctx, tx, rec.Carrier, rec.Disc, rec.Identity, last); err != nil {
		return err
	}
	if err := addNeeds(ctx, tx, id, in.Needs, last); err != nil {
		return err
	}
	for _, cap := range rec.Captures {
		if err := putCapture(ctx, tx, id, cap, nil, nil); err != nil {
			return err
		}
	}
	if err := putImage(ctx, tx, id, rec, in.Files); err != nil {
		return err
	}
	if err := putFiles(ctx, tx, rec, in); err != nil {
		return err
	}
	if err := putChecks(ctx, tx, last.ID, rec.Checks); err != nil {
		return err
	}
	sum := sha256.Sum256(in.RecordBytes)
	if err := records.insert(ctx, tx, id, version, hex.EncodeToString(sum[:]), in.RecordBytes); err != nil {
		return err
	}
	for _, cp := range in.Copies {
		if err := putCopy(ctx, tx, id, version, cp); err != nil {
			return err
		}
	}
	return nil
}

// RecordCapture records a capture that gave no image, as Commit does. The same
// capture again is no change.
func (c *Catalog) RecordCapture(ctx context.Context, in Attempt) error {
	in, err := in.settled()
	op := fmt.Sprintf("record capture %s of %s", in.Capture.ID, in.Carrier.ID)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.write(ctx, op, func(tx *sql.Tx) error { return in.record(ctx, tx) })
}

// settled is the attempt as it is recorded, if it can be.
func (in Attempt) settled() (Attempt, error) {
	in = tidy(in)
	settleCarrier(&in.Carrier)
	settleCapture(&in.Capture)
	err := errors.Join(checkCarrier(in.Carrier), checkCapture(in.Capture), checkChecks(in.Checks))
	if err == nil && in.Capture.Outcome == Imaged {
		err = invalid("a capture that gave an image comes with its record")
	}
	return in, err
}

func (in Attempt) record(ctx context.Context, tx *sql.Tx) error {
	id := in.Carrier.ID
	if _, ok, err := captures.one(ctx, tx, "WHERE id = ?", in.Capture.ID); err != nil {
		return err
	} else if ok {
		return sameCapture(ctx, tx, id, in.Capture)
	}
	before, known, err := toldBefore(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := putCarrier(ctx, tx, in.Carrier, in.Disc, in.Identity, in.Capture); err != nil {
		return err
	}
	if err := addNeeds(ctx, tx, id, in.Needs, in.Capture); err != nil {
		return err
	}
	if err := putCapture(ctx, tx, id, in.Capture, &in.Disc, &in.Identity); err != nil {
		return err
	}
	if err := putChecks(ctx, tx, in.Capture.ID, in.Checks); err != nil {
		return err
	}
	c, err := changedSince(ctx, tx, before)
	if err != nil {
		return err
	}
	if err := addEvents(ctx, tx, id, in.told(known, c)); err != nil {
		return err
	}
	return in.place(ctx, tx)
}

// told are the attempt's events, of which one says what it brought: a carrier
// without a bag has nothing else that could.
func (in Attempt) told(known bool, c *Changes) []Event {
	if !known {
		if c == nil {
			c = &Changes{}
		}
		c.Identity = &in.Identity
	}
	if c == nil {
		return in.Events
	}
	if len(in.Events) == 0 {
		e := filledBy(in.Capture, c, in.Carrier.ID)
		if !known {
			e.Type, e.Outcome, e.Detail = EventCapture, EventWarning, fmt.Sprintf("%s: %s", in.Capture.Outcome, in.Capture.Reason)
		}
		return []Event{e}
	}
	events := slices.Clone(in.Events)
	events[0].Changes = c
	return events
}

// putImage fills the tables that belong to one image.
func putImage(ctx context.Context, tx *sql.Tx, id string, rec Record, files []Object) error {
	i, n := rec.Image, rec.Image.Sectors
	err := images.insert(ctx, tx, id, i.Version, i.State, i.Size, i.SectorSize, n.Total, n.Read, n.Suspect, n.Contested,
		n.Unreadable, n.Protected, n.Unrecorded, n.Skipped, n.Untried, i.Fill, formatTime(i.SealedAt))
	if err != nil {
		return err
	}
	for place, cap := range rec.Captures {
		_, taken, err := imageCaptures.one(ctx, tx, "WHERE capture = ?", cap.ID)
		if err != nil {
			return err
		}
		if taken {
			return fmt.Errorf("capture %s belongs to another image: %w", cap.ID, ErrConflict)
		}
		if err := imageCaptures.insert(ctx, tx, id, i.Version, place, cap.ID); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, o := range append(rec.Objects[:len(rec.Objects):len(rec.Objects)], files...) {
		if seen[o.Path] {
			return invalid("object %q is given twice", o.Path)
		}
		seen[o.Path] = true
		err := objects.insert(ctx, tx, id, i.Version, o.Path, o.Role, o.Size, orNull(o.SHA512), orNull(o.SHA256), orNull(o.SHA1),
			orNull(o.MD5), orNull(o.CRC64NVME))
		if err != nil {
			return err
		}
	}
	body, err := encodeJSON(rec.Identity, "")
	if err != nil {
		return err
	}
	return identities.insert(ctx, tx, id, i.Version, rec.Identity.Medium, rec.Identity.Sectors, string(body))
}

func putChecks(ctx context.Context, tx *sql.Tx, captureID string, cs []disc.Check) error {
	for place, k := range cs {
		if err := checks.insert(ctx, tx, captureID, place, k.Code, k.Name, k.Outcome, k.Message); err != nil {
			return err
		}
	}
	return nil
}
