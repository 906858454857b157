package station

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"ripstation/catalog"
	"ripstation/disc"
)

// unfinished finds the job of the spool that this disc belongs to, and gives
// what is said of the disc. One that looks like a disc that another drive had
// waits until it is known whose it is.
func (b *bay) unfinished(ctx context.Context, d Drive, s seen, ask *Request) (*job, *Request, error) {
	b.s.mu.Lock()
	jobs := slices.Collect(maps.Values(b.s.jobs))
	b.s.mu.Unlock()
	// Of two discs of one pressing, each goes on with the job of its own drive.
	slices.SortFunc(jobs, func(x, y *job) int { return cmp.Or(x.nearness(s.ins)-y.nearness(s.ins), cmp.Compare(x.ID, y.ID)) })
	for _, j := range jobs {
		f := j.file()
		if disc.LooksLike(s.identity, f.Identity) == disc.Different {
			continue
		}
		elsewhere := j.nearness(s.ins) == 2
		if elsewhere && b.s.stillLies(f.Insertion) {
			continue // two of one pressing
		}
		if elsewhere {
			var err error
			if ask, err = b.whose(ctx, s.arrival, ask); err != nil {
				return nil, nil, err
			}
			// Of the disc that it was begun with it may not be known yet either.
			if err := b.settled(ctx, j); err != nil {
				return nil, nil, err
			}
			f = j.file()
		}
		if another(ask, f.Carrier) || !elsewhere && another(b.s.arrivals.saidOf(s.arrival), f.Carrier) {
			continue
		}
		// A disc whose tray was to open has had its story told. Recordables that
		// come back are read again: nothing can prove that they are the same.
		j.mu.Lock()
		left := j.left
		j.mu.Unlock()
		if f.Insertion != s.ins && (left || f.Eject != nil && (f.Eject.Done || s.identity.Recordable)) {
			continue
		}
		its, by, err := b.belongs(ctx, d, s, j, ask)
		if err != nil {
			return nil, nil, err
		}
		if its {
			return j, ask, b.goOn(j, s, ask, by, elsewhere)
		}
	}
	return nil, ask, nil
}

// nearness orders jobs by where their discs were last.
func (j *job) nearness(ins disc.Insertion) int {
	switch f := j.file(); {
	case f.Insertion == ins:
		return 0
	case f.Insertion.DriveKey == ins.DriveKey:
		return 1
	}
	return 2
}

// belongs reports whether the disc in the drive is the job's, and claims the
// job then. The key of the insertion alone is never enough: every sample that
// the spool's image holds must agree with the disc, or two discs could end up
// in one image. Another bay that looks at the same job is waited for.
func (b *bay) belongs(ctx context.Context, d Drive, s seen, j *job, ask *Request) (its bool, by proved, err error) {
	select {
	case j.looked <- struct{}{}:
		defer func() { <-j.looked }()
	case <-ctx.Done():
		return false, by, context.Cause(ctx)
	}
	if !b.s.claim(b, j.ID) {
		return false, by, nil
	}
	defer func() {
		if !its {
			b.s.unclaim(b, j.ID)
		}
	}()
	samples, empty, err := j.samples(ctx, s.identity.Recordable)
	if err != nil {
		if ctx.Err() != nil {
			return false, by, context.Cause(ctx)
		}
		// A broken job must not stop the discs that look like its own.
		b.s.say(Notice{ID: j.ID, Word: WordNeedsYou, Text: "its part in the spool cannot be read: " + err.Error(), Hint: "nothing was deleted; look at the folder by hand"})
		return false, by, nil
	}
	agree, disagree, err := compare(ctx, d, samples)
	if err != nil {
		return false, by, err
	}
	by.agree = agree
	f := j.file()
	stays := f.Insertion == s.ins || slices.Contains(b.stayed, f.Insertion)
	switch {
	case disagree > 0:
	case len(samples) > 0:
		its = agree > 0 && (stays || agree >= min(disc.EnoughSamples, len(samples)))
	case stays:
		its = true
	default:
		// No sector of another disc can get into an image that has none. What was
		// said of the disc goes on with it only when it is said again.
		again := ask != nil && ask.Item == f.Carrier.Item
		cut := f.Captures[len(f.Captures)-1].Started.Before(b.s.started) // discs may have been exchanged between drives since; in this life a drive was seen to open
		its = empty && (f.Carrier.Item == "" || f.ImageVersion == 1 && (again || cut))
		by.nothing = its && f.Carrier.Item != "" && !again
	}
	// In another drive it may well be another disc, and there is no haste to go on.
	elsewhere := f.Sealed == nil && j.nearness(s.ins) == 2
	whole := s.identity.Recordable && b.s.cfg.Recordable == RecordableCompare || len(samples) < disc.EnoughSamples || elsewhere
	if its && f.Insertion != s.ins && !empty && whole {
		its, err = b.soFar(ctx, d, j)
	}
	return its, by, err
}

// proved is by what a disc was known to be a job's.
type proved struct {
	agree   int  // sample sectors that agree
	nothing bool // by its descriptors alone: what was said of the disc that it was begun with may be of another
}

// goOn takes a job up again with the disc that is in the drive now. In the drive
// that had it before it is no arrival; elsewhere it is one.
func (b *bay) goOn(j *job, s seen, ask *Request, by proved, elsewhere bool) error {
	if by.nothing {
		if err := b.nameless(j); err != nil {
			return err
		}
	}
	f := j.file()
	if elsewhere {
		b.carried(s.arrival, j.ID, j)
		b.s.arrivals.doubted(s.arrival, j, f.Carrier)
	} else if s.arrival != nil {
		b.s.arrivals.none(s.arrival, j, f.Carrier)
	}
	if f.Step.atLeast(StepSealed) && !f.Step.atLeast(StepDone) && !f.Compare.open() {
		b.notice(Notice{ID: j.ID, Word: WordStillSending, Text: "its image is in the spool and on its way"})
	} else {
		b.notice(Notice{ID: j.ID, Word: WordResumed, Text: fmt.Sprintf("this disc was %s before; it goes on from there", f.Step)})
	}
	if f.Step.atLeast(StepSealed) && ask != nil && ask.Item != "" && f.Carrier.Item == "" {
		b.s.say(Notice{ID: j.ID, Word: WordIdentityNeeded, Text: fmt.Sprintf("its image was sealed before; item %q is not in its record", ask.Item), Hint: annotateHint(j.ID)})
	}
	batch, late := b.s.batches.of(s.ins), b.afterSeal(f, s)
	err := j.update(func(f *jobFile) {
		f.Coming = f.Coming || late
		f.Insertion = s.ins
		if elsewhere && f.Batch == "" {
			f.Batch = batch
		}
		if f.Step.atLeast(StepSealed) {
			return // the record is composed of what is here, and may lie in a store already
		}
		if elsewhere {
			b.crossed(f, s, ask)
		}
		f.Drive = s.drive
		merge(&f.Carrier, ask)
		if w := b.s.arrivals.waiting(s.arrival); w != nil && w.Against != "" {
			f.Scan = w
		}
		if ask != nil && ask.word != nil && (f.Scan == nil || f.Scan.N != ask.word.N) {
			f.hear(b.s, ask.word)
		}
		last := len(f.Captures) - 1
		if last >= 0 && (f.Captures[last].Insertion == s.ins || slices.Contains(b.stayed, f.Captures[last].Insertion)) && !f.Captures[last].Started.Before(b.s.started) {
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
			fmt.Sprintf("reading goes on: descriptors and %d sample sectors of the image so far agree with the disc", by.agree), cap, f.ID))
	})
	if err != nil {
		return err
	}
	b.s.batches.queue(j, s.ins) // a place that it has it keeps
	return nil
}

// nameless takes back what was said of the disc that a job was begun with: no
// sector of it was read, so no drive can tell whether this is the same one.
func (b *bay) nameless(j *job) error {
	b.s.arrivals.letGo(j)
	return j.update(func(f *jobFile) {
		was := shownAs(f.Carrier.Item, f.Carrier.Part, f.Carrier.Parts, f.Carrier.Side)
		f.Carrier = catalog.CarrierInfo{ID: f.ID}
		reason := fmt.Sprintf("item %s was said of a disc of which nothing had been read yet when its reading was broken off, and nobody can tell whether this is the same one", was)
		f.Scan = &word{Codes: []string{was}, Reason: reason}
		f.Events = append(f.Events, b.event(catalog.EventModify, catalog.EventWarning, reason, f.Captures[len(f.Captures)-1], f.ID))
	})
}
