package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/atomicfile"
	"ripstation/mmc"
	"ripstation/station"
	"ripstation/watcher"
)

// machine is a station with what it stands on.
type machine struct {
	*station.Station
	local *local
}

// hands are where a machine's discs come from.
type hands struct {
	open   station.Opener
	events <-chan disc.DriveEvent
	hold   func(string) func()
}

// assemble opens catalog and stores and builds a station on them. The caller
// closes it after Run.
func assemble(ctx context.Context, cfg *Config, h hands, log zerolog.Logger) (*machine, error) {
	if err := atomicfile.MkdirAll(filepath.Dir(cfg.Station.Catalog), 0o750); err != nil {
		return nil, err
	}
	cat, ballastGone, err := catalog.OpenAtStation(ctx, cfg.Station.Catalog)
	if err != nil {
		return nil, err
	}
	if ballastGone {
		log.Warn().Str("catalog", cfg.Station.Catalog).Msg("the disk under the catalog is full; the room that was kept for this is in use now: make room on it")
	}
	m, err := build(ctx, cfg, cat, h, log)
	if err != nil {
		return nil, errors.Join(err, cat.Close())
	}
	return m, nil
}

func build(ctx context.Context, cfg *Config, cat *catalog.Catalog, h hands, log zerolog.Logger) (*machine, error) {
	stores, err := openStores(ctx, cfg, cat)
	if err != nil {
		return nil, err
	}
	st, err := station.New(station.Config{
		Spool: cfg.Station.Spool, Stores: stores, Eject: station.EjectWhen(cfg.Eject.When), Retries: cfg.Read.Retries,
		ReadProtected: cfg.Read.Protected == "image", Operator: cfg.Station.Operator, Program: program(),
		Catalog: cat, Open: h.open, Events: h.events, Hold: h.hold, Log: log, EjectRetry: time.Duration(cfg.Eject.Retry), GivenUp: mmc.Abandoned,
		ScanHold: time.Duration(cfg.Identity.Hold), ScanSettle: time.Duration(cfg.Identity.Settle), DriveNames: cfg.Drives.Names,
		SameOtherItem: station.SamePolicy(cfg.Identity.SameOtherItem), Recordable: station.RecordablePolicy(cfg.Identity.Recordable),
		WhenDark: station.WhenDark(cfg.Eject.WhenStoreDark), DarkAfter: time.Duration(cfg.Eject.DarkAfter), Tray: cfg.Eject.trays(),
		StartDisc: station.StartDisc(cfg.Start.Disc), Failures: cfg.Drives.Failures, Reserve: int64(cfg.Station.Reserve),
	})
	if err != nil {
		return nil, err
	}
	return &machine{st, &local{cfg: cfg, cat: cat, sight: st.BatchSight}}, nil
}

func (e EjectConfig) trays() station.Trays {
	return station.Trays{Done: station.Tray(e.Done), Incomplete: station.Tray(e.Incomplete), Refused: station.Tray(e.Refused),
		Already: station.Tray(e.Already), NeedsYou: station.Tray(e.NeedsYou), Failed: station.Tray(e.Failed)}
}

func (m *machine) close() error { return m.local.Close() }

// watch makes a watcher of the machine's drives, and the hands that a station
// gets from it: only drives that the configuration wants and that pass lets
// through. run works until ctx ends.
func watch(cfg *Config, log zerolog.Logger, pass func(disc.DriveEvent) bool) (h hands, run func(ctx context.Context) error) {
	o := newOpener(cfg.Read)
	w := watcher.New(watcher.Config{Status: statusOf, Identify: nameOf, Poll: time.Duration(cfg.Drives.Poll), Logger: log})
	events := make(chan disc.DriveEvent)
	run = func(ctx context.Context) error {
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(events)
			for ev := range w.Events() {
				if !cfg.Drives.wants(ev.Drive) {
					continue
				}
				o.meet(ev.Drive)
				if !pass(ev) {
					continue
				}
				select {
				case events <- ev:
				case <-ctx.Done(): // the watcher's channel is drained to its end
				}
			}
		})
		defer wg.Wait()
		return w.Run(ctx)
	}
	return hands{open: o.open, events: events, hold: w.Hold}, run
}

// newLog makes the one logger.
func (a *app) newLog(cfg LogConfig) zerolog.Logger {
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	out := a.err
	if cfg.Format == "text" || (cfg.Format == "auto" && a.terminal) {
		out = zerolog.ConsoleWriter{Out: a.talk, NoColor: true, TimeFormat: "15:04:05", TimeLocation: time.Local}
	}
	zerolog.TimestampFunc = func() time.Time { return time.Now().UTC() }
	return zerolog.New(out).Level(level).With().Timestamp().Logger()
}
