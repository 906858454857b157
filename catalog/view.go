package catalog

import (
	"time"

	"ripstation/disc"
)

// Copy is one bag in one store.
type Copy struct {
	Store      string     `json:"store"`
	Key        string     `json:"key"` // what all keys of the bag start with: "<id>/v1/"
	State      CopyState  `json:"state"`
	StoredAt   *time.Time `json:"stored_at"`
	ReadBackAt *time.Time `json:"read_back_at"` // the last time it was; kept when the state falls later
	Detail     string     `json:"detail"`       // what is known of a fault, in plain words
}

// HeldCopy is a copy with the image it is of.
type HeldCopy struct {
	CarrierID string `json:"id"`
	Version   int    `json:"version"`
	Copy
}

// ImageView is a carrier's latest image as `show` tells it. The digests are
// those of the object with RoleImage.
type ImageView struct {
	State    ImageState  `json:"state"`
	Version  int         `json:"version"`
	Size     int64       `json:"size"`
	Sectors  disc.Counts `json:"sectors"`
	SHA512   string      `json:"sha512"`
	SHA256   string      `json:"sha256"`
	SHA1     string      `json:"sha1"`
	MD5      string      `json:"md5"`
	SealedAt time.Time   `json:"sealed_at"`
}

// View is everything `show` tells of one carrier. Lists are never null.
type View struct {
	ID          string       `json:"id"`
	Item        *string      `json:"item"`
	Title       *string      `json:"title"`
	Part        *string      `json:"part"` // "2/3"
	Side        *string      `json:"side"`
	Condition   *string      `json:"condition"`
	Access      Access       `json:"access"`
	Kind        disc.Kind    `json:"kind"`
	Medium      disc.Medium  `json:"medium"`
	Sessions    int          `json:"sessions"`
	Label       string       `json:"label"`
	Disposition Disposition  `json:"disposition"`
	Needs       []string     `json:"needs"` // why somebody has to look, in plain words
	Image       *ImageView   `json:"image"`
	Checks      []disc.Check `json:"checks"`       // of the latest capture that had any
	Files       *ListView    `json:"file_list"`    // of the latest image; null when it has none
	SameContent []string     `json:"same_content"` // carriers whose latest image has the same tree_sha256
	SameImage   []string     `json:"same_image"`   // "<id>/v1": images of other carriers with the same bytes as the latest one
	Content     *Content     `json:"content"`      // of the latest image's record; null in records of before the file list
	Copies      []Copy       `json:"copies"`       // of the latest image
	Drive       disc.Drive   `json:"drive"`        // of the latest capture
	Captures    []Capture    `json:"captures"`
	Added       []AddedFile  `json:"added"` // photos and the like, in the order in which they came
	Retry       *Retry       `json:"retry"` // it is to be read anew; null when not
	Events      []Event      `json:"events"`
}

// Summary is one line of `list`.
type Summary struct {
	ID          string        `json:"id"`
	Item        *string       `json:"item"`
	Title       *string       `json:"title"`
	Part        *string       `json:"part"`
	Side        *string       `json:"side"`
	Kind        disc.Kind     `json:"kind"`
	Medium      disc.Medium   `json:"medium"`
	Label       string        `json:"label"`
	Disposition Disposition   `json:"disposition"`
	Needs       []string      `json:"needs"`
	Image       *SummaryImage `json:"image"`
	// FailedChecks is how many checks of the latest capture that had any failed.
	FailedChecks int            `json:"failed_checks"`
	Copies       []Copy         `json:"copies"`
	Outcome      CaptureOutcome `json:"outcome"` // of the latest capture
	At           *time.Time     `json:"at"`      // when the latest capture ended; null when the catalog, made anew, knows of none
}

// SummaryImage is a carrier's latest image in one line of `list`.
type SummaryImage struct {
	State   ImageState  `json:"state"`
	Version int         `json:"version"`
	Size    int64       `json:"size"`
	Sectors disc.Counts `json:"sectors"`
}

// Filter narrows List. The zero value lets everything through.
type Filter struct {
	Image    ImageState // only carriers whose latest image is in this state
	Copy     CopyState  // only carriers with a copy of their latest image in this state
	NeedsYou bool       // only carriers that wait for a person
	Item     string     // only this item's carriers
	Limit    int        // at most so many; 0 means all
}

// Held is a carrier that a fresh disc may be another reading of.
type Held struct {
	CarrierID string
	Item      string
	Label     string
	Identity  disc.Identity
	Version   int // of its latest image
	State     ImageState
	Copies    []Copy // of that image
}
