package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// AddedCounts are numbers of files that people added, once for each store. Each
// one looked at is in at most one of ReadBack, Missing, Damaged and Withdrawn.
type AddedCounts struct {
	LookedAt  int `json:"looked_at"`
	ReadBack  int `json:"read_back"` // every byte was read and hashed
	Missing   int `json:"missing"`
	Damaged   int `json:"damaged"`
	Withdrawn int `json:"withdrawn"`  // gone, as their discs are withdrawn
	OnTheWay  int `json:"on_the_way"` // not sent yet: not looked at
}

// addedKey takes a key apart that lies where added files do.
func addedKey(key string) (id, name string, ok bool) {
	id, rest, _ := strings.Cut(key, "/")
	dir, name, _ := strings.Cut(rest, "/")
	return id, name, catalog.ValidID(id) && dir == "added" && name != ""
}

// addedFiles are what the catalog has of added files, of one disc or of all.
func (a *run) addedFiles(ctx context.Context) (files []catalog.AddedFile, err error) {
	if o := a.cfg.Only; o == nil {
		files, err = a.cfg.Catalog.AllAdded(ctx)
	} else if o.Version == 0 {
		files, err = a.cfg.Catalog.Added(ctx, o.CarrierID)
	}
	if errors.Is(err, catalog.ErrDamaged) {
		if a.cfg.Only != nil { // else the look at the catalog itself tells it
			a.find(Finding{Code: CatalogDamaged, Key: "added", CarrierID: a.cfg.Only.CarrierID, Message: err.Error()})
		}
		err = nil
	}
	return files, err
}

// auditAdded holds the files that people added against the store. Their faults
// change no copy's state: they belong to no bag.
func (s *shelf) auditAdded(ctx context.Context) error {
	if s.cfg.Only != nil && (s.cfg.Only.Version != 0 || s.cfg.Only.Store != "" && s.cfg.Only.Store != s.name) {
		return nil
	}
	files, err := s.addedFiles(ctx)
	if err != nil {
		return err
	}
	for _, f := range files {
		key := catalog.AddedKey(f.CarrierID, f.SHA256)
		size, there := s.added[key]
		delete(s.added, key)
		if err := s.addedFile(ctx, f, key, size, there, s.sent[f.CarrierID] >= f.Seq); err != nil {
			return err
		}
	}
	return s.strangersAdded(ctx)
}

// addedFile looks at one file. An event is sent behind the file that it names,
// so sent says whether the file must be there.
func (s *shelf) addedFile(ctx context.Context, f catalog.AddedFile, key string, size int64, there, sent bool) error {
	c := &s.report.Added
	c.LookedAt++
	finding := func(code Code, format string, args ...any) Finding {
		return Finding{Code: code, Store: s.name, Key: key, CarrierID: f.CarrierID, Message: fmt.Sprintf(format, args...)}
	}
	missing := func() error {
		c.Missing++
		return s.addedFault(ctx, f, finding(AddedMissing, "the %s that %s added on %s is not there", f.Role, f.Operator, f.At.Format(time.DateOnly)))
	}
	switch {
	case !there && !sent:
		c.LookedAt--
		c.OnTheWay++
		return nil
	case !there && s.withdrawn[f.CarrierID]:
		c.Withdrawn++
		return nil
	case !there:
		return missing()
	case size != f.Size:
		c.Damaged++
		return s.addedFault(ctx, f, finding(AddedDiffers, "%d bytes, recorded were %d", size, f.Size))
	case !s.cfg.Full:
		return nil
	}
	err := archive.HoldsFile(ctx, s.store, key, f.Size, f.SHA256)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		c.ReadBack++
		s.report.BytesRead += f.Size
		return nil
	case errors.Is(err, archive.ErrNotFound):
		return missing()
	case errors.Is(err, archive.ErrExists):
		c.Damaged++
		return s.addedFault(ctx, f, finding(AddedDiffers, "it was read twice, and its SHA-256 is not the one of its name"))
	}
	s.report.CouldNotLook = true
	s.find(finding(CouldNotLook, "%v", err))
	return nil
}

// addedFault tells of a file and leaves an event of it.
func (s *shelf) addedFault(ctx context.Context, f catalog.AddedFile, what Finding) error {
	s.find(what)
	err := s.cfg.Catalog.AddEvent(ctx, f.CarrierID, catalog.Event{Type: catalog.EventFixity, Time: time.Now().UTC(), Outcome: catalog.EventFail,
		Detail:  fmt.Sprintf("audit: %s %s: %s", what.Code, what.Key, what.Message),
		Agents:  append(s.cfg.Agents[:len(s.cfg.Agents):len(s.cfg.Agents)], catalog.Agent{Role: catalog.RoleStore, Name: s.name}),
		Objects: []string{what.Key, "store:" + s.name}})
	if errors.Is(err, catalog.ErrDamaged) {
		return nil // told as A007
	}
	if err != nil {
		return fmt.Errorf("write down what was found: %w", err)
	}
	return nil
}

// strangersAdded tells of what lies among added files and no event names. The
// catalog is asked once more: it may have been added while the store was listed.
func (s *shelf) strangersAdded(ctx context.Context) error {
	if len(s.added) == 0 {
		return nil
	}
	now, err := s.addedFiles(ctx)
	if err != nil {
		return err
	}
	for _, f := range now {
		delete(s.added, catalog.AddedKey(f.CarrierID, f.SHA256))
	}
	for key, size := range s.added {
		id, _, _ := addedKey(key)
		s.find(Finding{Code: AddedUnnamed, Store: s.name, Key: key, CarrierID: id, Message: fmt.Sprintf("%d bytes", size)})
	}
	return nil
}

// RepairedAdded is what was done about one added file in one store.
type RepairedAdded struct {
	Store   string `json:"store"`
	Key     string `json:"key"`
	From    string `json:"from"`    // the store that it was brought from; empty when nothing was done
	Damaged bool   `json:"damaged"` // what is there is another file, and was left as it is
	Lost    bool   `json:"lost"`    // no store that was looked at has the file as it was added
	Unknown bool   `json:"unknown"` // the store could not be looked at, and nothing was done there
	Failed  string `json:"failed"`  // why it is not there, or not known to be, empty when it is
}

// added brings a disc's added files to where they are missing, out of a store
// that gave every byte of them in this very run.
func (r *repair) added(ctx context.Context) error {
	files, err := r.cfg.Catalog.Added(ctx, r.cfg.CarrierID)
	if err != nil && !errors.Is(err, catalog.ErrDamaged) {
		return err
	}
	for _, f := range files {
		if err := r.addedFile(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *repair) addedFile(ctx context.Context, f catalog.AddedFile) error {
	key := catalog.AddedKey(f.CarrierID, f.SHA256)
	var good archive.Store
	var bad []RepairedAdded
	var seen []string // what every store was found to have
	for _, st := range r.cfg.Stores {
		err := archive.HoldsFile(ctx, st, key, f.Size, f.SHA256)
		out := RepairedAdded{Store: st.Name(), Key: key}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if good == nil {
				good = st
			}
			continue
		case errors.Is(err, archive.ErrNotFound):
			seen = append(seen, "missing in "+st.Name())
			sent, err := r.cfg.Catalog.SentSeq(ctx, f.CarrierID, st.Name())
			if err != nil {
				return err
			}
			if sent < f.Seq { // it is on its way
				continue
			}
		case errors.Is(err, archive.ErrExists):
			seen = append(seen, "another file in "+st.Name())
			out.Damaged = true
			out.Failed = "another file has its name, and nothing in a store is written over; an administrator must first move it away"
			if a, ok := archive.AsideOf(st); ok {
				from, to := a.Aside(key, time.Now().UTC().Format(time.DateOnly))
				out.Failed += ": " + from + " to " + to
			}
		default:
			seen = append(seen, "could not be looked at in "+st.Name())
			out.Unknown, out.Failed = true, err.Error()
		}
		if r.cfg.To == "" || st.Name() == r.cfg.To {
			bad = append(bad, out)
		}
	}
	for _, out := range bad {
		switch {
		case out.Unknown:
		case good == nil:
			out.Lost, out.Failed = true, lostWords(seen)
		case out.Damaged:
		default:
			if err := r.addAgain(ctx, f, good, &out); err != nil {
				return err
			}
		}
		r.report.Added = append(r.report.Added, out)
	}
	return nil
}

// lostWords are for a file that no store has.
func lostWords(seen []string) string {
	words := "no store that could be looked at has this file as it was added (" + strings.Join(seen, ", ") + "), so that it cannot be brought back out of one. The disc's bags are not touched by that. "
	if slices.ContainsFunc(seen, func(s string) bool { return strings.HasPrefix(s, "could not") }) {
		return words + "Mend the way to the store that could not be looked at, and give the command again"
	}
	return words + "Keep what is there; if somebody still has the file, an administrator can put it into a store under this name, out of which it goes to the others; " +
		"else a new picture is added with `ripstation photo`"
}

func (r *repair) addAgain(ctx context.Context, f catalog.AddedFile, from archive.Store, out *RepairedAdded) error {
	to := r.store(out.Store)
	err := archive.CopyFile(ctx, from, to, out.Key, f.Size, f.SHA256)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		out.Failed = err.Error()
		return nil
	}
	out.From = from.Name()
	return r.cfg.Catalog.AddEvent(ctx, f.CarrierID, catalog.Event{Type: catalog.EventReplication, Time: time.Now().UTC(), Outcome: catalog.EventSuccess,
		Detail:  fmt.Sprintf("repair: %s was missing in store %s and was sent again from store %s, and read back", out.Key, out.Store, out.From),
		Agents:  append(slices.Clone(r.cfg.Agents), catalog.Agent{Role: catalog.RoleStore, Name: out.Store}),
		Objects: []string{out.Key, "store:" + out.Store}})
}
