package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

func (u *dirUpload) Complete(ctx context.Context, crc uint64) (Info, error) {
	r, err := u.d.enter(ctx)
	if err != nil {
		return Info{}, err
	}
	defer r.Close()
	if info, err := u.finished(ctx, r, crc); !errors.Is(err, ErrNotFound) {
		return info, err
	}
	err = u.locked(r, func(*os.File) error { return u.finish(r, crc) })
	if errors.Is(err, ErrUploadGone) || errors.Is(err, fs.ErrExist) {
		// Another finished it in the meantime.
		if info, err := u.finished(ctx, r, crc); !errors.Is(err, ErrNotFound) {
			return info, err
		}
	}
	if err != nil {
		return Info{}, u.fail("complete", err)
	}
	return r.stat("complete", u.key)
}

// finish gives the file its key. The upload is locked.
func (u *dirUpload) finish(r *rooted, crc uint64) error {
	whole, missing := u.plan.combine(u.journal.parts)
	if missing >= 0 {
		return &fault{store: u.d.cfg.Name, op: "complete", key: u.key, kind: ErrPermanent,
			err: fmt.Errorf("part %d of %d was not sent", missing, u.plan.parts())}
	}
	if whole != crc {
		return &fault{store: u.d.cfg.Name, op: "complete", key: u.key, kind: ErrChecksum,
			err: fmt.Errorf("the parts have %s, the whole should have %s", FormatCRC64NVME(whole), FormatCRC64NVME(crc))}
	}
	data, err := u.open(r, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUploadGone
	}
	if err != nil {
		return err
	}
	defer data.Close()
	if info, err := data.Stat(); err != nil {
		return err
	} else if info.Size() != u.plan.size {
		return fmt.Errorf("its unfinished file has %d bytes instead of %d: %w", info.Size(), u.plan.size, io.ErrUnexpectedEOF)
	}
	setCRC(data, crc)
	if err := errors.Join(data.Chmod(0o444), data.Sync()); err != nil {
		return err
	}
	if err := r.place(u.data(), u.key); err != nil {
		return err
	}
	return u.forget(r)
}

// finished holds an object that is there under the key against crc.
// ErrNotFound means that there is none.
func (u *dirUpload) finished(ctx context.Context, r *rooted, crc uint64) (Info, error) {
	info, err := r.stat("complete", u.key)
	if err != nil {
		return Info{}, err
	}
	have, err := ParseCRC64NVME(info.CRC64NVME)
	if err != nil && info.Size == u.plan.size {
		if have, err = r.contentCRC(ctx, u.key); err != nil {
			return Info{}, err
		}
	}
	if info.Size != u.plan.size || have != crc {
		return Info{}, &fault{store: u.d.cfg.Name, op: "complete", key: u.key, kind: ErrExists}
	}
	return info, u.d.fail("complete", u.key, r.syncKey(u.key))
}

func (u *dirUpload) Abort(ctx context.Context) error {
	r, err := u.d.enter(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	return u.abort(r)
}

func (u *dirUpload) abort(r *rooted) error {
	if u.stored {
		return nil
	}
	err := u.locked(r, func(*os.File) error { return u.forget(r) })
	if errors.Is(err, ErrUploadGone) {
		return nil
	}
	return u.fail("abort", err)
}

// tidy removes what a run left that was cut off between the naming of the
// object and the end of its upload. An upload with bytes of its own stays.
func (u *dirUpload) tidy(r *rooted) {
	_ = u.locked(r, func(*os.File) error {
		data, err := r.Lstat(u.data())
		if err == nil {
			if named, err := r.Lstat(u.key); err != nil || !os.SameFile(data, named) {
				return nil
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return u.forget(r)
	})
}

// forget removes the upload's folder. The upload is locked.
func (u *dirUpload) forget(r *rooted) error {
	if err := r.RemoveAll(u.folder); err != nil {
		return err
	}
	u.journal = journal{}
	return r.syncDir(uploadsDir)
}
