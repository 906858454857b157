package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/internal/atomicfile"
	"ripstation/internal/mediatype"
	"ripstation/web"
)

type photographing struct {
	web.AddRequest
	list bool
	get  string
}

func (a *app) photoVerb() *cobra.Command {
	var in photographing
	cmd := &cobra.Command{
		Use:   "photo ID FILE --role disc|case|insert",
		Short: "Add a photo or scan of the disc, its case or its insert",
		Long: `Photo adds a picture to a disc: JPEG, PNG, TIFF, WebP, HEIC or PDF (by its content,
whatever its name), 64 MiB at most. It goes into every store, beside the disc's
bags, and then the event that names it. Without a running station it is kept in the
spool and sent at the next start. One that the disc has already goes again to
stores that have lost it.

With --list it lists what the disc has. With --get it brings one into a folder,
under its SHA-256, out of a store, every byte held against that digest; the
beginning of the SHA-256 is enough. The exit code is then 4 when a store gave other
bytes and no store the right ones, 5 when none could be read.`,
		Example: "  ripstation photo k3v7x2ma label.jpg --role disc --note \"before cleaning\"\n  ripstation photo k3v7x2ma --list\n  ripstation photo k3v7x2ma --get 5f2a /srv/out",
		Args: func(cmd *cobra.Command, args []string) error {
			if in.list {
				return takes("the id of a disc, or its beginning")(cmd, args)
			}
			return between(2, 2, "the id of a disc, or its beginning", "a file (with --get: a folder)")(cmd, args)
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			if err := said(map[string]string{"operator": in.Operator, "note": in.Note}); err != nil {
				return err
			}
			switch {
			case in.list && in.get != "":
				return usage("--list and --get are two things; give one")
			case (in.list || in.get != "") && in.Role+in.Note != "":
				return usage("--role and --note are said of a photo that is added")
			case in.list:
				return a.photos(ctx, args[0])
			case in.get != "":
				return a.getPhoto(ctx, args[0], in.get, args[1])
			}
			return a.addPhoto(ctx, args[0], args[1], in.AddRequest)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Role, "role", "", "what it shows: disc, case, insert")
	f.StringVar(&in.Note, "note", "", "a note for the event")
	f.StringVar(&in.Operator, "operator", "", "who says so (default: station.operator, else your user name)")
	f.BoolVar(&in.list, "list", false, "list the photos of the disc")
	f.StringVar(&in.get, "get", "", "bring the photo with this SHA-256 into a folder")
	return cmd
}

// photoFile reads a photo, as far as it may be one.
func photoFile(name string) ([]byte, error) {
	f, err := given(name, "a picture", false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, catalog.MaxAdded+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(body) > catalog.MaxAdded:
		return nil, usage("%s has more than 64 MiB, which is the most; make it smaller", one(name))
	case len(body) == 0:
		return nil, usage("%s is empty; name a picture", one(name))
	}
	if _, err := photoType(body); err != nil {
		return nil, usage("%s: %w", one(name), err)
	}
	return body, nil
}

func (a *app) addPhoto(ctx context.Context, id, name string, in web.AddRequest) error {
	if in.Role == "" {
		return usage("say what it shows: --role disc, case or insert")
	}
	if err := (catalog.Added{SHA256: fmt.Sprintf("%064d", 0), Size: 1, MediaType: "x", Role: in.Role}).Check(); err != nil {
		return usage("--role %q: it is one of disc, case, insert", one(in.Role))
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
	if v, err := b.Show(ctx, id); err != nil && v.ID == "" {
		return err
	}
	body, err := photoFile(name)
	if err != nil {
		return err
	}
	f, err := b.Add(ctx, id, in, body)
	if err != nil {
		return err
	}
	_, here := b.(*local)
	if a.json {
		return a.printJSON(f)
	}
	words := "it goes to every store now"
	switch {
	case f.Already && here:
		words = "the disc has it already; a store that has lost it gets it again when the station runs"
	case f.Already:
		words = "the disc has it already; a store that has lost it gets it again now"
	case here:
		words = "it is kept in the spool, and goes to every store when the station runs again"
	}
	_, err = fmt.Fprintf(a.out, "%s: %s, %s, %s: %s\n", short(f.CarrierID), one(f.Role), mediaWord(f.MediaType), one(f.SHA256), words)
	return err
}

func mediaWord(name string) string {
	for _, t := range mediatype.All() {
		if t.Name == name {
			return t.Word
		}
	}
	return one(name)
}

// photos lists what a disc has.
func (a *app) photos(ctx context.Context, id string) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	b, err := a.books(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer b.Close()
	v, bad := b.Show(ctx, id)
	if bad != nil && v.ID == "" {
		return bad
	}
	if v.Added == nil {
		v.Added = []catalog.AddedFile{}
	}
	switch {
	case a.json:
		err = a.printJSON(v.Added)
	case len(v.Added) == 0:
		a.say("  disc %s has no photos", short(v.ID))
	default:
		w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "SHA-256\tROLE\tTYPE\tSIZE\tADDED\tBY\tNOTE")
		for _, f := range v.Added {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one(f.SHA256), one(f.Role), mediaWord(f.MediaType), size(f.Size), moment(f.At), one(f.Operator), orDash(&f.Note))
		}
		err = w.Flush()
	}
	return errors.Join(err, bad)
}

// gotPhoto is what `photo --get --json` prints.
type gotPhoto struct {
	catalog.AddedFile
	File  string `json:"file"`
	Store string `json:"store"` // that gave it
}

// getPhoto brings a photo out of the first store that has it right. The catalog
// is read beside whoever writes it, whether a station runs or not.
func (a *app) getPhoto(ctx context.Context, id, sum, dir string) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	l, err := openLocal(ctx, cfg, false)
	if err != nil {
		return err
	}
	defer l.Close()
	full, err := l.resolve(ctx, id)
	if err != nil {
		return err
	}
	f, err := l.added(ctx, full, sum)
	if err != nil {
		return err
	}
	body, from, err := l.fetch(ctx, f, "", func(s StoreConfig) (archive.Store, error) { return openStore(ctx, s, true) })
	if err != nil {
		return err
	}
	if dir, err = folderFor(dir); err != nil {
		return err
	}
	got := gotPhoto{AddedFile: f, File: filepath.Join(dir, addedName(f.SHA256, body)), Store: from}
	if err := placeFile(got.File, body); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(got)
	}
	_, err = fmt.Fprintf(a.out, "%s: %s from %s, its SHA-256 is right\n", one(got.File), size(f.Size), one(from))
	return err
}

// addedName is what a file is called outside of the archive: its SHA-256, and
// the ending of what it is by its content.
func addedName(sha256 string, body []byte) string {
	t, _ := mediatype.Of(body)
	return sha256 + t.Ext
}

// placeFile writes a file, unless its name is taken by another one.
func placeFile(name string, body []byte) error {
	there, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return atomicfile.WriteFile(name, body, 0o644)
	}
	if err != nil {
		return err
	}
	if there.Mode().IsRegular() && there.Size() == int64(len(body)) {
		have, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if string(have) == string(body) {
			return nil
		}
	}
	return &web.Error{Code: web.CodeConflict, Message: fmt.Sprintf("%s: something else is there already; it is left as it is", name), Hint: "move it away, or choose another folder"}
}
