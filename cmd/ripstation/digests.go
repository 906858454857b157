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

const filesObject = "metadata/files.json"

// digests are the SHA-256 on record of a disc's files. A file is known by its
// path, and by where its bytes lie: so under its names in other trees too.
type digests struct {
	byPath  map[string][sha256.Size]byte
	byPlace map[spot][sha256.Size]byte
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

// of gives the digest of a file of one tree.
func (d *digests) of(path string, n *tree.Node) (string, bool) {
	sum, ok := d.byPath[path]
	if !ok && n.Size >= 0 {
		sum, ok = d.byPlace[spotOf(n.Size, n.Extents)]
	}
	return hex.EncodeToString(sum[:]), ok
}

// loadDigests reads the list of the disc's files in its bag, and holds it
// against the digest that the catalog has of the list. A disc that was archived
// before there were lists has none: this is said.
func (m *archived) loadDigests(ctx context.Context) error {
	i := slices.IndexFunc(m.copies.objects, func(o catalog.Object) bool { return o.Path == filesObject })
	if i < 0 {
		m.copies.app.say("  digest not known: this disc was archived without a list of its files")
		return nil
	}
	for {
		d, err := m.readList(ctx, m.copies.objects[i].SHA256)
		if err == nil {
			m.src.Digest = d.of
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.copies.app.say("  the copy in %s: %s", one(m.copies.from), one(err.Error()))
		if err := m.copies.next(err); err != nil {
			return err
		}
	}
}

// readList reads the list of the bag in use; want is its SHA-256, empty when
// nobody knows it.
func (m *archived) readList(ctx context.Context, want string) (_ *digests, err error) {
	c := m.copies
	r, err := c.store.Read(ctx, c.key+filesObject, 0, -1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	sum := sha256.New()
	l, err := catalog.NewFileListReader(io.TeeReader(r, sum))
	if err != nil {
		return nil, err
	}
	d := &digests{byPath: map[string][sha256.Size]byte{}, byPlace: map[spot][sha256.Size]byte{}}
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
			d.byPlace[spotOf(e.Size, extents)] = [sha256.Size]byte(raw)
		}
	}
	if _, err := io.Copy(io.Discard, io.TeeReader(r, sum)); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); want != "" && got != want {
		return nil, fmt.Errorf("%s: %w: its SHA-256 is not the one on record", c.key+filesObject, archive.ErrChecksum)
	}
	return d, nil
}
