package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// workRoot is where discs are ripped to unless DIR says otherwise. It lies in the source tree, since a
// temporary folder may be held in memory, where nothing is read from a disk.
const workRoot = ".cache/bench"

// spare is what has to stay free on the disk besides.
const spare = 1 << 30

// workshop takes the folder for this process alone, and clears what a bench
// that was killed has left in it.
func workshop(root string) (dir string, leave func(), err error) {
	if root, err = filepath.Abs(root); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(root, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return "", nil, fmt.Errorf("lock %s: another bench is running there; wait for its end: %w", root, err)
	}
	dir = filepath.Join(root, "work")
	if err := os.RemoveAll(dir); err != nil {
		lock.Close()
		return "", nil, err
	}
	return dir, func() { os.RemoveAll(dir); lock.Close() }, nil
}

// roomFor checks that need bytes are free where dir is.
func roomFor(dir string, need int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < need+spare {
		return fmt.Errorf("%s: %.1f GB have to be free there, and %.1f GB are; make room, name a folder on another disk with DIR= (the archive: STORE=), or try QUICK=1", dir, float64(need+spare)/1e9, float64(free)/1e9)
	}
	return nil
}
