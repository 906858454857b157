package archive

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Put writes the file under a name of its own, syncs it and gives it its key.
func (d *Dir) Put(ctx context.Context, key string, body []byte) error {
	if err := CheckKey(key); err != nil {
		return d.badKey("put", err)
	}
	if err := d.ready(ctx); err != nil {
		return err
	}
	if err := d.same(key, body); !errors.Is(err, ErrNotFound) {
		return err
	}
	tmp, err := d.scratch(body)
	if err != nil {
		return d.fail("put", key, err)
	}
	defer os.Remove(tmp) // gone already when it was placed
	err = d.place(tmp, key)
	if errors.Is(err, fs.ErrExist) {
		return d.same(key, body)
	}
	return d.fail("put", key, err)
}

// scratch writes a synced file below .uploads. One left by a crash holds
// nothing that its source has not.
func (d *Dir) scratch(body []byte) (path string, err error) {
	dir := filepath.Join(d.cfg.Root, uploadsDir)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	f, err := os.CreateTemp(dir, "put-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(body)
	setCRC(f, CRC64NVME(body))
	err = errors.Join(err, f.Chmod(0o444), f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// same holds the object under key against body: nil, ErrExists or ErrNotFound.
// An object that is the same may have been named just before a crash, so its
// name is made durable once more.
func (d *Dir) same(key string, body []byte) error {
	path := d.path(key)
	info, err := os.Lstat(path)
	if absent(err) {
		return &fault{store: d.cfg.Name, op: "put", key: key, kind: ErrNotFound}
	}
	if err != nil {
		return d.fail("put", key, err)
	}
	if !info.Mode().IsRegular() || info.Size() != int64(len(body)) {
		return &fault{store: d.cfg.Name, op: "put", key: key, kind: ErrExists}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		return d.fail("put", key, err)
	}
	if !bytes.Equal(have, body) {
		return &fault{store: d.cfg.Name, op: "put", key: key, kind: ErrExists}
	}
	return d.fail("put", key, d.syncNames(key))
}

// place gives the synced file at tmp its key, only if no file has it
// (fs.ErrExist), and makes the name durable up to the store's root.
func (d *Dir) place(tmp, key string) error {
	target := d.path(key)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := d.nameOnce(tmp, target); err != nil {
		return err
	}
	return d.syncNames(key)
}

// nameOnce renames without replacing. Old kernels and some file systems lack
// that; a hard link cannot replace either. Where there are no hard links (FAT)
// the store's own lock keeps other ripstations away between look and rename.
func (d *Dir) nameOnce(tmp, target string) error {
	err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, target, unix.RENAME_NOREPLACE)
	if lacks(err) {
		return d.nameByLink(tmp, target)
	}
	return err
}

func (d *Dir) nameByLink(tmp, target string) error {
	err := unix.Link(tmp, target)
	if err == nil {
		return os.Remove(tmp)
	}
	if lacks(err) || errors.Is(err, syscall.EPERM) {
		return d.nameByLock(tmp, target)
	}
	return err
}

func (d *Dir) nameByLock(tmp, target string) error {
	lock, err := os.Open(filepath.Join(d.cfg.Root, Marker))
	if err != nil {
		return err
	}
	defer lock.Close() // gives the lock back
	if err := flock(lock); err != nil {
		return err
	}
	if _, err := os.Lstat(target); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(tmp, target)
}

// absent: nothing has the name, or a file stands where its folder would be.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func lacks(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP)
}

// flock waits for the lock on an open file or folder; closing it gives the
// lock back. It is held for the length of one write.
func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// syncNames syncs every folder from the object's up to the root: any of them
// may have been made by a run that was cut off before it could.
func (d *Dir) syncNames(key string) error {
	for dir := filepath.Dir(d.path(key)); ; dir = filepath.Dir(dir) {
		if err := syncDir(dir); err != nil {
			return err
		}
		if dir == d.cfg.Root || len(dir) < len(d.cfg.Root) {
			return nil
		}
	}
}
