package catalog

// ImageState is what an image holds of its disc. The sector counts decide it.
type ImageState string

const (
	Complete   ImageState = "complete"   // every sector is read, suspect or unrecorded
	Incomplete ImageState = "incomplete" // one is untried, skipped, unreadable or contested
	Protected  ImageState = "protected"  // only protected ones are missing
)

// CopyState is where one bag stands in one store.
type CopyState string

const (
	Queued   CopyState = "queued"
	Sending  CopyState = "sending"
	Stored   CopyState = "stored"    // accepted by the store with matching checksums
	ReadBack CopyState = "read back" // every byte re-read and hashed, at Copy.ReadBackAt
	Missing  CopyState = "missing"
	Damaged  CopyState = "damaged"
	Unknown  CopyState = "unknown" // the store could not be looked at
)

// Disposition is what a person decided of a carrier, or has still to decide.
type Disposition string

const (
	None          Disposition = "none"
	NeedsIdentity Disposition = "needs identity"
	NeedsReview   Disposition = "needs review"
	Accepted      Disposition = "accepted"
	Rejected      Disposition = "rejected"
	Withdrawn     Disposition = "withdrawn"
)

// CaptureOutcome is how one reading ended.
type CaptureOutcome string

const (
	Imaged          CaptureOutcome = "imaged"
	Failed          CaptureOutcome = "failed"
	Refused         CaptureOutcome = "refused" // an ISO cannot hold this disc
	AlreadyArchived CaptureOutcome = "already archived"
	Compared        CaptureOutcome = "compared" // read in full again, and equal to an image of its carrier
	NotRead         CaptureOutcome = "not read" // it looks the same as a disc of another item
	Interrupted     CaptureOutcome = "interrupted"
)

// Access says who may use a carrier's content.
type Access string

const (
	AccessUnreviewed Access = "unreviewed" // nobody has looked yet: the default
	AccessOpen       Access = "open"
	AccessRestricted Access = "restricted"
	AccessClosed     Access = "closed"
)

// Clock says how far a capture's times can be trusted.
type Clock string

const (
	ClockSynchronised Clock = "synchronised" // set by a time server
	ClockFree         Clock = "not synchronised"
	ClockUnknown      Clock = "unknown"
)

// EventType is a PREMIS event type, by the three-letter code of the Library of
// Congress' list.
type EventType string

const (
	EventCapture       EventType = "cap"
	EventImaging       EventType = "ima"
	EventRecovery      EventType = "rec"
	EventDigest        EventType = "mes" // message digest calculation
	EventMetadata      EventType = "mee" // metadata extraction
	EventFormat        EventType = "for" // format identification
	EventValidation    EventType = "val"
	EventPackage       EventType = "ipc" // information package creation
	EventTransfer      EventType = "tra"
	EventReplication   EventType = "rep"
	EventFixity        EventType = "fix" // fixity check
	EventIngestion     EventType = "ing"
	EventModify        EventType = "mem" // metadata modification
	EventQuarantine    EventType = "qua"
	EventVirusCheck    EventType = "vir"
	EventDeletion      EventType = "del"
	EventDeaccession   EventType = "dea"
	EventDissemination EventType = "dis" // a copy that left the archive to be used
)

// EventOutcome is how an event ended. What could not be done is "not run",
// neither good nor bad.
type EventOutcome string

const (
	EventSuccess EventOutcome = "success"
	EventWarning EventOutcome = "warning"
	EventFail    EventOutcome = "fail"
	EventNotRun  EventOutcome = "not run"
)

// The roles of an Agent.
const (
	RoleOperator = "operator"
	RoleProgram  = "program"
	RoleDrive    = "drive"
	RoleStore    = "store"
	// RoleAuthority is on whose word a disc was withdrawn.
	RoleAuthority = "authority"
)

// Unattended is the operator's name when nobody gave one.
const Unattended = "unattended"

func oneOf[T comparable](v T, set ...T) bool {
	for _, s := range set {
		if v == s {
			return true
		}
	}
	return false
}

func (s ImageState) valid() bool { return oneOf(s, Complete, Incomplete, Protected) }
func (s CopyState) valid() bool {
	return oneOf(s, Queued, Sending, Stored, ReadBack, Missing, Damaged, Unknown)
}
func (o CaptureOutcome) valid() bool {
	return oneOf(o, Imaged, Failed, Refused, AlreadyArchived, Compared, NotRead, Interrupted)
}
func (a Access) valid() bool {
	return oneOf(a, AccessUnreviewed, AccessOpen, AccessRestricted, AccessClosed)
}
func (c Clock) valid() bool { return oneOf(c, ClockSynchronised, ClockFree, ClockUnknown) }
func (t EventType) valid() bool {
	return oneOf(t, EventCapture, EventImaging, EventRecovery, EventDigest, EventMetadata, EventFormat, EventValidation,
		EventPackage, EventTransfer, EventReplication, EventFixity, EventIngestion, EventModify, EventQuarantine,
		EventVirusCheck, EventDeletion, EventDeaccession, EventDissemination)
}
func (o EventOutcome) valid() bool {
	return oneOf(o, EventSuccess, EventWarning, EventFail, EventNotRun)
}
