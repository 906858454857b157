package station

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ripstation/catalog"
	"ripstation/ripper"
)

// LeftAlone is a folder of the spool that the station does nothing with until a
// person has looked at it: its job cannot be read, or says what the catalog
// contradicts.
type LeftAlone struct {
	ID     string    `json:"id"`     // the folder's name
	Folder string    `json:"folder"` // its path
	Item   string    `json:"item"`
	Label  string    `json:"label"`
	Since  time.Time `json:"since"` // when its job was last written, or begun
	Reason string    `json:"reason"`
	// Contradicts is true when the job can be read, and the catalog says
	// otherwise.
	Contradicts bool `json:"contradicts"`
}

// brokenJob is a folder whose job cannot be taken up.
type brokenJob struct {
	dir string
	err error
}

func (b *brokenJob) Error() string { return fmt.Sprintf("job folder %s: %v", b.dir, b.err) }

func (b *brokenJob) Unwrap() error { return b.err }

func (b *brokenJob) leftAlone() LeftAlone {
	l := LeftAlone{ID: filepath.Base(b.dir), Folder: b.dir, Reason: "its job cannot be read: " + b.err.Error()}
	if info, err := os.Stat(b.dir); err == nil {
		l.Since = info.ModTime().UTC()
	}
	return l
}

func (j *job) leftAlone(reason string) LeftAlone {
	f := j.file()
	return LeftAlone{ID: j.ID, Folder: j.dir, Item: f.Carrier.Item, Label: f.Identity.Label, Since: f.Created, Reason: reason, Contradicts: true}
}

// contradiction says what of a job the catalog contradicts, empty when nothing:
// from its record on the catalog leads, and both cannot be so. What the catalog
// cannot tell contradicts nothing.
func contradiction(ctx context.Context, cat *catalog.Catalog, f jobFile) (string, error) {
	withdrawn, err := cat.Withdrawn(ctx)
	if err != nil {
		return "", err
	}
	if withdrawn[f.ID] {
		return "the catalog says that the disc is withdrawn", nil
	}
	if f.Compare.needless() {
		return contradicted(ctx, cat, *f.Compare.Equal, f)
	}
	body, err := cat.Record(ctx, f.ID, f.ImageVersion)
	switch {
	case errors.Is(err, catalog.ErrDamaged):
		return "", nil
	case errors.Is(err, catalog.ErrNotFound) && !f.Step.atLeast(StepRecorded):
		return "", nil
	case errors.Is(err, catalog.ErrNotFound):
		what := fmt.Sprintf("image %d of it", f.ImageVersion)
		if _, err := cat.Carrier(ctx, f.ID); errors.Is(err, catalog.ErrNotFound) {
			what = "such disc"
		}
		return fmt.Sprintf("the job says that its image is recorded, and the catalog has no %s: an older catalog may have been put back", what), nil
	case err != nil:
		return "", err
	}
	if f.Sealed == nil {
		return fmt.Sprintf("the catalog has image %d of the disc already, and the job has not sealed it", f.ImageVersion), nil
	}
	if otherDigests(body, f) {
		return fmt.Sprintf("the catalog has image %d of the disc with other digests than the one in the spool", f.ImageVersion), nil
	}
	return "", nil
}

// contradicted is contradiction for a job whose image is to leave the spool, as
// it is equal to one that is held.
func contradicted(ctx context.Context, cat *catalog.Catalog, h heldImage, f jobFile) (string, error) {
	body, err := cat.Record(ctx, h.Carrier, h.Version)
	switch {
	case errors.Is(err, catalog.ErrDamaged):
		return "", nil
	case errors.Is(err, catalog.ErrNotFound):
		return fmt.Sprintf("the job says that its image is equal to %s, and the catalog has no such image: an older catalog may have been put back", h.bag()), nil
	case err != nil:
		return "", err
	case otherDigests(body, f):
		return fmt.Sprintf("the job says that its image is equal to %s, and the catalog has that with other digests", h.bag()), nil
	}
	return "", nil
}

// otherDigests reports whether a record is of another image than the job's.
func otherDigests(body []byte, f jobFile) bool {
	rec, err := catalog.ParseRecord(body)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(rec.Objects, func(o catalog.Object) bool {
		return o.Path == "data/"+ripper.ImageFile && f.Sealed != nil && o.SHA512 != f.Sealed.Digests.SHA512
	})
}

// setAside keeps the jobs that the catalog contradicts out of all that the
// station does, and tells of them.
func (s *Station) setAside(ctx context.Context, jobs []*job, broken []*brokenJob) (good []*job, err error) {
	var aside []LeftAlone
	for _, b := range broken {
		s.cfg.Log.Error().Err(b).Msg("a job in the spool cannot be taken up; its files are left as they are")
		aside = append(aside, b.leftAlone())
	}
	for _, j := range jobs {
		why, err := contradiction(ctx, s.cfg.Catalog, j.file())
		if err != nil {
			return nil, fmt.Errorf("hold job %s against the catalog: %w", j.ID, err)
		}
		if why == "" {
			good = append(good, j)
			continue
		}
		s.cfg.Log.Error().Str("folder", j.dir).Str("reason", why).Msg("a job in the spool contradicts the catalog; its files are left as they are")
		aside = append(aside, j.leftAlone(why))
	}
	s.mu.Lock()
	s.aside = aside
	s.mu.Unlock()
	for _, l := range aside {
		n := Notice{Word: WordNeedsYou, Text: l.Folder + ": " + l.Reason, Hint: "nothing was deleted; `ripstation review` says what can be done"}
		if l.Contradicts {
			n.ID = l.ID
		}
		s.say(n)
	}
	return good, nil
}

// leftAlone reports whether the spool holds a folder of this carrier that must
// not be touched.
func (s *Station) leftAlone(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.aside {
		if l.ID == id {
			return true
		}
	}
	return false
}
