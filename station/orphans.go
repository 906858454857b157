package station

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ripstation/archive"
)

// endUploads ends what unfinished uploads a store still has of images that
// this station has done with. It waits for a store that is away, and touches
// nothing but uploads.
func (s *Station) endUploads(ctx context.Context, d *desk) {
	list, ok := d.store.Store.(archive.Uploads)
	if !ok {
		return
	}
	e := d.open(looking)
	defer d.close(e)
	err := d.insist(ctx, e, func() error {
		done, err := d.turn(ctx, e, 0, 0)
		if err != nil {
			return err
		}
		err = s.endEach(ctx, d, list)
		done(err)
		return err
	}, func(err error, wait time.Duration) {
		s.cfg.Log.Debug().Err(err).Str("store", d.store.Name()).Dur("next_try", wait).Msg("unfinished uploads could not be looked for")
	})
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn().Err(err).Str("store", d.store.Name()).Msg("unfinished uploads could not be ended")
	}
}

func (s *Station) endEach(ctx context.Context, d *desk, list archive.Uploads) error {
	for u, err := range list.Unfinished(ctx) {
		if err != nil {
			return err
		}
		orphan, err := s.orphan(ctx, u.Key)
		if err != nil {
			return err
		}
		if !orphan {
			continue
		}
		if err := list.End(ctx, u); err != nil {
			return err
		}
		s.cfg.Log.Info().Str("store", d.store.Name()).Str("key", u.Key).Time("begun", u.Begun).Msg("an unfinished upload that nobody goes on with was ended")
	}
	return nil
}

// orphan reports whether an upload is one that this station began and that
// nobody will go on with: its image is recorded here, and its job is over.
// What belongs to others, or to a job that cannot be read, is left as it is.
func (s *Station) orphan(ctx context.Context, key string) (bool, error) {
	id, rest, ok := strings.Cut(key, "/")
	var version int
	if n, err := fmt.Sscanf(rest, "v%d/", &version); !ok || n != 1 || err != nil || !strings.HasPrefix(key, fmt.Sprintf("%s/v%d/", id, version)) {
		return false, nil
	}
	if j := s.job(id); j != nil {
		if j.step() != StepDone {
			return false, nil
		}
	} else if _, err := os.Lstat(filepath.Join(s.spool.dir, id)); !errors.Is(err, fs.ErrNotExist) {
		return false, err // the folder of a job that could not be taken up
	}
	copies, err := s.cfg.Catalog.Copies(ctx, id, version)
	return len(copies) > 0, err
}
