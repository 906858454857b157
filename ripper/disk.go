package ripper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ripstation/disc"
	"ripstation/internal/atomicfile"
)

// disk is the folder of an Image as far as it is written to. It is an edge, so
// that a test can cut the power: what was not synced may be lost.
type disk interface {
	WriteImage(p []byte, off int64) error
	// SyncImage returns when all that was written to the image is durable.
	SyncImage() error
	AppendLedger(p []byte) error
	SyncLedger() error
	// WriteMap puts the map in place of the old one, durably, in one step.
	WriteMap(m *disc.SectorMap) error
}

// folder is a disk of the real world.
type folder struct {
	dir           string
	image, ledger *os.File
	lo, hi        int64 // written to the image since the last sync
}

func (f *folder) WriteImage(p []byte, off int64) error {
	if _, err := f.image.WriteAt(p, off); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if f.lo == f.hi {
		f.lo, f.hi = off, off
	}
	f.lo, f.hi = min(f.lo, off), max(f.hi, off+int64(len(p)))
	// Have the kernel begin with the writing now, so that the sync has little
	// left to wait for. A file system that cannot do so is only slower.
	err := unix.SyncFileRange(int(f.image.Fd()), off, int64(len(p)), unix.SYNC_FILE_RANGE_WRITE)
	if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ESPIPE) {
		return fmt.Errorf("write image %s: %w", f.image.Name(), err)
	}
	return nil
}

func (f *folder) SyncImage() error {
	if err := unix.Fdatasync(int(f.image.Fd())); err != nil {
		return fmt.Errorf("sync image %s: %w", f.image.Name(), err)
	}
	if f.hi > f.lo {
		// The image is many times larger than the memory that others need:
		// what is on the disk is not kept in the page cache. Advice only.
		_ = unix.Fadvise(int(f.image.Fd()), f.lo, f.hi-f.lo, unix.FADV_DONTNEED)
		f.lo, f.hi = 0, 0
	}
	return nil
}

func (f *folder) AppendLedger(p []byte) error {
	if _, err := f.ledger.Write(p); err != nil {
		return fmt.Errorf("append to ledger: %w", err)
	}
	return nil
}

func (f *folder) SyncLedger() error {
	if err := unix.Fdatasync(int(f.ledger.Fd())); err != nil {
		return fmt.Errorf("sync ledger %s: %w", f.ledger.Name(), err)
	}
	return nil
}

func (f *folder) WriteMap(m *disc.SectorMap) error {
	return atomicfile.Write(filepath.Join(f.dir, MapFile), filePerm, func(w io.Writer) error {
		_, err := m.WriteTo(w)
		return err
	})
}

const (
	filePerm = 0o640
	dirPerm  = 0o750
)

// fallocate is the system call, and what a test has in its place.
var fallocate = unix.Fallocate

// reserve has the file system set aside size bytes for f, so that the disc
// cannot run out of room half-way, where beside it that many more must be
// free. What is plainly too much is not tried: the
// trying would take the room from all others for a while. Where a file system
// cannot set room aside, f only gets its size; see Image.Reserved.
func reserve(f *os.File, mode uint32, size, beside int64) error {
	dir := filepath.Dir(f.Name())
	need, free, err := room(f, dir, size)
	need += beside
	if err != nil {
		return fmt.Errorf("reserve %d bytes for %s: %w", size, f.Name(), err)
	}
	if need <= free {
		err = fallocate(int(f.Fd()), mode, 0, size)
		for errors.Is(err, unix.EINTR) {
			err = fallocate(int(f.Fd()), mode, 0, size)
		}
	}
	switch {
	case need > free || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("reserve %d bytes in %s: %w: %d bytes are free; make room there, then try again (nothing was read)", need, dir, ErrNoSpace, free)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return stretch(f, mode, size)
	case err != nil:
		return fmt.Errorf("reserve %d bytes for %s: %w", size, f.Name(), err)
	}
	return nil
}

// stretch gives f its size and no room.
func stretch(f *os.File, mode uint32, size int64) error {
	if mode&unix.FALLOC_FL_KEEP_SIZE != 0 {
		return nil
	}
	if st, err := f.Stat(); err != nil || st.Size() >= size {
		return err
	}
	return f.Truncate(size)
}

// room is how many bytes f still needs to have size, and how many are free.
func room(f *os.File, dir string, size int64) (need, free int64, err error) {
	var file unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &file); err != nil {
		return 0, 0, err
	}
	free, err = freeIn(dir)
	return max(size-file.Blocks*512, 0), free, err
}

// lock makes the image this process's own until f is closed.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("open %s: %w: another rip has it", f.Name(), ErrInUse)
	} else if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}
