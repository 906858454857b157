package ripper

import (
	"context"
	"errors"
	"io"
	"time"

	"ripstation/disc"
)

// Create
func Create(dir string, sectors int64) (*Image, error)                      { return nil, errNot }
func Open(ctx context.Context, dir string) (*Image, error)                  { return nil, errNot }
func OpenOrCreate(ctx context.Context, dir string, n int64) (*Image, error) { return nil, errNot }
func (img *Image) Close() error                                             { return errNot }
func (img *Image) Dir() string                                              { return "" }
func (img *Image) Path() string                                             { return "" }
func (img *Image) Sectors() int64                                           { return 0 }
func (img *Image) Counts() disc.Counts                                      { return disc.Counts{} }
func (img *Image) State() disc.ImageState                                   { return "" }
func (img *Image) Map() *disc.SectorMap                                     { return nil }
func (img *Image) ReadAt(p []byte, off int64) (int, error)                  { return 0, errNot }
func (img *Image) Recovery() Recovery                                       { return Recovery{} }
func Rip(ctx context.Context, s Source, img *Image, o Options) (Result, error) {
	return Result{}, errNot
}
func Seal(ctx context.Context, img *Image, o SealOptions) (Sealed, error) { return Sealed{}, errNot }
func Verify(ctx context.Context, img *Image, progress func(done, total int64)) (Verified, error) {
	return Verified{}, errNot
}
func Samples(r io.ReaderAt, m *disc.SectorMap, n int) ([]disc.Sample, error) { return nil, errNot }
func DefaultPasses(retries int) []Pass                                       { return nil }

var errNot = errors.New("not yet")

// The files of an Image in its folder.
const (
	ImageFile  = "image.iso"
	MapFile    = "sectors.map"
	LedgerFile = "ledger"
)

var (
	// ErrNoSpace: the image's room cannot be reserved.
	ErrNoSpace = errors.New("not enough free space")
	// ErrInUse: another process, or another Image of this one, has the folder.
	ErrInUse = errors.New("the image is in use")
	// ErrNoImage: the folder holds no image that was begun.
	ErrNoImage = errors.New("no image was begun here")
	// ErrSpoolDamaged: chunks of the image are not what the drive gave; they
	// are untried again and Rip reads them anew.
	ErrSpoolDamaged = errors.New("the spool does not hold what the drive gave")
)

// Image is the spool folder of one rip.
type Image struct{}

// Recovery is what Open had to mend.
type Recovery struct {
	Claimed    int64         `json:"claimed"`     // sectors the ledger proved and the map had not got
	Lost       []disc.Extent `json:"lost"`        // claimed once, not provable any more: untried again
	MapRebuilt string        `json:"map_rebuilt"` // why the map was made anew from the ledger, or ""
	LedgerBad  int           `json:"ledger_bad"`  // lines of the ledger that could not be read
}

// Options say how to rip.
type Options struct {
	Drive        string        // the drive's name in the map: vendor, model, firmware, serial
	Medium       disc.Medium   // gives the ECC unit
	Unrecorded   []disc.Extent // never read
	RunOut       []disc.Extent // read; unrecorded when they cannot be
	Capacity     int64         // what the drive said before; 0 asks it
	Passes       []Pass        // nil is DefaultPasses(3)
	NotReadyWait time.Duration // how long a drive may be busy in the middle; 0 is one minute
	Progress     func(Progress)
}

// Result is what a Rip did.
type Result struct {
	Passes []PassResult `json:"passes"`
	Checks []disc.Check `json:"checks"`
}

// PassResult is what one pass did.
type PassResult struct {
	Name    string  `json:"name"`
	Pass    int     `json:"pass"`
	Reads   int64   `json:"reads"`
	Sectors int64   `json:"sectors"` // given by the drive
	Errors  int64   `json:"errors"`  // reads that failed
	Seconds float64 `json:"seconds"`
}

// Progress is a moment of a rip.
type Progress struct {
	Pass     int         `json:"pass"`
	Passes   int         `json:"passes"`
	PassName string      `json:"pass_name"`
	LBA      disc.LBA    `json:"lba"`
	Sectors  disc.Counts `json:"sectors"`
	Rate     float64     `json:"bytes_per_second"`
	ETA      float64     `json:"eta_seconds"` // -1 while unknown
}

// Pass is one way over the map.
type Pass interface {
	Name() string
	Run(ctx context.Context, r *Reader) error
}

// Reader is what a pass works with.
type Reader struct{}

// SealOptions say how to seal.
type SealOptions struct {
	Progress func(done, total int64) // bytes
}

// Sealed is what is known of an image for ever.
type Sealed struct {
	State      disc.ImageState `json:"state"`
	Size       int64           `json:"size"`
	SectorSize int             `json:"sector_size"`
	Sectors    disc.Counts     `json:"sectors"`
	Missing    []disc.Extent   `json:"missing"`
	Digests    Digests         `json:"digests"`
	Samples    []disc.Sample   `json:"samples"`
	ReadBack   string          `json:"read_back"`
	Checks     []disc.Check    `json:"checks"`
}

// Digests of the whole image.
type Digests struct {
	SHA512    string `json:"sha512"`
	SHA256    string `json:"sha256"`
	SHA1      string `json:"sha1"`
	MD5       string `json:"md5"`
	CRC64NVME string `json:"crc64nvme"` // base64, as S3 writes it
}

// Verified is what Verify saw.
type Verified struct {
	Chunks   int           `json:"chunks"`
	Sectors  int64         `json:"sectors"`
	Damaged  []disc.Extent `json:"damaged"`
	ReadBack string        `json:"read_back"`
}
