package audit

import (
	"fmt"
	"strings"
	"time"

	"ripstation/catalog"
)

// Code numbers what an audit can find. A number never changes its meaning.
type Code string

const (
	ObjectMissing  Code = "A001" // an object of the payload is not in the store
	SizeDiffers    Code = "A002"
	DigestDiffers  Code = "A003" // every byte was read, and they are others
	Untracked      Code = "A004" // objects that no copy in the catalog accounts for
	Unfinished     Code = "A005" // an untracked bag without its last tag manifest
	CouldNotLook   Code = "A006" // nothing is known of what lies there
	CatalogDamaged Code = "A007"
	RecordDiffers  Code = "A008" // the stored record.json is not the catalog's
	Unrecorded     Code = "A009" // a bag of a known disc, in a version or store that the catalog has no copy in
	StoreChecksum  Code = "A010" // the checksum that the store recorded is another one
	TagFileMissing Code = "A011"
	BagMalformed   Code = "A012"
	AddedMissing   Code = "A014" // a file that a person added is not in the store
	AddedDiffers   Code = "A015" // it is there with another size or digest
	AddedUnnamed   Code = "A016" // an object among added files that no event names
	EventMissing   Code = "A017" // an event that the store was sent is not there
	EventDiffers   Code = "A018" // it is there with other bytes, or another one has its number
	EventUnnamed   Code = "A019" // an event that the catalog does not have
	DamagedSoFar   Code = "A013" // known to be damaged from before; this audit did not read it
)

// meanings says what each code is and what to do about it, for a person.
var meanings = map[Code][2]string{
	ObjectMissing:  {"an object is missing", "look for it on that store; `ripstation repair ID` sends it again out of another copy of this disc"},
	SizeDiffers:    {"an object has another size than recorded", "keep it as it is; `ripstation repair ID` makes the copy good out of another one of this disc, or says what has to be done"},
	DigestDiffers:  {"an object holds other bytes than recorded", "keep it as it is; `ripstation repair ID` makes the copy good out of another one of this disc, or says what has to be done"},
	Untracked:      {"objects that the catalog does not know", "find out who put them there, or whether an older catalog was put back; nothing of it was touched"},
	Unfinished:     {"a bag that was never finished", "if no disc is being archived, an upload was cut off: look whether its job still lies in the spool"},
	CouldNotLook:   {"the store could not be looked at", "mend the way to it and run the audit again; its copies count as unknown until then"},
	CatalogDamaged: {"the catalog itself is damaged", "keep the file as it is and work from a backup; the bags in the stores hold the sealed records"},
	RecordDiffers:  {"the stored record is not the one in the catalog", "compare the two; one disc's record may lie in another's bag"},
	Unrecorded:     {"a bag of a known disc that the catalog has no copy of", "find out where it comes from; an old catalog may have been put back"},
	StoreChecksum:  {"the store recorded another checksum than the catalog", "run the audit with --full, which reads every byte"},
	TagFileMissing: {"a file of the bag is missing", "unless the image is missing too it may be whole, the bag is not; an audit with --full tells"},
	BagMalformed:   {"a file of the bag is not as a bag's has to be", "compare it with the other copies of this disc"},
	AddedMissing:   {"an added file is missing", "`ripstation repair ID` brings it back out of another store; when none has it, add it again with `ripstation photo`"},
	AddedDiffers:   {"an added file is not the one that was added", "keep it as it is and compare it with the one in another store; once an administrator has moved it away, `ripstation repair ID` sends the right one"},
	AddedUnnamed:   {"an object among added files that no event names", "find out who put it there, or whether an older catalog was put back; it was not touched"},
	EventMissing:   {"an event of the disc's record is missing in the store", "`ripstation repair ID` sends it again out of the catalog"},
	EventDiffers:   {"an event of the disc's record is not in the store as it was sent", "keep it as it is; once an administrator has moved it away, `ripstation repair ID` sends the right one"},
	EventUnnamed:   {"an event in the store that the catalog does not have", "find out who put it there, or whether an older catalog was put back; it was not touched"},
	DamagedSoFar:   {"the copy was found damaged before", "only an audit with --full can tell whether it still is"},
}

// Meaning is what the code stands for, in words.
func (c Code) Meaning() string { return meanings[c][0] }

// Hint is what to do about it.
func (c Code) Hint() string { return meanings[c][1] }

// Finding is one thing that should not be.
type Finding struct {
	Code      Code   `json:"code"`
	Store     string `json:"store"`   // empty for a fault of the catalog
	Key       string `json:"key"`     // object or bag in the store; table and row in the catalog
	CarrierID string `json:"id"`      // empty where no disc is meant
	Version   int    `json:"version"` // of its image; 0 where none is meant
	Message   string `json:"message"`
}

func (f Finding) String() string {
	where := strings.TrimSpace(f.Store + " " + f.Key)
	return fmt.Sprintf("%s %s: %s: %s", f.Code, where, f.Code.Meaning(), f.Message)
}

// Tier is what was done to a copy, and all that may be said of it.
type Tier string

const (
	Present   Tier = "present"                          // every key is in the store's list, with the size recorded
	Unchanged Tier = "unchanged according to the store" // the store's recorded checksum of the payload is the catalog's
	ReadBack  Tier = "read back"                        // every byte was read and hashed
)

// Counts are numbers of copies. Each copy looked at is in exactly one of
// Present, Unchanged, ReadBack, Damaged, Missing, Unknown and Withdrawn.
type Counts struct {
	LookedAt  int `json:"looked_at"`
	Present   int `json:"present"`
	Unchanged int `json:"unchanged"`
	ReadBack  int `json:"read_back"`
	Damaged   int `json:"damaged"`
	Missing   int `json:"missing"`
	Unknown   int `json:"unknown"`
	OnTheWay  int `json:"on_the_way"` // queued or sending: not looked at
	// Withdrawn are copies of withdrawn discs that are gone, wholly or in part:
	// nothing is wrong with that. They are in none of the others.
	Withdrawn int `json:"withdrawn"`
}

// StoreReport is what was seen of one store.
type StoreReport struct {
	Name    string `json:"name"`
	Objects int64  `json:"objects"` // listed
	Bytes   int64  `json:"bytes"`   // of the objects listed
	Unknown string `json:"unknown"` // why it could not be looked at; empty when it could
}

// Report is what an audit did and found.
type Report struct {
	Started      time.Time     `json:"started"`
	Seconds      float64       `json:"seconds"`
	Full         bool          `json:"full"`
	Copies       Counts        `json:"copies"`
	Added        AddedCounts   `json:"added"`
	Events       EventCounts   `json:"events"`
	BytesRead    int64         `json:"bytes_read"`
	CouldNotLook bool          `json:"could_not_look"` // some copy or store is unknown
	Stores       []StoreReport `json:"stores"`
	Findings     []Finding     `json:"findings"`
	// Each is what was seen of every copy, when the audit was narrowed to one
	// disc; else null.
	Each []CopyReport `json:"each"`
}

// CopyReport is what was seen of one copy.
type CopyReport struct {
	Store     string            `json:"store"`
	Key       string            `json:"key"` // of the bag
	CarrierID string            `json:"id"`
	Version   int               `json:"version"`
	State     catalog.CopyState `json:"state"` // what the copy counts as now
	At        time.Time         `json:"at"`
	Files     int               `json:"files"` // read
	Bytes     int64             `json:"bytes"` // read
	Tier      Tier              `json:"tier"`  // what was done to it; empty when it could not be looked at
	Why       string            `json:"why"`   // in words
	Findings  []Finding         `json:"findings"`
}

// Whole is true for a copy of which every byte was read in this audit and found
// as it was sealed. Nothing else is fit to make another copy of.
func (c CopyReport) Whole() bool {
	return c.State == catalog.ReadBack && c.Tier == ReadBack
}

// Faults is the number of findings that say that something is wrong, which
// A006 does not.
func (r Report) Faults() (n int) {
	for _, f := range r.Findings {
		if f.Code != CouldNotLook {
			n++
		}
	}
	return n
}

// Summary says in one line what was done and found, and no more.
func (r Report) Summary() string {
	parts := []string{plural(r.Copies.LookedAt, "copy", "copies") + " looked at"}
	for _, c := range []struct {
		n    int
		what string
	}{{r.Copies.ReadBack, "read back"}, {r.Copies.Unchanged, "unchanged according to the store"}, {r.Copies.Present, "present"},
		{r.Copies.Damaged, "damaged"}, {r.Copies.Missing, "missing"}, {r.Copies.Unknown, "unknown"}, {r.Copies.Withdrawn, "gone, as their discs are withdrawn"},
		{r.Copies.OnTheWay, "on the way, not looked at"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if n := r.Added.LookedAt; n > 0 {
		parts = append(parts, plural(n, "added file", "added files"))
	}
	if n := r.Events.LookedAt; n > 0 {
		parts = append(parts, plural(n, "event", "events"))
	}
	return fmt.Sprintf("%s; %d bytes read; %s", strings.Join(parts, ", "), r.BytesRead, plural(len(r.Findings), "finding", "findings"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
