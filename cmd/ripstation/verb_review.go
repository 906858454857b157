package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"ripstation/station"
)

func (a *app) reviewVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "review",
		Short: "List all that wants a person, why, and what can be done",
		Long: `Review lists all that wants a person: discs whose record has an open question or
that are to be read anew, images in the spool that do not go on by themselves,
drives that hold or are in fault, stores that somebody has to mend. The one that
has waited longest comes first; the lines that begin with -> are what can be done.

Without a running station it tells what the catalog and the spool say.

The exit code is 0 when nothing wants a person, 4 when something does, 1 when
something does not let itself be looked at.`,
		Example: "  ripstation review\n  ripstation review --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			b, err := a.books(ctx, cfg, false)
			if err != nil {
				return err
			}
			defer b.Close()
			r, err := b.Review(ctx)
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(r)
			} else {
				err = a.printReview(r)
			}
			switch {
			case err != nil:
				return err
			case r.Unknown != "":
				return fmt.Errorf("there may be more: %s", r.Unknown)
			case len(r.Wanting) > 0:
				return exitOf(exitFindings)
			}
			return nil
		}),
	}
}

func (a *app) printReview(r station.Review) error {
	var b bytes.Buffer
	for _, w := range r.Wanting {
		what := w.Kind
		for _, word := range []string{w.Place, short(w.ID)} {
			if word != "" {
				what += " " + one(word)
			}
		}
		if w.Item != "" {
			what += ", item " + one(w.Item)
		}
		if w.Label != "" {
			what += ", label " + one(w.Label)
		}
		since := ""
		if w.Since != nil {
			since = ", since " + moment(*w.Since)
		}
		fmt.Fprintf(&b, "%s%s\n", what, since)
		for _, reason := range w.Reasons {
			fmt.Fprintf(&b, "  %s\n", one(reason))
		}
		for _, act := range w.Actions {
			fmt.Fprintf(&b, "  -> %s\n", one(act))
		}
	}
	if len(r.Wanting) == 0 && r.Unknown == "" {
		b.WriteString("nothing wants a person\n")
	}
	_, err := a.out.Write(b.Bytes())
	return err
}
