package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/discname"
	"ripstation/web"
)

// handing is what `handover` is asked for.
type handing struct {
	zip, tar  string // one of them: a file, or "-"
	from      string
	authority string
	operator  string
}

func (h handing) file() string { return h.zip + h.tar }

func (h handing) kind() string {
	if h.zip != "" {
		return "zip"
	}
	return "tar"
}

func (a *app) handoverVerb() *cobra.Command {
	var in handing
	cmd := &cobra.Command{
		Use:   "handover ID...",
		Short: "Pack discs' whole bags into one zip or tar file, to give away",
		Long: `Handover packs the latest image of each disc, as the whole bag that it was
archived as, into one file: a folder a disc, named by names.template of the
configuration, and a README.txt that says what it is and how to check it. Nothing
is compressed. Every byte is held against its digest as it passes, and a file is
read once more when it is done; until then its name ends in ".incomplete".

With "-" in place of a file it is written to stdout. When a copy then turns out to
give wrong bytes there is no going back: what came out breaks off in the middle of a
file, which tar and unzip complain of when they unpack it, and the exit code is 1.
With 0, 3 and 4 all of it came, and is whole.

A disc whose access is restricted or closed (ripstation annotate --access) is given
away on somebody's word alone: --authority says whose, and the event keeps it. With
--from and no catalog, what the store's events say counts; when they cannot all be
read, --authority is needed.

The exit code is 3 when sectors of a disc are missing, which README.txt says too, 4
when a copy was found damaged, 5 when no copy of a disc could be read. In the last
case, and whenever it fails, no file is left. Of what was begun on stdout and is not
whole it is 1, whatever was the matter.`,
		Example: "  ripstation handover k3v7x2ma --zip /srv/out/maps.zip\n  ripstation handover k3v7x2ma 7qhd2k5c --tar - > maps.tar",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains(args, "") {
				return errors.New("handover takes the ids of discs, or their beginnings")
			}
			return nil
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			if err := said(map[string]string{"authority": in.authority, "operator": in.operator}); err != nil {
				return err
			}
			switch {
			case (in.zip == "") == (in.tar == ""):
				return usage("give either --zip FILE or --tar FILE")
			case in.file() == "-" && a.json:
				return usage("--json and the archive cannot both go to stdout")
			case in.file() == "-" && isTerminal(a.raw):
				return usage("stdout is a terminal; send it into a file or a program")
			case in.file() == "-" && isNull(a.raw):
				return usage("stdout is closed, or leads to /dev/null: nothing would be kept; send it into a file or a program")
			}
			return a.handover(ctx, args, in)
		}),
	}
	cmd.Flags().StringVar(&in.zip, "zip", "", "the zip file to make; - for stdout")
	cmd.Flags().StringVar(&in.tar, "tar", "", "the tar file to make; - for stdout")
	cmd.Flags().StringVar(&in.from, "from", "", "read this store's copies only; the catalog is not needed then")
	cmd.Flags().StringVar(&in.authority, "authority", "", "on whose word restricted and closed discs are given away")
	cmd.Flags().StringVar(&in.operator, "operator", "", "who does it (default: station.operator, else your user name)")
	return cmd
}

// isNull is true for a stdout that keeps nothing. One that was closed is
// /dev/null, too: Go opens that in its place.
func isNull(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	at, err := f.Stat()
	null, bad := os.Stat(os.DevNull)
	return err == nil && bad == nil && os.SameFile(at, null)
}

// handed is what `handover --json` prints.
type handed struct {
	File  string       `json:"file"`
	Kind  string       `json:"kind"`
	Bytes int64        `json:"bytes"` // of the discs' bags
	Discs []handedDisc `json:"discs"`
}

type handedDisc struct {
	ID      string         `json:"id"`
	Version int            `json:"version"`
	Access  catalog.Access `json:"access"`
	// AccessUnknown is why access may be another one; null when it is not.
	AccessUnknown *string            `json:"access_unknown"`
	Folder        string             `json:"folder"` // inside the archive
	State         catalog.ImageState `json:"state"`
	Missing       []disc.Extent      `json:"missing"`
	Files         int                `json:"files"`
	Sealed        bool               `json:"held_against_catalog"`
	Copies        []usedCopy         `json:"copies"`
	Added         []string           `json:"added"` // files that people added, in the folder beside
}

func (a *app) handover(ctx context.Context, ids []string, in handing) error {
	b, err := a.openBags(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	several, err := b.several(ctx, ids, in.from)
	if err != nil {
		return err
	}
	for _, g := range several {
		if err := b.accessIn(ctx, g, in.from); err != nil {
			return err
		}
	}
	if err := allowed(several, in.authority); err != nil {
		return err
	}
	p := &parcel{bags: b, discs: several, in: in, added: map[string][]brought{}}
	for _, g := range several {
		if p.added[g.id], err = p.bringAdded(ctx, g); err != nil {
			return err
		}
	}
	var done func()
	p.progress, done = a.bytesBar(in.file())
	if in.file() == "-" {
		err = p.stream(ctx)
	} else {
		err = p.file(ctx)
	}
	done()
	if err != nil {
		return p.failed(ctx, err)
	}
	return a.handedOver(ctx, p)
}

// guarded reports whether a disc is not for everybody.
func (g *bag) guarded() bool {
	return g.unsure != "" || !slices.Contains([]catalog.Access{"", catalog.AccessUnreviewed, catalog.AccessOpen}, g.access)
}

// accessWords says who may use a disc.
func (g *bag) accessWords() string {
	if g.unsure != "" {
		return "not known"
	}
	return string(g.access)
}

// allowed refuses to give away what is not for everybody, when nobody is named
// on whose word it is done.
func allowed(all []*bag, authority string) error {
	for _, g := range all {
		switch {
		case !g.guarded() || strings.TrimSpace(authority) != "":
		case g.unsure != "":
			return &web.Error{Code: web.CodeForbidden, Message: fmt.Sprintf("disc %s: whether its access is restricted or closed is not known: %s; nothing was written", short(g.id), g.unsure),
				Hint: "take another store, or a configuration whose catalog knows the disc, or say on whose word it is given away: --authority TEXT"}
		default:
			return &web.Error{Code: web.CodeForbidden, Message: fmt.Sprintf("disc %s: its access is %s; nothing was written", short(g.id), g.access),
				Hint: "leave it out, or say on whose word it is given away: --authority TEXT"}
		}
	}
	return nil
}

// several opens the bags of discs, with names that tell them apart.
func (b *bags) several(ctx context.Context, ids []string, from string) (all []*bag, err error) {
	taken := map[string]bool{discname.Folded(readmeName): true}
	free := func(name string) bool {
		return !taken[discname.Folded(name)] && !taken[discname.Folded(name+addedFolder)]
	}
	seen := map[string]bool{}
	for _, id := range ids {
		g, err := b.find(ctx, id, 0, from)
		if err != nil {
			return nil, err
		}
		if seen[g.id] {
			return nil, usage("disc %s is named twice", g.id)
		}
		seen[g.id] = true
		for n := 0; !free(g.name); n++ {
			if n > 0 {
				return nil, fmt.Errorf("disc %s has no name of its own", g.id)
			}
			g.name = discname.Fit(g.name, " "+g.id)
		}
		taken[discname.Folded(g.name)], taken[discname.Folded(g.name+addedFolder)] = true, true
		all = append(all, g)
	}
	return all, nil
}

// handedOver tells the catalog and the person.
func (a *app) handedOver(ctx context.Context, p *parcel) error {
	res := handed{File: p.in.file(), Kind: p.in.kind(), Bytes: p.size(), Discs: []handedDisc{}}
	where := "stdout"
	if res.File != "-" {
		var err error
		if res.File, err = filepath.Abs(res.File); err != nil {
			return err
		}
		where = res.File
	}
	code := exitDone
	var lost error
	for _, g := range p.discs {
		d := handedDisc{ID: g.id, Version: g.version, Access: g.access, Folder: g.name, State: g.image.State, Missing: g.image.Missing, Files: len(g.Files), Sealed: g.sealed, Copies: usedCopies(g.Uses()), Added: []string{}}
		for _, w := range p.added[g.id] {
			if fail := (*failure)(nil); errors.As(w.err, &fail) {
				if severity(fail.code) > severity(code) {
					code = fail.code
				}
			} else if w.err != nil {
				code = exitFailed
			} else {
				d.Added = append(d.Added, w.name)
			}
		}
		if g.unsure != "" {
			d.AccessUnknown = ptr(g.unsure)
		}
		if d.Missing == nil {
			d.Missing = []disc.Extent{}
		}
		res.Discs = append(res.Discs, d)
		if g.image.State != catalog.Complete && code == exitDone {
			code = exitMissing
		}
		if len(faultsOf(g.Uses())) > 0 && severity(code) < severity(exitFindings) {
			code = exitFindings
		}
		how := fmt.Sprintf("handed over as the folder %q of a %s file: %s", g.name, res.Kind, where)
		if g.guarded() {
			how += fmt.Sprintf("; its access is %s, on the word of %s", g.accessWords(), strings.TrimSpace(p.in.authority))
		}
		lost = errors.Join(lost, p.handedOut(ctx, g, web.HandedOut{Operator: operator(p.in.operator, p.cfg), How: how}))
	}
	to := a.out
	if res.File == "-" {
		to = a.talk
	}
	if a.json {
		lost = errors.Join(lost, a.printJSON(res))
	} else {
		var s bytes.Buffer
		fmt.Fprintf(&s, "%s: %s, %s\n", one(where), discs(len(res.Discs)), size(res.Bytes))
		for _, d := range res.Discs {
			fmt.Fprintf(&s, "  %s v%d as %s\n", short(d.ID), d.Version, one(d.Folder))
			if len(d.Added) > 0 {
				fmt.Fprintf(&s, "    and %s that people added, as %s\n", files(len(d.Added)), one(d.Folder+addedFolder))
			}
			if d.State != catalog.Complete {
				fmt.Fprintf(&s, "    %s\n", missingWords(d.State, d.Missing))
			}
			for _, c := range d.Copies {
				for _, f := range c.Faults {
					fmt.Fprintf(&s, "    the copy in %s: %s\n", one(c.Store), one(f))
				}
			}
		}
		if _, err := to.Write(s.Bytes()); err != nil {
			return err
		}
	}
	if lost != nil {
		return lost
	}
	return exitOf(code)
}
