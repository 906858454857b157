package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/atomicfile"
	"ripstation/internal/discname"
	"ripstation/web"
)

// handing is what `handover` is asked for.
type handing struct {
	zip, tar string // one of them: a file, or "-"
	from     string
	operator string
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

With "-" in place of a file it is written to stdout: then only the exit code says
that it is whole.

The exit code is 3 when sectors of a disc are missing, which README.txt says too, 4
when a copy was found damaged, 5 when no copy of a disc could be read. In the last
case, and whenever it fails, no file is left.`,
		Example: "  ripstation handover k3v7x2ma --zip /srv/out/maps.zip\n  ripstation handover k3v7x2ma 7qhd2k5c --tar - > maps.tar",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains(args, "") {
				return errors.New("handover takes the ids of discs, or their beginnings")
			}
			return nil
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			if err := said(map[string]string{"operator": in.operator}); err != nil {
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
	ID      string             `json:"id"`
	Version int                `json:"version"`
	Folder  string             `json:"folder"` // inside the archive
	State   catalog.ImageState `json:"state"`
	Missing []disc.Extent      `json:"missing"`
	Files   int                `json:"files"`
	Sealed  bool               `json:"held_against_catalog"`
	Copies  []usedCopy         `json:"copies"`
	Added   []string           `json:"added"` // files that people added, in the folder beside
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
	p := &parcel{bags: b, discs: several, in: in, added: map[string][]brought{}}
	for _, g := range several {
		if p.added[g.id], err = p.bringAdded(ctx, g); err != nil {
			return err
		}
	}
	var done func()
	p.progress, done = a.bytesBar(in.file())
	if in.file() == "-" {
		err = p.write(ctx, a.raw)
	} else {
		err = p.file(ctx)
	}
	done()
	if err != nil {
		return p.failed(ctx, err)
	}
	return a.handedOver(ctx, p)
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

// parcel is one archive file that is being made.
type parcel struct {
	*bags
	discs       []*bag
	in          handing
	added       map[string][]brought // by disc
	progress    func(done, total int64)
	done, total int64
}

func (p *parcel) size() (n int64) {
	for _, g := range p.discs {
		n += g.Size()
		for _, f := range p.expectAdded(g) {
			n += f.Size
		}
	}
	return n
}

// write packs everything.
func (p *parcel) write(ctx context.Context, w io.Writer) error {
	pack := archive.NewZip(w)
	if p.in.tar != "" {
		pack = archive.NewTar(w)
	}
	p.done, p.total = 0, p.size()
	at := p.discs[0].image.SealedAt
	for _, g := range p.discs {
		if g.image.SealedAt.After(at) {
			at = g.image.SealedAt
		}
	}
	if err := pack.Text(readmeName, p.readme(), at); err != nil {
		return err
	}
	for _, g := range p.discs {
		err := pack.Bag(ctx, g.Retrieval, g.name, g.image.SealedAt, func(n int64) {
			p.done += n
			p.progress(p.done, p.total)
		})
		if err != nil {
			return fmt.Errorf("disc %s: %w", g.id, err)
		}
		if err := p.packAdded(ctx, pack, g); err != nil {
			return err
		}
	}
	return pack.Close()
}

// file makes the file: under another name until it was read back.
func (p *parcel) file(ctx context.Context) (err error) {
	name, err := filepath.Abs(p.in.file())
	if err != nil {
		return err
	}
	part := name + archive.Partial
	for _, there := range []string{name, part} {
		if _, err := os.Lstat(there); err == nil {
			return inTheWay(there, archive.ErrInTheWay)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	switch err := archive.CheckSpace(filepath.Dir(name), p.size()); {
	case errors.Is(err, archive.ErrNoSpace):
		return noRoom(err)
	case err != nil:
		return err
	}
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if part != "" {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	for range p.tries() {
		if err = errors.Join(f.Truncate(0), seek(f)); err != nil {
			return err
		}
		if err = p.write(ctx, f); !errors.Is(err, archive.ErrNotWhole) || ctx.Err() != nil {
			break
		}
		p.say("  %s; begun anew without what is damaged", one(err.Error()))
	}
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	if err := p.check(ctx, f); err != nil {
		return fmt.Errorf("%s, read back: %w", part, err)
	}
	if err := giveName(part, name, unix.Renameat2); err != nil {
		return err
	}
	part = ""
	return atomicfile.SyncDir(filepath.Dir(name))
}

// giveName renames a file unless something else has the name. NFS and some other
// file systems cannot do that in one step: there a look comes first.
func giveName(part, name string, rename func(int, string, int, string, uint) error) error {
	err := rename(unix.AT_FDCWD, part, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		if _, err = os.Lstat(name); err == nil {
			err = fs.ErrExist
		} else if errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(part, name)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return inTheWay(name, archive.ErrInTheWay)
	}
	return err
}

func inTheWay(name string, err error) error {
	return &web.Error{Code: web.CodeConflict, Message: fmt.Sprintf("%s: %v", name, err), Err: err,
		Hint: "give another name, or move it away; one that ends in " + archive.Partial + " is what a run left that was cut off"}
}

func seek(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// tries is once for each copy that may turn out to be damaged.
func (p *parcel) tries() int {
	n := 1
	for _, g := range p.discs {
		n += len(g.Uses())
	}
	return n
}

// check reads the file from the disk, whole.
func (p *parcel) check(ctx context.Context, f *os.File) error {
	readme := p.readme()
	want := []archive.Packed{archive.PackedText(readmeName, readme)}
	for _, g := range p.discs {
		want = append(append(want, g.Expect(g.name)...), p.expectAdded(g)...)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if p.in.zip != "" {
		return archive.CheckZip(ctx, f, info.Size(), want)
	}
	if err := seek(f); err != nil {
		return err
	}
	return archive.CheckTar(ctx, f, want)
}

// failed gives a failure its exit code.
func (p *parcel) failed(ctx context.Context, err error) error {
	for _, g := range p.discs {
		if errors.Is(err, archive.ErrNotWhole) || errors.Is(err, archive.ErrNoCopy) {
			if len(faultsOf(g.Uses())) > 0 {
				return p.unreadable(ctx, err, g.Retrieval)
			}
		}
	}
	if errors.Is(err, archive.ErrNoCopy) || errors.Is(err, archive.ErrUnread) {
		return p.unreadable(ctx, err, nil)
	}
	return err
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
		d := handedDisc{ID: g.id, Version: g.version, Folder: g.name, State: g.image.State, Missing: g.image.Missing, Files: len(g.Files), Sealed: g.sealed, Copies: usedCopies(g.Uses()), Added: []string{}}
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
		lost = errors.Join(lost, p.handedOut(ctx, g, web.HandedOut{Operator: operator(p.in.operator, p.cfg),
			How: fmt.Sprintf("handed over as the folder %q of a %s file: %s", g.name, res.Kind, where)}))
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
