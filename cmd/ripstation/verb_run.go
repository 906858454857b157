package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ripstation/disc"
	"ripstation/station"
	"ripstation/web"
)

func (a *app) runVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the station: every disc put into a drive is imaged and archived",
		Long: `Run watches the machine's optical drives. Every disc that is put into one is
identified, imaged, recorded, sent to the stores and ejected. It works until
it gets SIGTERM or Ctrl-C; what was under way goes on at the next start.`,
		Example: "  ripstation run\n  ripstation run --config /etc/ripstation/config.toml",
		Args:    takes(),
		RunE:    verb(a.run),
	}
}

func (a *app) run(ctx context.Context, _ []string) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	log := a.newLog(cfg.Log)
	// The socket is the first thing: a second station ends here.
	l, err := web.Listen(cfg.Station.Socket, cfg.Station.SocketGroup)
	if errors.Is(err, web.ErrRunning) {
		return fmt.Errorf("%w; stop it first, or name another socket, spool and catalog in another configuration", err)
	}
	if err != nil {
		return err
	}
	h, watching := watch(cfg, log, func(disc.DriveEvent) bool { return true })
	m, err := assemble(ctx, cfg, h, log)
	if err != nil && ctx.Err() != nil {
		log.Info().AnErr("broken_off", err).Msg("ripstation was stopped before it had started")
		return l.Close()
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	log.Info().Str("version", version).Str("config", cfg.path).Str("socket", cfg.Station.Socket).Msg("ripstation starts")
	err = m.serve(ctx, web.New(web.Config{Station: m.Station, Books: served{m.local}, Program: "ripstation " + version, Log: log}), l, watching, log)
	if err == nil {
		log.Info().Msg("ripstation has stopped")
	}
	return errors.Join(err, m.close())
}

// serve runs the station, its watcher and its API until ctx ends or one of
// them fails. The API is the last to go, so that the end is told on it.
func (m *machine) serve(ctx context.Context, api *web.Server, l net.Listener, watching func(context.Context) error, log zerolog.Logger) error {
	g, ctx := errgroup.WithContext(ctx)
	apiCtx, endAPI := context.WithCancel(context.WithoutCancel(ctx))
	defer endAPI()
	g.Go(func() error { return watching(ctx) })
	g.Go(func() error {
		defer endAPI()
		return m.Run(ctx)
	})
	g.Go(func() error { return api.Run(apiCtx, l) })
	g.Go(func() error { return m.tellSystemd(ctx, log) })
	return g.Wait()
}

// tellSystemd says when the station is ready, that it lives, and that it
// stops. Without systemd it does nothing.
func (m *machine) tellSystemd(ctx context.Context, log zerolog.Logger) error {
	notify := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn().Err(err).Str("state", state).Msg("systemd could not be told")
		}
	}
	// A request is answered once the station has taken up what its spool held;
	// this one asks for nothing.
	if _, err := m.Rip(ctx, station.Request{}); ctx.Err() != nil || !errors.Is(err, station.ErrNoDrive) {
		return nil // it was stopped before it was ready, or has ended by itself
	}
	notify(daemon.SdNotifyReady)
	defer notify(daemon.SdNotifyStopping)
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(every / 3)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			m.Status() // does not come back when the station is stuck, and then systemd is not told that it lives
			notify(daemon.SdNotifyWatchdog)
		case <-ctx.Done():
			return nil
		}
	}
}
