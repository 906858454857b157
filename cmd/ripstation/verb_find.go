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

func (a *app) findVerb() *cobra.Command {
	var q web.FileQuery
	cmd := &cobra.Command{
		Use:   "find NAME",
		Short: "Find files on all discs by a part of their name, or by digest",
		Long: `Find looks for a part of a file's name, in any case, on all discs in the
catalog; with a slash in it, for a part of the path. Nothing in NAME has a
meaning: * and % stand for themselves. With --sha256 it looks for a digest, or
for its first 8 digits or more. Like grep, it exits with 1 when it finds none.`,
		Example: "  ripstation find VTS_01\n  ripstation find photos/1998 --limit 1000\n  ripstation find --sha256 2cf24dba --json",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return fmt.Errorf("find takes one argument, a part of a name; it got %d: put quotes around a name with blanks", len(args))
			case cmd.Flags().Changed("sha256") == (len(args) == 1 && args[0] != ""):
				return errors.New("find takes a part of a name, or --sha256")
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.SHA256, "sha256", "", "look for this digest, 64 hexadecimal digits or the first 8 or more")
	f.IntVar(&q.Limit, "limit", catalog.DefaultFound, fmt.Sprintf("at most so many, up to %d", catalog.MaxFound))
	cmd.RunE = verb(func(ctx context.Context, args []string) error {
		if len(args) == 1 {
			q.Name = args[0]
		}
		return a.find(ctx, q)
	})
	return cmd
}

func (a *app) find(ctx context.Context, q web.FileQuery) error {
	if q.Limit < 1 || q.Limit > catalog.MaxFound {
		return usage("--limit %d: it lies between 1 and %d", q.Limit, catalog.MaxFound)
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
	found, err := b.Find(ctx, q)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(found)
	} else {
		err = a.printFound(found.Files)
	}
	if found.More {
		a.say("there are more; these are the first %d (--limit gives up to %d)", len(found.Files), catalog.MaxFound)
	}
	if found.Unsearched != "" {
		a.say("%s", found.Unsearched)
	}
	if err == nil && found.Damaged != "" {
		err = errors.New(found.Damaged) // what is whole was shown
	}
	if err == nil && len(found.Files) == 0 {
		what := "is named so"
		if q.SHA256 != "" {
			what = "has this digest"
		}
		a.say("no file in the catalog %s", what)
		return &failure{exitFailed, nil}
	}
	return err
}

func (a *app) printFound(files []catalog.FoundFile) error {
	if len(files) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tVERSION\tITEM\tTITLE\tSIZE\tSAME FILE\tPATH")
	for _, f := range files {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%s\t%s\n", short(f.CarrierID), f.Version, orDash(f.Item), orDash(f.Title), f.Size, discsWords(f.Discs), pathWords(f.ListedFile))
	}
	return w.Flush()
}

// discsWords says on how many discs a file is.
func discsWords(n int) string {
	switch {
	case n == 0:
		return "-" // without a digest nobody knows
	case n == 1:
		return "on 1 disc"
	case n >= catalog.MaxDiscs:
		return fmt.Sprintf("on %d discs or more", n)
	}
	return fmt.Sprintf("on %d discs", n)
}

// pathWords is a file's path with what is wrong with it.
func pathWords(f catalog.ListedFile) string {
	p := one(f.Path)
	switch f.Type {
	case catalog.TypeDirectory:
		p += "/"
	case catalog.TypeLink:
		p += "  (link)"
	case catalog.TypeOther:
		p += "  (neither file, directory nor link)"
	}
	reason := ""
	if f.Reason != nil {
		reason = ": " + one(*f.Reason)
	}
	switch {
	case f.Damaged > 0:
		p += fmt.Sprintf("  DAMAGED, %d bytes were not read%s", f.Damaged, reason)
	case f.Type == catalog.TypeFile && f.SHA256 == nil:
		p += "  NO DIGEST" + reason
	case reason != "":
		p += "  (" + one(*f.Reason) + ")"
	}
	return p
}
