package station

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
)

// comparison says that a disc is read to be compared with images that are held
// (docs/decisions/0012), and what came of it. While Equal and Kept are empty
// nobody knows yet whether the image shall have a bag, and nothing of it is sent.
type comparison struct {
	With []heldImage `json:"with"`
	// Equal is the image that it is equal to. It is written when the catalog
	// has the capture, and before the image leaves the spool.
	Equal *heldImage `json:"equal"`
	// Kept is why the image is archived as a carrier of its own.
	Kept string `json:"kept"`
}

// heldImage is an image of the catalog.
type heldImage struct {
	Carrier string `json:"carrier"`
	Version int    `json:"version"`
	Item    string `json:"item"` // as it was when it was met
}

func (h heldImage) bag() string { return fmt.Sprintf("%s/v%d", h.Carrier, h.Version) }

func (c *comparison) clone() *comparison {
	if c == nil {
		return nil
	}
	d := *c
	d.With = slices.Clone(c.With)
	return &d
}

// open reports whether it is still to be found out what becomes of the image.
func (c *comparison) open() bool { return c != nil && c.Equal == nil && c.Kept == "" }

// needless reports whether the image is to leave the spool, or has left.
func (c *comparison) needless() bool { return c != nil && c.Equal != nil }

// comparing reports whether nothing of the job is to be sent: not yet, or never.
func (j *job) comparing() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Compare.open() || j.Compare.needless()
}

// compared finds out what becomes of a sealed image that was read to be
// compared, and does it. It reports whether the image has left the spool: then
// the catalog has the capture, and there is nothing to send. Every other image
// is archived as any disc's.
func (s *Station) compared(ctx context.Context, j *job) (gone bool, err error) {
	f := j.file()
	if f.Compare == nil {
		return false, nil
	}
	if f.Compare.open() {
		// Its place is taken by now, or will be by what is recorded.
		if err := s.batches.queued(ctx, j.ID); err != nil {
			return false, err
		}
		equal, why, err := s.equal(ctx, f)
		switch {
		case err != nil:
			return false, fmt.Errorf("compare %s: %w", j.ID, err)
		case equal == nil:
			if err := s.keep(j, why); err != nil {
				return false, err
			}
			if err := s.batches.place(ctx, j); err != nil {
				return false, err
			}
		default:
			crashpoint.Here("compared")
			if err := j.update(func(f *jobFile) { f.Compare.Equal = equal }); err != nil {
				return false, err
			}
			crashpoint.Here("image-needless")
		}
	}
	if j.file().Compare.needless() {
		return true, s.letGo(j)
	}
	return false, s.openUploads(j)
}

// equal looks for the image that the job's is equal to. When there is one, the
// catalog has the capture by then, and held that image well at that moment. Else why
// says what stands against it.
func (s *Station) equal(ctx context.Context, f jobFile) (found *heldImage, why string, err error) {
	if f.Sealed.State != disc.ImageComplete {
		return nil, fmt.Sprintf("it was not read in full (%s), so nothing was compared", f.Sealed.State), nil
	}
	var not []string
	for _, h := range f.Compare.With {
		who, err := s.cfg.Catalog.Carrier(ctx, h.Carrier)
		switch {
		case errors.Is(err, catalog.ErrDamaged), errors.Is(err, catalog.ErrNotFound):
			not = append(not, err.Error())
			continue
		case err != nil:
			return nil, "", err
		}
		if another(&Request{Item: f.Carrier.Item, Part: f.Carrier.Part, Side: f.Carrier.Side}, who) {
			not = append(not, fmt.Sprintf("it is item %s, and %s is %s", f.Carrier.Item, h.bag(), who.Item))
			continue
		}
		err = s.untilRecorded(ctx, f.ID, func() error { return s.cfg.Catalog.RecordCompared(ctx, s.comparisonWith(f, h, who.Item != "")) })
		switch {
		case err == nil:
			h.Item = who.Item
			return &h, "", nil
		case errors.Is(err, catalog.ErrNotHeld):
			not = append(not, notHeld(err))
		default:
			return nil, "", err
		}
	}
	return nil, strings.Join(not, "; "), nil
}

// notHeld is what stands against an image, without the names of operations.
func notHeld(err error) string {
	_, why, found := strings.Cut(err.Error(), catalog.ErrNotHeld.Error()+": ")
	if !found {
		return err.Error()
	}
	return why
}

// comparisonWith is what the catalog is told, the same whenever it is told. The
// capture has an id of its own: the job's stays free for a record.
func (s *Station) comparisonWith(f jobFile, h heldImage, named bool) catalog.Comparison {
	cap := f.Captures[len(f.Captures)-1]
	cap.ID = comparedID(f.ID)
	cap.Outcome = catalog.Compared
	cap.Reason = fmt.Sprintf("read in full again, %d bytes: equal to version %d in every byte, by SHA-512", f.Sealed.Size, h.Version)
	carrier := f.Carrier
	carrier.ID = h.Carrier
	needs, events := s.said(&Request{word: f.Scan}, f.Drive, h.Carrier, named)
	agents := []catalog.Agent{{Role: catalog.RoleOperator, Name: cap.Operator}, s.agent(), {Role: catalog.RoleDrive, Name: driveName(cap.Drive)}}
	if !named {
		carrier, needs, events = unnamed(carrier, needs, events, catalog.Event{Type: catalog.EventModify, Time: cap.Ended, Outcome: catalog.EventWarning, Objects: []string{h.Carrier}, Agents: agents})
	}
	return catalog.Comparison{
		Attempt: catalog.Attempt{Carrier: carrier, Disc: f.Disc, Identity: f.Identity, Capture: cap, Checks: f.Checks, Batch: f.Batch, PlaceOf: f.ID, Needs: needs,
			Events: append([]catalog.Event{{Type: catalog.EventCapture, Time: cap.Ended, Outcome: catalog.EventSuccess, Detail: "compared: " + cap.Reason,
				Objects: []string{h.bag() + "/" + imagePath}, Agents: agents}}, events...)},
		Version: h.Version, Size: f.Sealed.Size, SHA512: f.Sealed.Digests.SHA512, Unrecorded: f.Sealed.Sectors.Unrecorded, Required: required(s.cfg.Stores),
	}
}

// comparedID is the id of the capture of a job that was compared.
func comparedID(job string) string {
	h := sha256.Sum256([]byte("compared\x00" + job))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h[:16]))
}

// keep has the image archived as a carrier of its own; its record says why.
func (s *Station) keep(j *job, why string) error {
	err := j.update(func(f *jobFile) {
		f.Compare.Kept = why
		cap := f.Captures[len(f.Captures)-1]
		objects := []string{fmt.Sprintf("%s/v%d/%s", f.ID, f.ImageVersion, imagePath)}
		for _, h := range f.Compare.With {
			objects = append(objects, h.bag()+"/"+imagePath)
		}
		f.Events = append(f.Events, catalog.Event{Type: catalog.EventCapture, Time: cap.Ended, Outcome: catalog.EventSuccess,
			Detail: "read to be compared, and archived on its own: " + why, Objects: objects,
			Agents: []catalog.Agent{{Role: catalog.RoleOperator, Name: cap.Operator}, s.agent(), {Role: catalog.RoleDrive, Name: driveName(cap.Drive)}}})
	})
	if err != nil {
		return err
	}
	s.say(Notice{ID: j.ID, Word: WordKept, Text: why})
	crashpoint.Here("image-kept")
	return nil
}

// letGo lets the image of a disc that is held already leave the spool, and the
// tray open. The job stays until the disc has left its drive.
func (s *Station) letGo(j *job) error {
	if j.step() == StepDone {
		return s.forget(j)
	}
	if err := j.clear(); err != nil {
		return err
	}
	s.say(Notice{ID: j.ID, Word: WordReleased, Text: "its image is the one that is held already, so it is not kept a second time"})
	crashpoint.Here("spool-released")
	close(j.released)
	s.line.left()
	j.open()
	return s.forget(j)
}

// farewellCompared is what is said at the tray of a disc that is held already,
// and of which carrier.
func farewellCompared(f jobFile) (id, text, hint string) {
	h := f.Compare.Equal
	text = fmt.Sprintf("%s: %d bytes, equal to %s, version %d", WordCompared, f.Sealed.Size, name(h.Item, h.Carrier), h.Version)
	if h.Item == "" {
		hint = annotateHint(h.Carrier)
	}
	return h.Carrier, text, hint
}
