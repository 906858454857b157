package station

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/atomicfile"
)

// How often the locks of a store's objects are looked after, and how soon again
// when the store could not be asked.
const (
	lockEvery = 24 * time.Hour
	lockAgain = time.Hour
	mostAhead = 90 * 24 * time.Hour // the most that a lock is renewed ahead of its end
)

// locks is what a station knows of the locks in one store, so that not every
// object is asked about every day. It is written beside the spool.
type locks struct {
	Format  string              `json:"format"`
	Version int                 `json:"version"`
	Groups  map[string]lockNote `json:"groups"` // by what their keys start with: "<id>/"
}

type lockNote struct {
	Until  time.Time `json:"until"`  // when the first lock of the group runs out
	Failed string    `json:"failed"` // why it was not renewed, empty when it was
}

const locksFormat = "ripstation locks"

// lockGroups of a store's root are looked after beside its carriers.
var lockGroups = []string{"README", "schema/", "verify.sh"}

// keepLocks renews the locks in a store, day after day.
func (s *Station) keepLocks(ctx context.Context, d *desk, k archive.Keeper) {
	for {
		wait := lockEvery
		if err := s.renewLocks(ctx, d, k); err != nil && ctx.Err() == nil {
			wait = lockAgain
			d.sayLocks("the retention of its objects could not be looked after: " + err.Error())
			s.cfg.Log.Warn().Err(err).Str("store", d.store.Name()).Msg("the retention of a store's objects could not be looked after")
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// ahead is how long before its end a lock is renewed: a quarter of its time.
func ahead(r archive.Retention, now time.Time) time.Duration {
	return min(r.From(now).Sub(now)/4, mostAhead)
}

// renewLocks looks at every group whose locks run out soon, or of which nothing
// is known. What is refused is told and noted as an event, once, and tried again
// the next day. An error means that the store could not be asked.
func (s *Station) renewLocks(ctx context.Context, d *desk, k archive.Keeper) error {
	known := s.loadLocks(d.store.Name())
	groups, err := s.locked(ctx, d.store.Name())
	if err != nil {
		return err
	}
	retain, _ := k.Locks()
	now := time.Now()
	margin := ahead(retain, now)
	for _, g := range groups {
		n, there := known.Groups[g]
		// Without a time of keeping there is only the hold, which does not run out.
		if there && n.Failed == "" && (retain == archive.Retention{} || n.Until.After(now.Add(margin))) {
			continue
		}
		r, err := k.Renew(ctx, g, margin)
		if err != nil && !errors.Is(err, archive.ErrPermanent) {
			return errors.Join(err, s.saveLocks(d.store.Name(), known))
		}
		if err == nil && r.Objects == 0 {
			continue
		}
		if err := s.noteLock(ctx, d, g, n, err); err != nil {
			return err
		}
		known.Groups[g] = lockNote{Until: r.Until}
		if err != nil {
			known.Groups[g] = lockNote{Until: r.Until, Failed: err.Error()}
		}
	}
	if err := s.saveLocks(d.store.Name(), known); err != nil {
		return err
	}
	d.sayLocks(known.words())
	return nil
}

// locked are the groups of a store's keys that have locks: of the carriers that
// have a copy there, and of those that have nothing but events and photos.
func (s *Station) locked(ctx context.Context, store string) ([]string, error) {
	groups := slices.Clone(lockGroups)
	for c, err := range s.cfg.Catalog.AllCopies(ctx) {
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return nil, err
		}
		if err == nil && c.Store == store && c.StoredAt != nil {
			groups = append(groups, c.CarrierID+"/")
		}
	}
	sent, err := s.cfg.Catalog.SentSeqs(ctx, store)
	if err != nil {
		return nil, err
	}
	for id, seq := range sent {
		if seq > 0 {
			groups = append(groups, id+"/")
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// noteLock puts an event on the carrier when its locks cannot be renewed any
// more, and when they can again.
func (s *Station) noteLock(ctx context.Context, d *desk, group string, before lockNote, failed error) error {
	if slices.Contains(lockGroups, group) || (failed != nil) == (before.Failed != "") {
		return nil
	}
	id := group[:len(group)-1]
	e := catalog.Event{Type: catalog.EventModify, Time: time.Now().UTC(), Outcome: catalog.EventSuccess, Detail: "the retention in store " + d.store.Name() + " was renewed again",
		Objects: []string{id, "store:" + d.store.Name()},
		Agents:  []catalog.Agent{{Role: catalog.RoleOperator, Name: catalog.Unattended}, s.agent(), {Role: catalog.RoleStore, Name: d.store.Name()}}}
	if failed != nil {
		e.Outcome, e.Detail = catalog.EventFail, "the retention was not renewed: "+of(d.store.Name(), failed)
		s.say(Notice{ID: id, Word: WordNeedsYou, Text: e.Detail, Hint: "the copy is there; it can be deleted once its lock has run out"})
	}
	return s.cfg.Catalog.AddEvent(ctx, id, e)
}

// words is the line of status: how many, the first to run out, and why.
func (l locks) words() string {
	n, first := 0, lockNote{}
	for _, k := range l.Groups {
		if k.Failed == "" {
			continue
		}
		if n == 0 || cmp.Or(k.Until.Compare(first.Until), cmp.Compare(k.Failed, first.Failed)) < 0 {
			first = k
		}
		n++
	}
	if n == 0 {
		return ""
	}
	when := "there may be no lock at all"
	if !first.Until.IsZero() {
		when = "the first lock runs out " + first.Until.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("the retention of %d was not renewed, %s: %s", n, when, first.Failed)
}

func (s *Station) locksFile(store string) string {
	return filepath.Join(filepath.Dir(s.cfg.Spool), "stores", store+"-locks.json")
}

// loadLocks reads what is known; what cannot be read is not known, and the store
// is asked.
func (s *Station) loadLocks(store string) locks {
	fresh := locks{Format: locksFormat, Version: 1, Groups: map[string]lockNote{}}
	b, err := os.ReadFile(s.locksFile(store))
	if err != nil {
		return fresh
	}
	var l locks
	if err := json.Unmarshal(b, &l); err != nil || l.Format != locksFormat || l.Version != 1 || l.Groups == nil {
		return fresh
	}
	return l
}

func (s *Station) saveLocks(store string, l locks) error {
	b, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return err
	}
	path := s.locksFile(store)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return atomicfile.WriteFile(path, append(b, '\n'), 0o644)
}
