package station_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// vault is a store whose objects are under locks that a test lets run out.
type vault struct {
	archive.Store
	mu     sync.Mutex
	until  map[string]time.Time // by group
	asked  int
	refuse error
}

func (v *vault) Locks() (archive.Retention, bool) { return archive.Retention{Days: 40}, true }

func (v *vault) Renew(ctx context.Context, prefix string, margin time.Duration) (r archive.Renewed, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, err := range v.Store.List(ctx, prefix) {
		if err != nil {
			return r, err
		}
		r.Objects++
	}
	if r.Objects == 0 {
		return r, nil
	}
	v.asked++
	r.Until = v.until[prefix]
	if v.refuse != nil {
		return r, v.refuse
	}
	if r.Until.Before(time.Now().Add(margin)) {
		r.Until, r.Locked = time.Now().AddDate(0, 0, 40), r.Objects
		v.until[prefix] = r.Until
	}
	return r, nil
}

// Locks are renewed before they run out; when that is refused, the carrier has
// an event and status a line, once, until it works again.
func TestLocksAreLookedAfter(t *testing.T) {
	v := &vault{until: map[string]time.Time{}}
	r := newRig(t, func(c *station.Config) { v.Store = c.Stores[0].Store; c.Stores[0].Store = v })
	drive := r.add(simdrive.Options{})
	r.start()
	must(t, drive.Insert(simdrive.PressedCD(iso(t, "LOCKED", 31, 2000), 2000)))
	id := r.ended(1, station.OutcomeDone).ID
	renew := func(refuse error) error {
		v.mu.Lock()
		v.refuse, v.asked = refuse, 0
		v.mu.Unlock()
		return r.station.RenewLocks(t.Context())
	}
	events := func(outcome catalog.EventOutcome) (found []string) {
		for _, e := range r.show(id).Events {
			if e.Type == catalog.EventModify && strings.Contains(e.Detail, "retention") && e.Outcome == outcome {
				found = append(found, e.Detail)
			}
		}
		return found
	}
	notes := func() string { return strings.Join(r.station.Status().Stores[0].Notes, "; ") }
	must(t, renew(nil))
	if v.until[id+"/"].IsZero() || notes() != "" || len(events(catalog.EventFail)) != 0 {
		t.Errorf("%v, %q", v.until, notes())
	}
	must(t, renew(nil))
	if v.asked != 0 {
		t.Errorf("%d groups were asked about, and nothing runs out", v.asked)
	}
	// A disc without a bag has its events under locks, too.
	must(t, drive.Insert(simdrive.AudioCD(2, 3000)))
	audio := r.await(2, final).ID
	must(t, r.station.Mailed(t.Context()))
	must(t, renew(nil))
	if v.until[audio+"/"].IsZero() {
		t.Errorf("%v", v.until)
	}
	// A store that is away: nothing is known, nothing is noted.
	r.station.ForgetLocks()
	if err := renew(errors.New("connection refused")); err == nil || len(events(catalog.EventFail)) != 0 {
		t.Errorf("%v, %v", err, events(catalog.EventFail))
	}
	refused := fmt.Errorf("access denied: %w", archive.ErrPermanent)
	for range 3 {
		must(t, renew(refused))
	}
	if e := events(catalog.EventFail); len(e) != 1 || !strings.Contains(e[0], "access denied") {
		t.Errorf("%q", e)
	}
	if n := notes(); !strings.Contains(n, "not renewed") || !strings.Contains(n, "access denied") || !strings.Contains(n, time.Now().AddDate(0, 0, 40).UTC().Format(time.DateOnly)) {
		t.Errorf("%q", n)
	}
	must(t, renew(nil))
	if notes() != "" || len(events(catalog.EventSuccess)) != 1 {
		t.Errorf("%q, %q", notes(), events(catalog.EventSuccess))
	}
}
