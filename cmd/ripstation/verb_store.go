package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"ripstation/archive"
)

func (a *app) storeVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "store",
		Short:   "Make a folder or a drive a store",
		Example: "  ripstation store init local",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "init NAME",
		Short: "Write a marker into a directory store and print its line for the configuration",
		Long: `Init makes the folder of a directory store known by a marker file of its own,
.ripstation-store, and prints the line that goes into its [[store]]. With that
line the store is this very drive, wherever else its folder might lead: a
missing drive, an empty mount point or another drive is waited for. A marker
that is there already is never changed.`,
		Example: "  ripstation store init local",
		Args:    takes("a store's name"),
		RunE: verb(func(ctx context.Context, args []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			for _, s := range cfg.Stores {
				if s.Name == args[0] {
					return a.storeInit(ctx, s)
				}
			}
			return usage("store %q: the configuration has no such store", args[0])
		}),
	})
	return cmd
}

// initialised is what `store init --json` prints.
type initialised struct {
	Store  string `json:"store"`
	Path   string `json:"path"`
	Marker string `json:"marker"`
	Made   bool   `json:"made"` // false: it was there
}

func (a *app) storeInit(ctx context.Context, s StoreConfig) error {
	if s.Type != "directory" {
		return usage("store %q: it is of type %s; only a directory has a marker", s.Name, s.Type)
	}
	d, err := archive.NewDir(archive.DirConfig{Name: s.Name, Root: s.Path})
	if err != nil {
		return err
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
