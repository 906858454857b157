package station

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// errNoSource says that a file that a person added is nowhere to be had at the
// moment.
var errNoSource = errors.New("the file is not kept here, and no other store gives it")

// errLost says that a file that a person added is nowhere to be had at all.
var errLost = errors.New("the file is not kept here, and no store has it")

// sendAdded brings a file that a person added into one store, before the event
// that names it. It comes from the station's keeping, else from another store.
func (s *Station) sendAdded(ctx context.Context, d *desk, id string, a catalog.Added) error {
	key := catalog.AddedKey(id, a.SHA256)
	if err := archive.CheckKey(key); err != nil {
		return err
	}
	f, err := KeepingOf(s.cfg.Spool).Open(id, a.SHA256)
	if err == nil {
		defer f.Close()
		err = archive.PutFile(ctx, d.line, key, f, a.Size, a.SHA256)
		if errors.Is(err, archive.ErrSourceChanged) || errors.Is(err, archive.ErrSource) {
			return fmt.Errorf("%s: %v: %w", key, err, errNoSource) // the next look at it tells more
		}
		return err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// It may be there from before.
	switch _, err := d.store.Stat(ctx, key); {
	case err == nil:
		return archive.HoldsFile(ctx, d.line, key, a.Size, a.SHA256)
	case !errors.Is(err, archive.ErrNotFound):
		return err
	}
	return s.sendFromAnother(ctx, d, key, a)
}

// sendFromAnother brings a file into a store out of another one that has it.
func (s *Station) sendFromAnother(ctx context.Context, d *desk, key string, a catalog.Added) error {
	bad := errLost
	for _, from := range s.desks {
		if from == d {
			continue
		}
		// Asked first, so that what goes wrong afterwards is the other one's.
		err := archive.HoldsFile(ctx, from.line, key, a.Size, a.SHA256)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrExists):
			continue
		case err != nil:
			bad = errNoSource // it may have it: nobody knows
			continue
		}
		err = archive.CopyFile(ctx, from.line, d.line, key, a.Size, a.SHA256)
		if errors.Is(err, archive.ErrSourceChanged) {
			return fmt.Errorf("%s: %v: %w", key, err, errNoSource)
		}
		return err
	}
	return fmt.Errorf("%s: %w", key, bad)
}

// clearAdded lets go of the files that the stores have: an event is sent after
// the file that it names, so what a store has of a carrier's events says it.
func (s *Station) clearAdded(ctx context.Context) error {
	k := KeepingOf(s.cfg.Spool)
	carriers, err := os.ReadDir(k.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range carriers {
		if !c.IsDir() || !catalog.ValidID(c.Name()) {
			continue
		}
		files, err := s.cfg.Catalog.Added(ctx, c.Name())
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return err
		}
		sent := map[string]int64{}
		for _, st := range s.cfg.Stores {
			if sent[st.Name()], err = s.cfg.Catalog.SentSeq(ctx, c.Name(), st.Name()); err != nil {
				return err
			}
		}
		if err := k.letGo(files, s.cfg.Stores, func(store string, f catalog.AddedFile) bool { return sent[store] >= f.Seq }, time.Now()); err != nil {
			return err
		}
	}
	return nil
}
