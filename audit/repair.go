package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
)

// RepairConfig is what a repair works on: one disc.
type RepairConfig struct {
	Catalog   *catalog.Catalog // open for writing
	Stores    []archive.Store
	CarrierID string
	// To names the one store that is to be repaired, which may be one that has
	// no copy yet. Empty: every one that has a copy.
	To       string
	Agents   []catalog.Agent
	Progress func(Progress) // may be nil
}

// Superseded is an object that got a new version on top of the damaged one.
type Superseded struct {
	Path string `json:"path"`
	Old  string `json:"old_version_id"`
	New  string `json:"new_version_id"`
}

// Move is what a person has to do with what is in the way of a file.
type Move struct {
	Path string `json:"path"` // of the file, or of its folder when that is taken
	From string `json:"from"`
	To   string `json:"to"`   // empty when nothing is to be moved
	What string `json:"what"` // "damaged", or what lies there and is no object, "a folder", or in the place of a folder, "a file"
	// Marker is the version id of a delete marker that lies on the object and is
	// to be removed; empty where something is to be moved.
	Marker string `json:"marker"`
}

// Repaired is what was done to one copy.
type Repaired struct {
	Store      string       `json:"store"`
	Key        string       `json:"key"`
	Version    int          `json:"version"`
	From       string       `json:"from"` // the store of the copy that it was made good from; several if one gave a part only
	Sent       []string     `json:"sent"` // files that were missing
	Superseded []Superseded `json:"superseded"`
	// MoveAway is set when it did not come to its end, since what is in the way must
	// first be moved or removed by somebody who may.
	MoveAway []Move `json:"move_away"`
	// PassedOver says which copies, read in full and found whole a moment before,
	// gave other bytes when they were to be the source.
	PassedOver []string    `json:"passed_over"`
	Refused    string      `json:"refused"` // why nothing could be done; empty when it could
	Failed     string      `json:"failed"`  // what did not work; empty when all did
	After      *CopyReport `json:"after"`   // what a full read says of it now
}

// Whole is true when the copy was read in full after the repair, and is as it
// was sealed.
func (r Repaired) Whole() bool { return r.After != nil && r.After.Whole() }

// RepairReport says what was found before, and what was done.
type RepairReport struct {
	CarrierID string     `json:"id"`
	Before    Report     `json:"before"` // every copy read in full: what the repair went by
	Copies    []Repaired `json:"copies"` // those that were missing or damaged
	// Added are the files that people added, where they were missing or damaged.
	Added []RepairedAdded `json:"added"`
	// Events are the stores in which events were missing or are not as they were sent.
	Events []RepairedEvents `json:"events"`
}

// Repair makes a disc's missing and damaged copies good, out of one that was
// read in full in this very run and is as it was sealed. It first reads every
// copy. What is missing is sent, only if absent; what is damaged gets a new
// version on top where the store keeps the old one, and is left as it is
// otherwise. Then the copy is read in full once more, and the catalog says what
// that saw. An error means that it did not come to its end.
func Repair(ctx context.Context, cfg RepairConfig) (RepairReport, error) {
	if len(cfg.Agents) == 0 {
		cfg.Agents = []catalog.Agent{{Role: catalog.RoleOperator, Name: catalog.Unattended}}
	}
	r := repair{cfg: cfg, report: RepairReport{CarrierID: cfg.CarrierID, Copies: []Repaired{}, Added: []RepairedAdded{}, Events: []RepairedEvents{}}}
	withdrawn, err := cfg.Catalog.Withdrawn(ctx)
	if err != nil {
		return r.report, fmt.Errorf("repair: %w", err)
	}
	if withdrawn[cfg.CarrierID] {
		return r.report, fmt.Errorf("repair: disc %s is withdrawn, and its copies are not made again; `ripstation annotate %.8s --disposition none` takes that back", cfg.CarrierID, cfg.CarrierID)
	}
	if r.report.Before, err = r.look(ctx, 0, ""); err != nil {
		return r.report, err
	}
	for _, version := range r.versions() {
		if err := r.image(ctx, version); err != nil {
			return r.report, fmt.Errorf("repair: %w", err)
		}
	}
	if err := r.added(ctx); err != nil {
		return r.report, fmt.Errorf("repair: %w", err)
	}
	if err := r.events(ctx); err != nil {
		return r.report, fmt.Errorf("repair: %w", err)
	}
	return r.report, nil
}

type repair struct {
	cfg    RepairConfig
	report RepairReport
}

// look reads copies in full.
func (r *repair) look(ctx context.Context, version int, store string) (Report, error) {
	return Run(ctx, Config{Catalog: r.cfg.Catalog, Stores: r.cfg.Stores, Full: true, Agents: r.cfg.Agents, Progress: r.cfg.Progress,
		Only: &Only{CarrierID: r.cfg.CarrierID, Version: version, Store: store}})
}

func (r *repair) versions() (all []int) {
	for _, c := range r.report.Before.Each {
		all = append(all, c.Version)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *repair) store(name string) archive.Store {
	i := slices.IndexFunc(r.cfg.Stores, func(s archive.Store) bool { return s.Name() == name })
	if i < 0 {
		return nil
	}
	return r.cfg.Stores[i]
}

// image makes the copies of one image good.
func (r *repair) image(ctx context.Context, version int) error {
	var good, bad []CopyReport
	there := false
	for _, c := range r.report.Before.Each {
		if c.Version != version {
			continue
		}
		there = there || c.Store == r.cfg.To
		switch {
		case c.Whole():
			good = append(good, c)
		case r.cfg.To != "" && c.Store != r.cfg.To:
		case c.State == catalog.Missing, c.State == catalog.Damaged:
			bad = append(bad, c)
		}
	}
	if r.cfg.To != "" && !there { // a store that never had one
		bad = append(bad, CopyReport{Store: r.cfg.To, Key: fmt.Sprintf("%s/v%d/", r.cfg.CarrierID, version), CarrierID: r.cfg.CarrierID, Version: version})
	}
	for _, c := range bad {
		out := Repaired{Store: c.Store, Key: c.Key, Version: version, Sent: []string{}, Superseded: []Superseded{}, MoveAway: []Move{}, PassedOver: []string{}}
		if len(good) == 0 {
			out.Refused = "no copy of this image was read in full and found as it was sealed: " + r.whatIsThere(version)
		} else if err := r.copy(ctx, c, good, &out); err != nil {
			return err
		}
		r.report.Copies = append(r.report.Copies, out)
	}
	return nil
}

// whatIsThere says of every copy of an image what the look at it saw.
func (r *repair) whatIsThere(version int) string {
	var words []string
	for _, c := range r.report.Before.Each {
		if c.Version == version {
			words = append(words, fmt.Sprintf("%s in %s (%s)", c.State, c.Store, c.Why))
		}
	}
	return strings.Join(words, "; ")
}

// copy makes one copy good out of the others. What goes wrong with the stores
// stands in out; an error is one of the catalog, or the end of ctx.
func (r *repair) copy(ctx context.Context, bad CopyReport, good []CopyReport, out *Repaired) error {
	m := mending{to: archive.Copy{Store: r.store(bad.Store), Prefix: strings.TrimSuffix(bad.Key, "/")}, out: out}
	var sources []archive.Copy
	for _, c := range good {
		sources = append(sources, archive.Copy{Store: r.store(c.Store), Prefix: strings.TrimSuffix(c.Key, "/")})
	}
	if m.to.Store == nil {
		out.Refused = "the configuration names no store " + bad.Store
		return nil
	}
	want, err := Sealed(ctx, r.cfg.Catalog, r.cfg.CarrierID, bad.Version)
	if err != nil {
		out.Refused = fmt.Sprintf("what the copy has to hold is not known: %v", err)
		return nil
	}
	err = m.outOf(ctx, sources, bad, want)
	if ctx.Err() != nil && len(out.Sent)+len(out.Superseded) == 0 {
		return ctx.Err()
	}
	if err != nil {
		out.Failed = err.Error()
	}
	// What was done has to be written down even when somebody has stopped it.
	if err := r.note(context.WithoutCancel(ctx), bad, out); err != nil {
		return err
	}
	if out.Refused != "" || len(out.MoveAway) > 0 || out.Failed != "" {
		return ctx.Err()
	}
	after, err := r.look(ctx, bad.Version, bad.Store)
	if err != nil {
		return err
	}
	if len(after.Each) == 1 {
		out.After = &after.Each[0]
	}
	return nil
}

// note writes the event, and the copy when the catalog has none there.
func (r *repair) note(ctx context.Context, bad CopyReport, out *Repaired) error {
	if len(out.Sent)+len(out.Superseded) == 0 {
		return nil
	}
	bag := strings.TrimSuffix(bad.Key, "/")
	e := catalog.Event{Type: catalog.EventReplication, Time: time.Now().UTC(), Outcome: catalog.EventSuccess,
		Agents:  append(r.cfg.Agents[:len(r.cfg.Agents):len(r.cfg.Agents)], catalog.Agent{Role: catalog.RoleStore, Name: out.Store}),
		Objects: []string{bag, "store:" + out.Store}}
	var words []string
	if len(out.Sent) > 0 {
		words = append(words, "sent again, since they were missing: "+strings.Join(out.Sent, ", "))
	}
	for _, p := range out.Sent {
		e.Objects = append(e.Objects, bag+"/"+p)
	}
	for _, s := range out.Superseded {
		words = append(words, fmt.Sprintf("%s was damaged: version %s was put on top of version %s", s.Path, s.New, s.Old))
		e.Objects = append(e.Objects, bag+"/"+s.Path)
	}
	for _, p := range out.PassedOver {
		words = append(words, "a copy was passed over: "+p)
	}
	if out.Failed != "" {
		e.Outcome = catalog.EventFail
		words = append(words, "then it did not go on: "+out.Failed)
	}
	e.Detail = fmt.Sprintf("repair from the copy in %s, of which every byte had just been read: %s", out.From, strings.Join(words, "; "))
	if bad.State == "" && out.Failed == "" {
		return r.cfg.Catalog.SetCopy(ctx, r.cfg.CarrierID, bad.Version, catalog.Copy{Store: out.Store, Key: bad.Key, State: catalog.Stored}, e)
	}
	return r.cfg.Catalog.AddEvent(ctx, r.cfg.CarrierID, e)
}
