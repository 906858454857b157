package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ripstation/archive"
	"ripstation/internal/atomicfile"
	"ripstation/internal/discname"
	"ripstation/web"
)

// parcel is one archive file that is being made.
type parcel struct {
	*bags
	discs       []*bag
	in          handing
	added       map[string][]brought // by disc
	progress    func(done, total int64)
	done, total int64
	at          *bag // whose files are being packed
}

func (p *parcel) size() (n int64) {
	for _, g := range p.discs {
		n += g.Size()
		for _, f := range p.expectAdded(g) {
			n += f.Size
		}
	}
	return n
}

// write packs everything.
func (p *parcel) write(ctx context.Context, w io.Writer) (err error) {
	pack := archive.NewZip(w)
	if p.in.tar != "" {
		pack = archive.NewTar(w)
	}
	p.done, p.total = 0, p.size()
	at := p.discs[0].image.SealedAt
	for _, g := range p.discs {
		if g.image.SealedAt.After(at) {
			at = g.image.SealedAt
		}
	}
	if err := pack.Text(readmeName, p.readme(), at); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			p.at = nil
		}
	}()
	for _, g := range p.discs {
		p.at = g
		err := pack.Bag(ctx, g.Retrieval, g.name, g.image.SealedAt, func(n int64) {
			p.done += n
			p.progress(p.done, p.total)
		})
		if err != nil {
			return err
		}
		if err := p.packAdded(ctx, pack, g); err != nil {
			return err
		}
	}
	return pack.Close()
}

// stream packs everything to stdout. What was begun there cannot be begun anew:
// that it is not whole has an exit code of its own, since 4 is what a whole one
// has that one copy was found damaged for.
func (p *parcel) stream(ctx context.Context) error {
	err := p.write(ctx, p.app.raw)
	if err == nil || ctx.Err() != nil {
		return err
	}
	err = p.failed(ctx, err)
	return &failure{exitFailed, &web.Error{Code: web.CodeFailed, Err: err,
		Message: fmt.Sprintf("%v; what went to stdout is not whole, and breaks off in the middle of a file", err),
		Hint:    "throw away what came, and pack into a file: that begins anew with another copy when one gives wrong bytes"}}
}

// file makes the file: under another name until it was read back.
func (p *parcel) file(ctx context.Context) (err error) {
	name, err := filepath.Abs(p.in.file())
	if err != nil {
		return err
	}
	part := filepath.Join(filepath.Dir(name), discname.Cut(filepath.Base(name), discname.Max)+archive.Partial)
	for _, there := range []string{name, part} {
		if _, err := os.Lstat(there); err == nil {
			return inTheWay(there, archive.ErrInTheWay)
		} else if errors.Is(err, unix.ENAMETOOLONG) {
			return usage("%s: its name is longer than 255 bytes; give a shorter one", one(name))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	switch err := archive.CheckSpace(filepath.Dir(name), p.size()); {
	case errors.Is(err, archive.ErrNoSpace):
		return noRoom(err)
	case errors.Is(err, fs.ErrNotExist):
		return usage("there is no folder %s; make it, or give the file another place", one(filepath.Dir(name)))
	case err != nil:
		return err
	}
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if part != "" {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	for range p.tries() {
		if err = errors.Join(f.Truncate(0), seek(f)); err != nil {
			return err
		}
		if err = p.write(ctx, f); !errors.Is(err, archive.ErrNotWhole) || ctx.Err() != nil {
			break
		}
		p.say("  %s: %s; begun anew without what is damaged", short(p.at.id), one(err.Error()))
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	if err := p.check(ctx, f); err != nil {
		return fmt.Errorf("%s, read back: %w", part, err)
	}
	if err := giveName(part, name, unix.Renameat2); err != nil {
		return err
	}
	part = ""
	return atomicfile.SyncDir(filepath.Dir(name))
}

// giveName renames a file unless something else has the name. NFS and some other
// file systems cannot do that in one step: there a look comes first.
func giveName(part, name string, rename func(int, string, int, string, uint) error) error {
	err := rename(unix.AT_FDCWD, part, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		if _, err = os.Lstat(name); err == nil {
			err = fs.ErrExist
		} else if errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(part, name)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return inTheWay(name, archive.ErrInTheWay)
	}
	return err
}

func inTheWay(name string, err error) error {
	return &web.Error{Code: web.CodeConflict, Message: fmt.Sprintf("%s: %v", name, err), Err: err,
		Hint: "give another name, or move it away; one that ends in " + archive.Partial + " is what a run left that was cut off"}
}

func seek(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// tries is once for each copy that may turn out to be damaged.
func (p *parcel) tries() int {
	n := 1
	for _, g := range p.discs {
		n += len(g.Uses())
	}
	return n
}

// check reads the file from the disk, whole.
func (p *parcel) check(ctx context.Context, f *os.File) error {
	readme := p.readme()
	want := []archive.Packed{archive.PackedText(readmeName, readme)}
	for _, g := range p.discs {
		want = append(append(want, g.Expect(g.name)...), p.expectAdded(g)...)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if p.in.zip != "" {
		return archive.CheckZip(ctx, f, info.Size(), want)
	}
	if err := seek(f); err != nil {
		return err
	}
	return archive.CheckTar(ctx, f, want)
}

// failed gives a failure its exit code.
func (p *parcel) failed(ctx context.Context, err error) error {
	if f := (*failure)(nil); errors.As(err, &f) {
		return err
	}
	if p.at == nil {
		return err
	}
	if errors.Is(err, archive.ErrNotWhole) || errors.Is(err, archive.ErrNoCopy) || errors.Is(err, archive.ErrUnread) {
		return p.unreadable(ctx, err, p.at)
	}
	return fmt.Errorf("disc %s: %w", p.at.id, err)
}
