package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ripstation/catalog"
	"ripstation/disc"
)

func (a *app) showVerb() *cobra.Command {
	var files bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show everything that is recorded of one disc",
		Long: `Show tells everything that is recorded of one disc. The beginning of its id is
enough, as long as it fits one disc only. With --files it lists the disc's
files, damaged ones marked, times in UTC.`,
		Example: "  ripstation show k3v7x2ma\n  ripstation show k3v7x2ma --json\n  ripstation show k3v7x2ma --files",
		Args:    takes("the id of a disc, or its beginning"),
		RunE: verb(func(ctx context.Context, args []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			b, err := a.books(ctx, cfg, false)
			if err != nil {
				return err
			}
			defer b.Close()
			if files {
				return a.showFiles(ctx, b, args[0])
			}
			v, bad := b.Show(ctx, args[0])
			if bad != nil && v.ID == "" {
				return bad
			}
			// Of a damaged record, what is whole is shown, and then what is not.
			if a.json {
				err = a.printJSON(v)
			} else {
				err = a.printView(v)
			}
			return errors.Join(err, bad)
		}),
	}
	cmd.Flags().BoolVar(&files, "files", false, "list the files of its latest image")
	return cmd
}

// printView prints one carrier for people.
func (a *app) printView(v catalog.View) error {
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(w, "%s\t%s\n", name, value) }
	row("id", one(v.ID))
	row("item", orDash(v.Item))
	row("title", orDash(v.Title))
	row("part", orDash(v.Part))
	row("side", orDash(v.Side))
	row("condition", orDash(v.Condition))
	row("access", one(string(v.Access)))
	what := fmt.Sprintf("%s, %s, label %s", one(string(v.Medium)), one(string(v.Kind)), orDash(&v.Label))
	if v.Sessions > 1 {
		what += fmt.Sprintf(", %d sessions", v.Sessions)
	}
	row("disc", what)
	row("disposition", one(string(v.Disposition)))
	for _, n := range v.Needs {
		row("needs you", one(n))
	}
	if i := v.Image; i != nil {
		row("image", fmt.Sprintf("%s (version %d)", checkWords(failedChecks(v.Checks))+imageWords(i.State, i.Sectors), i.Version))
		row("size", fmt.Sprintf("%d bytes (%s)", i.Size, size(i.Size)))
		row("sectors", countsWords(v))
		row("sha512", one(i.SHA512))
		row("sha256", one(i.SHA256))
		row("sha1", one(i.SHA1))
		row("md5", one(i.MD5))
		if v.Content != nil {
			if words := v.Content.DamageWords(20); words != "" {
				row("damage", one(words))
			}
		}
	} else {
		row("image", "none was made")
	}
	if v.Files != nil {
		row("files", listWords(*v.Files))
	}
	for _, bag := range v.SameImage {
		row("same image as", one(bag))
	}
	for _, id := range v.SameContent {
		row("same content as", one(id))
	}
	absent := 0
	for _, c := range v.Checks {
		if c.Outcome == disc.NotApplicable {
			absent++
			continue
		}
		row("check", fmt.Sprintf("%s %s: %s; %s", strings.ToUpper(one(string(c.Outcome))), one(c.Code), one(c.Name), one(c.Message)))
	}
	if absent > 0 {
		row("check", fmt.Sprintf("%d more have nothing on this disc to look at", absent))
	}
	for _, c := range v.Copies {
		row("copy", fmt.Sprintf("%s in %s under %s, stored %s, read back %s%s", strings.ToUpper(one(string(c.State))), one(c.Store), one(c.Key),
			day(c.StoredAt), day(c.ReadBackAt), withDetail(c.Detail)))
	}
	row("drive", one(strings.TrimSpace(v.Drive.Vendor+" "+v.Drive.Model+" "+v.Drive.Firmware+" "+v.Drive.Serial)))
	for _, c := range v.Captures {
		row("reading", fmt.Sprintf("%s  %s by %s%s", moment(c.Started), strings.ToUpper(one(string(c.Outcome))), one(c.Operator), withDetail(c.Reason)))
	}
	for _, f := range v.Added {
		row("photo", fmt.Sprintf("%s  of the %s, %s, %s, by %s%s: %s", moment(f.At), one(f.Role), mediaWord(f.MediaType), size(f.Size), one(f.Operator), withDetail(f.Note), one(f.SHA256)))
	}
	if r := v.Retry; r != nil {
		where := "a drive"
		if r.Drive != "" {
			where = "drive " + one(r.Drive)
		}
		row("to be read anew", fmt.Sprintf("when its disc comes into %s, said %s by %s; `ripstation retry %s --cancel` takes it back", where, moment(r.Since), one(r.Operator), short(v.ID)))
	}
	for _, e := range v.Events {
		row("event", fmt.Sprintf("%s  %s, %s: %s%s", moment(e.Time), eventWords(e.Type), one(string(e.Outcome)), one(e.Detail), byWhom(e.Agents)))
	}
	return w.Flush()
}

func withDetail(s string) string {
	if s == "" {
		return ""
	}
	return ": " + one(s)
}

func countsWords(v catalog.View) string {
	c := v.Image.Sectors
	words := []string{fmt.Sprintf("%d in all, %d read", c.Total, c.Read)}
	for _, p := range []struct {
		n    int64
		name string
	}{{c.Suspect, "suspect"}, {c.Contested, "contested"}, {c.Unreadable, "unreadable"}, {c.Protected, "protected"},
		{c.Unrecorded, "unrecorded"}, {c.Skipped, "skipped"}, {c.Untried, "untried"}} {
		if p.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", p.n, p.name))
		}
	}
	return strings.Join(words, ", ")
}
