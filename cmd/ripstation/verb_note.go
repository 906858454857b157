package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ripstation/web"
)

func (a *app) noteVerb() *cobra.Command {
	var in web.Noting
	cmd := &cobra.Command{
		Use:     "note ID TEXT",
		Short:   "Note something of a disc, kept as an event",
		Long:    `Note keeps a text of at most 16 KiB as an event of the disc, with who wrote it. It changes nothing else.`,
		Example: "  ripstation note k3v7x2ma \"came with a letter of 1997, kept with the item\"",
		Args:    between(2, 2, "the id of a disc, or its beginning", "a text"),
		RunE: verb(func(ctx context.Context, args []string) error {
			if in.Text = strings.TrimSpace(args[1]); in.Text == "" {
				return usage("the note is empty")
			}
			if err := spoken("the note", in.Text); err != nil {
				return err
			}
			if err := said(map[string]string{"operator": in.Operator}); err != nil {
				return err
			}
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			in.Operator = operator(in.Operator, cfg)
			b, err := a.books(ctx, cfg, true)
			if err != nil {
				return err
			}
			defer b.Close()
			v, err := b.Note(ctx, args[0], in)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(v)
			}
			_, err = fmt.Fprintf(a.out, "%s: noted\n", short(v.ID))
			return err
		}),
	}
	cmd.Flags().StringVar(&in.Operator, "operator", "", "who says so (default: station.operator, else your user name)")
	return cmd
}
