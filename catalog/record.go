package catalog

import (
	"encoding/json"
	"time"

	"ripstation/disc"
)

// RecordFormat and RecordVersion stand at the head of every record.json.
const (
	RecordFormat  = "ripstation record"
	RecordVersion = 1
)

// Record is metadata/record.json: what was known when an image was sealed. It
// says nothing of copies. docs/decisions/0002-record.md holds its fields.
type Record struct {
	Format   string        `json:"format"`  // RecordFormat; filled in by EncodeRecord
	Version  int           `json:"version"` // RecordVersion; filled in by EncodeRecord
	Carrier  CarrierInfo   `json:"carrier"`
	Image    ImageInfo     `json:"image"`
	Objects  []Object      `json:"objects"` // the payload: data/image.iso
	Disc     disc.Disc     `json:"disc"`
	Identity disc.Identity `json:"identity"`
	Drive    disc.Drive    `json:"drive"`    // of the last capture
	Captures []Capture     `json:"captures"` // oldest first; the last one sealed the image
	Checks   []disc.Check  `json:"checks"`
	// Content is null when nobody looked: in records of before the file list.
	Content *Content `json:"content"`
	Events  []Event  `json:"events"`
}

// CarrierInfo is what people say of a carrier. An empty string and a zero part
// mean "not known" and are null in JSON.
type CarrierInfo struct {
	ID        string
	Item      string // barcode or call number
	Title     string
	Part      int // part Part of Parts, from 1; both or neither
	Parts     int
	Side      string // "A", "B"
	Condition string
	Access    Access // AccessUnreviewed when empty
}

// ImageInfo is a sealed image, without its digests: those are its objects'.
type ImageInfo struct {
	Version    int           `json:"version"` // from 1
	State      ImageState    `json:"state"`
	Size       int64         `json:"size"` // bytes
	SectorSize int           `json:"sector_size"`
	Sectors    disc.Counts   `json:"sectors"`
	Missing    []disc.Extent `json:"missing"` // extents whose bytes are fill, not the disc's
	Fill       string        `json:"fill"`    // what stands in missing sectors, hexadecimal; "00" when empty
	SealedAt   time.Time     `json:"sealed_at"`
	// Replaces is the bag of the version before, "<id>/v1"; absent from the
	// first one's record.
	Replaces string `json:"replaces,omitempty"`
}

// Object is one file of a bag. Digests are hexadecimal in lower case, the CRC
// is base64 as S3 writes it; an empty one was not taken and is null in JSON.
type Object struct {
	Role      string // RoleImage, RoleTag, ...
	Path      string // inside the bag: "data/image.iso"
	Size      int64
	SHA512    string
	SHA256    string
	SHA1      string
	MD5       string
	CRC64NVME string
}

// The roles of an Object.
const (
	RoleImage = "image" // the whole image in one file
	RoleCue   = "cue"   // the sheet that goes with disc.bin
	RoleTag   = "tag"   // a tag file or manifest of the bag
)

// Program is the program that made a capture.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Capture is one reading of a carrier, good or failed.
type Capture struct {
	ID        string            `json:"id"` // by NewID
	Started   time.Time         `json:"started"`
	Ended     time.Time         `json:"ended"`
	Outcome   CaptureOutcome    `json:"outcome"`
	Reason    string            `json:"reason"`   // why it did not end as imaged, in plain words; else empty
	Operator  string            `json:"operator"` // Unattended when empty
	Drive     disc.Drive        `json:"drive"`
	Insertion disc.Insertion    `json:"insertion"`
	Program   Program           `json:"program"`
	Clock     Clock             `json:"clock"` // ClockUnknown when empty
	Settings  map[string]string `json:"settings"`
}

type carrierJSON struct {
	ID        string  `json:"id"`
	Item      *string `json:"item"`
	Title     *string `json:"title"`
	Part      *int    `json:"part"`
	Parts     *int    `json:"parts"`
	Side      *string `json:"side"`
	Condition *string `json:"condition"`
	Access    Access  `json:"access"`
}

// MarshalJSON writes what is not known as null.
func (c CarrierInfo) MarshalJSON() ([]byte, error) { return json.Marshal(c.json()) }

func (c CarrierInfo) json() carrierJSON {
	return carrierJSON{c.ID, orNull(c.Item), orNull(c.Title), orNull(c.Part), orNull(c.Parts),
		orNull(c.Side), orNull(c.Condition), c.Access}
}

// UnmarshalJSON takes what MarshalJSON wrote.
func (c *CarrierInfo) UnmarshalJSON(b []byte) error {
	var j carrierJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*c = CarrierInfo{j.ID, orZero(j.Item), orZero(j.Title), orZero(j.Part), orZero(j.Parts), orZero(j.Side),
		orZero(j.Condition), j.Access}
	return nil
}

type objectJSON struct {
	Role      string  `json:"role"`
	Path      string  `json:"path"`
	Size      int64   `json:"size"`
	SHA512    *string `json:"sha512"`
	SHA256    *string `json:"sha256"`
	SHA1      *string `json:"sha1"`
	MD5       *string `json:"md5"`
	CRC64NVME *string `json:"crc64nvme"`
}

// MarshalJSON writes digests that were not taken as null.
func (o Object) MarshalJSON() ([]byte, error) {
	return json.Marshal(objectJSON{o.Role, o.Path, o.Size, orNull(o.SHA512), orNull(o.SHA256), orNull(o.SHA1),
		orNull(o.MD5), orNull(o.CRC64NVME)})
}

// UnmarshalJSON takes what MarshalJSON wrote.
func (o *Object) UnmarshalJSON(b []byte) error {
	var j objectJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*o = Object{j.Role, j.Path, j.Size, orZero(j.SHA512), orZero(j.SHA256), orZero(j.SHA1), orZero(j.MD5), orZero(j.CRC64NVME)}
	return nil
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func orZero[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
