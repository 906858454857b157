package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ripstation/mmc"
	"ripstation/web"
)

func (a *app) ejectVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "eject DRIVE",
		Short: "Open a drive's tray",
		Long: `Eject unlocks and opens a drive's tray and says so only when the drive reports
it open. What the station was reading from it is paused and goes on when the
disc comes back.`,
		Example: "  ripstation eject sr0\n  ripstation eject /dev/sr1",
		Args:    takes("the drive"),
		RunE: verb(func(ctx context.Context, args []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			if err := eject(ctx, cfg, args[0]); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"drive": args[0], "tray": "open"})
			}
			a.say("%s: the tray is open", one(args[0]))
			return nil
		}),
	}
}

func noSuchDrive(drive string) error {
	return fmt.Errorf("%s is no optical drive; `ripstation drives` lists them", one(drive))
}

func eject(ctx context.Context, cfg *Config, drive string) error {
	c, err := web.Dial(ctx, cfg.Station.Socket)
	if err == nil {
		defer c.Close()
		return c.Eject(ctx, drive)
	}
	if !errors.Is(err, web.ErrNotRunning) {
		return err
	}
	path := nodePath(cfg.Drives.called(drive))
	if !isOptical(path) {
		return noSuchDrive(drive)
	}
	node, err := mmc.OpenNode(path)
	if err != nil {
		return err
	}
	return errors.Join(mmc.New(node).Eject(ctx), node.Close())
}
