package station

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
)

// held is a carrier of the catalog that the disc in the drive is for sure.
type held struct {
	catalog.Held
	sending bool // its copies are still on their way
	agree   int  // samples that agreed
}

// known asks whether the disc has been met before: first among the unfinished
// jobs of the spool, then in the catalog. It gives the job to go on with (a
// new one when the disc is new), or the carrier that makes reading it
// needless.
func (b *bay) known(ctx context.Context, d Drive, s seen, ask *Request) (*job, *held, error) {
	j, err := b.unfinished(ctx, d, s, ask)
	if err != nil || j != nil {
		return j, nil, err
	}
	h, err := b.held(ctx, d, s)
	if err != nil {
		return nil, nil, err
	}
	if h != nil && (h.sending || h.proven(b.s.cfg.Stores)) {
		return nil, h, nil
	}
	f := jobFile{
		ID: catalog.NewID(), ImageVersion: 1, Step: StepIdentified, Insertion: s.ins, Carrier: carrierInfo(ask),
		Drive: s.drive, Disc: s.disc, Identity: s.identity, Created: time.Now().UTC(), Operator: b.operator(ask),
	}
	if h != nil {
		// The same disc for sure, but what is held of it is not enough: its
		// next image becomes the carrier's next version.
		f.ID = h.CarrierID
		if f.ImageVersion, err = b.s.cfg.Catalog.NextVersion(ctx, f.ID); err != nil {
			return nil, nil, err
		}
		if f.Carrier, err = b.s.cfg.Catalog.Carrier(ctx, f.ID); err != nil {
			return nil, nil, err
		}
	}
	f.Carrier.ID = f.ID
	cap := b.capture(s, ask)
	f.Captures = []catalog.Capture{cap}
	f.Events = []catalog.Event{b.event(catalog.EventFormat, catalog.EventSuccess, describe(s), cap, f.ID)}
	for _, note := range s.notes {
		f.Events = append(f.Events, b.event(catalog.EventFormat, catalog.EventWarning, note, cap, f.ID))
	}
	if b.s.job(f.ID) != nil || !b.s.claim(b, f.ID) {
		return nil, nil, fmt.Errorf("carrier %.8s has an unfinished job in the spool that belongs to another disc or drive; see `ripstation status`", f.ID)
	}
	if j, err = b.s.spool.create(f); err != nil {
		return nil, nil, err
	}
	b.s.mu.Lock()
	b.s.jobs[j.ID] = j
	b.s.mu.Unlock()
	crashpoint.Here("job-written")
	return j, nil, nil
}

// unfinished finds the job of the spool that this disc belongs to. The key of
// the insertion alone is never enough: every sample that the spool's image
// holds must agree with the disc, or two discs could end up in one image.
func (b *bay) unfinished(ctx context.Context, d Drive, s seen, ask *Request) (*job, error) {
	b.s.mu.Lock()
	jobs := slices.Collect(maps.Values(b.s.jobs))
	b.s.mu.Unlock()
	for _, j := range jobs {
		f := j.file()
		same := f.Insertion == s.ins
		if disc.LooksLike(s.identity, f.Identity) == disc.Different || !b.s.claim(b, j.ID) {
			continue
		}
		// A disc whose tray was to open has had its story told. Recordables that
		// come back are read again: nothing can prove that they are the same.
		if !same && f.Eject != nil && (f.Eject.Done || s.identity.Recordable) {
			continue
		}
		samples, empty, err := j.samples(ctx, s.identity.Recordable)
		if err != nil {
			return nil, err
		}
		agree, disagree, err := compare(ctx, d, samples)
		if err != nil {
			return nil, err
		}
		enough := agree > 0 && agree >= min(disc.EnoughSamples, len(samples))
		switch {
		case disagree > 0:
		case same, enough:
			return j, b.goOn(j, s, ask, agree)
		case empty && f.Carrier.Item == "":
			// No sector of another disc can get into an image that has none, and
			// nobody has said whose it is.
			return j, b.goOn(j, s, ask, agree)
		}
	}
	return nil, nil
}

// goOn takes a job up again with the disc that is in the drive now; agree
// sample sectors say that it is the job's.
func (b *bay) goOn(j *job, s seen, ask *Request, agree int) error {
	f := j.file()
	b.notice(Notice{ID: j.ID, Word: WordResumed, Text: fmt.Sprintf("this disc was %s before; it goes on from there", f.Step)})
	return j.update(func(f *jobFile) {
		f.Insertion, f.Drive = s.ins, s.drive
		f.Eject = nil // an intent of another insertion is not aimed at this one
		if f.Step.atLeast(StepSealed) {
			return
		}
		merge(&f.Carrier, ask)
		last := len(f.Captures) - 1
		if last >= 0 && f.Captures[last].Insertion == s.ins && !f.Captures[last].Started.Before(b.s.started) {
			return // the same reading, after a pause
		}
		if last >= 0 && f.Captures[last].Outcome == "" {
			f.Captures[last].Outcome, f.Captures[last].Ended = catalog.Interrupted, s.at
			if f.Captures[last].Reason == "" {
				f.Captures[last].Reason = "the station was stopped while the disc was read"
			}
		}
		cap := b.capture(s, ask)
		f.Captures = append(f.Captures, cap)
		f.Events = append(f.Events, b.event(catalog.EventCapture, catalog.EventSuccess,
			fmt.Sprintf("reading goes on: descriptors and %d sample sectors of the image so far agree with the disc", agree), cap, f.ID))
	})
}

// held finds the carrier of the catalog that this disc is for sure.
func (b *bay) held(ctx context.Context, d Drive, s seen) (*held, error) {
	candidates, err := b.s.cfg.Catalog.Candidates(ctx, s.identity)
	if err != nil {
		return nil, fmt.Errorf("look the disc up: %w", err)
	}
	for _, c := range candidates {
		if disc.LooksLike(s.identity, c.Identity) == disc.Different {
			continue
		}
		agree, disagree, err := compare(ctx, d, c.Identity.Samples)
		if err != nil {
			return nil, err
		}
		if disc.Compare(s.identity, c.Identity, agree, disagree) != disc.Same {
			continue
		}
		h := &held{Held: c, agree: agree}
		j := b.s.job(c.CarrierID)
		h.sending = j != nil && j.step().atLeast(StepSealed) && j.step() != StepDone && !j.failed()
		return h, nil
	}
	return nil, nil
}

// proven reports whether what is held makes another reading needless: the
// image is complete, and every required store has its copy and none is in
// doubt.
func (h *held) proven(stores []Store) bool {
	if h.State != catalog.Complete {
		return false
	}
	state := map[string]catalog.CopyState{}
	for _, c := range h.Copies {
		state[c.Store] = c.State
		if c.State == catalog.Missing || c.State == catalog.Damaged || c.State == catalog.Unknown {
			return false
		}
	}
	for _, st := range stores {
		if got := state[st.Name()]; st.Required && got != catalog.Stored && got != catalog.ReadBack {
			return false
		}
	}
	return true
}

// already ends the story of a disc that is held: an event on its carrier, and
// the tray.
func (b *bay) already(ctx context.Context, d Drive, s seen, h held) (Outcome, error) {
	cap := b.capture(s, nil)
	cap.ID = insertionID("capture", s.ins)
	cap.Outcome, cap.Ended = catalog.AlreadyArchived, time.Now().UTC()
	cap.Reason = fmt.Sprintf("the same pressed disc as version %d: descriptors and %d sample sectors agree", h.Version, h.agree)
	err := b.s.recordAttempt(ctx, catalog.Attempt{
		Carrier: catalog.CarrierInfo{ID: h.CarrierID}, Disc: s.disc, Identity: s.identity, Capture: cap,
		Events: []catalog.Event{b.event(catalog.EventCapture, catalog.EventSuccess, "already archived: "+cap.Reason, cap, h.CarrierID)},
	})
	if err != nil {
		return "", err
	}
	word, text := WordAlready, "held as "+name(h.Item, h.CarrierID)
	if h.sending && !h.proven(b.s.cfg.Stores) {
		word, text = WordStillSending, "its image is in the spool and on its way; held as "+name(h.Item, h.CarrierID)
	}
	b.notice(Notice{ID: h.CarrierID, Word: word, Text: text})
	return OutcomeAlready, b.open(ctx, d, s.ins, h.CarrierID, string(word), "")
}

// compare reads the sample sectors from the disc. One that cannot be read
// counts for nothing; a drive that fails otherwise ends the comparison.
func compare(ctx context.Context, d Drive, samples []disc.Sample) (agree, disagree int, err error) {
	buf := make([]byte, disc.SectorSize)
	for _, s := range samples {
		err := d.ReadSectors(ctx, s.LBA, buf)
		switch disc.ClassOf(err) {
		case 0:
			if err != nil {
				return agree, disagree, err
			}
			if sha256.Sum256(buf) == s.SHA256 {
				agree++
			} else {
				disagree++
			}
		case disc.ClassMedium, disc.ClassProtected, disc.ClassRefused:
		default:
			return agree, disagree, err
		}
	}
	return agree, disagree, nil
}

// job is the carrier's job in the spool, nil when there is none.
func (s *Station) job(id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[id]
}

func name(item, id string) string {
	if item != "" {
		return fmt.Sprintf("%s (%.8s)", item, id)
	}
	return id[:min(8, len(id))]
}
