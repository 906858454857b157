package archive

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Partial ends the name of a folder or file that is still being made. What
// has not got this ending is whole, and was checked.
const Partial = ".incomplete"

// Named errors of Restore.
var (
	// ErrInTheWay says that something else has the name already. It was not
	// touched.
	ErrInTheWay = errors.New("something else is there already; it is left as it is")
	ErrNoSpace  = errors.New("there is not enough space")
	// ErrNotWhole says that what is there is not the bag as it was sealed.
	ErrNotWhole = errors.New("what is there is not the bag as it was sealed")
)

// RestoreResult says what Restore did.
type RestoreResult struct {
	Files int
	Bytes int64
	// Kept are bytes that an earlier run had left and that turned out right.
	Kept int64
	// AlreadyThere is true when the whole bag had the name, and every byte of
	// it was read and found right.
	AlreadyThere bool
	// Flaws are what the last check found, with ErrNotWhole and ErrInTheWay.
	Flaws []Flaw
}

// Restore brings the bag into the folder dir, which must be there, as a folder
// of the given name. The name must be one element of a path. Until every file
// is on the disk, synced and read back as a bag that is valid and holds what is
// expected, the folder's name ends in Partial. What an earlier run left
// there is taken up: it counts only as far as the digests of the whole files
// prove it. Nothing else is ever written over.
func (r *Retrieval) Restore(ctx context.Context, dir, name string, progress func(done, total int64)) (RestoreResult, error) {
	s := restore{Retrieval: r, name: name, work: name + Partial, progress: progress, total: r.Size()}
	if name == "" || name != path.Base(name) || !filepath.IsLocal(name) {
		return s.res, fmt.Errorf("restore: %q cannot be a folder's name", name)
	}
	var err error
	if s.dir, err = os.OpenRoot(dir); err != nil {
		return s.res, err
	}
	defer s.dir.Close()
	if _, err := s.dir.Lstat(name); err == nil {
		return s.res, s.there(ctx)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s.res, err
	}
	unlock, err := s.open()
	if err != nil {
		return s.res, err
	}
	defer unlock()
	if err := s.prepare(dir); err != nil {
		return s.res, err
	}
	for _, f := range r.Files {
		if err := s.file(ctx, f); err != nil {
			return s.res, err
		}
	}
	if err := s.check(ctx, s.root); err != nil {
		return s.res, fmt.Errorf("%s: %w", filepath.Join(dir, s.work), err)
	}
	return s.res, s.finish(dir)
}

// restore is one Restore under way.
type restore struct {
	*Retrieval
	name, work  string
	dir, root   *os.Root // the folder that was named; the bag's own
	done, total int64
	progress    func(done, total int64)
	res         RestoreResult
}

func (s *restore) step(n int64) {
	s.done += n
	if s.progress != nil {
		s.progress(s.done, s.total)
	}
}

// there looks at a folder that has the name already.
func (s *restore) there(ctx context.Context) error {
	info, err := s.dir.Lstat(s.name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: %w", s.name, ErrInTheWay)
	}
	root, err := s.dir.OpenRoot(s.name)
	if err != nil {
		return err
	}
	defer root.Close()
	err = s.check(ctx, root)
	if errors.Is(err, ErrNotWhole) {
		return fmt.Errorf("%s: %w: %s", s.name, ErrInTheWay, s.res.Flaws[0])
	}
	s.res.AlreadyThere = err == nil
	return err
}

// open makes or finds the folder to work in, and keeps other restores out.
func (s *restore) open() (unlock func(), err error) {
	if err := s.dir.Mkdir(s.work, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	info, err := s.dir.Lstat(s.work)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s: %w", s.work, ErrInTheWay)
	}
	if err != nil {
		return nil, err
	}
	if s.root, err = s.dir.OpenRoot(s.work); err != nil {
		return nil, err
	}
	lock, err := s.root.Open(".")
	if err == nil {
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%s: another restore works on it", s.work)
		}
		if err != nil {
			lock.Close()
		}
	}
	if err != nil {
		s.root.Close()
		return nil, err
	}
	return func() {
		lock.Close() // gives the lock back
		s.root.Close()
	}, nil
}

// prepare looks at what an earlier run left, makes the bag's folders, and finds
// out whether the rest has room.
func (s *restore) prepare(dir string) error {
	sizes, folders := map[string]int64{}, map[string]bool{".": true}
	for _, f := range s.Files {
		sizes[f.Path] = f.Size
		for d := path.Dir(f.Path); d != "."; d = path.Dir(d) {
			folders[d] = true
		}
	}
	need := s.total + s.Beside
	err := fs.WalkDir(s.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		size, ours := sizes[name]
		if d.IsDir() && folders[name] {
			return nil
		}
		if !ours || !d.Type().IsRegular() {
			return fmt.Errorf("%s: %w; move it away", path.Join(s.work, name), ErrInTheWay)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		need -= min(info.Size(), size)
		return nil
	})
	if err != nil {
		return err
	}
	if err := CheckSpace(dir, need); err != nil {
		_ = s.dir.Remove(s.work) // if it is still empty: nothing was begun
		return err
	}
	for d := range folders {
		if err := s.root.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// CheckSpace is ErrNoSpace when a folder's file system has not got room for so
// many bytes.
func CheckSpace(dir string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	if need <= 0 {
		return nil
	}
	need += 64 * st.Bsize // for folders and the like
	if free := int64(st.Bavail) * st.Bsize; need > free {
		return fmt.Errorf("%w in %s: %d bytes are free, %d are needed", ErrNoSpace, dir, free, need)
	}
	return nil
}

// file brings one file onto the disk. Its digest is taken of the bytes as they
// come; check reads them back.
func (s *restore) file(ctx context.Context, f BagFile) (err error) {
	out, err := s.root.OpenFile(f.Path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	h := sha512.New()
	right := func() bool { return hex.EncodeToString(h.Sum(nil)) == f.SHA512 }
	kept, err := io.Copy(h, io.NewSectionReader(out, 0, f.Size))
	if err != nil {
		return fmt.Errorf("read %s: %w", path.Join(s.work, f.Path), err)
	}
	whole := kept == f.Size && right()
	if kept == f.Size && !whole {
		h.Reset() // all there and wrong: it is of no use
		kept = 0
	}
	before := s.done
	s.step(kept)
	for tries := 0; !whole; tries++ {
		if tries > 2*len(s.copies)+1 {
			return s.noCopy(f.Path)
		}
		if err := out.Truncate(kept); err != nil {
			return err
		}
		gave, err := s.stream(ctx, f, kept, io.MultiWriter(&placed{s, out, kept}, h))
		if err != nil {
			// What came is kept for the next time, and proved then.
			return errors.Join(err, out.Sync())
		}
		if whole = right(); whole {
			credit(gave)
			break
		}
		if kept == 0 {
			if err := s.blame(ctx, f, gave); err != nil {
				return err
			}
		}
		kept, s.done = 0, before
		h.Reset()
	}
	s.res.Kept += kept
	if err := out.Truncate(f.Size); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	// The check shall read the disk, not the kernel's memory of it.
	_ = unix.Fadvise(int(out.Fd()), 0, 0, unix.FADV_DONTNEED)
	return nil
}

// placed writes from an offset on.
type placed struct {
	s  *restore
	f  *os.File
	at int64
}

func (w *placed) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.at)
	w.at += int64(n)
	w.s.step(int64(n))
	return n, err
}

// check reads a folder from the disk as a stranger would, and against what is
// expected: success is what comes out of here.
func (s *restore) check(ctx context.Context, root *os.Root) error {
	var want Expected
	for _, f := range s.Files {
		if f.Path == TagManifest {
			want.TagManifest = f.SHA512
		}
		want.Payload = append(want.Payload, Payload{Path: f.Path, Size: f.Size, SHA512: f.SHA512})
	}
	l := look{src: folderSource{root.FS()}, algorithms: []string{"sha512", "sha256", "sha1", "md5"}, expected: want}
	res, err := l.run(ctx)
	if err != nil {
		return err
	}
	s.res.Files, s.res.Bytes, s.res.Flaws = len(s.Files), s.total, res.Flaws
	if len(res.Flaws) > 0 {
		return fmt.Errorf("%w: %s", ErrNotWhole, res.Flaws[0])
	}
	return nil
}

// finish makes all names durable, and gives the folder its own.
func (s *restore) finish(dir string) error {
	err := fs.WalkDir(s.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		f, err := s.root.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
	if err != nil {
		return fmt.Errorf("sync %s: %w", filepath.Join(dir, s.work), err)
	}
	d, err := s.dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	err = unix.Renameat2(int(d.Fd()), s.work, int(d.Fd()), s.name, unix.RENAME_NOREPLACE)
	if lacks(err) { // nothing had the name when this began
		err = s.dir.Rename(s.work, s.name)
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w; the bag lies in %s", s.name, ErrInTheWay, s.work)
	}
	if err != nil {
		return err
	}
	return d.Sync()
}

// FlawWords lists flaws in one line, the first few of them.
func FlawWords(flaws []Flaw) string {
	var words []string
	for i, f := range flaws {
		if i == 5 {
			words = append(words, fmt.Sprintf("and %d more", len(flaws)-i))
			break
		}
		words = append(words, f.String())
	}
	return strings.Join(words, "; ")
}
