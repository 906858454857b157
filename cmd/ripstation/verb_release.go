package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ripstation/station"
	"ripstation/web"
)

func (a *app) releaseVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "release DRIVE",
		Short: "Set a drive free that is on hold",
		Long: `Release sets a drive free that holds because drives.failures discs in a row
failed or came out incomplete in it. Clean its lens first, or try the discs in
another drive. A disc that lies in it is begun.`,
		Example: "  ripstation drives release sr0",
		Args:    takes("the drive"),
		RunE: verb(func(ctx context.Context, args []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			was, err := release(ctx, cfg, args[0])
			if err != nil {
				return err
			}
			switch {
			case a.json:
				return a.printJSON(map[string]any{"drive": args[0], "was_on_hold": was})
			case was:
				a.say("%s: it is free again", one(args[0]))
			default:
				a.say("%s: it was not on hold; what failed in it is counted anew", one(args[0]))
			}
			return nil
		}),
	}
}

func release(ctx context.Context, cfg *Config, drive string) (was bool, err error) {
	c, err := web.Dial(ctx, cfg.Station.Socket)
	if err == nil {
		defer c.Close()
		r, err := c.Release(ctx, drive)
		return r.Was, err
	}
	if !errors.Is(err, web.ErrNotRunning) {
		return false, err
	}
	was, known, err := station.ReleaseDrive(cfg.Station.Spool, drive, cfg.Drives.Failures)
	if err == nil && !known && !isOptical(nodePath(drive)) {
		return false, noSuchDrive(drive)
	}
	return was, err
}
