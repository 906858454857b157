package operator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
)

// Hand does the acts of a night at the drives.
type Hand struct {
	// Scan is the person's scanner; nil: nothing is scanned. drive is -1 for a
	// scan without one. What is answered by an error counts for nothing.
	Scan func(ctx context.Context, code string, drive int) error
	// Tell hears of each entry of the diary as it is made. May be nil.
	Tell func(Entry)
	// Say has the station do what the act says beside the drives: of batches, of
	// what waits for a person, and of a disc that is to be read. May be nil.
	Say func(ctx context.Context, a Act) error
	// Busy says that nobody may put a disc into the drive now: it is unplugged.
	// May be nil.
	Busy func(drive int) bool
	// Stuck says that the station waits for a person who takes the disc out of a
	// drive whose tray is shut: it is then opened with a paper clip. May be nil.
	Stuck func(drive int) bool
	// Patience is how long a person waits for a free drive; 0: 12 hours.
	Patience time.Duration
	// Look is how often a person looks whether a tray is open; 0: 5 s.
	Look time.Duration

	night  Night
	drives []*simdrive.Drive
	discs  []*simdrive.Disc

	mu    sync.Mutex
	diary []Entry
	lying []int // by drive: which disc lies on its tray, open or closed; -1: none
}

// New makes the discs of a night. It touches no drive.
func New(n Night, drives []*simdrive.Drive) (*Hand, error) {
	h := &Hand{night: n, drives: drives}
	for _, d := range n.Discs {
		p, err := d.Physical()
		if err != nil {
			return nil, err
		}
		h.discs = append(h.discs, p)
	}
	for range drives {
		h.lying = append(h.lying, -1)
	}
	return h, nil
}

// Diary is all that was done and heard so far.
func (h *Hand) Diary() []Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.diary)
}

// Physical is a disc of the night.
func (h *Hand) Physical(n int) *simdrive.Disc { return h.discs[n] }

// Hear takes a drive's log into the diary. It is made for simdrive.Options.Log.
func (h *Hand) Hear(drive int, e simdrive.Event) {
	if entry, ok := Heard(drive, e); ok {
		h.Note(entry)
	}
}

// Note adds an entry to the diary. Which disc lies in the drive is filled in.
func (h *Hand) Note(e Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.Drive >= 0 && e.What != Taken && e.Disc < 0 {
		e.Disc = h.lying[e.Drive]
	}
	h.diary = append(h.diary, e)
	if h.Tell != nil {
		h.Tell(e)
	}
}

// Lying is the number of the disc that lies on a drive's tray, open or closed;
// -1: none.
func (h *Hand) Lying(drive int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lying[drive]
}

// Lay says what lies on a drive's tray, without touching it: what was so when a
// night goes on.
func (h *Hand) Lay(drive, number int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lying[drive] = number
}

// Resume goes on with a night of which this much is in the diary already, in
// another process: nothing is told again, and nothing touched. It gives the
// index of the act that comes next; one that was begun is not done again.
func (h *Hand) Resume(diary []Entry) (next int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.diary = slices.Clone(diary)
	for n, t := range Trays(diary, len(h.drives)) {
		h.lying[n] = t.Disc
	}
	for _, e := range diary {
		if e.What != Begun {
			continue
		}
		for i, a := range h.night.Acts {
			if a.N == e.Act {
				next = i + 1
			}
		}
	}
	return next
}

// Tray is how a diary leaves a drive.
type Tray struct {
	Disc      int // -1: none
	Open      bool
	Insertion disc.Insertion // the last key that was noted
}

// Trays reads how a diary leaves the drives.
func Trays(diary []Entry, drives int) []Tray {
	trays := make([]Tray, drives)
	for i := range trays {
		trays[i].Disc = -1
	}
	for _, e := range diary {
		if e.Drive < 0 {
			continue
		}
		t := &trays[e.Drive]
		if e.Insertion != (disc.Insertion{}) {
			t.Insertion = e.Insertion
		}
		switch e.What {
		case Closed:
			t.Disc, t.Open = e.Disc, false
		case Opened, Ejected:
			t.Open = true
		case Taken:
			t.Disc = -1
		}
	}
	return trays
}

// Work does the acts from the one at index from on, until the last is done or
// ctx ends.
func (h *Hand) Work(ctx context.Context, from int) error {
	for i := from; i < len(h.night.Acts); i++ {
		a := h.night.Acts[i]
		if err := rest(ctx, a.After); err != nil {
			return err
		}
		h.Note(Entry{What: Begun, Act: a.N, Drive: -1, Disc: a.Disc})
		if err := h.do(ctx, a); err != nil {
			return err
		}
		h.Note(Entry{What: Done, Act: a.N, Drive: -1, Disc: a.Disc})
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hand) do(ctx context.Context, a Act) error {
	open := func() bool { return h.drives[a.Drive].Tray() == disc.TrayOpen }
	switch a.Do {
	case Feed:
		return h.feed(ctx, a)
	case Swap:
		return h.swap(ctx, a)
	case Stray:
		return h.scan(ctx, a.N, h.night.Discs[a.Disc].Item, -1)
	case Button:
		if !open() && h.Lying(a.Drive) >= 0 {
			h.drives[a.Drive].PressButton()
			if err := rest(ctx, 3*time.Second); err != nil {
				return err
			}
			if h.drives[a.Drive].Tray() != disc.TrayOpen { // locked, or busy: a little patience
				if err := rest(ctx, 10*time.Second); err != nil {
					return err
				}
				h.drives[a.Drive].PressButton()
			}
			h.take(a.N, a.Drive)
		}
	case Force:
		if !open() && h.Lying(a.Drive) >= 0 {
			h.drives[a.Drive].ForceOpen()
			h.take(a.N, a.Drive)
		}
	case PushIn:
		if open() && h.Lying(a.Drive) >= 0 {
			h.drives[a.Drive].CloseTray()
		}
	case Fetch:
		h.take(a.N, a.Drive)
	default:
		if h.Say != nil {
			return h.Say(ctx, a)
		}
	}
	return nil
}

// take takes the disc from an open tray.
func (h *Hand) take(act, drive int) {
	if h.drives[drive].TakeOut() == nil {
		return
	}
	h.mu.Lock()
	n := h.lying[drive]
	h.lying[drive] = -1
	h.mu.Unlock()
	h.Note(Entry{What: Taken, Act: act, Drive: drive, Disc: n})
}

// free waits for a drive that takes a disc: the one that is wished, or any. It
// gives -1 when patience has ended.
func (h *Hand) free(ctx context.Context, wish int, not ...int) (int, error) {
	patience, look := h.Patience, h.Look
	if patience == 0 {
		patience = 12 * time.Hour
	}
	if look == 0 {
		look = 5 * time.Second
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for i := range h.drives {
			n := (wish + i) % len(h.drives)
			if slices.Contains(not, n) || h.Busy != nil && h.Busy(n) {
				continue
			}
			if t := h.drives[n].Tray(); t == disc.TrayOpen || t == disc.TrayEmpty {
				return n, nil
			}
			if h.Stuck != nil && h.Stuck(n) {
				h.drives[n].ForceOpen()
				return n, nil
			}
		}
		if err := rest(ctx, look); err != nil {
			return -1, err
		}
	}
	return -1, nil
}

// elsewhere takes the disc from wherever it lies, if it can be had: not out of
// a drive that is shut.
func (h *Hand) elsewhere(act, number int) (had bool) {
	for n := range h.drives {
		if h.Lying(n) != number {
			continue
		}
		if h.drives[n].Tray() != disc.TrayOpen {
			return false
		}
		h.take(act, n)
	}
	return true
}

func (h *Hand) feed(ctx context.Context, a Act) error {
	drive, err := h.free(ctx, a.Drive)
	if err != nil || drive < 0 || !h.elsewhere(a.N, a.Disc) {
		return err
	}
	code := h.night.Discs[a.Disc].Item
	switch a.Scan {
	case Own:
		err = h.scan(ctx, a.N, code, -1)
	case Twice:
		if err = h.scan(ctx, a.N, code, -1); err == nil {
			err = errors.Join(rest(ctx, time.Second), h.scan(ctx, a.N, code, -1))
		}
	case AtDrive:
		err = h.scan(ctx, a.N, code, drive)
	case Astray:
		other := h.night.Discs[(a.Disc+1)%len(h.night.Discs)].Item
		if err = h.scan(ctx, a.N, other, -1); err == nil {
			err = h.scan(ctx, a.N, code, -1)
		}
	}
	if err != nil {
		return err
	}
	return h.put(ctx, a.N, drive, a.Disc)
}

// swap scans two discs in their order and puts them in in the other.
func (h *Hand) swap(ctx context.Context, a Act) error {
	first, err := h.free(ctx, a.Drive)
	if err != nil || first < 0 || !h.elsewhere(a.N, a.Disc) || !h.elsewhere(a.N, a.Other) {
		return err
	}
	for _, d := range []int{a.Disc, a.Other} {
		if err := h.scan(ctx, a.N, h.night.Discs[d].Item, -1); err != nil {
			return err
		}
	}
	if err := h.put(ctx, a.N, first, a.Other); err != nil {
		return err
	}
	second, err := h.free(ctx, a.Drive, first)
	if err != nil || second < 0 {
		return err
	}
	return h.put(ctx, a.N, second, a.Disc)
}

// put lays a disc into a drive that was free a moment ago. The hand takes a
// second or two.
func (h *Hand) put(ctx context.Context, act, drive, number int) error {
	if err := rest(ctx, 2*time.Second); err != nil {
		return err
	}
	if t := h.drives[drive].Tray(); t != disc.TrayOpen && t != disc.TrayEmpty {
		return nil // the tray closed by itself meanwhile
	}
	h.take(act, drive)
	return h.Insert(drive, number)
}

// Replace puts a disc into a drive in place of what is there, if nobody has to
// open another drive for it.
func (h *Hand) Replace(drive, number int) error {
	if h.Lying(drive) == number {
		return nil
	}
	for n := range h.drives {
		if h.Lying(n) == number && h.drives[n].Tray() != disc.TrayOpen {
			return nil
		}
	}
	h.drives[drive].ForceOpen()
	h.take(-1, drive)
	h.elsewhere(-1, number)
	return h.Insert(drive, number)
}

// Insert lays a disc into a drive that is open or empty, and shuts it.
func (h *Hand) Insert(drive, number int) error {
	h.Lay(drive, number)
	return h.drives[drive].Insert(h.discs[number])
}

func (h *Hand) scan(ctx context.Context, act int, code string, drive int) error {
	if h.Scan == nil {
		return nil
	}
	err := h.Scan(ctx, code, drive)
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	if err == nil {
		h.Note(Entry{What: Scan, Act: act, Drive: drive, Disc: -1, Code: code})
	}
	return rest(ctx, time.Second)
}
