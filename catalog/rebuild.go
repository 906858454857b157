package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"ripstation/disc"
)

// Rebuilder makes a catalog anew from what a store holds of each carrier: its
// records and its events (docs/decisions/0009). It makes no event itself.
type Rebuilder struct {
	c    *Catalog
	from string
	// When each item got its title, by an event or else by a record: carriers come
	// by id, not by time.
	titled, first map[string]time.Time
}

// Rebuild begins with a catalog that is empty. from is the store's name.
func (c *Catalog) Rebuild(ctx context.Context, from string) (*Rebuilder, error) {
	empty, err := c.Empty(ctx)
	if err == nil && !empty {
		err = fmt.Errorf("make the catalog anew: %w: there are discs in it", ErrConflict)
	}
	return &Rebuilder{c, from, map[string]time.Time{}, map[string]time.Time{}}, err
}

// Empty reports whether the catalog knows no carrier.
func (c *Catalog) Empty(ctx context.Context) (bool, error) {
	var n int
	err := c.r.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM carriers LIMIT 1)").Scan(&n)
	return n == 0, explain("look into the catalog", err)
}

// Remains are what a store holds of one carrier.
type Remains struct {
	CarrierID string
	Records   []Commit      // by version; Events is empty, Copies names the store's own
	Events    []StoredEvent // by seq, one of each
}

// maxLost is how many events in a row may be gone before those behind them are
// not believed.
const maxLost = 1000

// errLost is what a lost event's place says.
const lostText = "this event was not in the store that the catalog was made from"

func lostID(carrier string, seq int64) string {
	return contentID(fmt.Appendf(nil, "lost event\x00%s\x00%d", carrier, seq))
}

// Add takes in one carrier, whole or not at all. The faults say what of it
// could not be as it was.
func (b *Rebuilder) Add(ctx context.Context, in Remains) (faults []string, err error) {
	op := "make the catalog's entry of " + clamp(in.CarrierID, 64) + " anew"
	if !ValidID(in.CarrierID) {
		return nil, fmt.Errorf("%s: %w", op, invalid("carrier id"))
	}
	a := &adding{Rebuilder: b, ctx: ctx, in: in, copies: map[string]*rebuiltCopy{}}
	for _, r := range in.Records {
		rec, err := ParseRecord(r.RecordBytes)
		if err == nil && rec.Carrier.ID != in.CarrierID {
			err = invalid("it is the record of disc %s", rec.Carrier.ID)
		}
		if err == nil {
			err = checkObjects(r.Files, false)
		}
		if err == nil {
			_, _, err = fileListOf(r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		a.recs = append(a.recs, rec)
	}
	err = b.c.write(ctx, op, func(tx *sql.Tx) error {
		a.tx, a.faults = tx, nil
		return a.all()
	})
	return a.faults, err
}

// adding is one carrier in its transaction.
type adding struct {
	*Rebuilder
	ctx    context.Context
	tx     *sql.Tx
	in     Remains
	recs   []Record
	next   int // the record that comes next
	seq    int64
	copies map[string]*rebuiltCopy // by version and store
	faults []string
}

type rebuiltCopy struct {
	version int
	Copy
}

func (a *adding) fault(format string, args ...any) {
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// all tells the carrier's story again, in the order of its events. Those of a
// record were given their numbers together, when it was recorded, so a gap
// among the stored ones is one record or more.
func (a *adding) all() error {
	for i, e := range a.in.Events {
		if err := a.fill(e); err != nil {
			return err
		}
		if gap := e.Seq - a.seq - 1; gap > maxLost || gap < 0 {
			a.fault("events from number %d on (%d of them) were not taken: those before it are gone", e.Seq, len(a.in.Events)-i)
			break
		} else if gap > 0 {
			a.fault("%d events before number %d are gone", gap, e.Seq)
			for range gap {
				if err := a.lost(e.Time); err != nil {
					return err
				}
			}
		}
		if err := a.event(e); err != nil {
			return err
		}
	}
	for a.next < len(a.recs) {
		if err := a.record(); err != nil {
			return err
		}
	}
	if err := a.putCopies(); err != nil {
		return err
	}
	if err := quietBatches(a.ctx, a.tx); err != nil {
		return err
	}
	return putSent(a.ctx, a.tx, a.in.CarrierID, a.from, Post{Last: a.seq})
}

// fill tells the records that come before an event: those whose events are in
// the gap before it, and one without events of its own that it names.
func (a *adding) fill(e StoredEvent) error {
	for {
		upTo := a.next
		for i := a.next; i < len(a.recs); i++ {
			fresh, err := a.fresh(a.recs[i])
			if err != nil {
				return err
			}
			if late, err := a.knowsLater(a.recs[i], e.Seq); err != nil {
				return err
			} else if late {
				break // it cannot have been written before that
			}
			// A carrier that no event brought was there by its first record.
			if fresh == 0 && i == 0 && a.seq == 0 && (e.Changes == nil || e.Changes.Identity == nil) ||
				fresh == 0 && slices.Contains(e.Objects, fmt.Sprintf("%s/v%d", a.in.CarrierID, a.recs[i].Image.Version)) ||
				fresh > 0 && int64(fresh) <= e.Seq-a.seq-1 {
				upTo = i + 1
			}
			if fresh > 0 {
				break
			}
		}
		if upTo == a.next {
			return nil
		}
		for a.next < upTo {
			if err := a.doubt(a.recs[a.next], e); err != nil {
				return err
			}
			if err := a.record(); err != nil {
				return err
			}
		}
	}
}

// knowsLater reports whether a record holds an event that stands in the store at
// seq or behind it.
func (a *adding) knowsLater(rec Record, seq int64) (bool, error) {
	for _, e := range rec.Events {
		e, err := identified(a.in.CarrierID, e)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(a.in.Events, func(later StoredEvent) bool { return later.Seq >= seq && later.ID == e.ID }) {
			return true, nil
		}
	}
	return false, nil
}

// doubt tells when a record fits into a gap by its number of events alone, and
// not by their times: as many others may be gone from there. A clock that was
// set back looks the same, so the record stays where it is.
func (a *adding) doubt(rec Record, next StoredEvent) error {
	fresh, err := a.fresh(rec)
	version := fmt.Sprintf("%s/v%d", a.in.CarrierID, rec.Image.Version)
	if err != nil || fresh == 0 || slices.Contains(next.Objects, version) {
		return err
	}
	for _, e := range rec.Events {
		if !e.Time.After(next.Time) {
			return nil
		}
	}
	a.fault("the %d events of image %d were taken for those before number %d, and all are later than that: a clock was set back, or other events are gone from there",
		fresh, rec.Image.Version, next.Seq)
	return nil
}

// fresh is how many events of a record the catalog has not got.
func (a *adding) fresh(rec Record) (n int, err error) {
	seen := map[string]bool{}
	for _, e := range a.in.Events {
		seen[e.ID] = true
	}
	for _, e := range rec.Events {
		e, err := identified(a.in.CarrierID, e)
		if err != nil {
			return 0, err
		}
		old, err := readEvents(a.ctx, a.tx, "WHERE id = ?", e.ID)
		if err != nil {
			return 0, err
		}
		if len(old) == 0 && !seen[e.ID] {
			n++
		}
		seen[e.ID] = true
	}
	return n, nil
}

func (a *adding) record() error {
	rec, in := a.recs[a.next], a.in.Records[a.next]
	a.next++
	before, known, err := toldBefore(a.ctx, a.tx, a.in.CarrierID)
	if err != nil {
		return err
	}
	if err := putRecord(a.ctx, a.tx, rec, in); err != nil {
		return err
	}
	if known { // what it brought then, an event says
		after, _, err := toldBefore(a.ctx, a.tx, a.in.CarrierID)
		if err != nil {
			return err
		}
		if c := changed(after, before); c != nil {
			said, was := a.titled[before.Item] // of the item nobody said what is undone here
			if err := a.apply(rec.Image.SealedAt, c); err != nil {
				return err
			}
			if a.titled[before.Item] = said; !was {
				delete(a.titled, before.Item)
			}
		}
	} else if err := a.firstTitle(rec); err != nil {
		return err
	}
	stored := map[string]bool{}
	for _, e := range a.in.Events {
		stored[e.ID] = true
	}
	for _, e := range rec.Events {
		e, err := identified(a.in.CarrierID, e)
		if err != nil {
			return err
		}
		if stored[e.ID] { // it stands at a place of its own
			continue
		}
		if err := addEvent(a.ctx, a.tx, a.in.CarrierID, e); err != nil {
			return err
		}
	}
	return a.count()
}

// count takes the number of the last event from the carrier.
func (a *adding) count() error {
	r, err := mustCarrier(a.ctx, a.tx, a.in.CarrierID)
	if err == nil {
		a.seq = r.num("events")
	}
	return err
}

// carrier is the carrier's row, made when an event comes before any record.
func (a *adding) carrier(at time.Time, ident *disc.Identity) (row, error) {
	id := a.in.CarrierID
	r, ok, err := carriers.one(a.ctx, a.tx, "WHERE id = ?", id)
	if err != nil || ok {
		return r, err
	}
	i := orZero(ident)
	err = carriers.insert(a.ctx, a.tx, id, nil, nil, nil, nil, nil, nil, AccessUnreviewed, i.Kind, i.Medium, i.TOC.Sessions,
		clamp(i.Label, maxName), None, 0, formatTime(at))
	if err == nil {
		err = addNeed(a.ctx, a.tx, id, Need{NeedsIdentity, noItem}, formatTime(at))
	}
	if err != nil {
		return r, err
	}
	return mustCarrier(a.ctx, a.tx, id)
}

func (a *adding) lost(at time.Time) error {
	if _, err := a.carrier(at, nil); err != nil {
		return err
	}
	err := putEvent(a.ctx, a.tx, a.in.CarrierID, tidy(Event{ID: lostID(a.in.CarrierID, a.seq+1), Type: EventModify, Time: at, Outcome: EventNotRun,
		Detail: lostText, Agents: []Agent{{RoleOperator, Unattended}}, Objects: []string{a.in.CarrierID}}))
	if err != nil {
		return err
	}
	return a.count()
}
