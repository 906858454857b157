package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ripstation/internal/atomicfile"
)

// The capabilities of a bucket, by the names that they are recorded under
// (docs/decisions/0010).
const (
	PutCRC64NVME        = "put-crc64nvme"          // PutObject keeps a right CRC64NVME and refuses a wrong one
	PartCRC64NVME       = "part-crc64nvme"         // UploadPart does
	FullObjectCRC64NVME = "full-object-crc64nvme"  // CompleteMultipartUpload does, for the whole object
	ContentMD5          = "content-md5"            // a wrong Content-MD5 is refused
	PutIfNoneMatch      = "put-if-none-match"      // PutObject does not replace an object
	CompleteIfNoneMatch = "complete-if-none-match" // CompleteMultipartUpload does not
	ListUploads         = "list-multipart-uploads" // unfinished uploads are found
	ListParts           = "list-parts"             // with their checksums
	Ranges              = "ranges"                 // GetObject gives a part of an object
	ObjectAttributes    = "get-object-attributes"  // size and checksum without HEAD
	Versioning          = "versioning"             // is on
	ObjectLock          = "object-lock"            // is on
)

// Ability says whether a bucket can do something. It is what was seen, never a
// guess.
type Ability string

const (
	Able   Ability = "yes"
	Unable Ability = "no"
	Untold Ability = "unknown" // it could not be found out, for the reason in Detail
)

// Capability is one line of what a probe found.
type Capability struct {
	Name   string  `json:"name"`
	Can    Ability `json:"can"`
	Detail string  `json:"detail"` // what the server did instead, empty when it did right
}

// Capabilities are what a bucket can do, as one probe found it.
type Capabilities struct {
	Format   string       `json:"format"`
	Version  int          `json:"version"`
	Endpoint string       `json:"endpoint"`
	Bucket   string       `json:"bucket"`
	Prefix   string       `json:"prefix"`
	Probed   time.Time    `json:"probed"`
	Found    []Capability `json:"found"`
}

const (
	capabilitiesFormat  = "ripstation s3 capabilities"
	capabilitiesVersion = 1
	maxCapabilities     = 1 << 20 // bytes of a file
)

// Can is what was found of a capability; Untold when nothing was. c may be nil.
func (c *Capabilities) Can(name string) Ability {
	if c != nil {
		for _, f := range c.Found {
			if f.Name == name {
				return f.Can
			}
		}
	}
	return Untold
}

// parseCapabilities reads what Record wrote. A file of another format or
// version is an error: the bucket is probed again.
func parseCapabilities(b []byte) (*Capabilities, error) {
	if len(b) > maxCapabilities {
		return nil, fmt.Errorf("%d bytes are more than a record of capabilities has", len(b))
	}
	c := &Capabilities{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, err
	}
	if c.Format != capabilitiesFormat || c.Version != capabilitiesVersion {
		return nil, fmt.Errorf("format %.40q version %d is not %q version %d", c.Format, c.Version, capabilitiesFormat, capabilitiesVersion)
	}
	for _, f := range c.Found {
		if f.Can != Able && f.Can != Unable && f.Can != Untold {
			return nil, fmt.Errorf("capability %.40q: %.40q is none of %s, %s, %s", f.Name, f.Can, Able, Unable, Untold)
		}
	}
	return c, nil
}

// loadCapabilities reads what an earlier probe of this very place has recorded;
// nil when there is none, or none that can be used.
func (c *S3Config) loadCapabilities() *Capabilities {
	if c.Capabilities == "" {
		return nil
	}
	f, err := os.Open(c.Capabilities)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCapabilities+1))
	if err != nil {
		return nil
	}
	found, err := parseCapabilities(b)
	if err != nil || found.Endpoint != c.Endpoint || found.Bucket != c.Bucket || found.Prefix != c.Prefix {
		return nil
	}
	return found
}

// record writes what a probe found beside the spool.
func (c *S3Config) record(found *Capabilities) error {
	if c.Capabilities == "" {
		return nil
	}
	b, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.Capabilities), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return atomicfile.WriteFile(c.Capabilities, append(b, '\n'), 0o644)
}

// lacks are the sentences that a person has to read of a store: what is missing,
// and what is done in its place.
func (c *Capabilities) lacks(sums Checksums) []string {
	var out []string
	if c.Can(PutIfNoneMatch) != Able || c.Can(CompleteIfNoneMatch) != Able {
		out = append(out, "the server does not keep objects from being replaced (If-None-Match): a look comes first, and only the keys' being unique protects what two writers put at one moment")
	}
	switch {
	case sums == ChecksumCRC64NVME && (c.Can(PutCRC64NVME) != Able || c.Can(PartCRC64NVME) != Able || c.Can(FullObjectCRC64NVME) != Able):
		out = append(out, "checksums = \"crc64nvme\", and the server does not check it: that the bytes arrived is known from the read-back alone")
	case sums == ChecksumMD5 && c.Can(ContentMD5) != Able:
		out = append(out, "the server takes bytes with a wrong checksum: that they arrived is known from the read-back alone")
	}
	if c.Can(ListUploads) != Able || c.Can(ListParts) != Able {
		out = append(out, "unfinished uploads cannot be gone on with: after a break every part is sent again")
	}
	if c.Can(Ranges) != Able {
		out = append(out, "parts of objects cannot be read: ls, cat and extract do not work from this store")
	}
	return out
}
