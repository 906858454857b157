package ripper

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// Room is how many bytes an image of that many sectors still needs in dir,
// its ledger and map included, and how many are free there. begun says that it
// was begun: then only what its file system did not set aside is still needed. dir
// must be there. At 0 sectors what is needed is the room for a small file.
func Room(dir string, sectors int64) (need, free int64, begun bool, err error) {
	if free, err = freeIn(dir); err != nil {
		return 0, 0, false, fmt.Errorf("look for room in %s: %w", dir, err)
	}
	if sectors == 0 {
		return mapRoom, free, false, nil
	}
	size := sectors * disc.SectorSize
	_, err = os.Lstat(filepath.Join(dir, LedgerFile))
	if begun = err == nil; err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, false, fmt.Errorf("look for room in %s: %w", dir, err)
	}
	need = size + mapRoom
	if !begun {
		need += ledgerRoom(sectors)
	}
	var st unix.Stat_t
	switch err := unix.Stat(filepath.Join(dir, ImageFile), &st); {
	case err == nil:
		need -= min(st.Blocks*512, size)
	case !errors.Is(err, fs.ErrNotExist):
		return 0, 0, false, fmt.Errorf("look for room in %s: %w", dir, err)
	}
	return need, free, begun, nil
}

// freeIn is how many bytes are free where dir lies. A file system that has no
// size of its own, like one in memory, has no end that could be told.
func freeIn(dir string) (int64, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	for errors.Is(err, unix.EINTR) {
		err = unix.Statfs(dir, &st)
	}
	if err != nil {
		return 0, err
	}
	if st.Blocks == 0 {
		return math.MaxInt64 / 2, nil
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// Reserved reports whether the file system has set aside all that the image
// needs. Where it cannot, a disk that others fill stops the reading: Rip fails
// with the disk's error then, and goes on from there when it is called again.
func (img *Image) Reserved() bool {
	var st unix.Stat_t
	return unix.Fstat(int(img.file.Fd()), &st) == nil && st.Blocks*512 >= img.Size()
}
