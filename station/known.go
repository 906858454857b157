package station

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
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
// needless. What is said of the disc comes back with it: a disc that looks like
// a known one waits here until it is known whose it is (whose).
func (b *bay) known(ctx context.Context, d Drive, s seen, ask *Request) (*job, *held, *Request, error) {
	j, ask, err := b.unfinished(ctx, d, s, ask)
	if err != nil || j != nil {
		return j, nil, ask, err
	}
	h, err := b.held(ctx, d, s)
	if err != nil {
		return nil, nil, nil, err
	}
	if h != nil {
		if ask, err = b.whose(ctx, s.arrival, ask); err != nil {
			return nil, nil, nil, err
		}
	}
	if h != nil && (h.sending || h.proven(b.s.cfg.Stores)) {
		return nil, h, ask, nil
	}
	if b.back {
		return nil, nil, nil, b.notAgain()
	}
	f := jobFile{
		ID: catalog.NewID(), ImageVersion: 1, Step: StepIdentified, Insertion: s.ins, Carrier: carrierInfo(ask),
		Drive: s.drive, Disc: s.disc, Identity: s.identity, Created: time.Now().UTC(), Operator: b.operator(ask),
		Batch: b.s.batches.of(s.ins),
	}
	// The same disc for sure, but what is held of it is not enough: its next
	// image becomes the carrier's next version. While another drive has that
	// disc, or when a person says that it is of another item, this one is a
	// further copy of the same pressing, which is a carrier of its own.
	if h != nil && !otherItem(ask, h.Item) && b.s.claim(b, h.CarrierID) {
		if b.s.job(h.CarrierID) != nil {
			return nil, nil, nil, fmt.Errorf("%w: carrier %.8s", errUnfinished, h.CarrierID)
		}
		f.ID = h.CarrierID
		if f.ImageVersion, err = b.s.cfg.Catalog.NextVersion(ctx, f.ID); err != nil {
			return nil, nil, nil, err
		}
		if f.Carrier, err = b.s.cfg.Catalog.Carrier(ctx, f.ID); err != nil {
			return nil, nil, nil, err
		}
		merge(&f.Carrier, ask)
	}
	f.Carrier.ID = f.ID
	cap := b.capture(s, ask)
	f.Captures = []catalog.Capture{cap}
	f.Events = []catalog.Event{b.event(catalog.EventFormat, catalog.EventSuccess, describe(s), cap, f.ID)}
	for _, note := range s.notes {
		f.Events = append(f.Events, b.event(catalog.EventFormat, catalog.EventWarning, note, cap, f.ID))
	}
	if f.Scan = b.s.arrivals.waiting(s.arrival); f.Scan == nil && ask != nil && ask.word != nil {
		f.hear(b.s, ask.word)
	}
	b.s.claim(b, f.ID)
	if j, err = b.s.spool.create(f); err != nil {
		return nil, nil, nil, err
	}
	b.s.mu.Lock()
	b.s.jobs[j.ID] = j
	b.s.mu.Unlock()
	b.carried(s.arrival, j.ID, j)
	b.mu.Lock()
	b.view.ID = j.ID
	b.mu.Unlock()
	crashpoint.Here("job-written")
	place, err := b.s.batches.take(ctx, j)
	if err != nil {
		return nil, nil, nil, err
	}
	crashpoint.Here("place-taken")
	if err := j.note(place); err != nil {
		return nil, nil, nil, err
	}
	b.s.batches.placed(s.ins)
	return j, nil, ask, nil
}

// errUnfinished says that the spool holds a job of this disc that a person
// has to look at first.
var errUnfinished = errors.New("an earlier image of this disc is still in the spool and cannot be finished; see `ripstation status`")

// otherItem reports whether a person says that the disc is of another item
// than the one that is known.
func otherItem(ask *Request, item string) bool {
	return ask != nil && ask.Item != "" && item != "" && ask.Item != item
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
func (b *bay) already(ctx context.Context, d Drive, s seen, h held, ask *Request) (Outcome, error) {
	cap := b.capture(s, ask)
	cap.ID = insertionID("capture", s.ins)
	cap.Outcome, cap.Ended = catalog.AlreadyArchived, time.Now().UTC()
	cap.Reason = fmt.Sprintf("the same pressed disc as version %d: descriptors and %d sample sectors agree", h.Version, h.agree)
	carrier := carrierInfo(ask) // the catalog keeps what it has, and asks a person where this says otherwise
	carrier.ID = h.CarrierID
	needs, events := b.s.said(ask, s.drive, h.CarrierID, h.Item != "")
	err := b.s.recordAttempt(ctx, catalog.Attempt{
		Carrier: carrier, Disc: s.disc, Identity: s.identity, Capture: cap, Needs: needs,
		Events: append([]catalog.Event{b.event(catalog.EventCapture, catalog.EventSuccess, "already archived: "+cap.Reason, cap, h.CarrierID)}, events...),
	})
	if err != nil {
		return "", err
	}
	b.carried(s.arrival, h.CarrierID, nil)
	word, text, out, hint := WordAlready, "held as "+name(h.Item, h.CarrierID), OutcomeAlready, ""
	if !h.proven(b.s.cfg.Stores) {
		word, text = WordStillSending, "its image is in the spool and on its way; held as "+name(h.Item, h.CarrierID)
		if h.State != catalog.Complete {
			out, hint = OutcomeIncomplete, "that image is "+string(h.State)+": put the disc in again for a better one when it has left the spool"
		}
	}
	if otherItem(ask, h.Item) {
		hint = fmt.Sprintf("you said item %s: look at `ripstation show %.8s`", ask.Item, h.CarrierID)
	}
	flip := b.s.batches.flip(ctx, b.s.batches.of(s.ins), h.CarrierID)
	if flip != "" {
		hint = flip
	}
	b.notice(Notice{ID: h.CarrierID, Word: word, Text: text, Hint: hint})
	if err := b.open(ctx, d, s.ins, h.CarrierID, string(word)+": "+text, hint); err != nil {
		return "", err
	}
	b.sayFlip(flip, h.CarrierID)
	b.gave(h.Identity, h.Item != "")
	return out, nil
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
