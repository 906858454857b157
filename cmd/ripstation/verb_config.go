package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (a *app) configVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Look at the configuration",
		Example: "  ripstation config check",
		Args:    cobra.NoArgs, // with the names that are like the one given
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Read the configuration and say what is wrong with it",
		Long: `Check reads the configuration with everything that it names: unknown keys,
values that cannot be, secrets that cannot be read. It speaks to no store and
no drive.`,
		Example: "  ripstation config check\n  ripstation config check --config ./config.toml",
		Args:    takes(),
		RunE:    verb(a.configCheck),
	})
	return cmd
}

func (a *app) configCheck(ctx context.Context, _ []string) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	if err := cfg.checkLinks(); err != nil {
		return &failure{exitUsage, err}
	}
	if _, err := openStores(ctx, cfg, nil); err != nil {
		return fmt.Errorf("%s: %w", cfg.path, err)
	}
	if a.json {
		return a.printJSON(map[string]any{"file": cfg.path, "spool": cfg.Station.Spool, "catalog": cfg.Station.Catalog,
			"socket": cfg.Station.Socket, "stores": len(cfg.Stores)})
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	from := cfg.path
	if from == "" {
		from = "none found: the built-in defaults count"
	}
	for _, row := range [][2]string{{"file", from}, {"spool", cfg.Station.Spool}, {"catalog", cfg.Station.Catalog}, {"socket", cfg.Station.Socket},
		{"eject when", cfg.Eject.When}} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], one(row[1]))
	}
	for _, s := range cfg.Stores {
		where, need := s.Path, "required"
		if s.Type == "s3" {
			where = strings.TrimSpace(s.Endpoint + " bucket " + s.Bucket)
		}
		if !*s.Required {
			need = "as far as it goes"
		}
		fmt.Fprintf(w, "store %s\t%s %s, %s\n", s.Name, s.Type, one(where), need)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.say("nothing wrong was found; stores and drives were not spoken to")
	return nil
}
