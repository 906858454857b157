package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ripstation/audit"
)

// printEvents says of a disc's events in the stores what a look at them saw.
func (a *app) printEvents(r audit.Report) error {
	e := r.Events
	if e.Missing+e.Damaged == 0 && !slices.ContainsFunc(r.Findings, ofEvent) {
		return nil
	}
	_, bad := fmt.Fprintf(a.out, "events: %d looked at, %d of them read back\n", e.LookedAt, e.ReadBack)
	for _, f := range r.Findings {
		if ofEvent(f) {
			_, err := fmt.Fprintf(a.out, "%s\n", one(f.String()))
			bad = errors.Join(bad, err)
		}
	}
	return bad
}

func ofEvent(f audit.Finding) bool { return strings.HasPrefix(f.Key, f.CarrierID+"/events/") }

// printRepairedEvents says what was done about a disc's events.
func (a *app) printRepairedEvents(r audit.RepairReport) error {
	for _, e := range r.Events {
		var s strings.Builder
		if n := len(e.Sent); n > 0 {
			fmt.Fprintf(&s, "%s: %s sent again out of the catalog, and read back\n", one(e.Store), plural(n, "event"))
		}
		if len(e.Differs) > 0 {
			fmt.Fprintf(&s, "%s: NOT REPAIRED, NEEDS YOU: %s not as sent, and nothing in a store is written over. An administrator must first move away what lies there:\n", one(e.Store), plural(len(e.Differs), "event"))
			for _, key := range e.Differs {
				fmt.Fprintf(&s, "    %s\n", one(key))
			}
			fmt.Fprintf(&s, "  -> then run `ripstation repair %s` again, which sends them anew\n", short(r.CarrierID))
		}
		if e.Failed != "" {
			fmt.Fprintf(&s, "%s: events NOT REPAIRED: %s\n", one(e.Store), one(e.Failed))
		}
		if _, err := fmt.Fprint(a.out, s.String()); err != nil {
			return err
		}
	}
	return nil
}

// eventsCode is the exit code of what was done about a disc's events.
func eventsCode(r audit.RepairReport) int {
	code := exitDone
	for _, e := range r.Events {
		switch {
		case e.Failed != "":
			return exitFailed
		case len(e.Differs) > 0:
			code = exitFindings
		}
	}
	return code
}
