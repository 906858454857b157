package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/atomicfile"
	"ripstation/web"
)

type restoring struct {
	version  int
	from     string
	all      bool
	operator string
}

func (a *app) restoreVerb() *cobra.Command {
	var in restoring
	cmd := &cobra.Command{
		Use:   "restore ID DIR",
		Short: "Bring a disc's whole bag out of the archive into a folder, checked",
		Long: `Restore brings the whole bag of a disc into a folder of DIR that is named by
names.template of the configuration. When one copy cannot be read, or gives other
bytes than were sealed, the next one takes over, in mid-file too; which gave what
is told, and so is every damage that was seen. Photos that people added come into a
folder beside it, whose name ends in ".added".

Until every file is on the disk and was read back from it, the folder's name ends
in ".incomplete". The same command goes on with what a stopped one left: it is
proved again, not trusted. Whatever else lies in DIR is left as it is.

With --from STORE only that store's copy is read, and the catalog is not needed:
the whole id of a disc is enough. With --all every disc's latest image is
restored, two at a time; a failure does not stop the others. A disc that was
withdrawn, and of which nothing is left, is told and counted by itself: it is none.

The exit code is 3 when sectors of the disc are missing, 4 when a copy was found
damaged (even if another gave what was needed), 5 when no copy could be read. With
--all it is the worst of all discs: 1, then 5, 4, 3.`,
		Example: "  ripstation restore k3v7x2ma /srv/out\n  ripstation restore --all /srv/out --from cloud",
		Args: func(cmd *cobra.Command, args []string) error {
			if in.all {
				return between(1, 1, "a folder")(cmd, args)
			}
			return between(2, 2, "the id of a disc, or its beginning", "a folder")(cmd, args)
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			if err := said(map[string]string{"operator": in.operator}); err != nil {
				return err
			}
			if in.all && in.version != 0 {
				return usage("--version goes with one disc, not with --all")
			}
			if in.all {
				return a.restoreAll(ctx, args[0], in)
			}
			return a.restore(ctx, args[0], args[1], in)
		}),
	}
	cmd.Flags().IntVar(&in.version, "version", 0, "which image of the disc (default the latest)")
	cmd.Flags().StringVar(&in.from, "from", "", "read this store's copy only")
	cmd.Flags().BoolVar(&in.all, "all", false, "every disc's latest image")
	cmd.Flags().StringVar(&in.operator, "operator", "", "who does it (default: station.operator, else your user name)")
	return cmd
}

// restored is what `restore --json` prints, one a line with --all.
type restored struct {
	ID      string             `json:"id"`
	Version int                `json:"version"`
	Folder  string             `json:"folder"`
	State   catalog.ImageState `json:"state"`
	Missing []disc.Extent      `json:"missing"` // sectors that are zeroes in the image
	Files   int                `json:"files"`
	Bytes   int64              `json:"bytes"`
	Kept    int64              `json:"kept"` // bytes that an earlier run had brought
	Already bool               `json:"already_there"`
	Sealed  bool               `json:"held_against_catalog"`
	Copies  []usedCopy         `json:"copies"`
	Added   []string           `json:"added"` // files that people added, in the folder beside
	Error   *string            `json:"error"`
	// Withdrawn says that nothing is left of the disc, since when and on whose
	// word; null when that is not so.
	Withdrawn *string `json:"withdrawn"`
	ExitCode  int     `json:"exit_code"`
}

type usedCopy struct {
	Store  string   `json:"store"`
	Bytes  int64    `json:"bytes"` // that it gave
	Faults []string `json:"faults"`
	Error  *string  `json:"error"` // why it could not be read
}

func usedCopies(uses []archive.CopyUse) []usedCopy {
	out := []usedCopy{}
	for _, u := range uses {
		c := usedCopy{Store: u.Store, Bytes: u.Bytes, Faults: []string{}}
		for _, f := range u.Flaws {
			c.Faults = append(c.Faults, fmt.Sprintf("%s: %s: %s", strings.ToUpper(string(f.Fault)), f.Path, f.Detail))
		}
		if u.Err != nil {
			c.Error = ptr(u.Err.Error())
		}
		out = append(out, c)
	}
	return out
}

func (a *app) restore(ctx context.Context, id, dir string, in restoring) error {
	b, err := a.openBags(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if dir, err = folderFor(dir); err != nil {
		return err
	}
	progress, done := a.bytesBar(id)
	res, err := b.restore(ctx, id, dir, in, progress)
	done()
	if res.ID != "" {
		if err != nil {
			f := (*failure)(nil)
			errors.As(asFailure(err), &f)
			res.ExitCode, res.Error = f.code, ptr(err.Error())
			if errors.Is(err, errWithdrawn) {
				res.Withdrawn = res.Error
			}
		}
		if a.json {
			err = errors.Join(err, a.printJSON(res))
		} else if err == nil || res.Files > 0 {
			_, werr := fmt.Fprint(a.out, res.line())
			err = errors.Join(err, werr)
		}
	}
	if err != nil {
		return err
	}
	return exitOf(res.ExitCode)
}

func exitOf(code int) error {
	if code == exitDone {
		return nil
	}
	return &failure{code: code}
}

// folderFor makes a folder that files are to be put into.
func folderFor(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, atomicfile.MkdirAll(dir, 0o755)
}

// restore restores one disc. Its exit code stands in the result; an error is
// one that has still to be told.
func (b *bags) restore(ctx context.Context, id, dir string, in restoring, progress func(done, total int64)) (res restored, err error) {
	g, err := b.find(ctx, id, in.version, in.from)
	if err != nil {
		return res, err
	}
	res = restored{ID: g.id, Version: g.version, Folder: filepath.Join(dir, g.name), State: g.image.State, Missing: g.image.Missing, Sealed: g.sealed, Added: []string{}}
	if res.Missing == nil {
		res.Missing = []disc.Extent{}
	}
	files, err := b.added(ctx, g, in.from)
	if err != nil {
		return res, err
	}
	g.Beside = roomForAdded(files, res.Folder)
	got, err := g.Restore(ctx, dir, g.name, progress)
	res.Files, res.Bytes, res.Kept, res.Already, res.Copies = got.Files, got.Bytes, got.Kept, got.AlreadyThere, usedCopies(g.Uses())
	if err != nil {
		res.Files, res.Bytes = 0, 0
		switch {
		case errors.Is(err, archive.ErrNoCopy), errors.Is(err, archive.ErrUnread), len(got.Flaws) > 0 && !errors.Is(err, archive.ErrInTheWay):
			err = b.unreadable(ctx, err, g)
		case errors.Is(err, archive.ErrNoSpace):
			err = noRoom(err)
		case errors.Is(err, archive.ErrInTheWay):
			err = &web.Error{Code: web.CodeConflict, Message: err.Error(), Err: err, Hint: "move it away, or choose another folder"}
		}
		return res, err
	}
	faults := faultsOf(g.Uses())
	switch {
	case len(faults) > 0:
		res.ExitCode = exitFindings
	case g.image.State != catalog.Complete:
		res.ExitCode = exitMissing
	}
	// The bag is there now, whatever becomes of the rest.
	lost := b.tellRestored(ctx, g, res, in)
	names, code, err := b.restoreAdded(ctx, g, files, res.Folder, in.from)
	res.Added = names
	if severity(code) > severity(res.ExitCode) {
		res.ExitCode = code
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("the bag lies in %s, whole, and not all that people added beside it: %w; when that is mended, give the command again", res.Folder, err)
	}
	return res, errors.Join(err, lost)
}

// tellRestored has the catalog remember where a bag went. Of one that was there
// already it knows that, unless the run that brought it was stopped.
func (b *bags) tellRestored(ctx context.Context, g *bag, r restored, in restoring) error {
	h := web.HandedOut{How: "restored into " + r.Folder, Operator: operator(in.operator, b.cfg)}
	if r.Already && g.catalogue {
		v, err := b.local.cat.Show(ctx, g.id)
		if err != nil && !errors.Is(err, catalog.ErrDamaged) {
			return fault(err)
		}
		later := h.How + ", which was found there whole"
		if slices.ContainsFunc(v.Events, func(e catalog.Event) bool {
			return e.Type == catalog.EventDissemination && slices.Contains(e.Objects, strings.TrimSuffix(bagKey(g.id, g.version), "/")) &&
				(strings.HasPrefix(e.Detail, h.How+";") || strings.HasPrefix(e.Detail, later+";"))
		}) {
			return nil
		}
		h.How = later
	}
	return b.handedOut(ctx, g, h)
}

// line tells a person of a disc that was restored.
func (r restored) line() string {
	s := fmt.Sprintf("%s v%d into %s: %s, %s", short(r.ID), r.Version, one(r.Folder), files(r.Files), size(r.Bytes))
	switch {
	case r.Already:
		s += ", there already, every byte read again"
	case r.Kept > 0:
		s += fmt.Sprintf(", %s of it there from before", size(r.Kept))
	}
	if r.Sealed {
		s += "; held against the catalog's digests"
	} else {
		s += "; held against the bag's own manifests"
	}
	sep := "; "
	for _, c := range r.Copies {
		if c.Bytes > 0 {
			s += fmt.Sprintf("%s%s from %s", sep, size(c.Bytes), one(c.Store))
			sep = ", "
		}
	}
	s += "\n"
	if len(r.Added) > 0 {
		s += fmt.Sprintf("  %s that people added, in %s\n", files(len(r.Added)), one(r.Folder+addedFolder))
	}
	if r.State != catalog.Complete {
		s += fmt.Sprintf("  %s\n", missingWords(r.State, r.Missing))
	}
	for _, c := range r.Copies {
		for _, f := range c.Faults {
			s += fmt.Sprintf("  the copy in %s: %s\n", one(c.Store), one(f))
		}
	}
	return s
}

// missingWords says which sectors an image has not got.
func missingWords(state catalog.ImageState, missing []disc.Extent) string {
	words := "INCOMPLETE: zeroes stand in the image in the place of "
	if state == catalog.Protected {
		words = "PROTECTED: zeroes stand in the image in the place of "
	}
	var n int64
	for _, e := range missing {
		n += e.Count
	}
	words += sectors(n)
	for i, e := range missing {
		if i == 10 {
			return words + fmt.Sprintf(" and %d more places", len(missing)-i)
		}
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		if e.Count == 1 {
			words += fmt.Sprintf("%s%d", sep, e.Start)
		} else {
			words += fmt.Sprintf("%s%d to %d", sep, e.Start, int64(e.Start)+e.Count-1)
		}
	}
	return words
}

// bytesBar shows how many bytes have come: as a bar on a terminal, else a line
// now and then.
func (a *app) bytesBar(what string) (progress func(done, total int64), done func()) {
	if !a.terminal {
		s := slow{say: a.say, what: what}
		return s.tell, func() {}
	}
	var bar *progressbar.ProgressBar
	return func(done, total int64) {
			if bar == nil {
				bar = progressbar.NewOptions64(max(total, 1), progressbar.OptionSetWriter(a.err), progressbar.OptionSetWidth(30), progressbar.OptionShowBytes(true),
					progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true), progressbar.OptionUseIECUnits(true), progressbar.OptionClearOnFinish())
				bar.Describe(one(what))
			}
			_ = bar.Set64(min(done, total))
		}, func() {
			if bar != nil {
				_ = bar.Clear()
			}
		}
}

// noRoom says what to do where a disc's files do not fit.
func noRoom(err error) error {
	return &web.Error{Code: web.CodeFailed, Message: err.Error(), Err: err, Hint: "make room there, or choose another folder; nothing was begun"}
}
