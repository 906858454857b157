package main

import (
	"context"
	"crypto/sha256"

	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/discfs/tree"
)

// digests are the SHA-256 on record of a disc's files. A file is known by its
// path in the tree in use, and by where its bytes lie: so it is under its names
// in other trees too.
type digests struct {
	paths  map[*tree.Node]string
	byPath map[string][sha256.Size]byte
	bySpot map[spot][sha256.Size]byte
}

func newDigests(root *tree.Node) *digests {
	d := &digests{paths: map[*tree.Node]string{}, byPath: map[string][sha256.Size]byte{}, bySpot: map[spot][sha256.Size]byte{}}
	tree.Walk(root, func(path string, n *tree.Node) bool {
		d.paths[n] = path
		return true
	})
	return d
}

// spot is a short digest of where a file's bytes lie.
type spot [16]byte

// spotOf joins extents that follow each other and ends with the file's size,
// so that it is the same for all who name the same bytes.
func spotOf(size int64, extents []tree.Extent) spot {
	var b []byte
	put := func(e tree.Extent) {
		for _, n := range []int64{e.Offset, e.Length, e.Unit, e.Gap} {
			b = append(strconv.AppendInt(b, n, 10), ' ')
		}
	}
	var open tree.Extent
	left := size
	for _, e := range extents {
		if e.Length = min(e.Length, left); e.Length <= 0 {
			continue
		}
		left -= e.Length
		if open.Length > 0 && e.Unit == 0 && open.Unit == 0 && (e.Offset < 0 && open.Offset < 0 || e.Offset >= 0 && open.Offset >= 0 && e.Offset == open.Offset+open.Length) {
			open.Length += e.Length
			continue
		}
		if open.Length > 0 {
			put(open)
		}
		open = e
	}
	if open.Length > 0 {
		put(open)
	}
	sum := sha256.Sum256(strconv.AppendInt(b, size, 10))
	return spot(sum[:16])
}

// of gives the digest of a file of the tree.
func (d *digests) of(n *tree.Node) (string, bool) {
	sum, ok := d.byPath[d.paths[n]]
	if !ok && n.Size >= 0 {
		sum, ok = d.bySpot[spotOf(n.Size, n.Extents)]
	}
	return hex.EncodeToString(sum[:]), ok
}

// loadDigests finds the digests on record: in the catalog, else, for trees
// other than the main one and for earlier images, in the list of files that the
// bag has, held against the catalog's digest of the list. A disc that was
// archived before there were lists has none: this is said.
func (m *archived) loadDigests(ctx context.Context) error {
	say := m.copies.app.say
	i := slices.IndexFunc(m.copies.objects, func(o catalog.Object) bool { return o.Path == catalog.FilesPath })
	if i < 0 {
		say("  digest not known: this disc was archived without a list of its files")
		return nil
	}
	d, err := m.catalogued(ctx)
	for err == nil && d == nil {
		if d, err = m.readList(ctx, m.copies.objects[i].SHA256); err == nil || ctx.Err() != nil {
			break
		}
		say("  the copy in %s: %s", one(m.copies.from), one(err.Error()))
		err = m.copies.next(err)
	}
	if err != nil {
		return err
	}
	m.src.Digest = d.of
	return nil
}

// catalogued gives the digests that the catalog has, nil when they are not
// those of the tree in use.
func (m *archived) catalogued(ctx context.Context) (*digests, error) {
	v, err := m.local.cat.FileList(ctx, m.view.ID)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && (v.Version != m.version || len(v.Volumes) == 0 || v.Volumes[0].View != m.volume.View) {
		return nil, nil
	}
	d := newDigests(m.volume.Root)
	own := slices.IndexFunc(v.Volumes, func(v catalog.FileVolume) bool { return v.View == m.volume.View })
	if err == nil {
		err = m.local.cat.Files(ctx, v, func(f catalog.ListedFile) error {
			if f.Volume == own && f.Type == catalog.TypeFile && f.SHA256 != nil {
				d.put(f.Path, *f.SHA256)
			}
			return nil
		})
	}
	if errors.Is(err, catalog.ErrDamaged) {
		m.copies.app.say("  %s; the list of files in the bag is read instead", one(err.Error()))
		return nil, nil
	}
	return d, fault(err)
}

func (d *digests) put(path, sha string) {
	if raw, err := hex.DecodeString(sha); err == nil && len(raw) == sha256.Size {
		d.byPath[path] = [sha256.Size]byte(raw)
	}
}

// readList reads the list of the bag in use; want is its SHA-256, empty when
// nobody knows it.
func (m *archived) readList(ctx context.Context, want string) (_ *digests, err error) {
	c := m.copies
	r, err := c.store.Read(ctx, c.key+catalog.FilesPath, 0, -1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	sum := sha256.New()
	l, err := catalog.NewFileListReader(io.TeeReader(r, sum))
	if err != nil {
		return nil, err
	}
	d := newDigests(m.volume.Root)
	own := -1 // the tree in use
	for i, v := range l.Head.Volumes {
		if v.View == m.volume.View && own < 0 {
			own = i
		}
	}
	for {
		e, err := l.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		raw, err := hex.DecodeString(e.SHA256)
		if err != nil || len(raw) != sha256.Size || e.Type != catalog.TypeFile {
			continue
		}
		if e.Volume == own {
			d.byPath[e.Path] = [sha256.Size]byte(raw)
		}
		if e.Extents != nil {
			var extents []tree.Extent
			for _, x := range e.Extents {
				extents = append(extents, tree.Extent{Offset: x.Offset, Length: x.Length, Unit: x.Unit, Gap: x.Gap})
			}
			d.bySpot[spotOf(e.Size, extents)] = [sha256.Size]byte(raw)
		}
	}
	if _, err := io.Copy(io.Discard, io.TeeReader(r, sum)); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); want != "" && got != want {
		return nil, fmt.Errorf("%s: %w: its SHA-256 is not the one on record", c.key+catalog.FilesPath, archive.ErrChecksum)
	}
	return d, nil
}
