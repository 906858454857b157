package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"ripstation/web"
)

func (a *app) acceptVerb() *cobra.Command {
	return a.decideVerb(true, "accept", "Accept discs as they are, and say why",
		`Accept records that discs are accepted as they are: incomplete ones, those with a
check that failed, those of which the catalog says two things. It settles every
open question about them but which item they belong to (annotate does that).`)
}

func (a *app) rejectVerb() *cobra.Command {
	return a.decideVerb(false, "reject", "Reject discs, and say why",
		`Reject records that discs are not wanted: they wait for nobody any more. Nothing is
deleted, and their images stay in the stores.`)
}

func (a *app) decideVerb(accept bool, name, short, long string) *cobra.Command {
	var in web.Deciding
	cmd := &cobra.Command{
		Use:   name + " ID... --reason TEXT",
		Short: short,
		Long: long + ` Each disc gets an
event with the reason and who said so. Of several, all are done or none.`,
		Example: fmt.Sprintf("  ripstation %s k3v7x2ma --reason \"compared with the second copy\"\n  ripstation %s k3v7x2ma 7qhd2k5c --reason \"label sheet only\" --json", name, name),
		Args:    someIDs,
		RunE: verb(func(ctx context.Context, args []string) error {
			in.IDs, in.Reason = args, strings.TrimSpace(in.Reason)
			if in.Reason == "" {
				return usage("say why: --reason TEXT")
			}
			if err := spoken("--reason", in.Reason); err != nil {
				return err
			}
			if err := said(map[string]string{"operator": in.Operator}); err != nil {
				return err
			}
			return a.word(ctx, in.Operator, func(b books, who string) ([]web.Settled, error) {
				in.Operator = who
				return b.Decide(ctx, accept, in)
			})
		}),
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why")
	cmd.Flags().StringVar(&in.Operator, "operator", "", "who says so (default: station.operator, else your user name)")
	return cmd
}

// someIDs takes one disc or more.
func someIDs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || slices.Contains(args, "") {
		return fmt.Errorf("%s takes the ids of discs, or their beginnings", cmd.Name())
	}
	return nil
}

// spoken checks a text that may have several lines, before any work is begun.
func spoken(what, text string) error {
	switch {
	case len(text) > 16<<10:
		return usage("%s: it is %d bytes long; %d is the most", what, len(text), 16<<10)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }):
		return usage("%s: it holds a control character, or is not UTF-8", what)
	}
	return nil
}

// word does what a person says of discs and prints what is so then.
func (a *app) word(ctx context.Context, who string, do func(b books, who string) ([]web.Settled, error)) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	b, err := a.books(ctx, cfg, true)
	if err != nil {
		return err
	}
	defer b.Close()
	out, err := do(b, operator(who, cfg))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	var bad error
	for _, s := range out {
		words := strings.ToUpper(one(s.Disposition))
		if s.Disposition == "none" {
			words = "no open question"
		}
		if len(s.Needs) > 0 {
			words += ": " + one(strings.Join(s.Needs, "; "))
		}
		switch {
		case s.Anew != nil:
			words += "; " + one(s.Anew.Text)
		case s.Retry != nil && s.Retry.Drive != "":
			words += "; it is read anew the next time its disc comes into drive " + one(s.Retry.Drive)
		case s.Retry != nil:
			words += "; it is read anew the next time its disc comes into a drive"
		}
		_, err := fmt.Fprintf(a.out, "%s  item %s, label %s: %s\n", short(s.ID), orDash(s.Item), orDash(&s.Label), words)
		bad = errors.Join(bad, err)
	}
	return bad
}
