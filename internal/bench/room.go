package main

import (
	"errors"
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

// memory is where a store is kept that shall share no disk with the station.
const memory = "/dev/shm"

// Where a store is, as BENCHMARKS.md says it.
const (
	inMemory = "memory"
	onOwn    = "a disk of its own"
	onImages = "the images' disk"
)

// storeRoom is a folder for what a store is given, which is not where the
// images are if that can be had: in STORE, else in memory, else in dir.
func storeRoom(dir string, need int64) (shelf string, leave func(), err error) {
	root, named := os.LookupEnv("STORE")
	if !named {
		if root = memory; roomFor(root, need) != nil {
			root = dir
		}
	}
	if shelf, leave, err = workshop(filepath.Join(root, "ripstation-bench")); err != nil {
		return "", nil, err
	}
	if err := errors.Join(os.MkdirAll(shelf, 0o755), roomFor(root, need)); err != nil {
		leave()
		return "", nil, err
	}
	return shelf, leave, nil
}

// placeOf says where a store is, seen from the images.
func placeOf(shelf, images string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(shelf, &fs); err != nil {
		return "", err
	}
	if fs.Type == unix.TMPFS_MAGIC {
		return inMemory, nil
	}
	var a, b unix.Stat_t
	if err := errors.Join(unix.Stat(shelf, &a), unix.Stat(images, &b)); err != nil {
		return "", err
	}
	if a.Dev == b.Dev {
		return onImages, nil
	}
	return onOwn, nil
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
