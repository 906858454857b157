package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/web"
)

// atOnce is how many discs are restored side by side: what one waits for, the
// other uses.
const atOnce = 2

// restoreAll restores every disc, one line each. What has been restored before
// is read again and counts only then.
func (a *app) restoreAll(ctx context.Context, dir string, in restoring) error {
	b, err := a.openBags(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if in.from != "" {
		if _, err := b.cfg.storeNamed(in.from); err != nil {
			return err
		}
	}
	if b.local.cat == nil {
		return &web.Error{Code: web.CodeNotFound, Message: fmt.Sprintf("nothing has been recorded yet; there is no catalog at %s", b.cfg.Station.Catalog),
			Hint: "`restore ID DIR --from STORE` needs none"}
	}
	if dir, err = folderFor(dir); err != nil {
		return err
	}
	var mu sync.Mutex
	worst, done, without, gone := exitDone, 0, 0, 0
	var g errgroup.Group
	g.SetLimit(atOnce)
	err = b.local.cat.Each(ctx, catalog.Filter{}, func(s catalog.Summary) error {
		if s.Image == nil {
			without++
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		g.Go(func() error {
			quiet := slow{say: b.say, what: short(s.ID)}
			res, err := b.restore(ctx, s.ID, dir, in, quiet.tell)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			hint := ""
			switch {
			case errors.Is(err, errWithdrawn):
				res = restored{ID: s.ID, Version: s.Image.Version, Withdrawn: ptr(err.Error())}
			case err != nil:
				f := (*failure)(nil)
				errors.As(asFailure(err), &f)
				res.ID, res.Version, res.ExitCode, res.Error = s.ID, s.Image.Version, f.code, ptr(err.Error())
				if e := (*web.Error)(nil); errors.As(err, &e) {
					hint = e.Hint
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if res.Withdrawn != nil {
				gone++
				return a.oneOfAll(res)
			}
			done++
			if severity(res.ExitCode) > severity(worst) {
				worst = res.ExitCode
			}
			err = a.oneOfAll(res)
			if hint != "" {
				b.say("  -> %s", hint)
			}
			return err
		})
		return nil
	})
	err = errors.Join(err, g.Wait())
	if errors.Is(err, catalog.ErrDamaged) && ctx.Err() == nil {
		a.say("  %s", one(err.Error()))
		worst, err = exitFailed, nil
	}
	if err != nil {
		return err
	}
	switch {
	case gone == 1:
		a.say("  1 disc that is withdrawn and gone is not counted")
	case gone > 1:
		a.say("  %d discs that are withdrawn and gone are not counted", gone)
	}
	a.say("  %s; %d more without an image", discs(done), without)
	return exitOf(worst)
}

func discs(n int) string {
	if n == 1 {
		return "1 disc"
	}
	return fmt.Sprintf("%d discs", n)
}

// oneOfAll prints one disc's line.
func (a *app) oneOfAll(res restored) error {
	if a.json {
		if res.Missing == nil {
			res.Missing, res.Copies, res.Added = []disc.Extent{}, []usedCopy{}, []string{}
		}
		b, err := json.Marshal(res)
		if err == nil {
			b, err = safeJSON(json.RawMessage(b), "")
		}
		if err != nil {
			return err
		}
		_, err = a.out.Write(append(b, '\n'))
		return err
	}
	if res.Withdrawn != nil {
		_, err := fmt.Fprintf(a.out, "%s v%d: WITHDRAWN: %s\n", short(res.ID), res.Version, one(*res.Withdrawn))
		return err
	}
	if res.Error != nil {
		_, err := fmt.Fprintf(a.out, "%s v%d: FAILED: %s\n", short(res.ID), res.Version, one(*res.Error))
		return err
	}
	_, err := fmt.Fprint(a.out, res.line())
	return err
}

// severity orders exit codes: which one stands for several.
func severity(code int) int {
	for i, c := range []int{exitDone, exitMissing, exitFindings, exitBlind} {
		if c == code {
			return i
		}
	}
	return exitBlind
}
