// Package blockreader reads image files and plain block devices as if they
// were discs, so that they go through the same story. Nothing but their own
// length says how long they are, and what it gives says so.
package blockreader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// maxSectors is the most that one read asks for: 1 MiB.
const maxSectors = 512

// majorCDROM is the kernel's block major of SCSI optical drives. Such a drive
// is spoken to by commands; read as a plain device it hides its damage.
const majorCDROM = 11

// Source is an opened file or device. It is not for several goroutines.
type Source struct {
	f     *os.File
	path  string // absolute
	block bool   // a device, not a file
	rdev  uint64
}

// IsSource reports whether path could be opened by Open: a regular file, or a
// block device that is no optical drive.
func IsSource(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && check(path, &st) == nil
}

func check(path string, st *unix.Stat_t) error {
	var what string
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFBLK:
		if unix.Major(uint64(st.Rdev)) == majorCDROM {
			return fmt.Errorf("%s is an optical drive, not a plain block device", path)
		}
		return nil
	case unix.S_IFDIR:
		what = "a folder"
	case unix.S_IFIFO:
		what = "a named pipe"
	case unix.S_IFCHR:
		what = "a character device"
	case unix.S_IFSOCK:
		what = "a socket"
	default:
		what = "neither"
	}
	return fmt.Errorf("%s is %s; it takes an image file or a block device to read sectors from", path, what)
}

// Open opens a file or device for reading. It refuses what is neither, what
// is empty, and what does not end with a whole sector. A caller may ask the
// error for fs.ErrNotExist and fs.ErrPermission.
func Open(path string) (*Source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// Looked at before it is opened: opening a pipe or a tape does something.
	var st unix.Stat_t
	if err := unix.Stat(abs, &st); err != nil {
		return nil, &fs.PathError{Op: "open", Path: abs, Err: err}
	}
	if err := check(abs, &st); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(abs, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	s := &Source{f: f, path: abs}
	if err := s.settle(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// settle looks at what was really opened, and at its size.
func (s *Source) settle() error {
	st, err := s.stat()
	if err != nil {
		return err
	}
	if err := check(s.path, &st); err != nil {
		return err
	}
	s.block, s.rdev = st.Mode&unix.S_IFMT == unix.S_IFBLK, uint64(st.Rdev)
	size, err := s.size()
	if err != nil {
		return err
	}
	if size == 0 {
		return fmt.Errorf("%s is empty; there is nothing to read", s.path)
	}
	if over := size % disc.SectorSize; over != 0 {
		return fmt.Errorf("%s has %d bytes, which is %d sectors of %d bytes and %d bytes more; an image ends with a whole sector, so it is cut off or of another kind. Nothing was read and nothing was cut",
			s.path, size, size/disc.SectorSize, disc.SectorSize, over)
	}
	if size/disc.SectorSize > 1<<31-1 {
		return fmt.Errorf("%s has %d bytes, more than any disc holds", s.path, size)
	}
	return nil
}

func (s *Source) stat() (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(s.f.Fd()), &st); err != nil {
		return st, s.fail("look at", -1, err)
	}
	return st, nil
}

// size is asked of the kernel each time: a file can grow or shrink.
func (s *Source) size() (int64, error) {
	n, err := s.f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, s.fail("take the size of", -1, err)
	}
	return n, nil
}

// Capacity is the number of whole sectors there are now.
func (s *Source) Capacity(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.size()
	return n / disc.SectorSize, err
}

// MaxSectors is the most that one ReadSectors should ask for.
func (s *Source) MaxSectors() int { return maxSectors }

// ReadSectors fills p, whole sectors, from lba: all of it or a
// *disc.ReadError. The error's LBA is the first sector that did not come.
func (s *Source) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if lba < 0 || len(p)%disc.SectorSize != 0 {
		return s.fail("read", lba, fmt.Errorf("%d bytes from sector %d cannot be asked for", len(p), lba))
	}
	n, err := s.f.ReadAt(p, int64(lba)*disc.SectorSize)
	if n == len(p) {
		return nil
	}
	at := lba + disc.LBA(n/disc.SectorSize)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("it ends before sector %d; it was longer before, or more was asked for than it has", at)
	}
	return s.fail("read", at, err)
}

// Status is always loaded: there is no tray.
func (s *Source) Status(context.Context) (disc.TrayStatus, error) { return disc.TrayLoaded, nil }

// Eject has nothing to do and does nothing; see HasTray.
func (s *Source) Eject(context.Context) error { return nil }

// HasTray is false, so that nobody is told to take a disc out.
func (s *Source) HasTray() bool { return false }

// Close closes the file.
func (s *Source) Close() error { return s.f.Close() }

func (s *Source) fail(op string, lba disc.LBA, err error) error {
	return &disc.ReadError{Op: op + " " + s.path, Class: class(err), LBA: lba, Err: bare(err)}
}

// bare drops os.PathError: the operation and the path stand in the ReadError.
func bare(err error) error {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// class sorts what the kernel says. Buffered reads give EIO for a damaged
// sector, direct ones ENODATA.
func class(err error) disc.Class {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return disc.ClassPermission
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENOMEDIUM):
		return disc.ClassGone
	case errors.Is(err, unix.EIO), errors.Is(err, unix.ENODATA):
		return disc.ClassMedium
	}
	return disc.ClassTransport
}

// kindWord names what it is, in the drive's place in a record.
func (s *Source) kindWord() string {
	if s.block {
		return "block device"
	}
	return "image file"
}

// Info describes the source in the place of a drive. The key is its path.
func (s *Source) Info(context.Context) (disc.Drive, error) {
	return disc.Drive{Key: strings.ReplaceAll(s.kindWord(), " ", "-") + ":" + s.path, KeyByPlace: true, Node: s.path, Model: s.kindWord()}, nil
}

// Size is the number of bytes there are now.
func (s *Source) Size() (int64, error) { return s.size() }

// ReadAt is io.ReaderAt over the bytes, without the checks of ReadSectors.
func (s *Source) ReadAt(p []byte, off int64) (int, error) { return s.f.ReadAt(p, off) }
