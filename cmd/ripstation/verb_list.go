package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ripstation/catalog"
	"ripstation/web"
)

func (a *app) listVerb() *cobra.Command {
	var q web.Query
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the discs in the catalog, newest first",
		Example: "  ripstation list\n  ripstation list --needs-you\n  ripstation list --image incomplete --json",
		Args:    takes(),
		RunE:    verb(func(ctx context.Context, _ []string) error { return a.list(ctx, q) }),
	}
	f := cmd.Flags()
	f.StringVar(&q.Image, "image", "", "only discs whose image is complete, incomplete or protected")
	f.StringVar(&q.Copy, "copy", "", "only discs with a copy in this state: queued, sending, stored, \"read back\", missing, damaged, unknown")
	f.StringVar(&q.Item, "item", "", "only this item's discs")
	f.BoolVar(&q.NeedsYou, "needs-you", false, "only discs that wait for a person")
	f.IntVar(&q.Limit, "limit", 0, "at most so many; 0 means all")
	return cmd
}

func (a *app) list(ctx context.Context, q web.Query) error {
	if q.Limit < 0 {
		return usage("--limit %d: it cannot be negative", q.Limit)
	}
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	b, err := a.books(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer b.Close()
	all, bad := b.List(ctx, q)
	if bad != nil && len(all) == 0 {
		return bad
	}
	// Of a damaged catalog, what is whole is shown, and then what is not.
	switch l, here := b.(*local); {
	case a.json:
		err = a.printJSON(all)
	case here && l.cat == nil:
		a.say("nothing has been recorded yet: there is no catalog at %s", cfg.Station.Catalog)
	case len(all) == 0 && q == web.Query{}:
		a.say("the catalog is empty: nothing has been recorded yet")
	case len(all) == 0:
		a.say("no disc in the catalog fits")
	default:
		err = a.printList(all)
	}
	return errors.Join(err, bad)
}

func (a *app) printList(all []catalog.Summary) error {
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tITEM\tPART\tMEDIUM\tKIND\tLABEL\tIMAGE\tCOPIES\tNEEDS\tLAST READ")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", short(s.ID), orDash(s.Item), orDash(s.Part), one(string(s.Medium)), one(string(s.Kind)),
			orDash(&s.Label), summaryWords(s), copyWords(s.Copies), needsWords(s.Disposition, s.Needs), moment(when(s.At)))
	}
	return w.Flush()
}
