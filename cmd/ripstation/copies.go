package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/web"
)

// copies are the copies of one image, best first. It is an io.ReaderAt over
// the image: when one copy fails, the next one takes over.
type copies struct {
	app     *app
	ctx     context.Context // of the verb; an io.ReaderAt has no room for it
	left    []candidate
	objects []catalog.Object
	image   catalog.Object

	mu      sync.Mutex
	now     *archive.ReaderAt
	store   archive.Store // that it reads from
	key     string        // of the bag, with its slash
	from    string        // the store's name
	size    int64
	sectors *disc.SectorMap
	last    error    // why the last copy failed, when none is left
	wrong   bool     // a copy was seen to be missing or damaged
	gone    []string // stores that have not got it any more
	other   bool     // something else is the matter with a copy
	closers []io.Closer
}

// candidate is a copy with the store that holds it.
type candidate struct {
	catalog.Copy
	cfg StoreConfig
}

const (
	imageObject = "data/image.iso"
	mapObject   = "metadata/sectors.map"
	maxMap      = 256 << 20 // bytes of a sector map that is read whole
)

// find lists the copies that can be tried. Required stores come first, and
// folders before what has to come over a line; copies that the last audit could
// not look at, last.
func (c *copies) find(ctx context.Context, l *local, id string, version int, store string) error {
	all, err := l.cat.Copies(ctx, id, version)
	if err != nil && !errors.Is(err, catalog.ErrDamaged) {
		return fault(err)
	}
	if c.objects, err = l.cat.Objects(ctx, id, version); err != nil {
		return fault(err)
	}
	i := slices.IndexFunc(c.objects, func(o catalog.Object) bool { return o.Role == catalog.RoleImage })
	if i < 0 {
		return fmt.Errorf("image %d of disc %s is no single file", version, id)
	}
	c.image, c.size = c.objects[i], c.objects[i].Size
	var words []string
	for _, cp := range all {
		words = append(words, string(cp.State)+" in "+one(cp.Store))
		at := slices.IndexFunc(l.cfg.Stores, func(s StoreConfig) bool { return s.Name == cp.Store })
		switch {
		case store != "" && cp.Store != store:
			continue
		case at < 0:
			c.app.say("  %s holds a copy, but the configuration has no such store", one(cp.Store))
			c.other = true
			continue
		case slices.Contains([]catalog.CopyState{catalog.Queued, catalog.Sending}, cp.State):
			c.other = true
			continue
		case store == "" && cp.State == catalog.Missing:
			c.gone = append(c.gone, cp.Store)
			continue
		case store == "" && cp.State == catalog.Damaged:
			c.other = true
			continue
		}
		c.left = append(c.left, candidate{cp, l.cfg.Stores[at]})
	}
	bestFirst(c.left)
	if len(c.left) > 0 {
		return nil
	}
	if store != "" && !slices.ContainsFunc(all, func(cp catalog.Copy) bool { return cp.Store == store }) {
		return usage("--store %s: there is no copy of image %d of disc %s in it; its copies are: %s", one(store), version, id, orNone(words))
	}
	code := exitBlind
	if slices.ContainsFunc(all, func(cp catalog.Copy) bool { return cp.State == catalog.Missing || cp.State == catalog.Damaged }) {
		code = exitFindings
	}
	return &failure{code, &web.Error{Code: web.CodeNotFound, Message: fmt.Sprintf("no copy of image %d of disc %s can be read; its copies are: %s", version, id, orNone(words)),
		Hint: "--store NAME tries one that is missing or damaged all the same; `ripstation repair ID` makes them good from one that is whole"}}
}

// bestFirst sorts copies: required stores, then folders before what has to come
// over a line; what was last seen to be missing or damaged is the last resort.
func bestFirst(all []candidate) {
	rank := func(x candidate) (n int) {
		for weight, yes := range []bool{x.State != catalog.ReadBack, x.cfg.Type != "directory", !*x.cfg.Required, x.State == catalog.Unknown,
			x.State == catalog.Missing || x.State == catalog.Damaged} {
			if yes {
				n += 1 << weight
			}
		}
		return n
	}
	slices.SortStableFunc(all, func(x, y candidate) int { return cmp.Compare(rank(x), rank(y)) })
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// next goes over to the next copy that can be opened. why is what was wrong
// with the one before, nil at the beginning.
func (c *copies) next(why error) error {
	for {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		c.wrong = c.wrong || errors.Is(why, archive.ErrNotFound) || errors.Is(why, archive.ErrChecksum) || errors.As(why, new(misfit))
		if len(c.left) == 0 {
			told := &web.Error{Code: web.CodeFailed, Err: why, Message: fmt.Sprintf("no copy can be read: %v", why),
				Hint: "`ripstation doctor` says what is the matter with the stores; give the command again when they answer"}
			code := exitBlind
			if c.wrong {
				code = exitFindings
				told.Hint = "`ripstation verify ID` says how each of its copies is, `ripstation repair ID` makes the bad ones good from one that is whole"
			}
			c.last = &failure{code, told}
			return c.last
		}
		k := c.left[0]
		c.left = c.left[1:]
		if why != nil {
			c.app.say("  the copy in %s is tried", one(k.Store))
		}
		if why = c.open(k); why == nil {
			return nil
		}
		c.app.say("  the copy in %s cannot be read: %s", one(k.Store), one(why.Error()))
		if errors.Is(why, archive.ErrNotFound) {
			c.gone = append(c.gone, k.Store)
		} else {
			c.other = true
		}
	}
}

// takenAway reports whether all that is wrong with the copies is that they are
// not there any more.
func (c *copies) takenAway() bool { return len(c.gone) > 0 && !c.other }

// misfit says that what a store has is not what the catalog says.
type misfit struct{ error }

func (m misfit) Unwrap() error { return m.error }

func (c *copies) open(k candidate) error {
	s, err := openStore(c.ctx, k.cfg, true)
	if err != nil {
		return err
	}
	if closer, ok := s.(io.Closer); ok {
		c.closers = append(c.closers, closer)
	}
	key := strings.TrimSuffix(k.Key, "/") + "/"
	info, err := s.Stat(c.ctx, key+c.image.Path)
	if err != nil {
		return err
	}
	if info.Size != c.size {
		return misfit{fmt.Errorf("store %s: %s has %d bytes, recorded were %d", k.Store, key+c.image.Path, info.Size, c.size)}
	}
	if c.sectors == nil {
		text, err := c.tagFile(s, key, mapObject, maxMap)
		if err != nil {
			return err
		}
		m, err := disc.ParseSectorMap(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("store %s: %s: %w", k.Store, key+mapObject, err)
		}
		if m.Sectors() != (c.size+disc.SectorSize-1)/disc.SectorSize {
			return fmt.Errorf("store %s: %s has %d sectors, the image %d bytes", k.Store, key+mapObject, m.Sectors(), c.size)
		}
		c.sectors = m
	}
	r := archive.NewReaderAt(c.ctx, s, key+c.image.Path, c.size)
	c.closers = append(c.closers, r)
	c.now, c.store, c.key, c.from = r, s, key, k.Store
	return nil
}

// tagFile reads a small file of the bag, and holds it against the digest that
// the catalog has of it.
func (c *copies) tagFile(s archive.Store, key, path string, most int64) ([]byte, error) {
	i := slices.IndexFunc(c.objects, func(o catalog.Object) bool { return o.Path == path })
	r, err := s.Read(c.ctx, key+path, 0, -1)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("store %s: %s has more than %d bytes", s.Name(), key+path, most)
	}
	if sum := sha256.Sum256(b); i >= 0 && c.objects[i].SHA256 != "" && c.objects[i].SHA256 != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("store %s: %s: %w: its SHA-256 is not the one on record", s.Name(), key+path, archive.ErrChecksum)
	}
	return b, nil
}

// ReadAt reads from the copy in use, and goes over to the next when it fails.
func (c *copies) ReadAt(p []byte, off int64) (int, error) {
	for {
		c.mu.Lock()
		r, last := c.now, c.last
		c.mu.Unlock()
		if last != nil {
			return 0, last
		}
		n, err := r.ReadAt(p, off)
		if err == nil || err == io.EOF || c.ctx.Err() != nil {
			return n, err
		}
		c.mu.Lock()
		if r == c.now { // nobody else has gone over yet
			c.app.say("  the copy in %s: %s", one(c.from), one(err.Error()))
			if next := c.next(err); next != nil {
				c.mu.Unlock()
				return 0, next
			}
		}
		c.mu.Unlock()
	}
}

// failed is why no copy can be read any more.
func (c *copies) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Close ends all reading.
func (c *copies) Close() (err error) {
	for i := len(c.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, c.closers[i].Close())
	}
	return err
}
