package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	uploadsDir = ".uploads"
	crcXattr   = "user.ripstation.crc64nvme"
)

// DirConfig says which folder is a store.
type DirConfig struct {
	Name string
	Root string // an absolute path
	// Create lets the first use make the folder and its marker, if there is
	// nothing at all in its place or an empty folder. Set it only while nothing
	// is known to be stored there: afterwards an empty folder is a drive that is
	// not mounted.
	Create   bool
	PartSize int64 // bytes, 0 for the default
	// Marker is the id of the drive that the store is on, as Init gave it; empty
	// for any. With it nothing is ever made: it is there or it is away.
	Marker string
}

// Dir is a store in a folder: an external drive, or the default that needs no
// account. Objects are plain files under their keys. Files are synced before
// they get their names and the folders after, and a name is never given twice.
// Unfinished uploads lie in .uploads, where no key leads.
type Dir struct {
	cfg  DirConfig
	seen atomic.Bool // the marker was there once

	founding sync.Mutex
	entered  func() // a test's: the marker has been read, and nothing else done yet
}

// NewDir makes the store's handle; it touches nothing yet.
func NewDir(cfg DirConfig) (*Dir, error) {
	if cfg.Name == "" || !filepath.IsAbs(cfg.Root) || cfg.PartSize < 0 {
		return nil, fmt.Errorf("directory store %q: a name, an absolute path and no negative part size are needed, the path is %q", cfg.Name, cfg.Root)
	}
	if cfg.Marker != "" {
		if err := CheckMarker(cfg.Marker); err != nil {
			return nil, fmt.Errorf("directory store %s: %w", cfg.Name, err)
		}
	}
	cfg.Root = filepath.Clean(cfg.Root)
	return &Dir{cfg: cfg}, nil
}

// Name is the store's name in the config.
func (d *Dir) Name() string { return d.cfg.Name }

// path is where a key's file lies, in words for a person: what is done is done
// through a rooted.
func (d *Dir) path(key string) string { return filepath.Join(d.cfg.Root, filepath.FromSlash(key)) }

// fail says what went wrong and what kind of failure it is.
func (d *Dir) fail(op, key string, err error) error {
	if err == nil {
		return nil
	}
	f := &fault{store: d.cfg.Name, op: op, key: key, err: err}
	switch {
	case errors.Is(err, fs.ErrPermission):
		f.kind, f.hint = ErrPermanent, "the user that ripstation runs as needs to read and write there"
	case errors.Is(err, syscall.EROFS):
		f.kind, f.hint = ErrPermanent, "the drive is mounted read-only; mount it writable, or look into the system's log for why it became so"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.hint = "the drive is full; free space on it, the upload goes on by itself"
	case errors.Is(err, syscall.EFBIG):
		f.kind, f.hint = ErrPermanent, "its file system takes no file of this size; FAT ends at 4 GiB, use another"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		f.kind, f.hint = ErrPermanent, "a file stands where a folder is needed, or the other way round"
	case errors.Is(err, syscall.EIO):
		f.hint = "the drive or its cable fails"
	}
	return f
}

func (d *Dir) badKey(op string, err error) error {
	return &fault{store: d.cfg.Name, op: op, kind: ErrPermanent, err: err}
}

// syncDir makes names in a folder survive a power cut.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncNames(f)
}

// syncNames syncs an open folder. Some file systems cannot do that and say so by
// EINVAL.
func syncNames(f *os.File) error {
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// setCRC notes an object's checksum beside it, where the file system has room
// for such notes. What is not noted is computed when it is needed.
func setCRC(f *os.File, crc uint64) {
	_ = unix.Fsetxattr(int(f.Fd()), crcXattr, []byte(FormatCRC64NVME(crc)), 0)
}

// crcOf is the checksum noted for an open file, empty if there is none.
func crcOf(f *os.File) string {
	var b [64]byte
	n, err := unix.Fgetxattr(int(f.Fd()), crcXattr, b[:])
	if err != nil {
		return ""
	}
	if _, err := ParseCRC64NVME(string(b[:n])); err != nil {
		return ""
	}
	return string(b[:n])
}
