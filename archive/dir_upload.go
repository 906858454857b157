package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// dirUpload is an unfinished upload: a folder with the file "data", which has
// its full size from the start, and the journal "parts". The folder's name
// comes from key, size and part size, so that only the same upload goes on.
type dirUpload struct {
	d      *Dir
	key    string
	plan   plan
	folder string // below the root
	stored bool

	mu      sync.Mutex
	journal journal
}

// Begin reserves the space for the object, so that a full drive is known
// before anything is sent.
func (d *Dir) Begin(ctx context.Context, key string, size int64) (Upload, error) {
	if err := CheckKey(key); err != nil {
		return nil, d.badKey("begin", err)
	}
	p, err := newPlan(size, d.cfg.PartSize)
	if err != nil {
		return nil, d.badKey("begin", err)
	}
	r, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	u := &dirUpload{d: d, key: key, plan: p, folder: uploadsDir + "/" + d.uploadName(key, p)}
	switch info, err := r.stat("begin", key); {
	case err == nil && info.Size != size:
		return nil, &fault{store: d.cfg.Name, op: "begin", key: key, kind: ErrExists}
	case err == nil:
		u.stored = true
		u.tidy(r)
		return u, nil
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	if err := r.MkdirAll(u.folder, 0o755); err != nil {
		return nil, d.fail("begin", key, err)
	}
	if err := errors.Join(r.syncDir(uploadsDir), r.syncDir(".")); err != nil {
		return nil, d.fail("begin", key, err)
	}
	err = u.locked(r, func(parts *os.File) error {
		if info, err := r.Lstat(u.data()); err != nil || info.Size() != size {
			// The parts that the journal tells of are not in a file made now.
			if err := u.journal.reset(parts, journalHeader(key, p)); err != nil {
				return err
			}
		}
		data, err := u.open(r, os.O_CREATE)
		if err != nil {
			return err
		}
		defer data.Close()
		if err := reserve(data, size); err != nil {
			return err
		}
		return errors.Join(data.Sync(), r.syncDir(u.folder))
	})
	if err != nil {
		return nil, d.fail("begin", key, err)
	}
	return u, nil
}

// uploadName is the name of an upload's folder.
func (d *Dir) uploadName(key string, p plan) string {
	return fmt.Sprintf("%x-%d-%d", sha256.Sum256([]byte(key)), p.size, p.part)
}

// reserve gives the file its size, with its blocks where the file system can.
func reserve(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() == size {
		return err
	}
	if info.Size() > size {
		return f.Truncate(size)
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return f.Truncate(size)
	}
	return err
}

func (u *dirUpload) data() string { return u.folder + "/data" }

// open opens the unfinished file. A run that was cut off between finishing it
// and naming it has left it read-only, which stops every user but root.
func (u *dirUpload) open(r *rooted, flags int) (*os.File, error) {
	if info, err := r.Lstat(u.data()); err == nil && info.Mode().IsRegular() && info.Mode()&0o200 == 0 {
		if err := r.Chmod(u.data(), 0o644); err != nil {
			return nil, err
		}
	}
	return r.OpenFile(u.data(), os.O_RDWR|flags, 0o644)
}

// locked runs do while no other process or goroutine touches this upload, with
// the journal open and read up to its end.
func (u *dirUpload) locked(r *rooted, do func(parts *os.File) error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	folder, err := r.Open(u.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUploadGone
	}
	if err != nil {
		return err
	}
	defer folder.Close() // gives the lock back
	if err := flock(folder); err != nil {
		return err
	}
	// Who waited for the lock may have got that of a folder since removed.
	mine, err := folder.Stat()
	if err != nil {
		return err
	}
	if now, err := r.Lstat(u.folder); err != nil || !os.SameFile(now, mine) {
		return ErrUploadGone
	}
	parts, err := r.OpenFile(u.folder+"/parts", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer parts.Close()
	if err := u.journal.refresh(parts, journalHeader(u.key, u.plan)); err != nil {
		return err
	}
	return do(parts)
}

func (u *dirUpload) Stored() bool { return u.stored }

func (u *dirUpload) PartSize() int64 { return u.plan.part }

func (u *dirUpload) Parts() int { return u.plan.parts() }

func (u *dirUpload) Has(n int, crc uint64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	have, ok := u.journal.parts[n]
	return ok && have == crc
}

func (u *dirUpload) Part(ctx context.Context, n int, body []byte) error {
	if err := u.plan.check(n, body); err != nil {
		return u.d.badKey("send part of "+u.key, err)
	}
	return u.send(ctx, n, &section{src: bytes.NewReader(body), size: int64(len(body))}, CRC64NVME(body))
}

func (u *dirUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	if err := u.plan.checkNumber(n); err != nil {
		return u.d.badKey("send part of "+u.key, err)
	}
	return u.send(ctx, n, &section{src: src, off: int64(n) * u.plan.part, size: u.plan.length(n)}, crc)
}

func (u *dirUpload) send(ctx context.Context, n int, body *section, crc uint64) error {
	if u.stored {
		return &fault{store: u.d.cfg.Name, op: "send part of", key: u.key, kind: ErrExists}
	}
	r, err := u.d.enter(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	err = u.locked(r, func(parts *os.File) error {
		data, err := u.open(r, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return ErrUploadGone // another has completed it
		}
		if err != nil {
			return err
		}
		defer data.Close()
		if _, held := u.journal.parts[n]; held {
			// While it is overwritten it is neither the old part nor the new.
			if err := u.journal.add(parts, journalRecord(false, n, 0)); err != nil {
				return err
			}
		}
		off := int64(n) * u.plan.part
		if err := body.copyTo(ctx, data, off); err != nil {
			return err
		}
		if err := body.verdict(crc, true); err != nil {
			return fmt.Errorf("send part %d of %s: %w", n, u.key, err)
		}
		if err := unix.Fdatasync(int(data.Fd())); err != nil {
			return err
		}
		// A read-back shall come from the drive, not from memory.
		_ = unix.Fadvise(int(data.Fd()), off, body.size, unix.FADV_DONTNEED)
		return u.journal.add(parts, journalRecord(true, n, crc))
	})
	if errors.Is(err, ErrSourceChanged) || errors.Is(err, ErrSource) {
		return err
	}
	return u.fail("send part of", err)
}

// fail keeps ErrUploadGone a kind of its own.
func (u *dirUpload) fail(op string, err error) error {
	if errors.Is(err, ErrUploadGone) {
		return &fault{store: u.d.cfg.Name, op: op, key: u.key, kind: ErrUploadGone}
	}
	if f := (*fault)(nil); errors.As(err, &f) {
		return err
	}
	return u.d.fail(op, u.key, err)
}
