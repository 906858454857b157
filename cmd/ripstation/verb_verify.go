package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/web"
)

func (a *app) verifyVerb() *cobra.Command {
	in := web.AuditRequest{Full: true}
	cmd := &cobra.Command{
		Use:   "verify ID",
		Short: "Read every copy of a disc in full, now, and say what was found",
		Long: `Verify reads every byte of every copy of a disc, and holds it against the
digests that were sealed. What it saw is kept as an event, and the copies' states
in the catalog follow, as with "audit --full", which does the same for all discs.

The exit code is 4 when a copy is damaged or missing, 5 when one could not be read
and none was found wrong.`,
		Example: "  ripstation verify k3v7x2ma\n  ripstation verify k3v7x2ma --store cloud --json",
		Args:    takes("the id of a disc, or its beginning"),
		RunE: verb(func(ctx context.Context, args []string) error {
			if err := said(map[string]string{"operator": in.Operator}); err != nil {
				return err
			}
			if in.Version < 0 {
				return usage("--version %d: images are counted from 1", in.Version)
			}
			in.Disc = args[0]
			return a.verify(ctx, in)
		}),
	}
	cmd.Flags().StringVar(&in.Store, "store", "", "read this store's copy only")
	cmd.Flags().IntVar(&in.Version, "version", 0, "which image of the disc (default every one)")
	cmd.Flags().StringVar(&in.Operator, "operator", "", "who does it (default: station.operator, else your user name)")
	return cmd
}

func (a *app) verify(ctx context.Context, in web.AuditRequest) error {
	report, err := a.look(ctx, in)
	if err != nil {
		return err
	}
	nothing := len(report.Each) == 0 && report.Added.LookedAt == 0 && report.Faults() == 0
	if nothing && in.Store == "" && in.Version == 0 {
		return &failure{exitBlind, fmt.Errorf("disc %s has no copy that could be read; `ripstation show %s` says why", one(in.Disc), one(in.Disc))}
	}
	if nothing {
		return &failure{exitBlind, fmt.Errorf("disc %s has no such copy; `ripstation show %s` lists those that it has", one(in.Disc), one(in.Disc))}
	}
	if a.json {
		err = a.printJSON(report)
	} else {
		err = errors.Join(a.printCopies(report.Each), a.printAdded(report), a.printEvents(report))
	}
	switch {
	case err != nil:
		return err
	case report.Faults() > 0:
		return &failure{code: exitFindings}
	case report.CouldNotLook || report.Copies.ReadBack+report.Added.ReadBack == 0:
		return &failure{code: exitBlind}
	}
	return nil
}

// printAdded says of the files that people added what a look at them saw.
func (a *app) printAdded(r audit.Report) error {
	if r.Added.LookedAt == 0 {
		return nil
	}
	_, bad := fmt.Fprintf(a.out, "added files: %d looked at, %d of them read back\n", r.Added.LookedAt, r.Added.ReadBack)
	for _, f := range r.Findings {
		if strings.HasPrefix(f.Key, f.CarrierID+"/added/") {
			_, err := fmt.Fprintf(a.out, "%s\n", one(f.String()))
			bad = errors.Join(bad, err)
		}
	}
	return bad
}

// printCopies says of each copy what a full look at it saw.
func (a *app) printCopies(each []audit.CopyReport) error {
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	for _, c := range each {
		fmt.Fprintf(w, "%s\tv%d\t%s\n", one(c.Store), c.Version, one(seenWords(c)))
	}
	return w.Flush()
}

// seenWords are what may be said of a copy after a look at it.
func seenWords(c audit.CopyReport) string {
	switch c.State {
	case catalog.ReadBack:
		if c.Whole() {
			words := fmt.Sprintf("READ BACK %s: %s, %d bytes, digests equal", c.At.Format(time.DateOnly), files(c.Files), c.Bytes)
			for _, f := range c.Findings {
				words += fmt.Sprintf("; %s %s: %s", f.Code, f.Key, f.Message)
			}
			return words
		}
	case catalog.Unknown:
		return "UNKNOWN: could not be read: " + c.Why
	case catalog.Queued, catalog.Sending:
		return strings.ToUpper(string(c.State)) + ": not looked at"
	}
	return strings.ToUpper(string(c.State)) + ": " + c.Why
}
