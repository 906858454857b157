package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ripstation/disc"
	"ripstation/internal/atomicfile"
	"ripstation/station"
	"ripstation/web"
)

func (a *app) demoVerb() *cobra.Command {
	var dir, image string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Do the main job for real, with simulated drives",
		Long: `Demo makes a fresh station in a folder of its own, with simulated drives, a
real catalog and a real directory store, and puts discs in: a clean pressed CD,
a scratched DVD, the same CD again, an audio CD. The station stays in the
folder, so that every other command can be tried on it.`,
		Example: "  ripstation demo\n  ripstation demo --disc some.iso --dir /tmp/demo",
		Args:    takes(),
		RunE:    verb(func(ctx context.Context, _ []string) error { return a.demo(ctx, dir, image) }),
	}
	cmd.Flags().StringVar(&dir, "dir", "demo", "folder of the demonstration's station; what an earlier one left in it is removed")
	cmd.Flags().StringVar(&image, "disc", "", "put this image into the drive instead of the four discs")
	return cmd
}

// demoHead is the first line of the demonstration's configuration; a folder
// that has it may be made anew.
const demoHead = "# The station that `ripstation demo` made. It is made anew each time.\n"

// freshDemo makes the folder and its configuration, and takes the
// configuration's socket before it removes what was there.
func freshDemo(dir string) (config string, err error) {
	config = filepath.Join(dir, "config.toml")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if len(entries) > 0 {
		text, err := os.ReadFile(config)
		if err != nil || !strings.HasPrefix(string(text), demoHead) {
			return "", fmt.Errorf("%s is not a demonstration's folder and is not empty; name another one with --dir", dir)
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return "", fmt.Errorf("clear the last demonstration: %w", err)
			}
		}
	}
	if err := atomicfile.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	socket := "ripstation.sock"
	if abs := filepath.Join(dir, socket); len(abs) > 100 { // sun_path of unix(7) has 107
		socket = filepath.Join(os.TempDir(), fmt.Sprintf("ripstation-demo-%d.sock", os.Getuid()))
	}
	text := demoHead + fmt.Sprintf(`# Try: ripstation list --config %s

[station]
operator = "demo"
spool = "spool"
catalog = "catalog.db"
socket = %q
socket_group = ""

[[store]]
name = "local"
type = "directory"
required = true
path = "store"
`, config, socket)
	return config, atomicfile.WriteFile(config, []byte(text), 0o644)
}

func (a *app) demo(ctx context.Context, dir, image string) error {
	drives, end := demoDrives(), func() error { return nil }
	if image != "" {
		var err error
		if drives, end, err = demoImage(image); err != nil {
			return err
		}
	}
	defer end()
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	c, err := web.Dial(ctx, filepath.Join(abs, "ripstation.sock"))
	if err == nil {
		c.Close()
	}
	if err == nil || errors.Is(err, web.ErrNoAnswer) {
		return fmt.Errorf("a station is running in %s; wait for its end or stop it, or name another folder with --dir", abs)
	}
	config, err := freshDemo(abs)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(config)
	if err != nil {
		return err
	}
	m, bays, l, err := a.demoStation(ctx, cfg, drives)
	if err != nil {
		return err
	}
	wrong, err := a.playDemo(ctx, m, bays, drives, l)
	if err == nil {
		err = a.demoEnd(ctx, m, cfg, dir, wrong)
	}
	return errors.Join(err, m.close())
}

func (a *app) demoStation(ctx context.Context, cfg *Config, drives []demoDrive) (*machine, *simBays, *web.Server, error) {
	bays := newSimBays()
	for _, d := range drives {
		bays.add(d.name, d.opts)
	}
	m, err := assemble(ctx, cfg, hands{open: bays.open, events: bays.events}, zerolog.Nop())
	if err != nil {
		return nil, nil, nil, err
	}
	return m, bays, web.New(web.Config{Station: m.Station, Books: served{m.local}, Program: "ripstation " + version, Log: zerolog.Nop()}), nil
}

// playDemo runs the station, puts the discs in, and gives the names of those
// that did not end as they should.
func (a *app) playDemo(ctx context.Context, m *machine, bays *simBays, drives []demoDrive, api *web.Server) ([]string, error) {
	l, err := web.Listen(m.local.cfg.Station.Socket, "")
	if err != nil {
		return nil, err
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	var wrong []string
	g, inner := errgroup.WithContext(inner)
	t := a.teller()
	if !a.json {
		t.lines = a.out // here the story is the result
	}
	stage := &stage{teller: t, m: m, final: map[string]chan station.Notice{}}
	for _, d := range drives {
		stage.final[d.name] = make(chan station.Notice, 16)
	}
	notices, unlisten := m.Listen()
	g.Go(func() error {
		for n := range notices {
			stage.hear(n)
		}
		return nil
	})
	g.Go(func() error {
		defer unlisten()
		defer stop()
		var err error
		wrong, err = stage.play(inner, bays, drives)
		return err
	})
	idle := func(ctx context.Context) error { <-ctx.Done(); return nil }
	g.Go(func() error { return m.serve(inner, api, l, idle, zerolog.Nop()) })
	err = g.Wait()
	if ctx.Err() != nil {
		return wrong, ctx.Err()
	}
	return wrong, err
}

// stage is the demonstration's audience and hands.
type stage struct {
	*teller
	m     *machine
	final map[string]chan station.Notice // by drive: the end of each disc's stay

	mu sync.Mutex
}

func (s *stage) hear(n station.Notice) {
	s.mu.Lock()
	s.tell(n)
	s.mu.Unlock()
	if c := s.final[n.Drive]; n.Final && c != nil {
		c <- n
	}
}

func (s *stage) announce(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	fmt.Fprintf(s.lines, format+"\n", args...)
}

// play puts every drive's discs in, one after the other, and stays until
// every copy has been read back.
func (s *stage) play(ctx context.Context, bays *simBays, drives []demoDrive) (wrong []string, err error) {
	var mu sync.Mutex
	var ids []string
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range drives {
		bay := bays.bays[d.name]
		g.Go(func() error {
			for _, dd := range d.discs {
				n, err := s.one(ctx, bay, dd)
				if err != nil {
					return err
				}
				mu.Lock()
				if n.ID != "" {
					ids = append(ids, n.ID)
				}
				if !slices.Contains(dd.want, n.Outcome) {
					wrong = append(wrong, fmt.Sprintf("%s ended as %q and should have ended as %q", dd.name, n.Outcome, dd.want[0]))
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := s.m.Settled(context.WithoutCancel(ctx), id); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

// one puts one disc in, waits for its end and takes it out.
func (s *stage) one(ctx context.Context, bay *simBay, dd demoDisc) (station.Notice, error) {
	d, err := dd.disc()
	if err != nil {
		return station.Notice{}, err
	}
	s.announce("--- %s goes into drive %s", dd.name, bay.info.Node)
	if err := bay.insert(ctx, d); err != nil {
		return station.Notice{}, err
	}
	var n station.Notice
	select {
	case n = <-s.final[bay.info.Key]:
	case <-ctx.Done():
		return n, ctx.Err()
	}
	if n.Outcome == station.OutcomeAlready && bay.Tray() != disc.TrayOpen {
		s.announce("--- it came back within a minute, so its tray stays shut: somebody presses the button")
		bay.PressButton()
	}
	if bay.Tray() != disc.TrayOpen {
		return n, fmt.Errorf("%s: the station is done with it, and the tray is %s", dd.name, bay.Tray())
	}
	return n, bay.takeOut(ctx)
}

// demoEnd prints the list, says where everything lies, and gives the exit code.
func (a *app) demoEnd(ctx context.Context, m *machine, cfg *Config, dir string, wrong []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	all, err := m.local.List(ctx, web.Query{})
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(all)
	} else {
		fmt.Fprintln(a.out)
		err = a.printList(all)
	}
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }
	if a.json {
		say = a.say
	}
	config := filepath.Join(dir, "config.toml")
	say("\nThe bags lie under %s, one folder a disc:", filepath.Join(dir, "store"))
	id := "ID"
	for _, s := range all {
		for _, c := range s.Copies {
			id = short(s.ID)
			say("  %s", filepath.Join(cfg.Stores[0].Path, c.Key))
		}
	}
	me := program().Name
	if strings.Contains(os.Args[0], "/") {
		me = os.Args[0] // not in $PATH
	}
	say("\nTry on this station:\n  %s show %s --config %s\n  %s ls %s -l -R --config %s\n  %s audit --full --config %s", me, id, config, me, id, config, me, config)
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}
