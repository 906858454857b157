package ripper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"ripstation/disc"
	"ripstation/internal/crashpoint"
)

// The files of an Image in its folder.
const (
	ImageFile  = "image.iso"
	MapFile    = "sectors.map"
	LedgerFile = "ledger"
)

var (
	// ErrNoSpace says that the room for the image cannot be reserved.
	ErrNoSpace = errors.New("not enough free space")
	// ErrInUse says that another Image, of this process or another, has the
	// folder.
	ErrInUse = errors.New("the image is in use")
	// ErrNoImage says that no image was begun in the folder.
	ErrNoImage = errors.New("no image was begun here")
	// ErrExists says that an image was begun in the folder.
	ErrExists = errors.New("an image was begun here")
)

// Image is the spool folder of one disc: the image, the map and the ledger.
// Its methods may be called from several goroutines, but one Rip or Seal at a
// time has it.
type Image struct {
	dir     string
	sectors int64
	file    *os.File // the image; holds the lock
	ledger  *os.File
	disk    disk
	tune    tuning

	mu       sync.Mutex
	m        *disc.SectorMap
	led      ledger
	named    int   // drives that the ledger names
	stale    bool  // the map on the disk is older than m
	broken   error // a write that did not end well: nothing is written after it
	busy     bool  // a Rip or Seal is on
	recovery Recovery
	again    []disc.Extent // withdrawn so far; see Changes
	changed  chan struct{} // closed at the next change; nil when nobody waits
	sums     []uint64      // of the blocks that a Follower has proved last; see Sum
}

// tuning is how much is in flight at most, and for how long. What is in
// flight is what a kill costs.
type tuning struct {
	chunk    int64         // sectors of a chunk, at most maxChunk
	buffers  int           // chunks between the drive and the disk
	batch    int64         // bytes after which chunks go to the ledger
	batchAge time.Duration // time after which they do
	mapAge   time.Duration // time after which the map is written
	mark     int64         // bytes between the places that a Follower can go back to: whole blocks
}

var normal = tuning{chunk: maxChunk, buffers: 12, batch: 8 << 20, batchAge: 2 * time.Second, mapAge: 5 * time.Second, mark: 16 << 20}

// Close lets go of the folder. Everything that was told to be safe is.
func (img *Image) Close() error {
	return errors.Join(img.ledger.Close(), img.file.Close())
}

// Dir is the folder.
func (img *Image) Dir() string { return img.dir }

// Path is the path of the image file.
func (img *Image) Path() string { return filepath.Join(img.dir, ImageFile) }

// Sectors is how many sectors the image has.
func (img *Image) Sectors() int64 { return img.sectors }

// Size is the image's, in bytes.
func (img *Image) Size() int64 { return img.sectors * disc.SectorSize }

// Recovery is what Open had to mend.
func (img *Image) Recovery() Recovery { return img.recovery }

// ReadAt reads from the image as it is now: sectors that are missing are
// zeroes or, until the image is sealed, bytes that nobody answers for.
func (img *Image) ReadAt(p []byte, off int64) (int, error) { return img.file.ReadAt(p, off) }

// Map is a copy of the map as it is now.
func (img *Image) Map() *disc.SectorMap {
	img.mu.Lock()
	defer img.mu.Unlock()
	return img.m.Clone()
}

// Counts says how many sectors have each status now.
func (img *Image) Counts() disc.Counts {
	img.mu.Lock()
	defer img.mu.Unlock()
	return img.m.Counts()
}

// State is the state of the image as it is now.
func (img *Image) State() disc.ImageState { return img.Counts().State() }

// take makes a Rip or Seal the only one; what it returns ends that.
func (img *Image) take() (release func(), err error) {
	img.mu.Lock()
	defer img.mu.Unlock()
	if img.broken != nil {
		return nil, fmt.Errorf("%w; close it and open it again", img.broken)
	}
	if img.busy {
		return nil, fmt.Errorf("image %s: %w", img.dir, ErrInUse)
	}
	img.busy = true
	return func() {
		img.mu.Lock()
		defer img.mu.Unlock()
		img.busy = false
	}, nil
}

// fail notes that a write did not end well. What lies behind it on the disk
// is not known, so nothing more is written until Open has looked.
func (img *Image) fail(err error) error {
	img.mu.Lock()
	defer img.mu.Unlock()
	if img.broken == nil {
		img.broken = fmt.Errorf("image %s: %w", img.dir, err)
	}
	return img.broken
}

func (img *Image) usable() error {
	img.mu.Lock()
	defer img.mu.Unlock()
	return img.broken
}

// addDrive gives the index of a drive's name in the map, and has the ledger name it too.
func (img *Image) addDrive(name string) (uint8, error) {
	img.mu.Lock()
	n, err := img.m.AddDrive(name)
	known := img.named
	img.mu.Unlock()
	if err != nil || int(n) <= known {
		return n, err
	}
	if err := img.append(ledgerDrive(n, name)); err != nil {
		return 0, err
	}
	img.mu.Lock()
	defer img.mu.Unlock()
	img.named, img.stale = int(n), true
	return n, nil
}

// append makes lines of the ledger durable.
func (img *Image) append(lines []byte) error {
	err := img.usable()
	if err != nil {
		return err
	}
	if err = img.disk.AppendLedger(lines); err == nil {
		err = img.disk.SyncLedger()
	}
	if err != nil {
		return img.fail(err)
	}
	return nil
}

// claim makes chunks durable whose bytes were handed to the disk: the bytes
// first, then the ledger; only then does the map have them.
func (img *Image) claim(chunks []chunk) error {
	if len(chunks) == 0 {
		return nil
	}
	if err := img.disk.SyncImage(); err != nil {
		return img.fail(err)
	}
	lines := make([]byte, 0, len(chunks)*128)
	for _, c := range chunks {
		lines = append(lines, c.line()...)
	}
	if err := img.append(lines); err != nil {
		return err
	}
	crashpoint.Here("reading")
	img.mu.Lock()
	defer img.mu.Unlock()
	for _, c := range chunks {
		if err := img.led.add(c); err != nil {
			return fmt.Errorf("ledger of %s: %w", img.dir, err)
		}
		if err := img.enter(c); err != nil {
			return fmt.Errorf("image %s: %w", img.dir, err)
		}
	}
	img.tell()
	return nil
}

// enter has the map say of a chunk's sectors what its line says. The caller
// holds mu.
func (img *Image) enter(c chunk) error {
	img.stale = true
	switch c.status {
	case disc.StatusUntried:
		return img.m.Forget(c.Extent)
	case disc.StatusContested:
		// Only what the image has bytes of can be contested.
		if err := img.m.Mark(c.Extent, disc.StatusRead, disc.Evidence{Drive: c.Drive, Pass: c.Pass}); err != nil {
			return err
		}
		return img.m.Contest(c.Extent, c.Evidence)
	}
	return img.m.Mark(c.Extent, c.status, c.Evidence)
}

// mark enters what a read without bytes says.
func (img *Image) mark(e disc.Extent, s disc.Status, ev disc.Evidence) error {
	img.mu.Lock()
	defer img.mu.Unlock()
	img.stale = true
	if err := img.m.Mark(e, s, ev); err != nil {
		return fmt.Errorf("image %s: %w", img.dir, err)
	}
	if s == disc.StatusUnrecorded {
		img.tell()
	}
	return nil
}

// saveMap writes the map if it has changed since it was last written.
func (img *Image) saveMap() error {
	if err := img.usable(); err != nil {
		return err
	}
	img.mu.Lock()
	stale := img.stale
	img.stale = false
	var m *disc.SectorMap
	if stale {
		m = img.m.Clone()
	}
	img.mu.Unlock()
	if !stale {
		return nil
	}
	if err := img.disk.WriteMap(m); err != nil {
		return img.fail(err)
	}
	return nil
}
