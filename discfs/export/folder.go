package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/discfs/tree"
)

// State is what became of one file, directory or link.
type State string

const (
	Written      State = "written"
	AlreadyThere State = "already there"  // with the digest on record
	Partly       State = "incomplete"     // under a name that ends in Incomplete; of a directory: not all of it could be listed
	Different    State = "digest differs" // nothing was kept
	LeftOut      State = "left out"       // links that lead out, devices
	Failed       State = "failed"
)

// Item is told of everything that is extracted.
type Item struct {
	Path  string // on the disc
	To    string // below the folder; empty when there is nothing
	State State
	File  bool // a regular file
	Copied
	Err error // why it is not written, or not whole
}

// tooMany read errors in a row end an extraction: the archive has gone away.
const tooMany = 3

// Extract makes n, whose path on the disc is from, in a folder under the name to, with
// everything below it. Nothing outside of the folder is touched, whatever the
// disc says, and nothing that is there already is changed: a file with the
// digest on record counts as done, others are an error of that file. Each file
// is written under a passing name, synced, and then given its own. tell hears
// of everything but of directories that are as they should be.
//
// An error ends it early: the folder cannot be written to, the archive cannot be
// read, ctx has ended. What is told of single files is no error.
func (s *Source) Extract(ctx context.Context, folder *os.Root, n *tree.Node, from, to string, tell func(Item)) error {
	to = element(to, "")
	x := &extraction{s: s, folder: folder, tell: tell, made: map[string]bool{}}
	if n.IsDir() {
		x.root = to
	}
	p := newPlan(n, from, to)
	if err := x.room(p); err != nil {
		return err
	}
	err := x.all(ctx, p)
	return errors.Join(err, x.finish(p))
}

type extraction struct {
	s      *Source
	folder *os.Root
	tell   func(Item)
	root   string          // the directory that is made, empty for a single file
	made   map[string]bool // directories to be synced
	failed int             // read errors in a row
}

func (x *extraction) all(ctx context.Context, p *plan) error {
	absent := map[string]bool{} // directories that could not be made
	for _, w := range p.dirs {
		if absent[path.Dir(w.to)] {
			absent[w.to] = true
			continue
		}
		if err := x.dir(w); err != nil {
			if fatal(err) {
				return err
			}
			absent[w.to] = true
			x.tell(Item{Path: w.from, State: Failed, Err: err})
		} else if w.node.Err != nil {
			x.tell(Item{Path: w.from, To: w.to, State: Partly, Err: fmt.Errorf("not all of this directory could be listed: %w", w.node.Err)})
		}
	}
	for _, list := range [][]work{p.files, p.links, p.other} {
		for _, w := range list {
			if err := ctx.Err(); err != nil {
				return err
			}
			if absent[path.Dir(w.to)] {
				x.tell(Item{Path: w.from, State: Failed, Err: errors.New("its directory could not be made")})
				continue
			}
			it := Item{Path: w.from, To: w.to, State: LeftOut, Err: errors.New("it is no file, directory or link")}
			switch {
			case w.node.Mode.IsRegular():
				it = x.file(ctx, w)
			case w.node.Mode&fs.ModeSymlink != 0:
				it = x.link(w)
			}
			it.File = w.node.Mode.IsRegular()
			if it.State == Failed || it.State == LeftOut || it.State == Different {
				it.To = ""
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			x.tell(it)
			if err := x.over(it.Err); err != nil {
				return err
			}
		}
	}
	return nil
}

// over says whether what happened to one file ends it for all.
func (x *extraction) over(err error) error {
	if fatal(err) {
		return err
	}
	if !errors.As(err, new(readError)) {
		x.failed = 0
		return nil
	}
	if x.failed++; x.failed == tooMany {
		return fmt.Errorf("the archive cannot be read: %w", err)
	}
	return nil
}

// fatal are errors of the folder that the next file would meet too.
func fatal(err error) bool {
	for _, e := range []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO, unix.EMFILE, unix.ENFILE} {
		if errors.Is(err, e) && !errors.As(err, new(readError)) {
			return true
		}
	}
	return false
}

// room refuses what cannot fit before anything is written.
func (x *extraction) room(p *plan) error {
	f, err := x.folder.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("ask for the room in %s: %w", x.folder.Name(), err)
	}
	free, need := int64(st.Bavail)*st.Bsize, int64(0)
	for _, w := range p.files {
		if x.s.tooLarge(w.node) != nil {
			continue
		}
		if fi, err := x.folder.Lstat(w.to); err == nil && fi.Size() == w.node.Size {
			continue
		}
		if need += w.node.Size; need > free {
			return fmt.Errorf("the files have more bytes than there is room for in %s: it has %d bytes left: %w", x.folder.Name(), free, unix.ENOSPC)
		}
	}
	return nil
}

// dir makes a directory, or takes the one that is there.
func (x *extraction) dir(w work) error {
	err := x.folder.Mkdir(w.to, 0o700)
	if errors.Is(err, fs.ErrExist) {
		fi, lerr := x.folder.Lstat(w.to)
		if lerr == nil && fi.IsDir() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	x.made[w.to], x.made[path.Dir(w.to)] = true, true
	return nil
}

// finish gives new directories their modes and times, children first, and
// syncs those that have something new in them.
func (x *extraction) finish(p *plan) (bad error) {
	for i := len(p.dirs) - 1; i >= 0; i-- {
		w := p.dirs[i]
		if !x.made[w.to] {
			continue
		}
		bad = errors.Join(bad, x.sync(w.to), x.folder.Chmod(w.to, permissions(w.node.Mode)|0o700), x.times(w))
		delete(x.made, w.to)
	}
	for dir := range x.made {
		bad = errors.Join(bad, x.sync(dir))
	}
	return bad
}

func (x *extraction) sync(dir string) error {
	f, err := x.folder.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

// permissions are those of a disc's file as far as they are given here: nobody
// but the owner may change it, and nothing runs as somebody else.
func permissions(m fs.FileMode) fs.FileMode { return m.Perm()&0o755 | 0o400 }

// Times outside of these are not given to files: not every file system has
// them.
var (
	firstTime = time.Unix(0, 0)
	lastTime  = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (x *extraction) times(w work) error {
	m, a := w.node.Modified, w.node.Accessed
	if m.IsZero() || m.Before(firstTime) || m.After(lastTime) {
		return nil
	}
	if a.Before(firstTime) || a.After(lastTime) {
		a = m
	}
	return x.folder.Chtimes(w.to, a, m)
}
