package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Put writes the file under a name of its own, syncs it and gives it its key.
func (d *Dir) Put(ctx context.Context, key string, body []byte) error {
	if err := CheckKey(key); err != nil {
		return d.badKey("put", err)
	}
	r, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.same(key, body); !errors.Is(err, ErrNotFound) {
		return err
	}
	tmp, err := r.scratch(body)
	if err != nil {
		return d.fail("put", key, err)
	}
	defer r.Remove(tmp) // gone already when it was placed
	err = r.place(tmp, key)
	if errors.Is(err, fs.ErrExist) {
		return r.same(key, body)
	}
	return d.fail("put", key, err)
}

// scratch writes a synced file below .uploads. One left by a crash holds
// nothing that its source has not.
func (r *rooted) scratch(body []byte) (name string, err error) {
	if err := r.Mkdir(uploadsDir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	name = uploadsDir + "/put-" + strings.ToLower(rand.Text())
	return name, r.write(name, body, 0o444)
}

// write writes a synced file under a name that nothing has yet.
func (r *rooted) write(name string, body []byte, perm fs.FileMode) error {
	f, err := r.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	setCRC(f, CRC64NVME(body))
	if err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, r.Remove(name))
	}
	return nil
}

// same holds the object under key against body: nil, ErrExists or ErrNotFound.
// An object that is the same may have been named just before a crash, so its
// name is made durable once more.
func (r *rooted) same(key string, body []byte) error {
	d := r.d
	info, err := r.Lstat(key)
	if absent(err) {
		return &fault{store: d.cfg.Name, op: "put", key: key, kind: ErrNotFound}
	}
	if err != nil {
		return d.fail("put", key, err)
	}
	if !info.Mode().IsRegular() || info.Size() != int64(len(body)) {
		return &fault{store: d.cfg.Name, op: "put", key: key, kind: ErrExists}
	}
	have, err := r.ReadFile(key)
	if err != nil {
		return d.fail("put", key, err)
	}
	if !bytes.Equal(have, body) {
		return &fault{store: d.cfg.Name, op: "put", key: key, kind: ErrExists}
	}
	return d.fail("put", key, r.syncKey(key))
}

// place gives the synced file at tmp its key, only if no file has it
// (fs.ErrExist), and makes the name durable up to the store's root.
func (r *rooted) place(tmp, key string) error {
	if err := r.MkdirAll(path.Dir(key), 0o755); errors.Is(err, fs.ErrExist) {
		return syscall.ENOTDIR // os.Root's word for a file in a folder's place; here it is another thing
	} else if err != nil {
		return err
	}
	if err := r.nameOnce(tmp, key); err != nil {
		return err
	}
	return r.syncKey(key)
}

// nameOnce renames without replacing. Old kernels and some file systems lack
// that; a hard link cannot replace either. Where there are no hard links (FAT)
// the store's own lock keeps other ripstations away between look and rename.
func (r *rooted) nameOnce(tmp, target string) error {
	err := r.renameOnce(tmp, target)
	if lacks(err) {
		return r.nameByLink(tmp, target)
	}
	return err
}

func (r *rooted) nameByLink(tmp, target string) error {
	err := r.Link(tmp, target)
	if err == nil {
		return r.Remove(tmp)
	}
	if lacks(err) || errors.Is(err, syscall.EPERM) {
		return r.nameByLock(tmp, target)
	}
	return err
}

func (r *rooted) nameByLock(tmp, target string) error {
	lock, err := r.Open(Marker)
	if err != nil {
		return err
	}
	defer lock.Close() // gives the lock back
	if err := flock(lock); err != nil {
		return err
	}
	if _, err := r.Lstat(target); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.Rename(tmp, target)
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

// syncKey syncs every folder from the object's up to the root: any of them
// may have been made by a run that was cut off before it could.
func (r *rooted) syncKey(key string) error {
	for dir := path.Dir(key); ; dir = path.Dir(dir) {
		if err := r.syncDir(dir); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
	}
}
