package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"ripstation/archive"
	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/ripper"
	"ripstation/web"
)

func (a *app) auditVerb() *cobra.Command {
	var in web.AuditRequest
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Hold the catalog against the stores: missing, damaged and untracked copies",
		Long: `Audit looks for every copy that the catalog speaks of, and for objects that no
copy accounts for. Without --full it lists the stores and asks for the checksums
that they recorded; with --full it re-reads and hashes every byte. What it says
never goes beyond what it read. It changes no bag.

The exit code is 4 when something is wrong, 5 when nothing wrong was found but
not everything could be looked at.`,
		Example: "  ripstation audit\n  ripstation audit --full --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if err := said(map[string]string{"operator": in.Operator}); err != nil {
				return err
			}
			return a.audit(ctx, in)
		}),
	}
	cmd.Flags().BoolVar(&in.Full, "full", false, "re-read and hash every byte of every copy")
	cmd.Flags().StringVar(&in.Operator, "operator", "", "who does it (default: station.operator, else your user name)")
	return cmd
}

func (a *app) audit(ctx context.Context, in web.AuditRequest) error {
	report, err := a.look(ctx, in)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(report)
	} else {
		err = a.printReport(report)
	}
	switch {
	case err != nil:
		return err
	case report.Faults() > 0:
		return &failure{code: exitFindings}
	case report.CouldNotLook:
		return &failure{code: exitBlind}
	}
	return nil
}

// look has the copies looked at, and shows how far that is.
func (a *app) look(ctx context.Context, in web.AuditRequest) (report audit.Report, err error) {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return report, err
	}
	in.Operator = operator(in.Operator, cfg)
	if in.Store != "" {
		if _, err := cfg.storeNamed(in.Store); err != nil {
			return report, err
		}
	}
	b, err := a.books(ctx, cfg, true)
	if err != nil {
		return report, blind(ctx, err)
	}
	defer b.Close()
	progress, done := a.auditBar()
	report, err = b.Audit(ctx, in, progress)
	done()
	if e := (*web.Error)(nil); in.Disc != "" && errors.As(err, &e) && e.Code != web.CodeFailed {
		return report, err // there is no such disc, or more than one
	}
	if err != nil {
		err = blind(ctx, err)
	}
	return report, err
}

// blind is an audit that came to no result.
func blind(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &failure{exitBlind, fmt.Errorf("nothing can be said of the copies: %w", err)}
}

func (a *app) auditBar() (progress func(web.AuditProgress), done func()) {
	if !a.terminal {
		return func(web.AuditProgress) {}, func() {}
	}
	var bar *progressbar.ProgressBar
	return func(p web.AuditProgress) {
			if bar == nil {
				bar = progressbar.NewOptions64(max(p.Total, 1), progressbar.OptionSetWriter(a.err), progressbar.OptionSetWidth(30),
					progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
			}
			bar.Describe("copies in " + one(p.Store))
			_ = bar.Set64(min(p.Done, p.Total))
		}, func() {
			if bar != nil {
				_ = bar.Clear()
			}
		}
}

func (a *app) printReport(r audit.Report) error {
	if len(r.Findings) > 0 {
		w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "CODE\tSTORE\tWHERE\tDISC\tFINDING")
		for _, f := range r.Findings {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s: %s\n", f.Code, orDash(&f.Store), orDash(&f.Key), orDash(ptr(short(f.CarrierID))), f.Code.Meaning(), one(f.Message))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		told := map[audit.Code]bool{}
		for _, f := range r.Findings {
			if !told[f.Code] && f.Code.Hint() != "" {
				a.say("  -> %s: %s", f.Code, f.Code.Hint())
			}
			told[f.Code] = true
		}
	}
	_, err := fmt.Fprintln(a.out, one(r.Summary()))
	return err
}

// Audit holds the catalog against the stores of the configuration.
func (l *local) Audit(ctx context.Context, in web.AuditRequest, progress func(web.AuditProgress)) (audit.Report, error) {
	if l.cat == nil {
		return audit.Report{}, fmt.Errorf("there is no catalog at %s; nothing has been recorded yet", l.cfg.Station.Catalog)
	}
	stores, err := openStores(ctx, l.cfg, l.cat)
	if err != nil {
		return audit.Report{}, err
	}
	var plain []archive.Store
	for _, s := range stores {
		plain = append(plain, s.Store)
	}
	var only *audit.Only
	if in.Disc != "" {
		full, err := l.resolve(ctx, in.Disc)
		if err != nil {
			return audit.Report{}, err
		}
		only = &audit.Only{CarrierID: full, Version: in.Version, Store: in.Store}
	}
	return audit.Run(ctx, audit.Config{
		Catalog: l.cat, Stores: plain, Full: in.Full, Only: only, OnTheWay: l.onTheWay, Agents: agents(in.Operator),
		Progress: func(p audit.Progress) { progress(web.AuditProgress(p)) },
	})
}

// agents are who acts, in the words of an event.
func agents(operator string) []catalog.Agent {
	if operator == "" {
		operator = catalog.Unattended
	}
	p := program()
	return []catalog.Agent{{Role: catalog.RoleOperator, Name: operator}, {Role: catalog.RoleProgram, Name: p.Name + " " + p.Version}}
}

// onTheWay reports whether a key belongs to a bag whose image is still in the
// spool. The spool is looked at each time: it changes while an audit runs.
func (l *local) onTheWay(_, key string) bool {
	jobs, err := os.ReadDir(l.cfg.Station.Spool)
	if err != nil {
		return false
	}
	for _, j := range jobs {
		if strings.HasPrefix(key, j.Name()+"/") {
			_, err := os.Stat(filepath.Join(l.cfg.Station.Spool, j.Name(), ripper.ImageFile))
			return !errors.Is(err, os.ErrNotExist)
		}
	}
	return false
}

// Audit has the station do it.
func (r remote) Audit(ctx context.Context, in web.AuditRequest, progress func(web.AuditProgress)) (out audit.Report, err error) {
	return out, r.c.Audit(ctx, in, progress, &out)
}
