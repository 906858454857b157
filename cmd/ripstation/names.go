package main

import (
	"context"
	"errors"
	"fmt"

	"ripstation/catalog"
	"ripstation/internal/discname"
)

// names are what the discs of a catalog are called outside of the archive.
type names struct {
	t     discname.Template
	taken map[string]string // folded name -> whose it is; empty when several have it
}

// names goes through the catalog once. What is damaged in it has no name, and
// is in nobody's way.
func (l *local) names(ctx context.Context) (*names, error) {
	t, err := discname.Parse(l.cfg.Names.Template)
	if err != nil {
		return nil, err
	}
	n := &names{t: t, taken: map[string]string{}}
	if l.cat == nil {
		return n, nil
	}
	err = l.cat.Each(ctx, catalog.Filter{}, func(s catalog.Summary) error {
		if s.Image == nil {
			return nil
		}
		f := discname.Fields{Item: text(s.Item), Side: text(s.Side), Label: s.Label, Medium: string(s.Medium), ID: s.ID, Version: s.Image.Version, Date: when(s.At)}
		f.Part, f.Parts = partOf(s.Part)
		key := discname.Folded(t.Name(f))
		if _, several := n.taken[key]; several {
			n.taken[key] = ""
		} else {
			n.taken[key] = s.ID
		}
		return nil
	})
	if errors.Is(err, catalog.ErrDamaged) {
		err = nil
	}
	return n, fault(err)
}

// of is the name of one image of a disc. One whose name another disc has too, in
// whatever case, gets the beginning of its id; an image that is not the latest
// one, its number.
func (n *names) of(f discname.Fields, latest int) string {
	name := n.t.Name(f)
	if owner, taken := n.taken[discname.Folded(name)]; taken && owner != f.ID {
		name = n.t.Apart(f)
	}
	if f.Version < latest && !n.t.Uses("version") {
		name = discname.Fit(name, fmt.Sprintf(" v%d", f.Version))
	}
	return name
}
