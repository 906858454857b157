package nights

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ripstation/catalog"
	"ripstation/station"
)

// seen notes what was not so in the middle of a night, at most once for each text.
func (l *life) seen(format string, v ...any) error {
	text := fmt.Sprintf(format, v...)
	if slices.Contains(l.said, text) {
		return nil
	}
	l.said = append(l.said, text)
	return note(l.path(seenFile), time.Now().UTC().Format(time.TimeOnly)+": "+text)
}

// rack looks at the discs that are on the pending rack now: each is counted
// until the required stores have its image, and until then its image is here.
func (l *life) rack(ctx context.Context) error {
	l.mu.Lock()
	racked := slices.Clone(l.racked)
	l.mu.Unlock()
	if len(racked) == 0 {
		return nil
	}
	pending := l.station.Status().Pending
	for _, id := range racked {
		lacks, err := l.lacks(ctx, id)
		if err != nil {
			return err
		}
		if lacks == "" {
			continue
		}
		if !slices.ContainsFunc(pending, func(p station.PendingStatus) bool { return p.ID == id }) {
			if err := l.seen("%s was given back pending, is not counted as such, and is not in %s", id, lacks); err != nil {
				return err
			}
		}
		if _, err := os.Stat(filepath.Join(l.spool(), id, "image.iso")); err != nil {
			if err := l.seen("%s was given back pending, is not in %s, and has no image here: %v", id, lacks, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// lacks names a required store that has not got a carrier's latest image; empty
// when they all have it.
func (l *life) lacks(ctx context.Context, id string) (string, error) {
	next, err := l.catalog.NextVersion(ctx, id)
	if err != nil {
		return "", err
	}
	copies, err := l.catalog.Copies(ctx, id, next-1)
	if err != nil {
		return "", err
	}
	for i, w := range l.stores {
		if i > 0 && !l.night.Both {
			continue
		}
		has := slices.ContainsFunc(copies, func(c catalog.Copy) bool {
			return c.Store == w.Name() && (c.State == catalog.ReadBack || c.State == catalog.Stored && l.night.Eject != "read-back")
		})
		if !has {
			return w.Name(), nil
		}
	}
	return "", nil
}

// onRack keeps the carriers that were said to go to the pending rack.
func (l *life) onRack(n station.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n.Word {
	case station.WordPending:
		l.racked = append(l.racked, n.ID)
	case station.WordOffRack:
		l.racked = slices.DeleteFunc(l.racked, func(id string) bool { return id == n.ID })
	}
}

// racked asks of every disc that went to the pending rack whether its carrier's
// events tell of that, and that it may leave.
func (m *morning) racked(ctx context.Context, c *catalog.Catalog) error {
	all, err := notes[told](m.path(noticesFile))
	if err != nil {
		return err
	}
	for _, n := range all {
		if n.Word != station.WordPending {
			continue
		}
		events, err := c.Events(ctx, n.ID)
		if err != nil {
			return err
		}
		for _, want := range []string{"ejected pending", "no longer pending"} {
			if !slices.ContainsFunc(events, func(e catalog.Event) bool { return strings.Contains(e.Detail, want) }) {
				m.flaw("%s was given back pending, and no event of it says %q", n.ID, want)
			}
		}
	}
	return nil
}
