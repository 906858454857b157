package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"ripstation/archive"
	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/internal/discname"
	"ripstation/web"
)

// bags gives whole bags to the verbs that take them out of the archive. It may
// be used from several goroutines.
type bags struct {
	app   *app
	cfg   *Config
	local *local
	names *names

	mu      sync.Mutex
	stores  map[string]archive.Store
	talking sync.Mutex
}

// say is the app's, for several at a time.
func (b *bags) say(format string, args ...any) {
	b.talking.Lock()
	defer b.talking.Unlock()
	b.app.say(format, args...)
}

// openBags opens the catalog beside whoever writes it, whether a station runs
// or not. There may be none.
func (a *app) openBags(ctx context.Context) (*bags, error) {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return nil, err
	}
	l, err := openLocal(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	n, err := l.names(ctx)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &bags{app: a, cfg: cfg, local: l, names: n, stores: map[string]archive.Store{}}, nil
}

func (b *bags) Close() error {
	var err error
	for _, s := range b.stores {
		if c, ok := s.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
	}
	return errors.Join(err, b.local.Close())
}

func (b *bags) store(ctx context.Context, cfg StoreConfig) (archive.Store, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.stores[cfg.Name]; s != nil {
		return s, nil
	}
	s, err := openStore(ctx, cfg, true)
	if err == nil {
		b.stores[cfg.Name] = s
	}
	return s, err
}

// bag is one image of a disc, with the copies that it can be read from.
type bag struct {
	*archive.Retrieval
	id        string
	version   int
	name      string // outside of the archive
	image     catalog.ImageInfo
	label     string
	item      string
	access    catalog.Access
	sha512    string // of the image
	sealed    bool   // held against what the catalog has of it, not against the bag alone
	catalogue bool   // the catalog knows the disc
	told      int    // events in the bag's own record; as far as that was read
	unsure    string // why its access is not known; empty when it is
	withdrawn string // that the disc is, since when and on whose word; empty when it is not
}

// missing is how many sectors of the disc the image has not got.
func (g *bag) missing() int64 {
	c := g.image.Sectors
	return c.Untried + c.Skipped + c.Unreadable + c.Contested + c.Protected
}

// find opens one image of a disc; version 0 is the latest. With from, only that
// store's copy is read: the bucket alone is enough then, and the catalog serves
// to hold it against, when it knows the disc.
func (b *bags) find(ctx context.Context, id string, version int, from string) (*bag, error) {
	if from != "" {
		if _, err := b.cfg.storeNamed(from); err != nil {
			return nil, err
		}
	}
	full, err := b.local.resolve(ctx, id)
	if err == nil {
		return b.recorded(ctx, full, version, from)
	}
	if e := (*web.Error)(nil); !errors.As(err, &e) || e.Code != web.CodeNotFound {
		return nil, err
	}
	if from == "" {
		return nil, &web.Error{Code: web.CodeNotFound, Message: err.Error(), Err: err,
			Hint: "--from STORE reads it from a store without the catalog; that takes its whole id"}
	}
	return b.unrecorded(ctx, id, version, from)
}

// recorded opens an image that the catalog knows.
func (b *bags) recorded(ctx context.Context, id string, version int, from string) (*bag, error) {
	v, err := b.local.cat.Show(ctx, id)
	if err != nil && !errors.Is(err, catalog.ErrDamaged) {
		return nil, fault(err)
	}
	if v.Image == nil {
		return nil, errors.Join(fmt.Errorf("disc %s has no image in the archive", id), err)
	}
	if version == 0 {
		version = v.Image.Version
	}
	if version < 1 || version > v.Image.Version {
		return nil, usage("--version %d: disc %s has images 1 to %d", version, id, v.Image.Version)
	}
	g := &bag{id: id, version: version, label: v.Label, item: text(v.Item), access: v.Access, name: b.names.of(fieldsOf(v, version), v.Image.Version), catalogue: true, withdrawn: withdrawnWords(v)}
	record, noRecord := b.local.cat.Record(ctx, id, version)
	if noRecord == nil {
		var rec catalog.Record
		rec, noRecord = catalog.ParseRecord(record)
		g.image = rec.Image
	}
	if noRecord != nil && !errors.Is(noRecord, catalog.ErrDamaged) {
		return nil, fault(noRecord)
	}
	want, bad := audit.Sealed(ctx, b.local.cat, id, version)
	if bad != nil && !errors.Is(bad, catalog.ErrDamaged) {
		return nil, fault(bad)
	}
	if g.sealed = noRecord == nil && bad == nil; !g.sealed {
		b.say("  %s: the catalog is damaged there: the bag is held against what it still tells, and against its own manifests", short(id))
	}
	copies, words, err := b.candidates(ctx, id, version, from)
	if err != nil {
		return nil, err
	}
	if len(copies) == 0 {
		return nil, &failure{exitBlind, fmt.Errorf("no copy of image %d of disc %s can be read; its copies are: %s", version, id, orNone(words))}
	}
	if err := b.open(ctx, g, copies, want); err != nil {
		return nil, err
	}
	if noRecord != nil {
		return g, b.readRecord(ctx, g)
	}
	return g, nil
}

// candidates are the copies that can be tried, best first.
func (b *bags) candidates(ctx context.Context, id string, version int, from string) (out []archive.Copy, words []string, err error) {
	all, err := b.local.cat.Copies(ctx, id, version)
	if err != nil && !errors.Is(err, catalog.ErrDamaged) {
		return nil, nil, fault(err)
	}
	var can []candidate
	for _, c := range all {
		words = append(words, string(c.State)+" in "+one(c.Store))
		at := slices.IndexFunc(b.cfg.Stores, func(s StoreConfig) bool { return s.Name == c.Store })
		switch {
		case from != "" && c.Store != from, c.State == catalog.Queued, c.State == catalog.Sending:
		case at < 0:
			b.say("  %s holds a copy of %s, but the configuration has no such store", one(c.Store), short(id))
		default:
			can = append(can, candidate{c, b.cfg.Stores[at]})
		}
	}
	if from != "" && len(can) == 0 { // the catalog need not know of it
		cfg, err := b.cfg.storeNamed(from)
		if err != nil {
			return nil, nil, err
		}
		can = append(can, candidate{catalog.Copy{Store: from, Key: bagKey(id, version)}, cfg})
	}
	bestFirst(can)
	for _, c := range can {
		s, err := b.store(ctx, c.cfg)
		if err != nil {
			b.say("  the copy in %s cannot be read: %s", one(c.Store), one(err.Error()))
			words = append(words, one(err.Error()))
			continue
		}
		out = append(out, archive.Copy{Store: s, Prefix: strings.TrimSuffix(c.Key, "/")})
	}
	return out, words, nil
}

// bagKey is where a bag lies (docs/decisions/0001): the key is made of what is
// known, and never taken apart.
func bagKey(id string, version int) string { return fmt.Sprintf("%s/v%d/", id, version) }

// open finds out what the bag consists of.
func (b *bags) open(ctx context.Context, g *bag, copies []archive.Copy, want archive.Expected) (err error) {
	g.Retrieval, err = archive.OpenBag(ctx, copies, want, archive.RetrieveOptions{Tell: func(n archive.CopyNews) {
		if n.Flaw != nil {
			b.say("  %s: the copy in %s: %s", short(g.id), one(n.Store), one(n.Flaw.String()))
			return
		}
		b.say("  %s: the copy in %s cannot be read: %s", short(g.id), one(n.Store), one(n.Err.Error()))
	}})
	if err != nil {
		return b.unreadable(ctx, err, g)
	}
	for _, f := range g.Files {
		if f.Path == imageObject {
			g.sha512 = f.SHA512
		}
	}
	return nil
}

// readRecord takes what there is to say of a disc from the bag's own record.
func (b *bags) readRecord(ctx context.Context, g *bag) error {
	text, err := g.Small(ctx, "metadata/record.json", 64<<20)
	if err != nil {
		return b.unreadable(ctx, err, g)
	}
	rec, err := catalog.ParseRecord(text)
	if err == nil && (rec.Carrier.ID != g.id || rec.Image.Version != g.version) {
		err = fmt.Errorf("it is image %d of disc %.26s", rec.Image.Version, rec.Carrier.ID)
	}
	if err != nil {
		return &failure{exitFindings, fmt.Errorf("the record in the bag of image %d of disc %s: %w", g.version, g.id, err)}
	}
	g.image, g.label, g.item, g.told = rec.Image, rec.Identity.Label, rec.Carrier.Item, len(rec.Events)
	if !g.catalogue {
		g.access = rec.Carrier.Access
	}
	if g.name == "" { // nobody knows which other discs have this name
		c := rec.Carrier
		g.name = b.names.t.Apart(discname.Fields{Item: c.Item, Part: c.Part, Parts: c.Parts, Side: c.Side, Label: g.label,
			Medium: string(rec.Disc.Medium), ID: g.id, Version: g.version, Date: rec.Image.SealedAt})
		if g.version > 1 && !b.names.t.Uses("version") {
			g.name = discname.Fit(g.name, fmt.Sprintf(" v%d", g.version))
		}
	}
	return nil
}

// faultsOf lists what is wrong with copies, for a person.
func faultsOf(uses []archive.CopyUse) (all []string) {
	for _, u := range uses {
		if len(u.Flaws) > 0 {
			all = append(all, fmt.Sprintf("the copy in %s: %s", u.Store, archive.FlawWords(u.Flaws)))
		}
	}
	return all
}

// gave names the stores that bytes came from.
func gave(uses []archive.CopyUse) (all []string) {
	for _, u := range uses {
		if u.Bytes > 0 {
			all = append(all, u.Store)
		}
	}
	return all
}

// handedOut has the catalog remember it, through the station when one runs.
func (b *bags) handedOut(ctx context.Context, g *bag, h web.HandedOut) error {
	if !g.catalogue {
		return nil
	}
	h.Version, h.From, h.Faults = g.version, gave(g.Uses()), strings.Join(faultsOf(g.Uses()), "; ")
	if len(h.Faults) > 8192 {
		h.Faults = h.Faults[:8192]
	}
	k, err := b.app.books(ctx, b.cfg, true)
	if err == nil {
		err = errors.Join(k.HandedOut(ctx, g.id, h), k.Close())
	}
	if err != nil {
		return fmt.Errorf("it was done, but the catalog does not know: %w", err)
	}
	return nil
}

// slow says now and then how far something is, where there is no bar.
type slow struct {
	last time.Time
	say  func(string, ...any)
	what string
}

func (s *slow) tell(done, total int64) {
	if now := time.Now(); s.last.IsZero() {
		s.last = now
	} else if now.Sub(s.last) >= 30*time.Second && total > 0 {
		s.last = now
		s.say("  %s: %d %% of %s", one(s.what), done*100/total, size(total))
	}
}
