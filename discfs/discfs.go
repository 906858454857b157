// Package discfs reads what file systems say on an image or on a disc. So far
// these are the volume descriptors of ECMA-119 (ISO 9660, with Joliet and El
// Torito's boot record) and ECMA-167 (UDF): label, size, evidence of identity.
//
// Every byte it reads may come from somebody hostile. Nothing it reads makes
// it allocate by a number from the disc, or read without end.
package discfs

import (
	"errors"
	"fmt"
	"io"

	"ripstation/disc"
)

// System is a file system's name.
type System string

const (
	ISO9660 System = "ISO 9660"
	Joliet  System = "Joliet"
	UDF     System = "UDF"
)

// Volume is one file system's word on itself.
type Volume struct {
	System System   `json:"system"`
	Label  string   `json:"label"` // cleaned by cleanLabel, may be empty
	LBA    disc.LBA `json:"lba"`   // of the descriptor that says so
	// Bytes is how far the volume reaches, counted from the image's first
	// byte; 0 when it claims nothing that can be held against an image.
	Bytes int64 `json:"bytes"`
}

// Volumes is all that the descriptors say.
type Volumes struct {
	// Label is the best of the volumes' labels: UDF's, else the longer one of
	// ISO 9660's and Joliet's. It holds no control characters.
	Label   string   `json:"label"`
	Volumes []Volume `json:"volumes"`
	// Descriptors are the raw sectors, in the order of their addresses.
	Descriptors []disc.Descriptor `json:"descriptors"`
	// Bootable: there is an El Torito boot record.
	Bootable bool `json:"bootable"`
	// Notes are what is odd about the descriptors, in words.
	Notes []string `json:"notes"`
}

// Bounds on what one disc can make Read do.
const (
	maxRecognition = 64  // sectors of the volume recognition area from 16
	maxSequence    = 64  // sectors of one volume descriptor sequence extent
	maxDescriptors = 256 // sectors kept, all in all
	maxNotes       = 32
	maxReadErrors  = 4 // on a drive, each can take seconds
)

// Read reads the volume descriptors of an image, or of a drive through an
// io.ReaderAt over its user data. size is the number of bytes there are, -1
// when nobody knows. When a sector cannot be read, what the others say is
// returned together with the error. An image without any file system that is
// known here gives no volumes and no error.
func Read(r io.ReaderAt, size int64) (Volumes, error) {
	s := &scan{r: r, size: size}
	s.recognition()
	if s.nsr || s.early {
		s.udf()
	}
	s.v.Label = bestLabel(s.v.Volumes)
	sortDescriptors(s.v.Descriptors)
	return s.v, errors.Join(s.errs...)
}

// errOutside says that a sector lies behind the end of the image. It is no
// read error: nothing was tried.
var errOutside = errors.New("behind the end of the image")

// scan is one Read under way.
type scan struct {
	r     io.ReaderAt
	size  int64
	v     Volumes
	errs  []error
	nsr   bool // an NSR descriptor was seen: there is a UDF
	early bool // the recognition area could not be read to its end, so that an NSR may hide in it
}

// sector reads one sector. Its error is already noted.
func (s *scan) sector(lba int64) ([]byte, error) {
	if lba < 0 || (s.size >= 0 && (lba+1)*disc.SectorSize > s.size) {
		return nil, errOutside
	}
	if len(s.errs) >= maxReadErrors {
		return nil, errors.New("too many sectors could not be read")
	}
	p := make([]byte, disc.SectorSize)
	n, err := s.r.ReadAt(p, lba*disc.SectorSize)
	if n == len(p) {
		return p, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, errOutside
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	err = fmt.Errorf("read volume descriptors: sector %d: %w", lba, err)
	s.errs = append(s.errs, err)
	return nil, err
}

func (s *scan) keep(lba int64, p []byte) {
	for _, d := range s.v.Descriptors {
		if int64(d.LBA) == lba {
			return
		}
	}
	if len(s.v.Descriptors) < maxDescriptors {
		s.v.Descriptors = append(s.v.Descriptors, disc.Descriptor{LBA: disc.LBA(lba), Data: p})
	}
}

func (s *scan) note(format string, a ...any) {
	if len(s.v.Notes) < maxNotes {
		s.v.Notes = append(s.v.Notes, fmt.Sprintf(format, a...))
	}
}

// firstDescriptor is the sector at which both standards let the descriptors
// begin (ECMA-119 6.2.1; ECMA-167 2/8.3).
const firstDescriptor = 16

// recognition walks the volume recognition area: the ISO 9660 descriptor set
// and behind it, in the same sequence, ECMA-167's. It ends at the first sector
// that is neither.
func (s *scan) recognition() {
	for i := int64(0); i < maxRecognition; i++ {
		lba := firstDescriptor + i
		p, err := s.sector(lba)
		if err != nil {
			s.early = !errors.Is(err, errOutside)
			return
		}
		switch string(p[1:6]) {
		case "CD001":
			s.keep(lba, p)
			s.iso(lba, p)
		case "NSR02", "NSR03":
			s.nsr = true
			s.keep(lba, p)
		case "BEA01", "TEA01", "BOOT2", "CDW02":
			s.keep(lba, p)
		default:
			return
		}
	}
	s.note("the volume recognition area is longer than %d sectors; the rest was not looked at", maxRecognition)
}
