package station

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
	"ripstation/ripper"
)

const imagePath = "data/" + ripper.ImageFile

// recordOf composes the record of a sealed image. It depends on job.json
// alone, so it is the same whenever it is asked for.
func recordOf(f jobFile) ([]byte, error) {
	s := f.Sealed
	return catalog.EncodeRecord(catalog.Record{
		Carrier: f.Carrier,
		Image: catalog.ImageInfo{Version: f.ImageVersion, State: catalog.ImageState(s.State), Size: s.Size, SectorSize: s.SectorSize,
			Sectors: s.Sectors, Missing: s.Missing, SealedAt: f.Captures[len(f.Captures)-1].Ended, Replaces: f.replaces()},
		Objects: []catalog.Object{{Role: catalog.RoleImage, Path: imagePath, Size: s.Size, SHA512: s.Digests.SHA512, SHA256: s.Digests.SHA256,
			SHA1: s.Digests.SHA1, MD5: s.Digests.MD5, CRC64NVME: s.Digests.CRC64NVME}},
		Disc: f.Disc, Identity: f.Identity, Drive: f.Drive, Captures: f.Captures, Checks: f.Checks, Content: f.Content, Events: f.Events,
	})
}

// replaces is the bag of the version before, empty for a first one.
func (f *jobFile) replaces() string {
	if f.ImageVersion < 2 {
		return ""
	}
	return fmt.Sprintf("%s/v%d", f.ID, f.ImageVersion-1)
}

// bag is the sealed image as a bag. closeBag ends the use of its image file.
func (s *Station) bag(j *job) (b archive.Bag, closeBag func(), err error) {
	f := j.file()
	record, err := recordOf(f)
	if err != nil {
		return b, nil, fmt.Errorf("compose record of %s: %w", f.ID, err)
	}
	crc, err := archive.ParseCRC64NVME(f.Sealed.Digests.CRC64NVME)
	if err != nil {
		return b, nil, fmt.Errorf("job %s: %w", f.ID, err)
	}
	sectorMap, err := os.ReadFile(filepath.Join(j.dir, ripper.MapFile))
	if err != nil {
		return b, nil, err
	}
	m, err := disc.ParseSectorMap(bytes.NewReader(sectorMap))
	if err != nil {
		return b, nil, fmt.Errorf("read %s: %w", filepath.Join(j.dir, ripper.MapFile), err)
	}
	var ddrescue bytes.Buffer
	if err := m.WriteDdrescue(&ddrescue); err != nil {
		return b, nil, err
	}
	img, err := ripper.OpenBytes(filepath.Join(j.dir, ripper.ImageFile))
	if err != nil {
		return b, nil, err
	}
	b = archive.Bag{
		Prefix: j.key(),
		Info:   bagInfo(f),
		Payload: []archive.Payload{{Path: imagePath, Size: f.Sealed.Size, Source: img,
			SHA512: f.Sealed.Digests.SHA512, SHA256: f.Sealed.Digests.SHA256, CRC64NVME: crc, Sums: f.Sealed.Sums}},
		Metadata: []archive.File{
			{Path: "metadata/record.json", Body: record},
			{Path: "metadata/sectors.map", Body: sectorMap},
			{Path: "metadata/ddrescue.map", Body: ddrescue.Bytes()},
		},
	}
	list, listSource, err := j.listInBag(f)
	if err != nil {
		img.Close()
		return b, nil, err
	}
	if list != nil {
		b.Metadata = append(b.Metadata, *list)
	}
	return b, func() {
		img.Close()
		if listSource != nil {
			listSource.Close()
		}
	}, nil
}

// bagInfo is what bag-info.txt tells a person (RFC 8493, 2.2.2).
func bagInfo(f jobFile) []archive.Tag {
	last := f.Captures[len(f.Captures)-1]
	_, text := verdict(*f.Sealed)
	word, _ := verdict(*f.Sealed)
	tags := []archive.Tag{
		{Label: "Bagging-Date", Value: last.Ended.Format(time.DateOnly)},
		{Label: "External-Identifier", Value: f.ID},
		{Label: "Bag-Software-Agent", Value: programName(last.Program)},
		{Label: "Image-State", Value: string(f.Sealed.State) + ": " + string(word) + ", " + text},
		{Label: "Image-Version", Value: fmt.Sprint(f.ImageVersion)},
	}
	add := func(label, value string) {
		if value != "" {
			tags = append(tags, archive.Tag{Label: label, Value: value})
		}
	}
	add("Replaces", f.replaces())
	add("Item", f.Carrier.Item)
	add("Title", f.Carrier.Title)
	if f.Carrier.Part > 0 {
		add("Part", fmt.Sprintf("%d/%d", f.Carrier.Part, f.Carrier.Parts))
	}
	add("Side", f.Carrier.Side)
	add("Volume-Label", f.Identity.Label)
	if f.Content != nil {
		add("Damage", f.Content.DamageWords(20))
	}
	add("Medium", strings.TrimSpace(f.Disc.ProfileStr))
	return tags
}

// markStored writes down that every required store has accepted the bag.
func (s *Station) markStored(ctx context.Context, j *job) error {
	if j.step().atLeast(StepStored) {
		return nil
	}
	if err := j.update(func(f *jobFile) { f.Step = StepStored }); err != nil {
		return err
	}
	crashpoint.Here("stored")
	return ctx.Err()
}

// record commits what is known of the disc to the catalog. Until it returns
// nil, job.json leads; from then on the catalog does.
func (s *Station) record(ctx context.Context, j *job) error {
	f := j.file()
	if f.Step.atLeast(StepRecorded) {
		return nil
	}
	sealed, err := recordOf(f)
	if err != nil {
		return fmt.Errorf("compose record of %s: %w", f.ID, err)
	}
	files, err := s.tagFiles(j)
	if err != nil {
		return fmt.Errorf("record %s: %w", f.ID, err)
	}
	in := catalog.Commit{RecordBytes: sealed, Files: files, FileList: j.openList(f), Copies: j.catalogCopies(s.cfg.Stores), Needs: needs(f), Retry: f.Retry}
	err = s.untilRecorded(ctx, j.ID, func() error { return s.cfg.Catalog.Commit(ctx, in) })
	if err != nil {
		return fmt.Errorf("record %s: %w", f.ID, err)
	}
	crashpoint.Here("committed")
	if err := j.update(func(f *jobFile) { f.Step = StepRecorded }); err != nil {
		return err
	}
	s.batches.nudge()
	s.say(Notice{ID: j.ID, Word: WordRecorded, Text: fmt.Sprintf("in the catalog as %.8s, version %d", f.ID, f.ImageVersion)})
	if f.Carrier.Item == "" {
		s.say(Notice{ID: j.ID, Word: WordIdentityNeeded, Text: f.unnamed(), Hint: annotateHint(f.ID)})
	}
	crashpoint.Here("recorded")
	return nil
}

func annotateHint(id string) string {
	return fmt.Sprintf("say which item it is: ripstation annotate %.8s --item ID", id)
}

// tagFiles are the bag's files beside the image, with the digests by which an
// audit knows a bag that was forged together with its manifests.
func (s *Station) tagFiles(j *job) (files []catalog.Object, err error) {
	bag, closeBag, err := s.bag(j)
	if err != nil {
		return nil, err
	}
	defer closeBag()
	tags, err := bag.TagFiles()
	for _, f := range tags {
		files = append(files, catalog.Object{Role: catalog.RoleTag, Path: f.Path, Size: f.Size, SHA512: f.SHA512, SHA256: f.SHA256})
	}
	return files, err
}

// needs lists why a person has to look at the image. That an item is missing,
// the catalog sees for itself; why that is so, when scans came to nothing, it
// is told.
func needs(f jobFile) (n []catalog.Need) {
	if f.Carrier.Item == "" && f.Scan != nil && f.Scan.Reason != "" {
		n = append(n, catalog.Need{Kind: catalog.NeedsIdentity, Reason: f.Scan.Reason})
	}
	if f.Carrier.Item != "" && f.Scan != nil && f.Scan.Against != "" {
		n = append(n, catalog.Need{Kind: catalog.NeedsReview, Reason: f.Scan.Reason})
	}
	for _, c := range f.Checks {
		if c.Outcome == disc.Failure {
			n = append(n, catalog.Need{Kind: catalog.NeedsReview, Reason: c.Name + ": " + c.Message})
		}
	}
	return n
}

// recordAttempt records a capture that gave no image. A story told again for
// the same insertion records nothing new.
func (s *Station) recordAttempt(ctx context.Context, a catalog.Attempt) error {
	err := s.batches.attempt(ctx, a, func(a catalog.Attempt) error {
		return s.untilRecorded(ctx, a.Carrier.ID, func() error { return s.cfg.Catalog.RecordCapture(ctx, a) })
	})
	if errors.Is(err, catalog.ErrConflict) {
		return nil
	}
	return err
}

// noteCopy takes the state of one copy into the catalog.
func (s *Station) noteCopy(ctx context.Context, j *job, d delivery, ev catalog.Event) error {
	err := s.untilRecorded(ctx, j.ID, func() error {
		return s.cfg.Catalog.SetCopy(ctx, j.ID, j.ImageVersion, d.copy(), ev)
	})
	if err != nil {
		return fmt.Errorf("record the copy of %s in %s: %w", j.ID, d.Store, err)
	}
	return nil
}

// noteStored takes into the catalog that a store has accepted the bag. What
// the catalog has learned since is left: a copy that was read back was stored,
// and one that is damaged is mended by reading it alone.
func (s *Station) noteStored(ctx context.Context, j *job, d delivery, proof Proof) error {
	copies, err := s.cfg.Catalog.Copies(ctx, j.ID, j.ImageVersion)
	if err != nil {
		return fmt.Errorf("look up the copy of %s in %s: %w", j.ID, d.Store, err)
	}
	for _, c := range copies {
		if c.Store == d.Store && (c.State == catalog.ReadBack || c.State == catalog.Damaged) {
			return nil
		}
	}
	detail := "stored: the store accepted the bag with matching checksums"
	if proof == ProofChecksum {
		detail = "stored: accepted with matching checksums, not read back"
	}
	return s.noteCopy(ctx, j, d, s.copyEvent(j, d, catalog.EventReplication, catalog.EventSuccess, detail))
}

// copyEvent is an event of one copy. Its time is the copy's own, so that an
// event told again after a restart is the same.
func (s *Station) copyEvent(j *job, d delivery, t catalog.EventType, o catalog.EventOutcome, detail string) catalog.Event {
	at := time.Now().UTC()
	if t == catalog.EventReplication && d.StoredAt != nil {
		at = *d.StoredAt
	}
	return catalog.Event{Type: t, Time: at, Outcome: o, Detail: detail, Objects: []string{d.Key, "store:" + d.Store},
		Agents: []catalog.Agent{{Role: catalog.RoleOperator, Name: catalog.Unattended}, s.agent(), {Role: catalog.RoleStore, Name: d.Store}}}
}

func (s *Station) agent() catalog.Agent {
	return catalog.Agent{Role: catalog.RoleProgram, Name: programName(s.cfg.Program)}
}

func programName(p catalog.Program) string {
	n := strings.TrimSpace(p.Name + " " + p.Version)
	if p.Commit != "" {
		n += " (" + p.Commit + ")"
	}
	return n
}

// settings are what a capture was made with.
func (s *Station) settings() map[string]string {
	protected := "hold"
	if s.cfg.ReadProtected {
		protected = "image"
	}
	return map[string]string{"read.retries": fmt.Sprint(s.cfg.Retries), "read.protected": protected, "eject.when": string(s.cfg.Eject)}
}
