package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"ripstation/catalog"
	"ripstation/discfs/export"
	"ripstation/discfs/tree"
	"ripstation/internal/atomicfile"
	"ripstation/internal/discname"
)

func (a *app) extractVerb() *cobra.Command {
	var w which
	cmd := &cobra.Command{
		Use:   "extract ID [PATH] DIR",
		Short: "Copy files of an archived disc into a folder",
		Long: `Extract copies a file or directory of an archived disc, with everything below
it, into a folder; without PATH the whole disc, into a folder in it that is named
by names.template of the configuration. Each file is held against the SHA-256
that was recorded when the disc was read, and gets its name only then.

Nothing that is there already is changed: what has the digest on record counts as
done, so that the same command goes on where it was stopped. Of a damaged file
what there is is kept, with zeroes for what is missing, under a name that ends in
".incomplete". Symbolic links are made when they stay inside of what is
extracted; devices, owners and set-uid bits are left out.

The exit code is 4 when a file does not have the digest on record, or every copy is
missing or damaged, 5 when no copy could be read, 3 when bytes are missing.`,
		Example: "  ripstation extract k3v7x2ma .\n  ripstation extract k3v7x2ma VIDEO_TS /srv/out",
		Args:    between(2, 3, "the id of a disc, or its beginning", "a path on the disc", "a folder"),
		RunE: verb(func(ctx context.Context, args []string) error {
			name := "."
			if len(args) == 3 {
				name = discPath(args[1])
			}
			return a.extract(ctx, args[0], name, args[len(args)-1], w)
		}),
	}
	w.flags(cmd)
	return cmd
}

// extracted is what `extract --json` prints.
type extracted struct {
	ID      string          `json:"id"`
	Version int             `json:"version"`
	Store   string          `json:"store"` // the last one that was read from
	Folder  string          `json:"folder"`
	Files   int             `json:"files"` // whole, those that were there already included
	Bytes   int64           `json:"bytes"`
	Checked int             `json:"checked"` // files whose digest was held against one on record
	Items   []extractedItem `json:"items"`
}

type extractedItem struct {
	Path   string       `json:"path"`
	To     string       `json:"to"` // below folder; empty when there is nothing
	State  export.State `json:"state"`
	Bytes  int64        `json:"bytes"`
	SHA256 *string      `json:"sha256"`
	Known  bool         `json:"digest_known"`
	Reason *string      `json:"reason"`
}

func (a *app) extract(ctx context.Context, id, name, dir string, w which) error {
	w.part = tree.Part{Within: name, Deep: true}
	m, err := a.openArchived(ctx, id, w)
	if err != nil {
		return err
	}
	defer m.Close()
	n, err := m.node(ctx, name)
	if err != nil {
		return err
	}
	if err := m.loadDigests(ctx); err != nil {
		return err
	}
	to := path.Base(name)
	if name == "." {
		if to, err = m.name(ctx); err != nil {
			return err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	res := extracted{ID: m.view.ID, Version: m.version, Folder: dir, Items: []extractedItem{}}
	told := map[export.State]int{}
	err = m.src.Extract(ctx, folder, n, name, to, func(it export.Item) {
		told[it.State]++
		res.add(it)
		if it.Err != nil && !a.json {
			a.say("  %s: %s: %s%s", one(it.Path), it.State, one(it.Err.Error()), under(it))
		}
	})
	res.Store = m.copies.from
	if a.json {
		err = errors.Join(err, a.printJSON(res))
	} else {
		fmt.Fprintf(a.out, "%s into %s: %s, %s, %d of them with the digest on record%s\n",
			short(res.ID), one(filepath.Join(dir, to)), files(res.Files), size(res.Bytes), res.Checked, counted(told))
	}
	if res.Checked < res.Files && m.src.Digest != nil {
		a.say("  digest not known of %s: nothing was there to hold them against", files(res.Files-res.Checked))
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case told[export.Different] > 0:
		return errors.Join(&failure{code: exitFindings, err: errors.New("what the archive gave is not what was on the disc; `ripstation audit --full` looks at every copy, and --store NAME reads another one")}, err)
	case err != nil:
		return err
	case told[export.Failed] > 0:
		return &failure{code: exitFailed}
	case told[export.Partly] > 0:
		return &failure{code: exitMissing}
	}
	return nil
}

func (r *extracted) add(it export.Item) {
	if (it.State == export.Written || it.State == export.AlreadyThere) && it.File {
		r.Files++
		r.Bytes += it.Bytes
		if it.Known {
			r.Checked++
		}
	}
	e := extractedItem{Path: it.Path, To: it.To, State: it.State, Bytes: it.Bytes, Known: it.Known}
	if it.SHA256 != "" {
		e.SHA256 = &it.SHA256
	}
	if it.Err != nil {
		e.Reason = ptr(it.Err.Error())
	}
	r.Items = append(r.Items, e)
}

// under is the name that a damaged file got.
func under(it export.Item) string {
	if it.State != export.Partly || !it.File {
		return ""
	}
	return "; what there is lies in " + one(it.To)
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// counted are those that are not simply written, in words.
func counted(told map[export.State]int) (words string) {
	for _, s := range []export.State{export.AlreadyThere, export.Partly, export.Different, export.LeftOut, export.Failed} {
		if told[s] > 0 {
			words += fmt.Sprintf(", %d %s", told[s], s)
		}
	}
	return words
}

// name is what the disc is called outside of the archive.
func (m *archived) name(ctx context.Context) (string, error) {
	n, err := m.local.names(ctx)
	if err != nil {
		return "", err
	}
	return n.of(fieldsOf(m.view, m.version), m.view.Image.Version), nil
}

// fieldsOf are what a name of one of a disc's images can be made of.
func fieldsOf(v catalog.View, version int) discname.Fields {
	f := discname.Fields{Item: text(v.Item), Side: text(v.Side), Label: v.Label, Medium: string(v.Medium), ID: v.ID, Version: version}
	f.Part, f.Parts = partOf(v.Part)
	if v.Image != nil {
		f.Date = v.Image.SealedAt
	}
	return f
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// partOf reads "2/3".
func partOf(s *string) (part, parts int) {
	if s == nil {
		return 0, 0
	}
	if _, err := fmt.Sscanf(*s, "%d/%d", &part, &parts); err != nil {
		return 0, 0
	}
	return part, parts
}
