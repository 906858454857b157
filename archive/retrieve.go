package archive

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Copy is one of several stored bags with the same content.
type Copy struct {
	Store  Store
	Prefix string // of the bag: "<id>/v1"
}

// BagFile is one file of a bag, with what it has to hold.
type BagFile struct {
	Path   string
	Size   int64  // bytes
	SHA512 string // lower-case hex
}

// CopyNews is what became of a copy while it was read.
type CopyNews struct {
	Store string
	Path  string // inside the bag
	Err   error  // why it could not be read there; nil when Flaw tells
	Flaw  *Flaw  // what is wrong with the copy
}

// CopyUse is what one copy gave.
type CopyUse struct {
	Store  string
	Prefix string
	Bytes  int64  // of the bytes that count
	Flaws  []Flaw // missing or damaged, seen twice
	Err    error  // the last reason why it could not be read, if there is one
}

// RetrieveOptions are what a caller may hook in; all may be nil.
type RetrieveOptions struct {
	Tell func(CopyNews)
	// Pause waits before all copies are tried once more when none of them could
	// be read; try counts from 1 since the last byte that came. Its error ends
	// the retrieval. Nil waits 1, 2, 4, 8 and 16 seconds.
	Pause func(ctx context.Context, try int, err error) error
}

// ErrNoCopy says that no copy gives a file as it has to be.
var ErrNoCopy = errors.New("no copy gives it as it was sealed")

// ErrUnread says that copies are there, or may be, and none could be read.
var ErrUnread = errors.New("no copy can be read")

// Retrieval is a bag that is being read, out of whichever of its copies can
// give it. A copy that fails is left for the next one, in mid-file too; one
// that gives wrong bytes is not used again for that file. It is used by one
// goroutine.
type Retrieval struct {
	Files []BagFile // what the bag consists of, payload last
	// Beside are bytes that the caller will put beside the restored bag, and that
	// there has to be room for, too.
	Beside int64

	want   Expected
	opts   RetrieveOptions
	copies []*retrieved
	now    int // the copy in use
	buf    []byte
}

// retrieved is a copy as far as it is known.
type retrieved struct {
	Copy
	use  CopyUse
	out  error           // why it is not asked any more at all
	bad  map[string]bool // files that it does not have as they should be
	size map[string]bool // files whose size was looked at
}

// OpenBag finds out what a bag consists of. When want names every file with its
// digest (the catalog's, as they were sealed), that is what has to come; else
// the manifests of the first copy that has them as a bag should, held against
// as much as want has.
func OpenBag(ctx context.Context, copies []Copy, want Expected, opts RetrieveOptions) (*Retrieval, error) {
	r := &Retrieval{want: want, opts: opts, buf: make([]byte, 1<<20)}
	if r.opts.Pause == nil {
		r.opts.Pause = patience
	}
	for _, c := range copies {
		if err := CheckKey(c.Prefix); err != nil {
			return nil, fmt.Errorf("bag prefix: %w", err)
		}
		r.copies = append(r.copies, &retrieved{Copy: c, use: CopyUse{Store: c.Store.Name(), Prefix: c.Prefix}, bad: map[string]bool{}, size: map[string]bool{}})
	}
	if len(r.copies) == 0 {
		return nil, errors.New("there is no copy to read")
	}
	if r.Files = want.files(); r.Files == nil {
		if err := r.plan(ctx); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(r.Files, func(a, b BagFile) int {
		if p, q := isPayload(a.Path), isPayload(b.Path); p != q {
			if p {
				return 1
			}
			return -1
		}
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	return r, nil
}

func patience(ctx context.Context, try int, err error) error {
	if try > 5 {
		return err
	}
	t := time.NewTimer(time.Second << (try - 1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Size is the number of bytes of all files.
func (r *Retrieval) Size() (n int64) {
	for _, f := range r.Files {
		n += f.Size
	}
	return n
}

// Uses tells what each copy gave, and what was wrong with it.
func (r *Retrieval) Uses() (all []CopyUse) {
	for _, c := range r.copies {
		all = append(all, c.use)
	}
	return all
}

func (r *Retrieval) tell(n CopyNews) {
	if r.opts.Tell != nil {
		r.opts.Tell(n)
	}
}

// wrong notes that a copy has not got a file as it should be.
func (r *Retrieval) wrong(c *retrieved, path string, fault Fault, format string, args ...any) {
	c.bad[path] = true
	f := Flaw{path, fault, fmt.Sprintf(format, args...)}
	c.use.Flaws = append(c.use.Flaws, f)
	r.tell(CopyNews{Store: c.use.Store, Path: path, Flaw: &f})
}

// next is the copy to ask for a file, from the one in use on; nil when none is
// left.
func (r *Retrieval) next(path string) *retrieved {
	for i := range r.copies {
		c := r.copies[(r.now+i)%len(r.copies)]
		if c.out == nil && !c.bad[path] {
			r.now = (r.now + i) % len(r.copies)
			return c
		}
	}
	return nil
}

// sinkError is a failure of where the bytes go to, which is no copy's fault.
type sinkError struct{ error }

func (e sinkError) Unwrap() error { return e.error }

// stream gives a file's bytes from an offset to its end to w, out of one copy
// after another, and says how many each gave. That they are the right ones is
// for the caller to find out.
func (r *Retrieval) stream(ctx context.Context, f BagFile, at int64, w io.Writer) (gave map[*retrieved]int64, err error) {
	gave = map[*retrieved]int64{}
	var first *retrieved // of those that were tried in vain since the last byte
	for try := 0; ; {
		c := r.next(f.Path)
		if c == nil {
			return gave, r.noCopy(f.Path)
		}
		if c == first {
			try++
			if err := r.opts.Pause(ctx, try, err); err != nil {
				return gave, fmt.Errorf("%s, byte %d: %w: %w", f.Path, at, ErrUnread, err)
			}
			first = nil
		}
		n, failed := r.piece(ctx, c, f, at, w)
		at, gave[c] = at+n, gave[c]+n
		var sink sinkError
		switch {
		case failed == nil:
			return gave, nil
		case errors.As(failed, &sink):
			return gave, sink.error
		case ctx.Err() != nil:
			return gave, ctx.Err()
		}
		err = failed
		if n > 0 {
			first, try = nil, 0
		}
		if !c.bad[f.Path] { // else it has been told as a flaw
			c.use.Err = failed
			r.tell(CopyNews{Store: c.use.Store, Path: f.Path, Err: failed})
			switch {
			case errors.Is(failed, ErrPermanent):
				c.out = failed
			case first == nil:
				first = c
			}
		}
		r.now = (r.now + 1) % len(r.copies)
	}
}

// piece reads one copy from an offset as far as it comes.
func (r *Retrieval) piece(ctx context.Context, c *retrieved, f BagFile, at int64, w io.Writer) (n int64, err error) {
	key := c.Prefix + "/" + f.Path
	if !c.size[f.Path] {
		info, err := c.Store.Stat(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound):
			r.wrong(c, f.Path, Missing, "it is not in the store")
			return 0, err
		case err != nil:
			return 0, err
		case info.Size != f.Size:
			err = fmt.Errorf("it has %d bytes instead of %d", info.Size, f.Size)
			r.wrong(c, f.Path, Damaged, "%v", err)
			return 0, err
		}
		c.size[f.Path] = true
	}
	if at == f.Size && at > 0 {
		return 0, nil
	}
	length := f.Size - at
	if at == 0 {
		length = -1 // the store may then hold all of it against its own checksum
	}
	body, err := c.Store.Read(ctx, key, at, length)
	if errors.Is(err, ErrNotFound) {
		r.wrong(c, f.Path, Missing, "gone while it was to be read")
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	defer body.Close() // it was only read
	for at+n < f.Size {
		k, err := body.Read(r.buf[:min(int64(len(r.buf)), f.Size-at-n)])
		if k > 0 {
			if _, werr := w.Write(r.buf[:k]); werr != nil {
				return n, sinkError{werr}
			}
			n += int64(k)
		}
		switch {
		case errors.Is(err, ErrChecksum):
			// The store's own check. Whether it is the bytes that are wrong, or
			// what the store noted of them, the digest tells.
			if at+n == f.Size {
				return n, nil
			}
			return n, err
		case err == io.EOF && at+n < f.Size:
			return n, fmt.Errorf("store %s: read %s: %w", c.use.Store, key, io.ErrUnexpectedEOF)
		case err != nil && err != io.EOF:
			return n, err
		}
	}
	return n, nil
}

// credit counts what the copies gave of a file that turned out right.
func credit(gave map[*retrieved]int64) {
	for c, n := range gave {
		c.use.Bytes += n
	}
}

// blame finds out which of the copies that gave a file with another digest are
// wrong: each is read once more, by itself. It counts as damaged only what was
// wrong in that reading too.
func (r *Retrieval) blame(ctx context.Context, f BagFile, gave map[*retrieved]int64) error {
	for _, c := range r.copies {
		if _, used := gave[c]; !used || c.out != nil || c.bad[f.Path] {
			continue
		}
		h := sha512.New()
		n, err := r.piece(ctx, c, f, 0, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && n == f.Size {
			if got := hex.EncodeToString(h.Sum(nil)); got != f.SHA512 {
				r.wrong(c, f.Path, Damaged, "its SHA512 is %s, recorded was %s", got, f.SHA512)
			}
			continue
		}
		if !c.bad[f.Path] {
			// Not to be read now: it is passed over for this file, and nothing is
			// said of its bytes.
			c.bad[f.Path], c.use.Err = true, err
			r.tell(CopyNews{Store: c.use.Store, Path: f.Path, Err: err})
		}
	}
	return nil
}

// Small reads one of the bag's files whole, held against its digest.
func (r *Retrieval) Small(ctx context.Context, path string, most int64) ([]byte, error) {
	i := slices.IndexFunc(r.Files, func(f BagFile) bool { return f.Path == path })
	if i < 0 {
		return nil, fmt.Errorf("the bag has no %s", path)
	}
	f := r.Files[i]
	if f.Size > most {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", path, f.Size, most)
	}
	for range 2*len(r.copies) + 1 {
		var b bytes.Buffer
		gave, err := r.stream(ctx, f, 0, &b)
		if err != nil {
			return nil, err
		}
		if sum("sha512", b.Bytes()) == f.SHA512 {
			return b.Bytes(), nil
		}
		if err := r.blame(ctx, f, gave); err != nil {
			return nil, err
		}
	}
	return nil, r.noCopy(path)
}

// noCopy says of each copy why it does not give a file.
func (r *Retrieval) noCopy(path string) error {
	var why Reasons
	for _, c := range r.copies {
		i := slices.IndexFunc(c.use.Flaws, func(f Flaw) bool { return f.Path == path })
		switch {
		case i >= 0:
			why = append(why, fmt.Errorf("store %s: %s: %s", c.use.Store, c.use.Flaws[i].Fault, c.use.Flaws[i].Detail))
		case c.out != nil:
			why = append(why, c.out)
		case c.use.Err != nil:
			why = append(why, c.use.Err)
		}
	}
	if len(why) == 0 {
		return fmt.Errorf("%s: %w", path, ErrNoCopy)
	}
	return fmt.Errorf("%s: %w: %w", path, ErrNoCopy, why)
}
