package station

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
)

// The kinds of what wants a person.
const (
	WantingDisc  = "disc"  // a carrier of the catalog
	WantingJob   = "job"   // an image in the spool that does not go on by itself
	WantingBay   = "bay"   // a drive that holds, or is in fault
	WantingStore = "store" // what a person has to mend before it is of use again
)

// Wanting is one thing that wants a person.
type Wanting struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`    // the carrier's; empty where none is meant
	Place string `json:"place"` // drive, store or folder; empty for a disc
	Item  string `json:"item"`
	Label string `json:"label"`
	// Since is null when it is not known.
	Since   *time.Time `json:"since"`
	Reasons []string   `json:"reasons"`
	Actions []string   `json:"actions"` // commands to type, or what to do
}

// Review is all that wants a person.
type Review struct {
	Wanting []Wanting `json:"wanting"` // the one that has waited longest first
	// Unknown is why there may be more: what of the catalog is damaged. Empty when
	// all could be looked at.
	Unknown string `json:"unknown"`
}

// Review lists all that wants a person, as it is now.
func (s *Station) Review(ctx context.Context) (Review, error) {
	r, err := reviewDiscs(ctx, s.cfg.Catalog)
	if err != nil {
		return r, err
	}
	st := s.Status()
	for _, l := range st.LeftAlone {
		r.Wanting = append(r.Wanting, l.wanting())
	}
	for _, j := range st.Jobs {
		r.Wanting = append(r.Wanting, j.wanting()...)
	}
	for _, b := range st.Bays {
		r.Wanting = append(r.Wanting, b.wanting()...)
	}
	for _, d := range st.Stores {
		r.Wanting = append(r.Wanting, d.wanting()...)
	}
	r.sort()
	return r, nil
}

// ReviewWithout lists what the catalog and a spool say that wants a person,
// where no station runs. cat is nil when there is none yet. Nothing is changed.
func ReviewWithout(ctx context.Context, cat *catalog.Catalog, dir string) (Review, error) {
	r := Review{Wanting: []Wanting{}}
	if cat != nil {
		var err error
		if r, err = reviewDiscs(ctx, cat); err != nil {
			return r, err
		}
	}
	jobs, broken, err := (&spool{dir: dir}).look()
	if err != nil {
		return r, err
	}
	for _, b := range broken {
		r.Wanting = append(r.Wanting, b.leftAlone().wanting())
	}
	for _, j := range jobs {
		why := ""
		if cat != nil {
			if why, err = contradiction(ctx, cat, j.file()); err != nil {
				return r, fmt.Errorf("hold job %s against the catalog: %w", j.ID, err)
			}
		} else if j.step().atLeast(StepRecorded) {
			why = "the job says that its image is recorded, and there is no catalog"
		}
		if why != "" {
			r.Wanting = append(r.Wanting, j.leftAlone(why).wanting())
		} else {
			r.Wanting = append(r.Wanting, j.status().wanting()...)
		}
	}
	r.sort()
	return r, nil
}

func (r *Review) sort() {
	slices.SortStableFunc(r.Wanting, func(a, b Wanting) int {
		switch {
		case a.Since == nil && b.Since == nil:
			return cmp.Compare(a.Place+a.ID, b.Place+b.ID)
		case a.Since == nil:
			return 1
		case b.Since == nil:
			return -1
		}
		return a.Since.Compare(*b.Since)
	})
}

// reviewDiscs are the carriers that wait for a person, or for their disc.
func reviewDiscs(ctx context.Context, cat *catalog.Catalog) (Review, error) {
	r := Review{Wanting: []Wanting{}}
	all, err := cat.Wanted(ctx)
	if errors.Is(err, catalog.ErrDamaged) {
		r.Unknown, err = err.Error(), nil
	}
	for _, w := range all {
		r.Wanting = append(r.Wanting, discWanting(w))
	}
	return r, err
}

func discWanting(c catalog.Wanted) Wanting {
	w := Wanting{Kind: WantingDisc, ID: c.ID, Item: c.Item, Label: c.Label, Reasons: []string{}, Actions: []string{}}
	since := func(t time.Time) {
		if w.Since == nil || t.Before(*w.Since) {
			w.Since = &t
		}
	}
	identity, review := false, false
	for _, n := range c.Needs {
		since(n.Since)
		w.Reasons = append(w.Reasons, n.Reason)
		identity, review = identity || n.Kind == catalog.NeedsIdentity, review || n.Kind == catalog.NeedsReview
	}
	act := func(format string, args ...any) { w.Actions = append(w.Actions, fmt.Sprintf(format, args...)) }
	if identity {
		act("ripstation annotate %.8s --item ITEM", c.ID)
	}
	if review {
		act("ripstation show %.8s", c.ID)
		act("ripstation accept %.8s --reason TEXT", c.ID)
		act("ripstation reject %.8s --reason TEXT", c.ID)
	}
	if r := c.Retry; r != nil {
		since(r.Since)
		reason, where := "it is to be read anew", "a drive"
		if r.Drive != "" {
			where = "drive " + r.Drive
		}
		w.Reasons = append(w.Reasons, reason+", asked for by "+r.Operator)
		act("put its disc into %s", where)
		act("ripstation retry %.8s --cancel", c.ID)
	} else if review && c.HasImage {
		act("ripstation retry %.8s", c.ID)
	} else if review {
		act("ripstation retry %.8s --drive DRIVE", c.ID)
	}
	return w
}

func (l LeftAlone) wanting() Wanting {
	w := Wanting{Kind: WantingJob, ID: l.ID, Place: l.Folder, Item: l.Item, Label: l.Label, Reasons: []string{l.Reason}}
	if !l.Since.IsZero() {
		w.Since = &l.Since
	}
	if !catalog.ValidID(l.ID) {
		w.ID = ""
	}
	if l.Contradicts {
		w.Actions = append(w.Actions, fmt.Sprintf("ripstation show %.8s", l.ID))
	}
	w.Actions = append(w.Actions, "look at the folder by hand: nothing in it is touched; mend the cause, or move the folder away, and restart the station")
	return w
}

func (j JobStatus) wanting() []Wanting {
	if j.Trouble == "" {
		return nil
	}
	return []Wanting{{Kind: WantingJob, ID: j.ID, Item: j.Item, Label: j.Label, Since: j.TroubleSince, Reasons: []string{j.Trouble},
		Actions: []string{fmt.Sprintf("ripstation show %.8s", j.ID), "mend the cause, and restart the station; keep the disc until its copies are stored"}}}
}

// holding are the words of a bay that does not go on without a person.
var holding = []Word{WordNeedsYou, WordDriveFault, WordEjectFailed, WordFailed, WordHeld, WordHeldAtStart, WordOnHold}

func (b BayStatus) wanting() []Wanting {
	if !slices.Contains(holding, b.Word) {
		return nil
	}
	w := Wanting{Kind: WantingBay, ID: b.ID, Place: cmp.Or(b.Drive.Node, b.Drive.Key), Since: &b.Since, Reasons: []string{string(b.Word) + ": " + b.Text}, Actions: []string{}}
	if b.Hint != "" {
		w.Actions = append(w.Actions, b.Hint)
	}
	if b.Word != WordDriveFault {
		w.Actions = append(w.Actions, "ripstation eject "+strings.TrimPrefix(w.Place, "/dev/"))
	}
	return []Wanting{w}
}

func (d StoreStatus) wanting() []Wanting {
	if d.Trouble == "" {
		return nil
	}
	return []Wanting{{Kind: WantingStore, Place: d.Name, Since: d.TroubleSince, Reasons: []string{d.Trouble}, Actions: []string{"ripstation doctor --store " + d.Name}}}
}
