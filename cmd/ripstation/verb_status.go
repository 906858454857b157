package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ripstation/station"
	"ripstation/web"
)

func (a *app) statusVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show what the running station does: drives, spool, stores",
		Example: "  ripstation status\n  ripstation status --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			c, err := web.Dial(ctx, cfg.Station.Socket)
			if errors.Is(err, web.ErrNotRunning) {
				return fmt.Errorf("%w; start it with `ripstation run`; `ripstation list` works without it", err)
			}
			if err != nil {
				return err
			}
			defer c.Close()
			st, err := c.Status(ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(st)
			}
			return a.printStatus(st)
		}),
	}
}

func (a *app) printStatus(st station.Status) error {
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "DRIVE\tDISC\tSTATE\tDONE\t")
	for _, b := range st.Bays {
		done := "-"
		if p := b.Progress; p != nil && p.Total > 0 {
			done = fmt.Sprintf("%d %% of %s", p.Done*100/p.Total, size(p.Total))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", driveCalled(b), orDash(ptr(short(b.ID))), b.Word, done, one(b.Text))
		if b.Hint != "" {
			fmt.Fprintf(w, "\t\t-> %s\t\t\n", one(b.Hint))
		}
	}
	if len(st.Scans) > 0 {
		fmt.Fprintln(w, "\nSCANNED\tCODE\tSTATE\t\t")
		for _, sc := range st.Scans {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", moment(sc.Time), one(sc.Code), one(string(sc.State)), one(sc.Text))
		}
	}
	if n := st.GivenUp; n > 0 {
		fmt.Fprintf(w, "\n%d calls to drives never came back; such a drive gets no more commands until it is switched off and on\n", n)
	}
	if len(st.Jobs) > 0 {
		fmt.Fprintln(w, "\nIN THE SPOOL\tITEM\tSTEP\tSIZE\tCOPIES")
		for _, j := range st.Jobs {
			copies := ""
			for i, c := range j.Copies {
				if i > 0 {
					copies += ", "
				}
				copies += one(c.Store) + ": " + one(c.State)
				if c.Message != "" {
					copies += " (" + one(c.Message) + ")"
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", short(j.ID), orDash(&j.Item), one(string(j.Step)), size(j.Size), copies)
			if j.Trouble != "" {
				fmt.Fprintf(w, "\tNEEDS YOU\t%s\t\t\n", one(j.Trouble))
			}
		}
	}
	for _, l := range st.LeftAlone {
		fmt.Fprintf(w, "\nLEFT ALONE\t%s: %s\n", one(l.Folder), one(l.Reason))
	}
	if n := len(st.Pending); n > 0 {
		fmt.Fprintf(w, "\nPENDING RACK: %s, whose image is only on this station\nID\tITEM\tLABEL\tSINCE\tNOT YET IN\n", discs(n))
		for _, p := range st.Pending {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", short(p.ID), orDash(&p.Item), orDash(&p.Label), moment(p.Since), one(strings.Join(p.Stores, ", ")))
		}
	}
	fmt.Fprintln(w, "\nSTORE\tREQUIRED\tWAITING\tOLDEST\t")
	for _, s := range st.Stores {
		oldest := "-"
		if s.Oldest != nil {
			oldest = moment(*s.Oldest)
		}
		message := one(s.Message)
		if s.Next != nil {
			message += "; next try " + moment(*s.Next)
		}
		fmt.Fprintf(w, "%s\t%v\t%d\t%s\t%s\n", one(s.Name), s.Required, s.Waiting, oldest, message)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range st.Notes {
		fmt.Fprintln(a.out, one(n))
	}
	for i, b := range st.Batches {
		if i == 0 {
			fmt.Fprintln(a.out)
		}
		text := one(b.Text)
		if b.Told == nil {
			text = "batch " + one(b.Name) + ": " + text
		}
		fmt.Fprintln(a.out, text)
	}
	for _, s := range st.Stores {
		for _, n := range s.Notes {
			fmt.Fprintf(a.out, "%s: %s\n", one(s.Name), one(n))
		}
	}
	for _, b := range st.Bays {
		if b.OnHold != "" && b.Word != station.WordOnHold {
			fmt.Fprintf(a.out, "%s is on hold: %s\n", one(b.Drive.Node), one(b.OnHold))
		}
	}
	if s := st.Spool; s.Waiting > 0 {
		fmt.Fprintf(a.out, "%s waiting for space in the spool: %s free, of which %s stay free\n", drivesAre(s.Waiting), size(s.Free), size(s.Reserve))
	}
	return nil
}

// driveCalled is a drive's node, with the name that people gave it.
func driveCalled(b station.BayStatus) string {
	if b.Name == "" {
		return one(b.Drive.Node)
	}
	return one(b.Drive.Node) + " (" + one(b.Name) + ")"
}

func drivesAre(n int) string {
	if n == 1 {
		return "1 drive is"
	}
	return fmt.Sprintf("%d drives are", n)
}

func ptr[T any](v T) *T { return &v }
