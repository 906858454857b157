// Package audit holds the catalog against the stores: is every copy that the
// catalog speaks of still there, and does every object that is there belong to
// one? It reads, and says no more than it read: a list shows that objects are
// present, a store's recorded checksum that the store calls them unchanged,
// and only a full read that they hold the bytes that were sealed. What cannot
// be looked at is unknown.
package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// Config is what an audit works on.
type Config struct {
	Catalog *catalog.Catalog // open for writing: findings change the state of copies
	Stores  []archive.Store
	Full    bool // read and hash every byte
	// Only narrows the audit to one disc's copies. The report then tells of
	// each one, and nothing is said of what else lies in the stores.
	Only *Only
	// Agents are who runs the audit; an unattended operator when empty.
	Agents []catalog.Agent
	// OnTheWay says of a key whether it belongs to a bag that is being sent
	// and that the catalog need not know yet. May be nil.
	OnTheWay func(store, key string) bool
	Progress func(Progress) // may be nil
}

// Only names the copies that an audit is narrowed to.
type Only struct {
	CarrierID string
	Version   int    // of its image; 0: every one
	Store     string // empty: every one
}

func (o *Only) has(c catalog.HeldCopy) bool {
	return o == nil || c.CarrierID == o.CarrierID && (o.Version == 0 || c.Version == o.Version) && (o.Store == "" || c.Store == o.Store)
}

// Progress tells how far an audit is.
type Progress struct {
	Store string
	Key   string // of the copy that is looked at now
	Done  int64  // copies
	Total int64  // copies
}

// Run holds the catalog against the stores. It writes a fixity check into the
// events of every copy that it read in full, found fault with or could not
// look at, and takes the copies' states along. An error means that the audit
// did not come to its end; the report tells how far it came.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if len(cfg.Agents) == 0 {
		cfg.Agents = []catalog.Agent{{Role: catalog.RoleOperator, Name: catalog.Unattended}}
	}
	start := time.Now()
	a := &run{cfg: cfg, report: Report{Started: start.UTC(), Full: cfg.Full, Stores: []StoreReport{}, Findings: []Finding{}}}
	err := a.all(ctx)
	a.report.Seconds = time.Since(start).Seconds()
	slices.SortStableFunc(a.report.Findings, func(x, y Finding) int {
		return compare(x, y)
	})
	if err != nil {
		err = fmt.Errorf("audit: %w", err)
	}
	return a.report, err
}

func compare(x, y Finding) int {
	for _, c := range [][2]string{{x.Store, y.Store}, {x.Key, y.Key}, {string(x.Code), string(y.Code)}} {
		if c[0] != c[1] {
			if c[0] < c[1] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// run is one audit under way.
type run struct {
	cfg         Config
	report      Report
	done, total int64
	withdrawn   map[string]bool // carriers of which copies may be gone
}

func (a *run) find(f Finding) { a.report.Findings = append(a.report.Findings, f) }

func (a *run) progress(store, key string) {
	if a.cfg.Progress != nil {
		a.cfg.Progress(Progress{store, key, a.done, a.total})
	}
}

func (a *run) all(ctx context.Context) error {
	if a.cfg.Only == nil {
		if err := a.catalogItself(ctx); err != nil {
			return err
		}
	}
	var err error
	if a.withdrawn, err = a.cfg.Catalog.Withdrawn(ctx); err != nil {
		return err
	}
	byStore, err := a.copies(ctx)
	if err != nil {
		return err
	}
	for _, st := range a.cfg.Stores {
		s := &shelf{run: a, store: st, name: st.Name(), copies: byStore[st.Name()]}
		delete(byStore, st.Name())
		if o := a.cfg.Only; o != nil && len(s.copies) == 0 {
			files, err := a.addedFiles(ctx)
			if err != nil {
				return err
			}
			sent, err := a.cfg.Catalog.SentSeq(ctx, o.CarrierID, s.name)
			if err != nil {
				return err
			}
			if len(files) == 0 && sent == 0 || o.Store != "" && o.Store != s.name {
				continue
			}
		}
		if err := s.audit(ctx); err != nil {
			return err
		}
	}
	var strangers []string
	for name := range byStore {
		strangers = append(strangers, name)
	}
	slices.Sort(strangers)
	for _, name := range strangers {
		s := &shelf{run: a, name: name, copies: byStore[name]}
		if err := s.unseen(ctx, errors.New("the configuration does not name this store")); err != nil {
			return err
		}
	}
	return nil
}

// catalogItself looks for damage in the catalog, which is what everything else
// is held against.
func (a *run) catalogItself(ctx context.Context) error {
	problems, err := a.cfg.Catalog.IntegrityCheck(ctx)
	for _, p := range problems {
		key := p.Table
		if p.Key != "" {
			key += " " + p.Key
		}
		a.find(Finding{Code: CatalogDamaged, Key: key, Message: p.Message})
	}
	if errors.Is(err, catalog.ErrDamaged) {
		a.find(Finding{Code: CatalogDamaged, Message: err.Error()})
		return nil
	}
	return err
}

// copies gives what the catalog has in each store. A copy whose row is damaged
// is there without its state: its objects belong to somebody, that is all.
func (a *run) copies(ctx context.Context) (map[string][]*held, error) {
	byStore := map[string][]*held{}
	for c, err := range a.cfg.Catalog.AllCopies(ctx) {
		h := &held{HeldCopy: c}
		if c.CarrierID != "" && !a.cfg.Only.has(c) {
			continue
		}
		if errors.Is(err, catalog.ErrDamaged) && c.CarrierID != "" {
			h.blind = true
			if a.cfg.Only != nil { // else the look at the catalog itself tells it
				a.find(Finding{Code: CatalogDamaged, Store: c.Store, Key: "copies", CarrierID: c.CarrierID, Version: c.Version, Message: err.Error()})
			}
			h.Key = fmt.Sprintf("%s/v%d/", c.CarrierID, c.Version)
		} else if err != nil {
			return nil, err
		}
		byStore[c.Store] = append(byStore[c.Store], h)
		a.total++
	}
	return byStore, nil
}
