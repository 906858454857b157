package station

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
)

// EjectWhen says what must be so before the tray opens.
type EjectWhen string

const (
	EjectStored   EjectWhen = "stored"    // every required store has accepted the bag, the record is committed
	EjectReadBack EjectWhen = "read-back" // and every required store's copy has been read back
	EjectImaged   EjectWhen = "imaged"    // the image is sealed, the record committed, copies are queued
)

// SamePolicy says what becomes of a pressed disc that is the same, by its
// descriptors and samples, as one that is held under another item: a further
// copy of one pressing, or a disc under another's name.
type SamePolicy string

const (
	SameHold SamePolicy = "hold" // it is not read; a person is asked
	SameRead SamePolicy = "read" // it is read, as a carrier of its own
)

// RecordablePolicy says how a recordable that looks like a held one is known
// for the same.
type RecordablePolicy string

const (
	RecordableCompare RecordablePolicy = "compare" // it is read in full, and compared by digest
	RecordableSamples RecordablePolicy = "samples" // by its samples, as a pressed disc is
)

// Store is one place that bags go to.
type Store struct {
	archive.Store
	// Required: the tray and the spool wait for it. A best-effort store is
	// served as well as it can be.
	Required bool
	// Proof is what the spool lets go of an image on; empty means ProofReadBack.
	Proof Proof
	// Limit is how fast the station sends and reads back.
	Limit archive.Limit
}

// Proof says what must be so of a copy before the spool lets go of the image.
type Proof string

const (
	ProofReadBack Proof = "read-back"      // every byte was read again and hashed
	ProofChecksum Proof = "store-checksum" // the store accepted it with matching checksums
)

// proof is what counts now: a store's word is taken only where it is known to
// hold bytes against their checksums.
func (st Store) proof() Proof {
	if st.Proof == ProofChecksum && archive.Unvouched(st.Store) == "" {
		return ProofChecksum
	}
	return ProofReadBack
}

// proves reports whether a copy in this state has given the proof that counts
// for its store.
func (st Store) proves(c catalog.CopyState) bool {
	return c == catalog.ReadBack || c == catalog.Stored && st.proof() == ProofChecksum
}

// notes are what status tells of the store.
func (st Store) notes() []string {
	notes := archive.NotesOf(st.Store)
	if why := archive.Unvouched(st.Store); why != "" && st.Proof == ProofChecksum {
		notes = append(notes, "proof = \"store-checksum\" does not count: "+why+"; every copy is read back before the spool lets go")
	}
	return notes
}

// Config is what a station is built from.
type Config struct {
	Spool  string // folder of the jobs
	Stores []Store
	Eject  EjectWhen
	// WhenDark: what becomes of a disc while a required store takes nothing.
	// Empty means hold.
	WhenDark WhenDark
	// DarkAfter is how long a store must have taken nothing to be dark. Zero
	// means 10 min.
	DarkAfter time.Duration
	// Tray says, by how a disc's stay ended, whether it is given back or held.
	Tray Trays
	// StartDisc: what becomes of a disc that lies in a drive at start and has no
	// job. Empty means rip.
	StartDisc StartDisc
	// Failures is how many discs in a row may fail or come out incomplete in one
	// drive until it is on hold; 0: any number.
	Failures int
	// Reserve is how many bytes stay free in the spool beside the images.
	Reserve int64
	Retries int // further tries of a sector that failed
	// ReadProtected: image discs that declare copy protection, too; otherwise
	// they end as NEEDS YOU.
	ReadProtected bool
	// SameOtherItem says what becomes of a pressed disc that looks the same as a
	// held one of another item. Empty means SameHold.
	SameOtherItem SamePolicy
	// Recordable says how a recordable that looks like a held one is known.
	// Empty means RecordableCompare.
	Recordable RecordablePolicy
	Operator   string // for discs nobody gave a name with; empty means "unattended"
	Program    catalog.Program

	Catalog *catalog.Catalog
	Open    Opener
	// Events come from the watcher. Closed or nil: only Rip brings discs.
	Events <-chan disc.DriveEvent
	// Hold stops the watcher's polling of a drive until release is called. May be nil.
	Hold func(driveKey string) (release func())
	Log  zerolog.Logger

	// BackoffMin and BackoffMax bound the wait between two tries of a store
	// that failed. Zero means 1 s and 5 min.
	BackoffMin, BackoffMax time.Duration
	// BackoffParked is the wait after a failure that a person has to mend. Zero
	// means six times BackoffMax.
	BackoffParked time.Duration
	// EjectRetry is the wait between two tries of a failed eject. Zero means 30 s.
	EjectRetry time.Duration
	// ReadyWait is how long a bay waits for a drive that is not ready before it
	// identifies again. Zero means 2 s.
	ReadyWait time.Duration
	// ButtonGrace is how long a bay waits after the eject button for the disc to
	// leave before it goes on reading. Zero means 20 s.
	ButtonGrace time.Duration
	// StopGrace is how long Run waits in the end for a drive's command under
	// way. Zero means 10 s.
	StopGrace time.Duration
	// GivenUp counts the calls to drives that never came back. May be nil.
	GivenUp func() int64
	// ComeBack is how soon a disc that was given back must be in the drive
	// again to be taken for one whose tray closed by itself. Zero means 1 min.
	ComeBack time.Duration
	// ScanHold is how long a scan waits for its disc. Zero means 2 min.
	ScanHold time.Duration
	// ScanSettle is how long it must be quiet before what was scanned and what
	// came are held to belong together. Zero means 15 s; a disc is noticed within
	// 10 s.
	ScanSettle time.Duration
	// SwapNotice is how long a disc that was changed by hand may go unnoticed
	// while the one before is still thought to be read. Zero means 5 s: the kernel
	// asks a drive every 2 s, and the watcher the kernel.
	SwapNotice time.Duration
	// DriveNames are what people call the drives: a key or node, by name.
	DriveNames map[string]string
}

// storeName bounds what becomes a file name in the spool.
var storeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (c *Config) validate() error {
	switch {
	case c.Spool == "":
		return errors.New("station: no spool folder given")
	case c.Catalog == nil:
		return errors.New("station: no catalog given")
	case c.Open == nil:
		return errors.New("station: nothing given to open drives with")
	}
	required := 0
	seen := map[string]bool{}
	for _, s := range c.Stores {
		if !storeName.MatchString(s.Name()) {
			return fmt.Errorf("station: store name %q: a name is letters, digits, dots, hyphens and underscores, 64 at most", s.Name())
		}
		if seen[s.Name()] {
			return fmt.Errorf("station: two stores are named %q", s.Name())
		}
		seen[s.Name()] = true
		if s.Required {
			required++
		}
		switch s.Proof {
		case "", ProofReadBack, ProofChecksum:
		default:
			return fmt.Errorf("station: store %s: proof is %q; it can be read-back or store-checksum", s.Name(), s.Proof)
		}
		if s.Required && s.Proof == ProofChecksum && c.Eject == EjectReadBack {
			return fmt.Errorf("station: eject.when is read-back, and the required store %s is never read back (proof = store-checksum)", s.Name())
		}
	}
	if required == 0 {
		return errors.New("station: no store is required; at least one must be, or a tray could open on a disc that nobody holds")
	}
	switch c.Eject {
	case EjectStored, EjectReadBack, EjectImaged:
	default:
		return fmt.Errorf("station: eject.when is %q; it can be stored, read-back or imaged", c.Eject)
	}
	switch c.SameOtherItem {
	case SameHold, SameRead:
	case "":
		c.SameOtherItem = SameHold
	default:
		return fmt.Errorf("station: identity.same_other_item is %q; it can be hold or read", c.SameOtherItem)
	}
	switch c.Recordable {
	case RecordableCompare, RecordableSamples:
	case "":
		c.Recordable = RecordableCompare
	default:
		return fmt.Errorf("station: identity.recordable is %q; it can be compare or samples", c.Recordable)
	}
	switch c.WhenDark {
	case "":
		c.WhenDark = DarkHold
	case DarkHold, DarkPending:
	default:
		return fmt.Errorf("station: eject.when_store_dark is %q; it can be hold or pending", c.WhenDark)
	}
	switch c.StartDisc {
	case "":
		c.StartDisc = StartRip
	case StartRip, StartHold:
	default:
		return fmt.Errorf("station: start.disc is %q; it can be rip or hold", c.StartDisc)
	}
	if c.Failures < 0 || c.Failures > maxFailures {
		return fmt.Errorf("station: drives.failures is %d; it is from 0 to %d", c.Failures, maxFailures)
	}
	if c.Reserve < 0 {
		return fmt.Errorf("station: station.reserve is %d bytes", c.Reserve)
	}
	if c.DarkAfter <= 0 {
		c.DarkAfter = 10 * time.Minute
	}
	if err := c.Tray.validate(); err != nil {
		return err
	}
	if c.Operator == "" {
		c.Operator = "unattended"
	}
	if c.BackoffMin <= 0 {
		c.BackoffMin = time.Second
	}
	if c.BackoffMax <= 0 {
		c.BackoffMax = 5 * time.Minute
	}
	if c.BackoffParked <= 0 {
		c.BackoffParked = 6 * c.BackoffMax
	}
	if c.EjectRetry <= 0 {
		c.EjectRetry = 30 * time.Second
	}
	if c.ButtonGrace <= 0 {
		c.ButtonGrace = 20 * time.Second
	}
	if c.StopGrace <= 0 {
		c.StopGrace = 10 * time.Second
	}
	if c.ComeBack <= 0 {
		c.ComeBack = time.Minute
	}
	if c.ScanHold <= 0 {
		c.ScanHold = 2 * time.Minute
	}
	if c.ScanSettle <= 0 {
		c.ScanSettle = 15 * time.Second
	}
	if c.SwapNotice <= 0 {
		c.SwapNotice = 5 * time.Second
	}
	if c.ReadyWait <= 0 {
		c.ReadyWait = 2 * time.Second
	}
	return nil
}
