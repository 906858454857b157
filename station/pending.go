package station

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/internal/crashpoint"
	"ripstation/ripper"
)

// WhenDark says what becomes of a disc while a required store takes nothing
// (docs/decisions/0013).
type WhenDark string

const (
	DarkHold    WhenDark = "hold"    // the tray waits as eject.when says
	DarkPending WhenDark = "pending" // after a while the disc goes to the pending rack
)

// pending says that a disc was given back before the required stores had its
// image. It is never changed, only replaced.
type pending struct {
	Time   time.Time  `json:"time"`   // when it was decided
	Stores []string   `json:"stores"` // required ones that had no copy then
	Over   *time.Time `json:"over"`   // when they all had one
}

// PendingStatus is one disc on the pending rack: its image is only in this
// station's spool.
type PendingStatus struct {
	ID     string    `json:"id"`
	Item   string    `json:"item"`
	Label  string    `json:"label"`
	Since  time.Time `json:"since"`
	Stores []string  `json:"stores"` // required ones that still have no copy
}

// enough reports whether a copy in this state is what the tray waits for.
func (s *Station) enough(c catalog.CopyState) bool {
	return c == catalog.ReadBack || c == catalog.Stored && s.cfg.Eject != EjectReadBack
}

// lacking are the required stores that have not got what the tray waits for.
// j.mu is held.
func (s *Station) lacking(j *job) (names []string) {
	for _, st := range s.cfg.Stores {
		if d := j.copies[st.Name()]; st.Required && (d == nil || !s.enough(d.State)) {
			names = append(names, st.Name())
		}
	}
	return names
}

// darkness is closed when a required store that the tray waits for has taken
// nothing for eject.dark_after since the image was sealed. Nil: it is not
// asked for. It ends with ctx.
func (s *Station) darkness(ctx context.Context, j *job, start func(func())) <-chan struct{} {
	if s.cfg.WhenDark != DarkPending || s.cfg.Eject == EjectImaged {
		return nil
	}
	dark := make(chan struct{})
	if p := j.file().Pending; p != nil && p.Over == nil {
		close(dark) // it was decided before a restart
		return dark
	}
	j.mu.Lock()
	since := j.sent
	j.mu.Unlock()
	start(func() {
		for {
			at, waiting := s.darkAt(j, since)
			if !waiting {
				return
			}
			left := time.Until(at)
			if left <= 0 {
				close(dark)
				return
			}
			select {
			case <-time.After(left):
			case <-ctx.Done():
				return
			}
		}
	})
	return dark
}

// darkAt is when the first of the stores that the tray waits for is dark if
// none of them takes anything until then.
func (s *Station) darkAt(j *job, since time.Time) (at time.Time, waiting bool) {
	j.mu.Lock()
	names := s.lacking(j)
	j.mu.Unlock()
	for _, d := range s.desks {
		if !slices.Contains(names, d.store.Name()) {
			continue
		}
		took := d.lastTook()
		if took.Before(since) {
			took = since
		}
		if end := took.Add(s.cfg.DarkAfter); !waiting || end.Before(at) {
			at, waiting = end, true
		}
	}
	return at, waiting
}

// lastTook is when the store last took or gave bytes of an image.
func (d *desk) lastTook() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.took
}

// lives notes that the store gives bytes of an image now.
func (d *desk) lives() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.took = time.Now()
}

// intendEject writes down that the tray is about to open under a disc, and, if
// the required stores have not got its image, that it goes to the pending rack: in
// one step, so that a copy that arrives at the same moment is either seen here
// or sees this. It gives what stands in the job then.
func (s *Station) intendEject(ctx context.Context, j *job) (*pending, error) {
	var bad error
	err := j.update(func(f *jobFile) {
		if f.Eject == nil || f.Eject.Insertion != f.Insertion {
			f.Eject = &intent{Insertion: f.Insertion, Time: time.Now().UTC()}
		}
		lacking := s.lacking(j)
		if s.cfg.Eject == EjectImaged || len(lacking) == 0 || f.Compare.needless() || (f.Pending != nil && f.Pending.Over == nil) {
			return
		}
		if bad = onlyHere(j.dir, f); bad == nil {
			f.Pending = &pending{Time: time.Now().UTC(), Stores: lacking}
		}
	})
	if bad != nil {
		return nil, bad
	}
	p := j.file().Pending
	if err != nil || p == nil || p.Over != nil {
		return nil, err
	}
	crashpoint.Here("pending")
	return p, s.addEvent(ctx, j.ID, s.pendingEvent(j, p))
}

// onlyHere sees to it that a disc leaves for the pending rack only when its
// record is committed and its sealed image lies in the spool.
func onlyHere(dir string, f *jobFile) error {
	st, err := os.Stat(filepath.Join(dir, ripper.ImageFile))
	switch {
	case !f.Step.atLeast(StepRecorded):
		return fmt.Errorf("%w: its record is not committed", errStays)
	case f.Sealed == nil || f.Sealed.ReadBack == "":
		return fmt.Errorf("%w: its image is not sealed and read back from the spool's disk", errStays)
	case err != nil:
		return fmt.Errorf("%w: no store has its image, and in the spool it cannot be found: %w", errStays, err)
	case st.Size() != f.Sealed.Size:
		return fmt.Errorf("%w: no store has its image, and in the spool it has %d of %d bytes", errStays, st.Size(), f.Sealed.Size)
	}
	return nil
}

func (s *Station) addEvent(ctx context.Context, id string, e catalog.Event) error {
	return s.untilRecorded(ctx, id, func() error { return s.cfg.Catalog.AddEvent(ctx, id, e) })
}

func (s *Station) pendingEvent(j *job, p *pending) catalog.Event {
	return s.rackEvent(j, p.Time, catalog.EventWarning, "ejected pending: the disc goes to the pending rack, its image is only in the spool of this station; not in "+strings.Join(p.Stores, ", ")+" yet")
}

// rackEvent depends on the job alone, so that it is the same when it is told
// again after a restart.
func (s *Station) rackEvent(j *job, at time.Time, o catalog.EventOutcome, detail string) catalog.Event {
	return catalog.Event{Type: catalog.EventTransfer, Time: at, Outcome: o, Detail: detail, Objects: []string{j.ID, j.key()},
		Agents: []catalog.Agent{{Role: catalog.RoleOperator, Name: catalog.Unattended}, s.agent()}}
}

// offRack tells, and has the carrier's events say, that a disc may leave the
// pending rack: every required store has what the tray would have waited for.
func (s *Station) offRack(ctx context.Context, j *job) error {
	p := j.file().Pending
	if p == nil || p.Over != nil {
		return nil
	}
	over := *p
	at := s.hadItAll(j, p.Time)
	over.Over = &at
	text := "every required store has its image"
	if s.cfg.Eject == EjectReadBack {
		text = "every required store has given its image back, byte for byte"
	}
	err := s.addEvent(ctx, j.ID, s.pendingEvent(j, p)) // a kill may have come before it
	if err == nil {
		err = s.addEvent(ctx, j.ID, s.rackEvent(j, at, catalog.EventSuccess, "no longer pending: "+text))
	}
	if err != nil {
		return fmt.Errorf("note that %s is no longer pending: %w", j.ID, err)
	}
	crashpoint.Here("off-rack")
	// Told before it is noted: rather twice than never.
	f := j.file()
	s.say(Notice{ID: j.ID, Word: WordOffRack, Text: fmt.Sprintf("%s may leave the pending rack: %s", name(cmp.Or(f.Carrier.Item, f.Identity.Label), j.ID), text)})
	return s.untilRecorded(ctx, j.ID, func() error { return j.update(func(f *jobFile) { f.Pending = &over }) })
}

// hadItAll is when the last of the required stores had what the tray would have
// waited for, as their copies say: the same whenever it is asked for.
func (s *Station) hadItAll(j *job, at time.Time) time.Time {
	for _, st := range s.cfg.Stores {
		c := j.copyOf(st.Name())
		had := c.StoredAt
		if s.cfg.Eject == EjectReadBack {
			had = c.ReadBackAt
		}
		if st.Required && had != nil && had.After(at) {
			at = *had
		}
	}
	return at
}

// rackHint says what to do with a disc that is given back pending.
func rackHint(p *pending) string {
	return fmt.Sprintf("put the disc on the pending rack; `ripstation status` lists it until %s has its image", strings.Join(p.Stores, " and "))
}

// onRack reports whether a carrier's disc is on the pending rack.
func (s *Station) onRack(id string) bool {
	j := s.job(id)
	if j == nil {
		return false
	}
	p := j.file().Pending
	return p != nil && p.Over == nil
}

// pendingStatus is nil when the disc is not on the pending rack.
func (s *Station) pendingStatus(j *job) *PendingStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.Pending == nil || j.Pending.Over != nil {
		return nil
	}
	lacking := s.lacking(j)
	if lacking == nil {
		lacking = []string{}
	}
	return &PendingStatus{ID: j.ID, Item: j.Carrier.Item, Label: j.Identity.Label, Since: j.Pending.Time, Stores: lacking}
}
