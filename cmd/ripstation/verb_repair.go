package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/web"
)

func (a *app) repairVerb() *cobra.Command {
	var in web.RepairRequest
	var damaged bool
	cmd := &cobra.Command{
		Use:   "repair ID...",
		Short: "Make missing and damaged copies of a disc good, out of one that was just read in full",
		Long: `Repair reads every copy of a disc in full. If one of them is as it was sealed,
what is missing elsewhere is sent again out of it. What is damaged is left as it
is, and gets a new version on top in a bucket that keeps the old one; in other
stores nothing is done, and what an administrator must move away first is
printed; so it is when something else lies in a file's place, or a delete marker
on it that the server puts nothing on top of. Afterwards the copy is read in full. It refuses when no copy is good.
Events that a store has lost are sent again out of the catalog.

With --to STORE only that store's copy is made good; it may be a store that has no
copy yet. With --all-damaged it goes through every disc that the catalog has a
missing or damaged copy of, or that an audit missed events of, and past failures.

The exit code is 4 when a copy is still missing or damaged, 5 when a copy could
not be looked at.`,
		Example: "  ripstation repair k3v7x2ma\n  ripstation repair k3v7x2ma --to cloud\n  ripstation repair --all-damaged",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case damaged && len(args) > 0:
				return errors.New("repair takes ids of discs or --all-damaged, not both")
			case !damaged && (len(args) == 0 || slices.Contains(args, "")):
				return errors.New("repair takes the ids of discs, or their beginnings, or --all-damaged")
			}
			return nil
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			if err := said(map[string]string{"operator": in.Operator}); err != nil {
				return err
			}
			return a.repair(ctx, args, in, damaged)
		}),
	}
	cmd.Flags().StringVar(&in.To, "to", "", "make this store's copy good only")
	cmd.Flags().BoolVar(&damaged, "all-damaged", false, "every disc with a copy that is missing or damaged")
	cmd.Flags().StringVar(&in.Operator, "operator", "", "who does it (default: station.operator, else your user name)")
	return cmd
}

func (a *app) repair(ctx context.Context, ids []string, in web.RepairRequest, damaged bool) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	if in.To != "" {
		if _, err := cfg.storeNamed(in.To); err != nil {
			return err
		}
	}
	in.Operator = operator(in.Operator, cfg)
	if damaged {
		if ids, err = a.withFaults(ctx, cfg); err != nil {
			return err
		}
		if len(ids) == 0 {
			a.say("  the catalog knows of no missing or damaged copy; `ripstation audit --full` looks")
		}
	}
	b, err := a.books(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer b.Close()
	worst := exitDone
	for _, id := range ids {
		in.Disc = id
		progress, done := a.auditBar()
		report, err := b.Repair(ctx, in, progress)
		done()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		code := repairCode(report)
		if err != nil && len(ids) == 1 {
			return err
		}
		if err != nil {
			a.say("  %s: %s", short(id), one(err.Error()))
			code = exitFailed
		} else if a.json {
			err = a.printJSON(report)
		} else {
			err = a.printRepair(report)
		}
		if err != nil && code != exitFailed {
			return err
		}
		if severity(code) > severity(worst) {
			worst = code
		}
	}
	return exitOf(worst)
}

// withFaults are the discs with a copy that the catalog calls missing or
// damaged, or of which an audit missed events in a store.
func (a *app) withFaults(ctx context.Context, cfg *Config) (ids []string, err error) {
	l, err := openLocal(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if l.cat == nil {
		return nil, nil
	}
	withdrawn, err := l.cat.Withdrawn(ctx)
	if err != nil {
		return nil, fault(err)
	}
	for c, err := range l.cat.AllCopies(ctx) {
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return nil, fault(err)
		}
		if err == nil && (c.State == catalog.Missing || c.State == catalog.Damaged) {
			ids = append(ids, c.CarrierID)
		}
	}
	lost, err := audit.LostEvents(ctx, l.cat)
	if err != nil {
		return nil, fault(err)
	}
	ids = append(ids, lost...)
	slices.Sort(ids)
	return slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return withdrawn[id] }), nil
}

// repairCode is the exit code of one disc's repair.
func repairCode(r audit.RepairReport) int {
	code := exitDone
	worse := func(c int) {
		if severity(c) > severity(code) {
			code = c
		}
	}
	for _, c := range r.Before.Each {
		if c.State == catalog.Unknown {
			worse(exitBlind)
		}
	}
	for _, c := range r.Copies {
		if len(c.PassedOver) > 0 {
			worse(exitFindings)
		}
		switch {
		case c.Whole():
		case c.Failed != "":
			worse(exitFailed)
		case c.After != nil && c.After.State == catalog.Unknown:
			worse(exitBlind)
		default:
			worse(exitFindings)
		}
	}
	for _, f := range r.Added {
		switch {
		case f.Unknown:
			worse(exitBlind)
		case f.Damaged, f.Lost:
			worse(exitFindings)
		case f.Failed != "":
			worse(exitFailed)
		}
	}
	worse(eventsCode(r))
	if len(r.Before.Each) == 0 && r.Before.Added.LookedAt == 0 && len(r.Events) == 0 {
		worse(exitBlind)
	}
	return code
}

// nothingDone says why no copy was touched. That nothing is to be repaired may
// be said only of copies that were all read.
func nothingDone(each []audit.CopyReport, added []audit.RepairedAdded) string {
	states := map[catalog.CopyState]bool{}
	for _, c := range each {
		states[c.State] = true
	}
	if len(added) > 0 { // none of them could be looked at
		states[catalog.Unknown] = true
	}
	switch {
	case len(each) == 0 && len(added) == 0:
		return "NOTHING DONE: the catalog has no copy of it"
	case states[catalog.Unknown]:
		return "NOTHING DONE: not every copy could be read"
	case states[catalog.Missing], states[catalog.Damaged]:
		return "NOTHING DONE: nothing to repair in the store that was named"
	case states[catalog.Queued], states[catalog.Sending]:
		return "NOTHING DONE: copies on their way are left alone"
	}
	return "nothing to repair"
}

// asksAdministrator tells an administrator what to do about what keeps a copy from being
// repaired.
func asksAdministrator(moves []audit.Move) string {
	words := ""
	for _, m := range moves {
		if m.Marker != "" {
			continue
		}
		if words == "" {
			words = "NOT REPAIRED, NEEDS YOU: nothing in this store is written over or deleted, and no earlier version of it would be kept. An administrator must first move away what is in the way:\n"
		}
		words += fmt.Sprintf("    %s\n      to %s\n", one(m.From), one(m.To))
		switch m.What {
		case "damaged":
		case "a file":
			words += "      (a file lies in the place of a folder)\n"
		default:
			words += fmt.Sprintf("      (%s lies in the place of the file)\n", one(m.What))
		}
	}
	first := true
	for _, m := range moves {
		if m.Marker == "" {
			continue
		}
		if first {
			words += "NOT REPAIRED, NEEDS YOU: somebody has deleted objects: delete markers lie on them, the server did not take them again on top of that, and nothing is deleted by ripstation. " +
				"An administrator must first remove these markers, each by its version id, and nothing else:\n"
			first = false
		}
		words += fmt.Sprintf("    %s\n      delete marker, version id %s\n", one(m.From), one(m.Marker))
	}
	return words
}

// printRepair says what was found and what was done.
func (a *app) printRepair(r audit.RepairReport) error {
	fmt.Fprintf(a.out, "%s\n", short(r.CarrierID))
	if err := a.printCopies(r.Before.Each); err != nil {
		return err
	}
	for _, f := range r.Added {
		words := "brought back from " + one(f.From)
		switch {
		case f.Unknown:
			words = "UNKNOWN: could not be looked at: " + one(f.Failed)
		case f.Failed != "":
			words = "NOT REPAIRED: " + one(f.Failed)
		}
		if _, err := fmt.Fprintf(a.out, "%s %s: %s\n", one(f.Store), one(f.Key), words); err != nil {
			return err
		}
	}
	if err := a.printRepairedEvents(r); err != nil {
		return err
	}
	if len(r.Copies) == 0 && (len(r.Events) > 0 || slices.ContainsFunc(r.Added, func(f audit.RepairedAdded) bool { return !f.Unknown })) {
		return nil // told by these
	}
	if len(r.Copies) == 0 {
		_, err := fmt.Fprintln(a.out, nothingDone(r.Before.Each, r.Added))
		return err
	}
	for _, c := range r.Copies {
		what := fmt.Sprintf("%s v%d: ", one(c.Store), c.Version)
		switch {
		case c.Refused != "":
			what += "NOT REPAIRED: " + one(c.Refused) + "\n  -> `ripstation restore " + short(r.CarrierID) + " DIR` still gives the whole bag if each of its files is right in some copy"
		case len(c.MoveAway) > 0:
			if len(c.Sent) > 0 {
				what += fmt.Sprintf("from the copy in %s: sent %s; ", one(c.From), one(strings.Join(c.Sent, ", ")))
			}
			what += asksAdministrator(c.MoveAway) + "  -> then run `ripstation repair " + short(r.CarrierID) + "` again, which sends what is missing then"
		default:
			var did []string
			if len(c.Sent) > 0 {
				did = append(did, "sent "+strings.Join(c.Sent, ", "))
			}
			for _, s := range c.Superseded {
				did = append(did, fmt.Sprintf("%s: version %s on top of the damaged %s", s.Path, s.New, s.Old))
			}
			if len(did) == 0 && c.Failed != "" {
				did = append(did, "nothing was done")
			} else if len(did) == 0 {
				did = append(did, "nothing of it was missing or damaged when it was read again")
			}
			what += fmt.Sprintf("from the copy in %s: %s", one(c.From), one(strings.Join(did, "; ")))
			for _, p := range c.PassedOver {
				what += "; PASSED OVER, run `ripstation verify " + short(r.CarrierID) + "`: " + one(p)
			}
			if c.Failed != "" {
				what += "; FAILED: " + one(c.Failed)
			}
			if c.After != nil {
				what += "; now " + one(seenWords(*c.After))
			}
		}
		if _, err := fmt.Fprintln(a.out, what); err != nil {
			return err
		}
	}
	return nil
}
