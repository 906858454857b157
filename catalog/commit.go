package catalog

import (
	"ripstation/disc"
)

// Need is a reason why a person has to look at a carrier.
type Need struct {
	Kind   Disposition // NeedsIdentity or NeedsReview
	Reason string      // in plain words
}

// Commit is a sealed image on its way into the catalog.
type Commit struct {
	// RecordBytes is the bag's metadata/record.json, as EncodeRecord gave it.
	// The tables are filled from it and from nothing else.
	RecordBytes []byte
	// Files are the bag's other files (tag files and manifests), as far as
	// they are known; with them an audit can tell a forged manifest.
	Files  []Object
	Needs  []Need
	Copies []Copy
	Events []Event // later than those in the record
}

// Attempt is a capture that gave no image: audio, blank, failed, interrupted,
// already archived.
type Attempt struct {
	Carrier  CarrierInfo // a carrier that is known already keeps what it has
	Disc     disc.Disc
	Identity disc.Identity
	Capture  Capture
	Checks   []disc.Check
	Needs    []Need
	Events   []Event
}

// Annotation is what a person adds to a carrier. Nil fields stay as they are;
// an empty string takes a value away.
type Annotation struct {
	Item, Title, Side, Condition *string
	Part, Parts                  *int // both or neither; 0 and 0 take them away
	Access                       *Access
	// Disposition may be None, Accepted, Rejected or Withdrawn; it settles
	// every open NeedsReview.
	Disposition *Disposition
	Note        string // kept in the event
}
