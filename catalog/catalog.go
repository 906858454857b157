// Package catalog keeps the record of every carrier, capture, image, object,
// copy and event in one SQLite database.
//
// Every row carries a digest of its own values, because SQLite notices a
// damaged page structure but not a changed value. What is read is held against
// it: a method that meets damaged rows gives what is whole, together with an
// error that wraps ErrDamaged and names the rest.
package catalog

import (
	"context"
	"errors"
	"iter"

	"ripstation/disc"
)

// Errors that callers branch on.
var (
	ErrNotFound   = errors.New("not in the catalog")
	ErrAmbiguous  = errors.New("fits more than one disc")
	ErrConflict   = errors.New("the catalog already says something else")
	ErrTransition = errors.New("a copy cannot go this way")
	ErrInvalid    = errors.New("not acceptable")
	ErrDamaged    = errors.New("does not match its own checksum")
	ErrAbsent     = errors.New("there is no catalog yet")
	ErrBusy       = errors.New("another program keeps the catalog locked")
	ErrFull       = errors.New("no space left for the catalog")
	ErrReadOnly   = errors.New("the catalog is open for reading only")
)
var errNotYet = errors.New("not yet")

// Catalog is an open catalog. Its methods may be called from several
// goroutines.
type Catalog struct{}

// Open opens the catalog at path, makes it if it is not there, and brings an
// older one up to date. The folder must exist.
func Open(ctx context.Context, path string) (*Catalog, error) { return nil, errNotYet }

// OpenReadOnly opens the catalog at path beside whoever writes it. It gives
// ErrAbsent where there is none.
func OpenReadOnly(ctx context.Context, path string) (*Catalog, error) { return nil, errNotYet }

// Close closes the database.
func (c *Catalog) Close() error { return errNotYet }

// NewID gives 128 random bits: RFC 4648 base32, lower case, 26 characters.
func NewID() string { return "" }

// EncodeRecord writes the bytes of record.json: bounded, valid UTF-8, the same
// bytes for the same record. ErrInvalid names a field that is out of its set.
func EncodeRecord(r Record) ([]byte, error) { return nil, errNotYet }

// ParseRecord reads a record.json of at most MaxRecord bytes, of RecordFormat
// and RecordVersion.
func ParseRecord(b []byte) (Record, error) { return Record{}, errNotYet }

// Resolve finds the carrier whose id starts with prefix: ErrNotFound, or
// ErrAmbiguous with the candidates in its text.
func (c *Catalog) Resolve(ctx context.Context, prefix string) (string, error) { return "", errNotYet }

// Commit records a sealed image in one transaction that is on disk when it
// returns. The same record again is no change (its copies go on from where the
// catalog has them); another record under the same capture or version is
// ErrConflict. A carrier without an item gets NeedsIdentity by itself.
func (c *Catalog) Commit(ctx context.Context, in Commit) error { return errNotYet }

// RecordCapture records a capture that gave no image, as Commit does.
func (c *Catalog) RecordCapture(ctx context.Context, in Attempt) error { return errNotYet }

// Carrier gives what people said of a carrier.
func (c *Catalog) Carrier(ctx context.Context, id string) (CarrierInfo, error) {
	return CarrierInfo{}, errNotYet
}

// Candidates gives the carriers with an image of the same medium and number of
// sectors, each with its latest image. The caller compares.
func (c *Catalog) Candidates(ctx context.Context, id disc.Identity) ([]Held, error) {
	return nil, errNotYet
}

// NextVersion is the number the carrier's next image gets: 1 for a carrier
// without any, or one that is not in the catalog.
func (c *Catalog) NextVersion(ctx context.Context, carrierID string) (int, error) {
	return 0, errNotYet
}

// SetCopy records where a copy stands now, and the events that tell why. A
// copy that falls from stored or read back needs at least one event. Times
// that are nil stay as they are. ErrTransition says that a copy does not go
// this way.
func (c *Catalog) SetCopy(ctx context.Context, carrierID string, version int, cp Copy, events ...Event) error {
	return errNotYet
}

// AddEvent adds one event to a carrier.
func (c *Catalog) AddEvent(ctx context.Context, carrierID string, e Event) error { return errNotYet }

// Annotate records what a person says of a carrier, with an event that tells
// what changed and who said so.
func (c *Catalog) Annotate(ctx context.Context, carrierID string, a Annotation, by ...Agent) error {
	return errNotYet
}

// List gives carriers, newest capture first.
func (c *Catalog) List(ctx context.Context, f Filter) ([]Summary, error) { return nil, errNotYet }

// Show gives everything of one carrier.
func (c *Catalog) Show(ctx context.Context, carrierID string) (View, error) {
	return View{}, errNotYet
}

// Events gives a carrier's events in the order they were recorded.
func (c *Catalog) Events(ctx context.Context, carrierID string) ([]Event, error) {
	return nil, errNotYet
}

// Record gives the bytes of an image's record.json.
func (c *Catalog) Record(ctx context.Context, carrierID string, version int) ([]byte, error) {
	return nil, errNotYet
}

// Objects gives an image's objects and the bag's other files.
func (c *Catalog) Objects(ctx context.Context, carrierID string, version int) ([]Object, error) {
	return nil, errNotYet
}

// Copies gives the copies of one image.
func (c *Catalog) Copies(ctx context.Context, carrierID string, version int) ([]Copy, error) {
	return nil, errNotYet
}

// PendingCopies gives the copies that have not been read back since they were
// stored, oldest image first: queued, sending and stored ones.
func (c *Catalog) PendingCopies(ctx context.Context) ([]HeldCopy, error) { return nil, errNotYet }

// AllCopies gives every copy, in the order of carrier, version and store. It
// holds no transaction between two of them.
func (c *Catalog) AllCopies(ctx context.Context) iter.Seq2[HeldCopy, error] { return nil }

// Problem is one fault of the catalog itself.
type Problem struct {
	Table   string `json:"table"`
	Key     string `json:"key"` // of the row; empty when the fault is not in one row
	Message string `json:"message"`
}

// IntegrityCheck holds every row against its digest, every record against the
// tables, and has SQLite check its pages.
func (c *Catalog) IntegrityCheck(ctx context.Context) ([]Problem, error) { return nil, errNotYet }
