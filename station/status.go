package station

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"ripstation/disc"
)

// Status is what a screen shows: bays, jobs and stores as they are now.
type Status struct {
	Time   time.Time     `json:"time"`
	Bays   []BayStatus   `json:"bays"`
	Jobs   []JobStatus   `json:"jobs"` // all that are in the spool
	Stores []StoreStatus `json:"stores"`
	// Batches are the open one, those whose discs may not go back yet, and the
	// last ones whose discs may.
	Batches []BatchStatus `json:"batches"`
	Scans   []Scan        `json:"scans"` // those that are not decided
	Notes   []string      `json:"notes"` // what a person ought to know beside that, of the configuration
	// GivenUp is how many calls to drives never came back from the kernel since
	// the station was started.
	GivenUp int64 `json:"drive_calls_given_up"`
	// LeftAlone are folders of the spool that a person has to look at.
	LeftAlone []LeftAlone `json:"left_alone"`
	// Pending are the discs on the pending rack, the oldest first: they were
	// given back, and their images are only here.
	Pending []PendingStatus `json:"pending"`
	Spool   SpoolStatus     `json:"spool"`
}

// BayStatus is one drive and what is being done in it.
type BayStatus struct {
	Drive    disc.Drive `json:"drive"`
	Name     string     `json:"name"` // what people call the drive, empty when nobody named it
	Word     Word       `json:"word"`
	Text     string     `json:"text"`
	Hint     string     `json:"hint"`
	ID       string     `json:"id"` // the carrier in it, empty if none
	Progress *Progress  `json:"progress"`
	Since    time.Time  `json:"since"`
	// Failures are the discs in a row that failed or came out incomplete in it.
	Failures int `json:"failures_in_a_row"`
	// OnHold says why no disc is begun in it; empty when it is not on hold.
	OnHold string `json:"on_hold"`
}

// JobStatus is one disc whose image is still in the spool.
type JobStatus struct {
	ID     string           `json:"id"`
	Item   string           `json:"item"`
	Label  string           `json:"label"`
	Step   Step             `json:"step"`
	Since  time.Time        `json:"since"`
	Size   int64            `json:"size"`
	Copies []DeliveryStatus `json:"copies"`
	// Trouble is why it does not go on without a person, empty when it does.
	Trouble      string     `json:"trouble"`
	TroubleSince *time.Time `json:"trouble_since"` // null when it is not known
}

// DeliveryStatus is the state of one copy on its way to one store.
type DeliveryStatus struct {
	Store   string `json:"store"`
	State   string `json:"state"` // as copies in the record: queued, sending, stored, read back, ...
	Sent    int64  `json:"sent_bytes"`
	Message string `json:"message"`
}

// StoreStatus is one store and what waits for it.
type StoreStatus struct {
	Name     string     `json:"name"`
	Required bool       `json:"required"`
	Waiting  int        `json:"waiting"` // images not stored there yet
	Oldest   *time.Time `json:"oldest"`  // when the oldest of them was sealed
	Message  string     `json:"message"` // the last failure, empty when the last try went well
	// Notes are what a person ought to know of the store: what its server lacks.
	Notes []string `json:"notes"`
	// Next is when it is tried again; null when nothing failed.
	Next *time.Time `json:"next_try"`
	// Trouble is what a person has to mend there, empty when nothing.
	Trouble      string     `json:"trouble"`
	TroubleSince *time.Time `json:"trouble_since"`
}

// Status tells what the station is doing now.
func (s *Station) Status() Status {
	st := Status{Time: time.Now().UTC(), Bays: []BayStatus{}, Jobs: []JobStatus{}, Stores: []StoreStatus{}, Batches: []BatchStatus{}, Scans: []Scan{}, Notes: []string{}, LeftAlone: []LeftAlone{}, Pending: []PendingStatus{}, Spool: s.spoolStatus()}
	s.batches.mu.Lock()
	st.Batches = append(st.Batches, s.batches.view...)
	s.batches.mu.Unlock()
	if s.cfg.GivenUp != nil {
		st.GivenUp = s.cfg.GivenUp()
	}
	s.mu.Lock()
	st.LeftAlone = append(st.LeftAlone, s.aside...)
	bays, jobs := make([]*bay, 0, len(s.bays)), make([]*job, 0, len(s.jobs))
	for _, b := range s.bays {
		bays = append(bays, b)
	}
	for _, j := range s.jobs {
		jobs = append(jobs, j)
	}
	s.mu.Unlock()
	for _, b := range bays {
		b.mu.Lock()
		v := b.view
		v.Drive = b.drive
		b.mu.Unlock()
		r := s.books.row(v.Drive.Key)
		v.Failures, v.OnHold = len(r.Failures), s.onHold(r)
		st.Bays = append(st.Bays, v)
	}
	for _, j := range jobs {
		st.Jobs = append(st.Jobs, j.status())
		if p := s.pendingStatus(j); p != nil {
			st.Pending = append(st.Pending, *p)
		}
	}
	for _, d := range s.desks {
		st.Stores = append(st.Stores, d.status(st.Jobs))
	}
	drives := make([]disc.Drive, len(st.Bays))
	for i, b := range st.Bays {
		drives[i] = b.Drive
	}
	called, wrong := DriveNames(s.cfg.DriveNames, drives)
	for i := range st.Bays {
		st.Bays[i].Name = called[DriveID(st.Bays[i].Drive)]
	}
	st.Notes = append(st.Notes, wrong...)
	for _, sc := range s.Scans() {
		if !sc.Decided() {
			st.Scans = append(st.Scans, sc)
		}
	}
	slices.SortFunc(st.Bays, func(a, b BayStatus) int { return cmp.Compare(a.Drive.Node+a.Drive.Key, b.Drive.Node+b.Drive.Key) })
	slices.SortFunc(st.Pending, func(a, b PendingStatus) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(st.Jobs, func(a, b JobStatus) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return st
}

// Settled waits until the carrier's image has left the spool: every copy that
// was waited for has been read back. It returns the context's error before
// that, and at once when no such job is there.
func (s *Station) Settled(ctx context.Context, id string) error {
	s.mu.Lock()
	j := s.jobs[id]
	s.mu.Unlock()
	if j == nil {
		return nil
	}
	select {
	case <-j.released:
		return nil
	case <-j.parked:
		return j.parkedBy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notice posts a notice of this bay and makes it what the bay shows.
func (b *bay) notice(n Notice) {
	b.mu.Lock()
	n.Drive, n.Node = b.drive.Key, b.drive.Node
	if n.Progress == nil || b.view.Word != n.Word {
		b.view.Since = time.Now().UTC()
	}
	b.view.Word, b.view.Text, b.view.Hint, b.view.Progress = n.Word, n.Text, n.Hint, n.Progress
	if n.ID != "" {
		b.view.ID = n.ID
	}
	b.mu.Unlock()
	b.s.say(n)
}

// gone shows a bay without a disc. What was last said of a disc that the
// station gave back stays until the next one comes.
func (b *bay) gone(w Word, text string) {
	b.mu.Lock()
	was := b.view.Word
	stays := (was == WordEjected || was == WordPending) && w == WordEmpty
	if !stays {
		b.view.ID = ""
	}
	b.mu.Unlock()
	hint := ""
	if why := b.holds(); why != "" && w == WordEmpty {
		w, text, hint = WordOnHold, why, releaseHint(b.info())
	}
	if was == w || stays {
		return
	}
	b.notice(Notice{Word: w, Text: text, Hint: hint})
}

// shown is what the bay shows now.
func (b *bay) shown() BayStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view
}

// absent notes whether the drive itself is there. The node of one that is not
// can be another drive's by now.
func (b *bay) absent(gone bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unplugged = gone
}

// takenOut is what is said when a disc leaves before its story has ended.
func (b *bay) takenOut(id string) Notice {
	n := Notice{ID: id, Word: WordTakenOut, Text: "it was not done yet; what was read of it is kept", Hint: "put the disc in again to go on", Final: true, Outcome: OutcomeTakenOut}
	if b.sealed(id) {
		n.Text, n.Hint = "its image is sealed; its copies go on without it", b.keepDisc(id)
	}
	return n
}

// pressed is what is said when somebody wants a disc back before its story
// has ended.
func (b *bay) pressed() Notice {
	id := b.viewID()
	n := Notice{ID: id, Word: WordButton, Text: "reading is paused; the disc may be taken out", Hint: "put it in again to go on where it stopped"}
	if b.sealed(id) {
		n.Text, n.Hint = "its image is sealed; the disc may be taken out", b.keepDisc(id)
	}
	return n
}

func (b *bay) sealed(id string) bool {
	j := b.s.job(id)
	return j != nil && j.step().atLeast(StepSealed)
}

func (b *bay) keepDisc(id string) string {
	if j := b.s.job(id); j != nil && j.comparing() {
		return "keep the disc until `ripstation status` does not list it any more: its image is compared with one that is held"
	}
	return keepDisc(id)
}

func keepDisc(id string) string {
	return fmt.Sprintf("keep the disc until `ripstation show %.8s` says that its copies are stored", id)
}

// opens reports whether the story is opening the tray, or has just done so.
func (b *bay) opens() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opening
}

// forgetID makes the bay one whose disc is not known yet.
func (b *bay) forgetID() {
	b.mu.Lock()
	b.view.ID = ""
	b.mu.Unlock()
}
