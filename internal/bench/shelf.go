package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// memory is where a store is kept that shall share no disk with the station.
const memory = "/dev/shm"

// Where a store is, as BENCHMARKS.md says it.
const (
	inXFS    = "memory, in a file system that lets files share blocks (XFS)"
	inMemory = "memory"
	onOwn    = "a disk of its own"
	onImages = "the images' disk"
)

// shelf is a folder for what a store is given.
type shelf struct {
	dir, in string
	leave   func()
}

// storeRoom is a shelf that is not where the images are if that can be had: in
// STORE, else in memory, else in dir.
func storeRoom(ctx context.Context, dir string, need int64) (s shelf, err error) {
	root, named := os.LookupEnv("STORE")
	if !named {
		if root = memory; roomFor(root, need) != nil {
			root = dir
		}
	}
	s.dir, s.leave, err = workshop(filepath.Join(root, "ripstation-bench"))
	if err != nil {
		return s, err
	}
	if err := errors.Join(os.MkdirAll(s.dir, 0o755), roomFor(root, need)); err != nil {
		s.leave()
		return s, err
	}
	if root == memory {
		if unmount, err := xfs(ctx, s.dir, need); err == nil {
			leave := s.leave
			s.in, s.leave = inXFS, func() { unmount(); leave() }
			return s, nil
		}
	}
	if s.in, err = placeOf(s.dir, dir); err != nil {
		s.leave()
	}
	return s, err
}

// xfs makes dir an XFS in memory, with room for need bytes. A store that joins
// parts by copy_file_range(2) copies nothing there, as on the file systems that
// such stores are given. It takes root and mkfs.xfs. A bench that is killed
// leaves nothing of it if it has a mount namespace of its own.
func xfs(ctx context.Context, dir string, need int64) (unmount func(), err error) {
	image := dir + ".img"
	f, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	defer os.Remove(image) // the mount has it open
	if err := errors.Join(f.Truncate(need+2*spare), f.Close()); err != nil {
		return nil, err
	}
	for _, argv := range [][]string{{"mkfs.xfs", "-q", "-m", "reflink=1", image}, {"mount", "-o", "loop,discard", image, dir}} {
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", argv[0], err, firstLine(out))
		}
	}
	return func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }, nil // what is left is seen when the folder is cleared
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
