package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Stat looks at the file; its checksum is what was noted when it was written.
func (d *Dir) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, d.badKey("stat", err)
	}
	r, err := d.enter(ctx)
	if err != nil {
		return Info{}, err
	}
	defer r.Close()
	return r.stat("stat", key)
}

func (r *rooted) stat(op, key string) (Info, error) {
	d := r.d
	fi, err := r.Lstat(key)
	if absent(err) || err == nil && fi.IsDir() {
		return Info{}, &fault{store: d.cfg.Name, op: op, key: key, kind: ErrNotFound}
	}
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return Info{}, d.fail(op, key, err)
	}
	return r.info(key, fi), nil
}

// info is what is known of a regular file.
func (r *rooted) info(key string, fi fs.FileInfo) Info {
	info := Info{Key: key, Size: fi.Size(), Modified: fi.ModTime().UTC()}
	if f, err := r.OpenFile(key, os.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
		info.CRC64NVME = crcOf(f)
		f.Close()
	}
	return info
}

// readDir gives what lies in a folder, in no order.
func (r *rooted) readDir(name string) ([]fs.DirEntry, error) {
	f, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// Read reads from the drive, not from what the kernel still holds of the file
// in memory, as far as the kernel lets go of it. A whole object is held against
// the checksum noted for it.
func (d *Dir) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := CheckKey(key); err != nil {
		return nil, d.badKey("read", err)
	}
	r, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close() // the file that is read stays open
	return r.read(ctx, key, offset, length)
}

func (r *rooted) read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	d := r.d
	info, err := r.stat("read", key)
	if err != nil {
		return nil, err
	}
	length, err = rangeOf(info.Size, offset, length)
	if err != nil {
		return nil, &fault{store: d.cfg.Name, op: "read", key: key, kind: ErrPermanent, err: err}
	}
	f, err := r.Open(key)
	if absent(err) {
		return nil, &fault{store: d.cfg.Name, op: "read", key: key, kind: ErrNotFound}
	}
	if err != nil {
		return nil, d.fail("read", key, err)
	}
	_ = unix.Fadvise(int(f.Fd()), offset, length, unix.FADV_DONTNEED)
	c := &checkedReader{name: d.cfg.Name, key: key, r: ctxReader{ctx, io.NewSectionReader(f, offset, length)}, left: length, closer: f}
	if want, err := ParseCRC64NVME(info.CRC64NVME); err == nil && length == info.Size {
		c.whole, c.want = true, want
	}
	c.fail = func(err error) error { return d.fail("read", key, err) }
	return c, nil
}

// rangeOf turns a wish into a length within size bytes.
func rangeOf(size, offset, length int64) (int64, error) {
	if offset < 0 || length < -1 || offset > size || length > size-offset {
		return 0, fmt.Errorf("%d bytes from byte %d of an object with %d", length, offset, size)
	}
	if length == -1 {
		return size - offset, nil
	}
	return length, nil
}

// List walks the folders in the order of the keys. Names that no key can have
// (lost+found, hidden files, the unfinished uploads) are passed over; Strangers
// tells of those that lie in a bag.
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		r, err := d.enter(ctx)
		if err != nil {
			yield(Info{}, err)
			return
		}
		defer r.Close()
		r.walk(ctx, "", prefix, yield)
	}
}

// walk gives what lies in folder, a key prefix that is empty or ends in a
// slash; false ends it.
func (r *rooted) walk(ctx context.Context, folder, prefix string, yield func(Info, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(Info{}, err)
		return false
	}
	entries, err := r.readDir(path.Clean(folder))
	if errors.Is(err, fs.ErrNotExist) && folder != "" {
		return true // removed by somebody since its name was read
	}
	if err != nil {
		yield(Info{}, r.d.fail("list", folder, err))
		return false
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		name := e.Name()
		if checkSegment(name) != nil {
			continue
		}
		if e.IsDir() {
			name += "/" // as it stands in the keys: this decides the order
		} else if !e.Type().IsRegular() {
			continue
		}
		names = append(names, folder+name)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasSuffix(name, "/") {
			if strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name) {
				if !r.walk(ctx, name, prefix, yield) {
					return false
				}
			}
			continue
		}
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		fi, err := r.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			yield(Info{}, r.d.fail("list", name, err))
			return false
		}
		if !yield(r.info(name, fi), nil) {
			return false
		}
	}
	return true
}
