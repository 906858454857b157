package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ripstation/web"
)

func (a *app) annotateVerb() *cobra.Command {
	var in web.Annotation
	var item, title, part, side, condition, access, disposition string
	var given *pflag.FlagSet
	cmd := &cobra.Command{
		Use:   "annotate ID",
		Short: "Say which item a disc belongs to, and more that only a person knows",
		Long: `Annotate adds to a disc's record what only a person knows. An empty value takes
a word away. What changed, when and by whom is kept as an event.`,
		Example: "  ripstation annotate k3v7x2ma --item 31234000567890 --part 2/3 --side A\n  ripstation annotate k3v7x2ma --disposition accepted --note \"scratch confirmed\"",
		Args:    takes("the id of a disc, or its beginning"),
		RunE: verb(func(ctx context.Context, args []string) error {
			n := 0
			for name, f := range map[string]struct{ from, to any }{
				"item": {&item, &in.Item}, "title": {&title, &in.Title}, "side": {&side, &in.Side}, "condition": {&condition, &in.Condition},
				"access": {&access, &in.Access}, "disposition": {&disposition, &in.Disposition},
			} {
				if given.Changed(name) {
					*f.to.(**string) = f.from.(*string)
					n++
				}
			}
			if given.Changed("part") {
				p, m, err := parsePart(part)
				if err != nil {
					return err
				}
				if m == 0 {
					m = p // a part of nobody knows how many
				}
				in.Part, in.Parts, n = &p, &m, n+1
			}
			if n == 0 && in.Note == "" {
				return usage("nothing was said; give one of --item, --title, --part, --side, --condition, --access, --disposition, --note")
			}
			err := said(map[string]string{"item": item, "title": title, "side": side, "condition": condition, "operator": in.Operator})
			if err != nil {
				return err
			}
			return a.annotate(ctx, args[0], in)
		}),
	}
	f := cmd.Flags()
	given = f
	f.StringVar(&item, "item", "", "barcode or call number of the item that the disc belongs to")
	f.StringVar(&title, "title", "", "the item's title")
	f.StringVar(&part, "part", "", "which part of the item this is, as n or n/m")
	f.StringVar(&side, "side", "", "which side of the disc, as A or B")
	f.StringVar(&condition, "condition", "", "what the disc looks like")
	f.StringVar(&access, "access", "", "who may use it: unreviewed, open, restricted, closed")
	f.StringVar(&disposition, "disposition", "", "what was decided: none, accepted, rejected, withdrawn")
	f.StringVar(&in.Note, "note", "", "a note for the event")
	f.StringVar(&in.Operator, "operator", "", "who says so (default: station.operator, else your user name)")
	return cmd
}

func (a *app) annotate(ctx context.Context, id string, in web.Annotation) error {
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
	v, err := b.Annotate(ctx, id, in)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(v)
	}
	return a.printView(v)
}
