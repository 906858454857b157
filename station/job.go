package station

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/atomicfile"
	"ripstation/ripper"
)

// Step is how far a disc's story has come. A step is written down after what
// it says is durable.
type Step string

const (
	StepIdentified Step = "identified"
	StepReading    Step = "reading"
	StepSealed     Step = "sealed"
	StepStored     Step = "stored"
	StepRecorded   Step = "recorded"
	StepDone       Step = "done" // read back; the image has left the spool
)

var stepOrder = map[Step]int{StepIdentified: 1, StepReading: 2, StepSealed: 3, StepStored: 4, StepRecorded: 5, StepDone: 6}

func (s Step) atLeast(t Step) bool { return stepOrder[s] >= stepOrder[t] }

// jobFormat and jobVersion head every job.json (docs/decisions/0003-spool.md).
const (
	jobFormat  = "ripstation job"
	jobVersion = 1
	// maxJobFile bounds what is read of a job.json; raw answers of a drive make
	// up most of one.
	maxJobFile = 16 << 20
)

// intent is a deed that cannot be asked about later, written down before it
// is carried out.
type intent struct {
	Insertion disc.Insertion `json:"insertion"`
	Time      time.Time      `json:"time"`
	Done      bool           `json:"done"` // seen to have happened
}

// jobFile is what job.json holds.
type jobFile struct {
	Format       string              `json:"format"`
	Version      int                 `json:"version"`
	ID           string              `json:"id"`
	ImageVersion int                 `json:"image_version"`
	Step         Step                `json:"step"`
	Insertion    disc.Insertion      `json:"insertion"`
	Carrier      catalog.CarrierInfo `json:"carrier"`
	Scan         *word               `json:"scan"` // what scans say of whose disc it is; null when nothing was scanned
	Operator     string              `json:"operator"`
	Drive        disc.Drive          `json:"drive"`
	Disc         disc.Disc           `json:"disc"`
	Identity     disc.Identity       `json:"identity"`
	Captures     []catalog.Capture   `json:"captures"`
	Events       []catalog.Event     `json:"events"`
	Sealed       *ripper.Sealed      `json:"sealed"`
	Content      *catalog.Content    `json:"content"`
	List         *sealedList         `json:"list"` // of files.json; null when there is none
	Checks       []disc.Check        `json:"checks"`
	Eject        *intent             `json:"eject"`
	Compare      *comparison         `json:"compare"` // null when it is not read to be compared
	Pending      *pending            `json:"pending"` // null: it was not given back before the required stores had it
	Created      time.Time           `json:"created"`
	// Batch is the batch that was open when the disc came; the event of its place
	// is in Events. Absent when none was.
	Batch string `json:"batch,omitempty"`
	// Coming says that a disc came for the sealed image whose coming is not recorded
	// yet: the same disc again, or a further copy of its pressing.
	Coming bool `json:"coming,omitempty"`
	// Retry is the catalog's Retry that this reading is made for, empty for none.
	Retry string `json:"retry,omitempty"`
}

// job is one disc in the spool. Its fields are changed by update and hold alone.
type job struct {
	dir string
	// These never change, and hide the ones in jobFile.
	ID           string
	ImageVersion int

	mu sync.Mutex
	jobFile
	arrival *arrival             // of its disc; arrivals.mu guards it; nil after a restart
	copies  map[string]*delivery // by store
	streams map[string]*stream   // by store

	looked     chan struct{} // holds one while a bay finds out whether its disc is the job's
	delivering bool
	before     bool      // taken up from before a restart
	left       bool      // its disc was seen to leave after its story, whether job.json says so or not
	sent       time.Time // when the courier had it in this life
	roomAsked  bool
	why        error // why it is parked
	whySince   time.Time
	mayOpen    chan struct{} // closed when the policy lets the tray open
	released   chan struct{} // closed when the image has left the spool
	parked     chan struct{} // closed when a required copy needs a person
	roomWanted chan struct{} // closed when the image shall not wait for best-effort stores
}

func newJob(dir string, f jobFile) *job {
	return &job{dir: dir, ID: f.ID, ImageVersion: f.ImageVersion, jobFile: f, copies: map[string]*delivery{}, streams: map[string]*stream{}, looked: make(chan struct{}, 1),
		mayOpen: make(chan struct{}), released: make(chan struct{}), parked: make(chan struct{}), roomWanted: make(chan struct{})}
}

// update changes the job and has the change on disk when it returns nil. When
// it fails, the job is as it was.
func (j *job) update(change func(*jobFile)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	next := j.changed(change)
	if err := j.write(next); err != nil {
		return err
	}
	j.jobFile = next
	return nil
}

// hold is update for what is so from now on even when it cannot be written, as
// on a full disk. The next update writes it, too.
func (j *job) hold(change func(*jobFile)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.jobFile = j.changed(change)
	return j.write(j.jobFile)
}

// changed is a copy of the file with a change, that shares nothing which may be
// changed. j.mu is held.
func (j *job) changed(change func(*jobFile)) jobFile {
	next := j.jobFile
	next.Captures = append([]catalog.Capture(nil), next.Captures...)
	next.Events = append([]catalog.Event(nil), next.Events...)
	if next.Eject != nil {
		eject := *next.Eject
		next.Eject = &eject
	}
	next.Compare = next.Compare.clone()
	change(&next)
	return next
}

func (j *job) write(f jobFile) error {
	data, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return fmt.Errorf("write job %s: %w", j.ID, err)
	}
	return atomicfile.WriteFile(filepath.Join(j.dir, "job.json"), append(data, '\n'), 0o640)
}

// file is a copy of what job.json holds now.
func (j *job) file() jobFile {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.jobFile
}

func (j *job) step() Step {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Step
}

// loadJob reads a job's folder. What a stranger or a broken disk left there is
// an error that names the file; nothing is changed.
func loadJob(dir string) (*job, error) {
	path := filepath.Join(dir, "job.json")
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJobFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxJobFile {
		return nil, fmt.Errorf("read %s: longer than %d bytes; no job is", path, maxJobFile)
	}
	jf, err := parseJob(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if jf.ID != filepath.Base(dir) {
		return nil, fmt.Errorf("read %s: it is the job of carrier %q, in the wrong folder", path, jf.ID)
	}
	j := newJob(dir, jf)
	return j, j.loadDeliveries()
}

func parseJob(data []byte) (jobFile, error) {
	var jf jobFile
	if err := json.Unmarshal(data, &jf); err != nil {
		return jf, err
	}
	switch {
	case jf.Format != jobFormat:
		return jf, fmt.Errorf("not a job file: format is %q", jf.Format)
	case jf.Version != jobVersion:
		return jf, fmt.Errorf("job format version %d; this program knows version %d", jf.Version, jobVersion)
	case stepOrder[jf.Step] == 0:
		return jf, fmt.Errorf("unknown step %q", jf.Step)
	case jf.ImageVersion < 1:
		return jf, fmt.Errorf("image version %d", jf.ImageVersion)
	case jf.Step.atLeast(StepSealed) && jf.Sealed == nil:
		return jf, errors.New("the step says sealed, but the seal is missing")
	case len(jf.Captures) == 0:
		return jf, errors.New("it has no capture; every job begins with one")
	}
	return jf, nil
}

func (j *job) status() JobStatus {
	j.mu.Lock()
	defer j.mu.Unlock()
	st := JobStatus{ID: j.ID, Item: j.Carrier.Item, Label: j.Identity.Label, Step: j.Step, Since: j.Created, Copies: []DeliveryStatus{}}
	st.Size = j.Disc.Sectors * disc.SectorSize
	for _, d := range j.copies {
		st.Copies = append(st.Copies, d.status())
		if d.failed() && j.Step != StepDone {
			st.Trouble = fmt.Sprintf("the copy in store %s cannot be finished: %s", d.Store, d.Detail)
		}
	}
	if j.why != nil {
		at := j.whySince
		st.Trouble, st.TroubleSince = j.why.Error(), &at
	}
	return st
}
