package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/atomicfile"
	"ripstation/web"
)

// addedFolder is what the folder of a disc's added files ends in, beside the
// folder of its bag.
const addedFolder = ".added"

// brought is an added file on its way out of the archive.
type brought struct {
	catalog.AddedFile
	name   string // its file's name
	sha512 string // of its bytes
	err    error  // why it is not brought
}

// added are the files that people added to a disc: those that the catalog knows,
// else those that lie in the one store that is read.
func (b *bags) added(ctx context.Context, g *bag, from string) (all []catalog.AddedFile, err error) {
	if g.catalogue {
		all, err = b.local.cat.Added(ctx, g.id)
		if errors.Is(err, catalog.ErrDamaged) {
			b.say("  %s: not all of its added files are known: %s", short(g.id), one(err.Error()))
			err = nil
		}
		return all, fault(err)
	}
	cfg, err := b.cfg.storeNamed(from)
	if err != nil {
		return nil, err
	}
	s, err := b.store(ctx, cfg)
	if err != nil {
		return nil, err
	}
	prefix := catalog.AddedKey(g.id, "")
	for info, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, &failure{exitBlind, err}
		}
		if sum := path.Base(info.Key); prefix+sum == info.Key && catalog.ValidSHA256(sum) {
			all = append(all, catalog.AddedFile{CarrierID: g.id, Added: catalog.Added{SHA256: sum, Size: info.Size}})
		}
	}
	return all, nil
}

func (b *bags) fetch(ctx context.Context, f catalog.AddedFile, from string) ([]byte, error) {
	body, _, err := b.local.fetch(ctx, f, from, func(s StoreConfig) (archive.Store, error) { return b.store(ctx, s) })
	return body, err
}

// restoreAdded brings a disc's added files into a folder beside its bag's, each
// under its SHA-256. Their names are given; what could not be brought is told,
// and its exit code given.
func (b *bags) restoreAdded(ctx context.Context, g *bag, files []catalog.AddedFile, folder, from string) (names []string, code int, err error) {
	names = []string{}
	for _, f := range files {
		body, err := b.fetch(ctx, f, from)
		if err != nil && ctx.Err() != nil {
			return names, code, ctx.Err()
		}
		if fail := (*failure)(nil); errors.As(err, &fail) {
			b.say("  %s: a file that people added cannot be had: %s", short(g.id), one(err.Error()))
			if severity(fail.code) > severity(code) {
				code = fail.code
			}
			continue
		}
		if err != nil {
			return names, code, err
		}
		if err := makeAdded(folder + addedFolder); err != nil {
			return names, code, err
		}
		name := addedName(f.SHA256, body)
		if err := placeFile(filepath.Join(folder+addedFolder, name), body); err != nil {
			return names, code, err
		}
		names = append(names, name)
	}
	return names, code, nil
}

// makeAdded makes the folder for added files. A link that has its name leads
// somewhere else.
func makeAdded(folder string) error {
	if at, err := os.Lstat(folder); err == nil && !at.IsDir() {
		return &web.Error{Code: web.CodeConflict, Message: fmt.Sprintf("%s: %v", folder, archive.ErrInTheWay), Err: archive.ErrInTheWay, Hint: "move it away, or choose another folder"}
	}
	return atomicfile.MkdirAll(folder, 0o755)
}

// roomForAdded is how many bytes of added files a disc's folder for them has not
// got yet.
func roomForAdded(files []catalog.AddedFile, folder string) (n int64) {
	there, _ := os.ReadDir(folder + addedFolder) // what cannot be listed counts as not there
	for _, f := range files {
		if !slices.ContainsFunc(there, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), f.SHA256) }) {
			n += f.Size
		}
	}
	return n
}

// bringAdded looks at a disc's added files: what they will be called, and what
// their digests are.
func (p *parcel) bringAdded(ctx context.Context, g *bag) (all []brought, err error) {
	files, err := p.bags.added(ctx, g, p.in.from)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		body, err := p.fetch(ctx, f, p.in.from)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w := brought{AddedFile: f, err: err}
		if err == nil {
			w.name = addedName(f.SHA256, body)
			w.sha512 = archive.PackedText("", body).SHA512
		} else {
			p.say("  %s: a file that people added cannot be had: %s", short(g.id), one(err.Error()))
		}
		all = append(all, w)
	}
	return all, nil
}

// packAdded adds them to the archive file, beside the bag's folder.
func (p *parcel) packAdded(ctx context.Context, pack *archive.Packer, g *bag) error {
	for _, w := range p.added[g.id] {
		if w.err != nil {
			continue
		}
		body, err := p.fetch(ctx, w.AddedFile, p.in.from)
		if err != nil {
			return errors.Join(err, pack.Lacking(g.name+addedFolder+"/"+w.name, w.Size, g.image.SealedAt))
		}
		if err := pack.Text(g.name+addedFolder+"/"+w.name, body, g.image.SealedAt); err != nil {
			return err
		}
		p.done += w.Size
		p.progress(p.done, p.total)
	}
	return nil
}

// expectAdded is what the archive file has to hold of them.
func (p *parcel) expectAdded(g *bag) (all []archive.Packed) {
	for _, w := range p.added[g.id] {
		if w.err == nil {
			all = append(all, archive.Packed{Name: g.name + addedFolder + "/" + w.name, Size: w.Size, SHA512: w.sha512})
		}
	}
	return all
}
