package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ripstation/discfs/export"
	"ripstation/discfs/tree"
)

func (a *app) lsVerb() *cobra.Command {
	var w which
	var long, deep bool
	cmd := &cobra.Command{
		Use:   "ls ID [PATH]",
		Short: "List the files of an archived disc",
		Long: `Ls lists what is in a directory of an archived disc, or one file of it, without
restoring the disc: only what holds the names is read, from the best copy there
is.

The exit code is 3 when a directory could not be listed to its end because
sectors are missing.`,
		Example: "  ripstation ls k3v7x2ma\n  ripstation ls k3v7x2ma VIDEO_TS -l\n  ripstation ls k3v7x2ma -R --volume Joliet --json",
		Args:    between(1, 2, "the id of a disc, or its beginning", "a path on the disc"),
		RunE: verb(func(ctx context.Context, args []string) error {
			name := "."
			if len(args) == 2 {
				name = discPath(args[1])
			}
			return a.ls(ctx, args[0], name, w, long, deep)
		}),
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "with mode, size and time")
	cmd.Flags().BoolVarP(&deep, "recursive", "R", false, "with everything below it")
	w.flags(cmd)
	return cmd
}

// flags are those of all verbs that read an archived disc.
func (w *which) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.volume, "volume", "", "which tree of names: UDF, \"Rock Ridge\", Joliet, \"ISO 9660\" (default the one that tells most)")
	cmd.Flags().StringVar(&w.store, "store", "", "which store's copy is read (default the best, then the others)")
	cmd.Flags().IntVar(&w.version, "version", 0, "which image of the disc (default the latest)")
}

// between says how few and how many arguments a verb takes, and what they are.
func between(least, most int, what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most && !slices.Contains(args, "") {
			return nil
		}
		many := fmt.Sprintf("%d to %d arguments", least, most)
		if least == most {
			many = fmt.Sprintf("%d arguments", most)
		}
		if most == 1 {
			many = "one argument"
		}
		return fmt.Errorf("%s takes %s: %s; it got %d", cmd.Name(), many, strings.Join(what, ", "),
			len(slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "" })))
	}
}

// discPath is a path as a person gives it, in the words of io/fs.
func discPath(s string) string {
	if s = strings.TrimPrefix(path.Clean("/"+s), "/"); s == "" {
		return "."
	}
	return s
}

// listed is a file as `ls --json` tells it: as the file list of the bag does.
type listed struct {
	Path     string        `json:"path"`
	Type     string        `json:"type"`
	Mode     string        `json:"mode"`
	Size     int64         `json:"size"`
	Modified *time.Time    `json:"modified"`
	Created  *time.Time    `json:"created"`
	Link     *string       `json:"link"`
	Extents  []tree.Extent `json:"extents"`
	// Missing are the parts of the file that were not read from the disc, in
	// bytes of the file.
	Missing []tree.Extent `json:"missing"`
	Reason  *string       `json:"reason"` // why something of it is missing
}

// lsResult is what `ls --json` prints.
type lsResult struct {
	ID      string   `json:"id"`
	Version int      `json:"version"`
	Store   string   `json:"store"`
	Volume  string   `json:"volume"`
	Label   string   `json:"label"`
	Files   []listed `json:"files"`
}

func (a *app) ls(ctx context.Context, id, name string, w which, long, deep bool) error {
	w.part = tree.Part{Within: name, Deep: deep, Names: !long && !a.json}
	m, err := a.openArchived(ctx, id, w)
	if err != nil {
		return err
	}
	defer m.Close()
	n, err := m.node(ctx, name)
	if err != nil {
		return err
	}
	res := lsResult{ID: m.view.ID, Version: m.version, Volume: m.volume.View, Label: m.volume.Label, Files: []listed{}}
	short := a.listTree(&res, m.src, n, name, deep)
	res.Store = m.copies.from
	if a.json {
		err = a.printJSON(res)
	} else {
		err = a.printListed(res, name, long, deep, n.IsDir())
	}
	if err == nil && short {
		err = &failure{code: exitMissing}
	}
	return err
}

// listTree lists what is in a directory, or one file, in the order of the paths. It
// reports whether a directory could not be listed to its end.
func (a *app) listTree(res *lsResult, src *export.Source, n *tree.Node, name string, deep bool) (short bool) {
	add := func(p string, n *tree.Node) { res.Files = append(res.Files, listedOf(src, p, n)) }
	tree.Walk(n, func(rel string, n *tree.Node) bool {
		if n.IsDir() && n.Err != nil && (deep || rel == ".") {
			short = true
			a.say("  not all of %s could be listed: %s", one(path.Join("/", name, rel)), one(n.Err.Error()))
		}
		switch {
		case rel == "." && n.IsDir():
		case deep || !strings.Contains(rel, "/"):
			add(path.Join(name, rel), n)
		}
		return true
	})
	slices.SortStableFunc(res.Files, func(x, y listed) int { return strings.Compare(x.Path, y.Path) })
	return short
}

// node finds what a path of the disc means; links are followed inside of it.
func (m *archived) node(ctx context.Context, name string) (*tree.Node, error) {
	n, err := m.find(name)
	if errors.Is(err, tree.ErrUnseen) && !m.all { // a link led out of what was looked at
		if err := m.whole(ctx); err != nil {
			return nil, err
		}
		return m.find(name)
	}
	return n, err
}

func (m *archived) find(name string) (*tree.Node, error) {
	fi, err := m.fs.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no %s on the disc (%s); `ripstation ls %s` shows what is", one(name), m.volume.View, short(m.view.ID))
	case errors.Is(err, tree.ErrAbsent):
		return nil, &failure{exitMissing, fmt.Errorf("%s may be on the disc: a directory on the way to it was not read whole: %w", one(name), err)}
	case err != nil:
		return nil, err
	}
	n, ok := fi.Sys().(*tree.Node)
	if !ok {
		return nil, fmt.Errorf("%s is nothing of the disc", one(name))
	}
	if errors.Is(n.Err, tree.ErrUnseen) {
		return nil, n.Err
	}
	return n, nil
}

func listedOf(src *export.Source, p string, n *tree.Node) listed {
	out := listed{Path: p, Type: typeOf(n.Mode), Mode: fmt.Sprintf("%04o", tree.UnixMode(n.Mode)), Size: n.Size, Extents: n.Extents, Missing: []tree.Extent{}}
	if out.Extents == nil {
		out.Extents = []tree.Extent{}
	}
	if !n.Modified.IsZero() {
		out.Modified = &n.Modified
	}
	if !n.Created.IsZero() {
		out.Created = &n.Created
	}
	if n.Mode&fs.ModeSymlink != 0 {
		out.Link = &n.Link
	}
	why := n.Err
	if errors.Is(why, tree.ErrUnseen) {
		return out
	}
	if n.Mode.IsRegular() {
		var missing []tree.Extent
		if missing, why = src.Missing(n); missing != nil {
			out.Missing = missing
		}
	}
	if why != nil {
		out.Reason = ptr(why.Error())
	}
	return out
}

func typeOf(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "link"
	}
	return "other"
}

func (a *app) printListed(res lsResult, base string, long, deep, dir bool) error {
	out := bufio.NewWriterSize(a.out, 1<<20)
	width := 1 // of the sizes
	for _, f := range res.Files {
		width = max(width, len(strconv.FormatInt(f.Size, 10)))
	}
	for _, f := range res.Files {
		shown := f.Path
		if dir && base != "." {
			shown = strings.TrimPrefix(shown, base+"/")
		}
		shown = one(shown)
		if f.Type == "directory" {
			shown += "/"
		}
		if long {
			if f.Link != nil {
				shown += " -> " + one(*f.Link)
			}
			at := "-                  "
			if f.Modified != nil {
				at = f.Modified.UTC().Format("2006-01-02 15:04:05")
			}
			fmt.Fprintf(out, "%-9s  %s  %*d  %s  ", f.Type, f.Mode, width, f.Size, at)
		}
		out.WriteString(shown)
		if words := f.damage(); words != "" {
			out.WriteString("  " + words)
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}

// damage says what is missing of a file.
func (f listed) damage() string {
	var n int64
	for _, e := range f.Missing {
		n += e.Length
	}
	switch {
	case n > 0:
		return fmt.Sprintf("(DAMAGED: %d bytes missing)", n)
	case f.Reason != nil && f.Type == "directory":
		return "(NOT ALL COULD BE LISTED)"
	case f.Reason != nil:
		return "(DAMAGED: " + one(*f.Reason) + ")"
	}
	return ""
}
