package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/internal/atomicfile"
	"ripstation/web"
)

func (a *app) catalogVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "catalog",
		Short:   "Print the catalog, or make it anew from a store alone",
		Example: "  ripstation catalog export --canonical\n  ripstation catalog rebuild --from cloud --catalog new.db",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var canonical bool
	var file, from string
	export := &cobra.Command{
		Use:   "export --canonical",
		Short: "Print what the sealed records and the events say, one disc a line",
		Long: `Export prints one JSON object a line for each disc: what is known of it, the
digests of its sealed records, and its events. It holds nothing that depends on
this station, so that the export of a catalog that was made anew from a store is
the same, byte for byte.`,
		Example: "  ripstation catalog export --canonical > catalog.jsonl\n  ripstation catalog export --canonical --catalog new.db | sha256sum",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if !canonical {
				return usage("say --canonical: there is no other form yet")
			}
			return a.catalogExport(ctx, file)
		}),
	}
	export.Flags().BoolVar(&canonical, "canonical", false, "the form that is the same for the same records and events")
	export.Flags().StringVar(&file, "catalog", "", "the catalog's file (default: the configuration's)")
	rebuild := &cobra.Command{
		Use:   "rebuild --from STORE",
		Short: "Make the catalog anew from what one store holds",
		Long: `Rebuild reads the records and events in a store of the configuration and makes a
catalog of them. Nothing in the store is changed. A catalog that is there is
never overwritten: name a new file, or move the old one away. If it is stopped,
nothing is left, and it can be started again.

Copies in that store are "unknown" afterwards until they are read ("ripstation
audit --full"), those in other stores are what the events say. What could not
be taken is told, and the exit code is 4 then; 5 when the store could not be read.

What a command recorded while no station was running (verify, restore, annotate)
reaches the stores when one runs again. Before that no rebuild can know of it.`,
		Example: "  ripstation catalog rebuild --from cloud\n  ripstation catalog rebuild --from local --catalog new.db --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			if from == "" {
				return usage("say which store of the configuration: --from STORE")
			}
			return a.catalogRebuild(ctx, from, file)
		}),
	}
	rebuild.Flags().StringVar(&from, "from", "", "the store's name in the configuration")
	rebuild.Flags().StringVar(&file, "catalog", "", "the new catalog's file (default: the configuration's)")
	cmd.AddCommand(export, rebuild)
	return cmd
}

func (a *app) catalogExport(ctx context.Context, file string) error {
	if file == "" {
		cfg, err := loadConfig(a.config)
		if err != nil {
			return err
		}
		file = cfg.Station.Catalog
	}
	c, err := catalog.OpenReadOnly(ctx, file)
	if err != nil {
		return err
	}
	defer c.Close()
	// The bytes of texts stand for themselves here; a terminal gets them made safe.
	out := bufio.NewWriterSize(a.raw, 1<<16)
	return errors.Join(c.ExportCanonical(ctx, out), out.Flush())
}

func (a *app) catalogRebuild(ctx context.Context, from, file string) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	var store StoreConfig
	for _, s := range cfg.Stores {
		if s.Name == from {
			store = s
		}
	}
	if store.Name == "" {
		return usage("--from %q: the configuration names no such store", from)
	}
	if file == "" || sameFile(file, cfg.Station.Catalog) {
		file = cfg.Station.Catalog
		c, err := web.Dial(ctx, cfg.Station.Socket)
		if err == nil {
			c.Close()
			return fmt.Errorf("the station is running with %s; stop it first, or name another file with --catalog", one(file))
		}
		if !errors.Is(err, web.ErrNotRunning) {
			return err
		}
		if err := atomicfile.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return err
		}
	}
	if err := vacant(ctx, file); err != nil {
		return err
	}
	st, err := openStore(ctx, store, true)
	if err != nil {
		return &failure{exitUsage, err}
	}
	temp, done, err := workroom(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer done()
	fresh := filepath.Join(temp, "catalog.db")
	c, err := catalog.Open(ctx, fresh)
	if err != nil {
		return err
	}
	last := 0
	report, err := audit.Rebuild(ctx, audit.RebuildConfig{Catalog: c, Store: st, Progress: func(r audit.RebuildReport) {
		if r.Discs-last >= 1000 {
			last = r.Discs
			a.say("%d discs so far", r.Discs)
		}
	}})
	if err != nil {
		return errors.Join(blind(ctx, err), c.Close())
	}
	if err := c.Close(); err != nil { // folds the log into the file
		return err
	}
	if err := install(ctx, fresh, file); err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(report)
	} else {
		err = a.printRebuilt(report, file)
	}
	if err == nil && len(report.Findings) > 0 {
		return &failure{code: exitFindings}
	}
	return err
}

// workroom makes a folder for a catalog that is being made, and lets go of those
// that a rebuild left which was killed: their locks are free.
func workroom(dir string) (temp string, done func(), err error) {
	left, err := filepath.Glob(filepath.Join(dir, ".rebuild-*"))
	if err != nil {
		return "", nil, err
	}
	for _, old := range left {
		if lock, err := lockFolder(old); err == nil {
			_ = os.RemoveAll(old) // the next one tries again
			lock.Close()
		}
	}
	temp, err = os.MkdirTemp(dir, ".rebuild-")
	if errors.Is(err, os.ErrNotExist) {
		return "", nil, fmt.Errorf("the folder %s is not there; make it, or name another file with --catalog", one(dir))
	} else if err != nil {
		return "", nil, err
	}
	lock, err := lockFolder(temp)
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(temp))
	}
	return temp, func() { os.RemoveAll(temp); lock.Close() }, nil
}

func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func sameFile(a, b string) bool {
	x, err1 := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return err1 == nil && err2 == nil && x == y
}

// vacant makes sure that a new catalog may take this place: nothing is there,
// or a catalog without a disc.
func vacant(ctx context.Context, file string) error {
	info, err := os.Lstat(file)
	if errors.Is(err, os.ErrNotExist) {
		for _, more := range []string{file + "-wal", file + "-shm"} {
			if exists(more) {
				return fmt.Errorf("%s is there without its catalog; look where that is, and move both away first", one(more))
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		return nil
	}
	c, err := catalog.OpenReadOnly(ctx, file)
	if err != nil {
		return err
	}
	empty, err := c.Empty(ctx)
	if err := errors.Join(err, c.Close()); err != nil {
		return err
	}
	if !empty {
		return fmt.Errorf("%s is a catalog that knows discs; it is never overwritten: move it away, or name another file with --catalog", one(file))
	}
	return nil
}

// install gives the new catalog its name, durably. What took that name in the
// meantime keeps it.
func install(ctx context.Context, fresh, file string) error {
	if err := vacant(ctx, file); err != nil {
		return err
	}
	if exists(file) {
		for _, more := range []string{file + "-wal", file + "-shm"} {
			if exists(more) {
				return fmt.Errorf("%s is open in another program; end that first", one(file))
			}
		}
		if err := os.Rename(fresh, file); err != nil {
			return err
		}
	} else if err := os.Link(fresh, file); err != nil {
		return fmt.Errorf("give the new catalog its name: %w", err)
	}
	return atomicfile.SyncDir(filepath.Dir(file))
}

func (a *app) printRebuilt(r audit.RebuildReport, file string) error {
	if len(r.Findings) > 0 {
		w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "CODE\tWHERE\tFINDING")
		for _, f := range r.Findings {
			fmt.Fprintf(w, "%s\t%s\t%s: %s\n", f.Code, one(f.Key), f.Code.Meaning(), one(f.Message))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		told := map[audit.Code]bool{}
		for _, f := range r.Findings {
			if !told[f.Code] && f.Code.Hint() != "" {
				a.say("  -> %s: %s", f.Code, f.Code.Hint())
			}
			told[f.Code] = true
		}
	}
	_, err := fmt.Fprintf(a.out, "%s: %d discs, %d images and %d events from %s, %d objects listed; %d findings\n", one(file), r.Discs, r.Images, r.Events,
		one(r.Store), r.Objects, len(r.Findings)+r.Omitted)
	return err
}
