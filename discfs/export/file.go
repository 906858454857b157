package export

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

var errOccupied = errors.New("there is something else under this name; nothing was changed")

// file writes one file.
func (x *extraction) file(ctx context.Context, w work) Item {
	it := Item{Path: w.from, To: w.to, State: Failed}
	missing, why := x.s.Missing(w.node)
	if why != nil && len(missing) == 0 && w.node.Err == nil { // too large
		it.Err = why
		return it
	}
	if why != nil {
		w.to = path.Join(path.Dir(w.to), element(path.Base(w.to), Incomplete))
		it.To = w.to
	}
	switch done, err := x.there(ctx, w); {
	case err != nil:
		it.Err = err
		return it
	case done:
		it.State, it.Bytes, it.Known = AlreadyThere, w.node.Size, true
		return it
	}
	passing := path.Join(path.Dir(w.to), ".ripstation-"+rand.Text()[:12]+".part")
	f, err := x.folder.OpenFile(passing, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		it.Err = err
		return it
	}
	var lacking *MissingError
	it.Copied, err = x.s.Copy(ctx, f, w.node, true)
	switch {
	case errors.As(err, &lacking):
		it.Err, err = err, nil
	case errors.Is(err, ErrDigest):
		it.State = Different
	}
	if err == nil {
		err = errors.Join(f.Chmod(permissions(w.node.Mode)), f.Sync())
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = x.times(work{to: passing, node: w.node})
	}
	if err == nil {
		err = x.rename(path.Dir(w.to), path.Base(passing), path.Base(w.to))
	}
	if err != nil {
		it.Err = errors.Join(err, ignoreAbsent(x.folder.Remove(passing)))
		return it
	}
	x.made[path.Dir(w.to)] = true
	if it.State = Written; lacking != nil {
		it.State = Partly
	}
	return it
}

// there reports whether a whole file of this name is there already, with the
// digest on record. Anything else under the name is an error.
func (x *extraction) there(ctx context.Context, w work) (done bool, err error) {
	fi, err := x.folder.Lstat(w.to)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if x.s.Digest == nil || !fi.Mode().IsRegular() || fi.Size() != w.node.Size {
		return false, errOccupied
	}
	want, known := x.s.Digest(w.node)
	if !known {
		return false, errOccupied
	}
	f, err := x.folder.Open(w.to)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, until{ctx, f}); err != nil {
		return false, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != want {
		return false, errOccupied
	}
	return true, nil
}

// until reads as long as its context lasts.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// rename gives a file its name in a directory, unless something has that name
// already.
func (x *extraction) rename(dir, from, to string) error {
	d, err := x.folder.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	fd := int(d.Fd())
	err = unix.Renameat2(fd, from, fd, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// A file system that cannot promise it can do so with a link, or has
		// neither: then it is looked at first.
		if err = unix.Linkat(fd, from, fd, to, 0); err == nil {
			return unix.Unlinkat(fd, from, 0)
		}
		if _, lerr := x.folder.Lstat(path.Join(dir, to)); errors.Is(lerr, fs.ErrNotExist) {
			err = unix.Renameat(fd, from, fd, to)
		}
	}
	if errors.Is(err, unix.EEXIST) {
		return errOccupied
	}
	if err != nil {
		return fmt.Errorf("name it %s: %w", to, err)
	}
	return nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// link makes a symbolic link, when it stays inside of what is extracted.
func (x *extraction) link(w work) Item {
	it := Item{Path: w.from, To: w.to, State: LeftOut}
	if it.Err = checkLink(w.to, x.root, w.node.Link); it.Err != nil {
		it.Err = fmt.Errorf("it leads to %q: %w", w.node.Link, it.Err)
		return it
	}
	err := x.folder.Symlink(w.node.Link, w.to)
	if errors.Is(err, fs.ErrExist) {
		if have, rerr := x.folder.Readlink(w.to); rerr == nil && have == w.node.Link {
			it.State = AlreadyThere
			return it
		}
		err = errOccupied
	}
	if it.State, it.Err = Written, err; err != nil {
		it.State = Failed
	}
	x.made[path.Dir(w.to)] = true
	return it
}
