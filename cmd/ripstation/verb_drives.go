package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ripstation/disc"
	"ripstation/station"
	"ripstation/web"
)

func (a *app) drivesVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "drives",
		Short:   "List the optical drives and what is in them",
		Example: "  ripstation drives\n  ripstation drives --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			bays, err := bays(ctx, cfg)
			if err != nil {
				return err
			}
			a.sayNames(cfg, bays)
			if a.json {
				return a.printJSON(bays)
			}
			if len(bays) == 0 {
				a.say("no optical drive is connected")
				return nil
			}
			w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "DRIVE\tNAME\tMODEL\tKEY\tSTATE\t")
			for _, b := range bays {
				d := b.Drive
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", one(d.Node), orDash(&b.Name), one(strings.TrimSpace(d.Vendor+" "+d.Model+" "+d.Firmware)), orDash(&d.Key), b.Word, one(b.Text))
			}
			return w.Flush()
		}),
	}
	cmd.AddCommand(a.releaseVerb(), a.askVerb())
	return cmd
}

// bays are the running station's, else what the drives themselves say.
func bays(ctx context.Context, cfg *Config) ([]station.BayStatus, error) {
	c, err := web.Dial(ctx, cfg.Station.Socket)
	if err == nil {
		defer c.Close()
		st, err := c.Status(ctx)
		return st.Bays, err
	}
	if !errors.Is(err, web.ErrNotRunning) {
		return nil, err
	}
	// Side by side: one that hangs is waited for, but not by the others.
	paths := nodes()
	out := make([]station.BayStatus, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() { out[i] = askDrive(ctx, path) })
	}
	wg.Wait()
	return out, nil
}

// askDrive is what a drive says of itself, or why it does not.
func askDrive(ctx context.Context, path string) station.BayStatus {
	d, err := nameOf(ctx, path)
	b := station.BayStatus{Drive: d, Since: time.Now().UTC()}
	var st disc.TrayStatus
	if err == nil {
		st, err = statusOf(ctx, d)
	}
	if err != nil {
		b.Word, b.Text = station.WordDriveFault, err.Error()
	} else {
		b.Word = station.Word(strings.ToUpper(strings.ReplaceAll(string(st), "-", " ")))
	}
	return b
}
