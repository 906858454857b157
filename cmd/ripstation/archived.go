package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ripstation/catalog"
	"ripstation/discfs"
	"ripstation/discfs/export"
	"ripstation/discfs/tree"
)

// which says which copy of which image of a disc is to be read.
type which struct {
	store   string // empty: the best
	version int    // 0: the latest
	volume  string // view of the tree; empty: the main one
	part    tree.Part
}

// archived is one image in the archive, open for reading.
type archived struct {
	view    catalog.View
	version int
	volume  *tree.Volume
	asked   which
	all     bool // all of the image's trees were read
	fs      *tree.FS
	src     *export.Source
	copies  *copies
	local   *local
}

func (m *archived) Close() error { return errors.Join(m.copies.Close(), m.local.Close()) }

// openArchived opens a disc's image where it is archived. The catalog is read
// beside whoever writes it, whether a station runs or not. ctx counts until
// Close.
func (a *app) openArchived(ctx context.Context, id string, w which) (*archived, error) {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return nil, err
	}
	l, err := openLocal(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	m := &archived{local: l, copies: &copies{app: a, ctx: ctx}}
	if err := m.open(ctx, id, w); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *archived) open(ctx context.Context, id string, w which) error {
	full, err := m.local.resolve(ctx, id)
	if err != nil {
		return err
	}
	var bad error
	if m.view, bad = m.local.cat.Show(ctx, full); bad != nil && !errors.Is(bad, catalog.ErrDamaged) {
		return fault(bad)
	}
	if m.view.Image == nil {
		return errors.Join(fmt.Errorf("disc %s has no image in the archive", full), bad)
	}
	if m.version = w.version; m.version == 0 {
		m.version = m.view.Image.Version
	}
	if m.version < 1 || m.version > m.view.Image.Version {
		return usage("--version %d: disc %s has images 1 to %d", m.version, full, m.view.Image.Version)
	}
	err = m.copies.find(ctx, m.local, full, m.version, w.store)
	if err == nil {
		err = m.copies.next(nil)
	}
	if words := withdrawnWords(m.view); err != nil && words != "" && m.copies.takenAway() {
		return withdrawn(full, words, strings.Join(m.copies.gone, ", "))
	}
	if err != nil {
		return err
	}
	m.src = &export.Source{Image: m.copies, Size: m.copies.size, Map: m.copies.sectors}
	return m.look(ctx, w)
}

// look opens as much of the image's tree as was asked for. What has several
// sessions is opened whole: which tree is the main one is known only then.
func (m *archived) look(ctx context.Context, w which) error {
	m.asked = w
	if m.view.Sessions > 1 {
		return m.whole(ctx)
	}
	part := w.part
	part.Names = part.Names && m.sound()
	image := discfs.OpenPart(m.copies, m.copies.size, discfs.Have(m.copies.sectors), w.volume, part)
	if err := m.copies.failed(); err != nil {
		return err
	}
	v, err := pickVolume(image, w.volume)
	if err != nil { // what is there instead, and why it cannot be walked
		return m.whole(ctx)
	}
	m.volume, m.fs = v, image.FS(v)
	return nil
}

// whole opens all of the image's trees.
func (m *archived) whole(ctx context.Context) error {
	m.all = true
	image := discfs.Open(m.copies, m.copies.size, discfs.Have(m.copies.sectors))
	if m.view.Sessions > 1 {
		text, err := m.local.cat.Record(ctx, m.view.ID, m.version)
		if err != nil {
			return fault(err)
		}
		record, err := catalog.ParseRecord(text)
		if err != nil {
			return fault(err)
		}
		image.AddSessions(record.Disc.TOC)
	}
	if err := m.copies.failed(); err != nil {
		return err
	}
	v, err := pickVolume(image, m.asked.volume)
	if err != nil {
		return err
	}
	m.volume, m.fs = v, image.FS(v)
	return nil
}

// sound reports whether every file of the disc is known to be whole, so that
// names can stand for themselves.
func (m *archived) sound() bool {
	c := m.view.Content
	return c != nil && m.view.Image != nil && m.version == m.view.Image.Version && c.Listed == c.Whole && c.DamagedTotal == 0 && c.UnknownTotal == 0
}

// pickVolume is the tree that a person asks for.
func pickVolume(image *discfs.Image, view string) (*tree.Volume, error) {
	if view == "" {
		if v := image.Main(); v != nil {
			return v, nil
		}
	}
	var views []string
	var why error
	for _, v := range image.Volumes {
		switch {
		case v.Root == nil:
			why = errors.Join(why, v.Err)
		case view != "" && strings.EqualFold(v.View, view):
			return v, nil
		default:
			views = append(views, v.View)
		}
	}
	if len(views) > 0 {
		return nil, usage("--volume %q: the disc has %s", view, strings.Join(slices.Compact(views), ", "))
	}
	if why != nil {
		return nil, fmt.Errorf("no directory of the disc can be read: %w", why)
	}
	if len(image.Systems) > 0 {
		return nil, fmt.Errorf("the disc's file system (%s) cannot be walked here", strings.Join(image.Systems, ", "))
	}
	return nil, errors.New("no file system was found on the disc's image")
}
