package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ripstation/archive"
	"ripstation/web"
)

func (a *app) storeVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "store",
		Short:   "Make a folder or a drive a store",
		Example: "  ripstation store init local",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var newDrive bool
	init := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a marker into a directory store and print its line for the configuration",
		Long: `Init makes the folder of a directory store known by a marker file of its own,
.ripstation-store, and prints the line that goes into its [[store]]. With that
line the store is this very drive, wherever else its folder might lead: a
missing drive, an empty mount point or another drive is waited for. A marker
that is there already is never changed.

An empty folder is refused for a store that the catalog knows bags in: its drive
may not be mounted. --new-drive says that a new one takes its place.`,
		Example: "  ripstation store init local",
		Args:    takes("a store's name"),
		RunE: verb(func(ctx context.Context, args []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			s, err := cfg.storeNamed(args[0])
			if err != nil {
				return err
			}
			return a.storeInit(ctx, cfg, s, newDrive)
		}),
	}
	init.Flags().BoolVar(&newDrive, "new-drive", false, "this is a new drive in the place of one that is lost with its bags")
	cmd.AddCommand(init)
	return cmd
}

// initialised is what `store init --json` prints.
type initialised struct {
	Store  string `json:"store"`
	Path   string `json:"path"`
	Marker string `json:"marker"`
	Made   bool   `json:"made"` // false: it was there
}

// notMounted is an error for an empty folder where the catalog knows bags to be:
// with a marker, what is left of a drive that is not mounted would be taken for
// the store, and written to.
func (a *app) notMounted(ctx context.Context, cfg *Config, s StoreConfig, d *archive.Dir) error {
	if _, err := d.Marker(ctx); !errors.Is(err, archive.ErrAway) || !exists(s.Path) || !exists(cfg.Station.Catalog) {
		return nil
	}
	l, err := openLocal(ctx, cfg, false)
	if err != nil {
		return err
	}
	used, err := usedStores(ctx, l.cat)
	if err := errors.Join(err, l.Close()); err != nil {
		return fault(err)
	}
	if !used[s.Name] {
		return nil
	}
	return &web.Error{Code: web.CodeConflict, Message: fmt.Sprintf("store %s: the catalog knows bags in it, and the folder %s is not the store that holds them", s.Name, s.Path),
		Hint: "is its drive mounted? If that is lost and this is a new drive in its place, say --new-drive"}
}

func (a *app) storeInit(ctx context.Context, cfg *Config, s StoreConfig, newDrive bool) error {
	if s.Type != "directory" {
		return usage("store %q: it is of type %s; only a directory has a marker", s.Name, s.Type)
	}
	d, err := archive.NewDir(archive.DirConfig{Name: s.Name, Root: s.Path})
	if err != nil {
		return err
	}
	if !newDrive {
		if err := a.notMounted(ctx, cfg, s, d); err != nil {
			return err
		}
	}
	id, made, err := d.Init(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(initialised{s.Name, s.Path, id, made})
	}
	switch {
	case s.Marker != "" && s.Marker != id:
		a.say("store %s: the configuration wants marker %s; this drive has another", one(s.Name), s.Marker)
	case !made:
		a.say("store %s: it has a marker already", one(s.Name))
	}
	_, err = fmt.Fprintf(a.out, "marker = %q\n", id)
	return err
}
