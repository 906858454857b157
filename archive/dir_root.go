package archive

import (
	"context"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// rooted is the store's folder while one operation is at work in it. The folder
// is opened once and the marker read through it, so that all that the operation
// does lands on the drive whose marker that was, whatever is mounted at the
// store's path in the meantime. Names in it are relative, with slashes.
type rooted struct {
	*os.Root
	d *Dir
}

// enter opens the store's folder and makes sure that it is the store, and not
// what is left of it while its drive is away, or another drive.
func (d *Dir) enter(ctx context.Context) (*rooted, error) {
	for founded := false; ; founded = true {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		root, err := os.OpenRoot(d.cfg.Root)
		id := ""
		if err == nil {
			id, err = markerOf(root)
		}
		found, refused := d.judge(id, err, founded)
		if refused == nil && !found {
			if d.entered != nil {
				d.entered()
			}
			return &rooted{root, d}, nil
		}
		if root != nil {
			root.Close()
		}
		if refused != nil {
			return nil, refused
		}
		if err := d.found(); err != nil {
			return nil, err
		}
	}
}

// syncDir makes names in a folder survive a power cut.
func (r *rooted) syncDir(name string) error {
	f, err := r.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncNames(f)
}

// renameOnce renames without replacing; both folders are opened first, since the
// system call knows no root.
func (r *rooted) renameOnce(tmp, target string) error {
	from, err := r.Open(path.Dir(tmp))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := r.Open(path.Dir(target))
	if err != nil {
		return err
	}
	defer to.Close()
	return unix.Renameat2(int(from.Fd()), path.Base(tmp), int(to.Fd()), path.Base(target), unix.RENAME_NOREPLACE)
}
