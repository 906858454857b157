package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/blockreader"
	"ripstation/station"
	"ripstation/web"
)

func (a *app) ripVerb() *cobra.Command {
	var in station.Request
	var part string
	cmd := &cobra.Command{
		Use:   "rip SOURCE",
		Short: "Image one disc, or take in one image file",
		Long: `Rip reads the disc that is in a drive (by its node, short name, key, or its name
in drives.names), or an image file, through the same story as a disc put into a
running station. When a station runs it does the work; else this command does, until the image has
been read back from every required store.

The exit code is 0 when everything was read (or the disc was archived
already), 3 when it is archived with sectors missing, 1 when a person is
needed.`,
		Example: "  ripstation rip /dev/sr0 --item 31234000567890 --part 1/2 --side A --operator ada\n  ripstation rip old-backup.iso --title \"Backup 1999\"",
		Args:    takes("a drive or an image file"),
		RunE: verb(func(ctx context.Context, args []string) error {
			in.Source = args[0]
			if err := said(map[string]string{"item": in.Item, "title": in.Title, "side": in.Side, "operator": in.Operator}); err != nil {
				return err
			}
			return a.rip(ctx, in, part)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Item, "item", "", "barcode or call number of the item that the disc belongs to")
	f.StringVar(&in.Title, "title", "", "the item's title")
	f.StringVar(&part, "part", "", "which part of the item this is, as n or n/m")
	f.StringVar(&in.Side, "side", "", "which side of the disc, as A or B")
	f.StringVar(&in.Operator, "operator", "", "who does it (default: station.operator, else your user name)")
	return cmd
}

// parsePart reads "2" or "2/3"; parts is 0 when it is not told.
func parsePart(s string) (part, parts int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	n, m, whole := strings.Cut(s, "/")
	if part, err = strconv.Atoi(strings.TrimSpace(n)); err == nil && whole {
		parts, err = strconv.Atoi(strings.TrimSpace(m))
	}
	if err != nil || part < 1 || (whole && parts < part) {
		return 0, 0, usage("--part %q: it is written as 2 or 2/3, the part first", s)
	}
	return part, parts, nil
}

// ripResult is what `rip --json` prints.
type ripResult struct {
	Outcome station.Outcome `json:"outcome"`
	Word    station.Word    `json:"word"`
	Text    string          `json:"text"`
	Hint    string          `json:"hint"`
	Drive   string          `json:"drive"`
	ID      string          `json:"id"`
	Record  *catalog.View   `json:"record"`
}

func (a *app) rip(ctx context.Context, in station.Request, part string) error {
	var err error
	if in.Part, in.Parts, err = parsePart(part); err != nil {
		return err
	}
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	in.Operator = operator(in.Operator, cfg)
	if in.Source, err = sourcePath(nodePath(in.Source)); err != nil {
		return err
	}
	c, err := web.Dial(ctx, cfg.Station.Socket)
	next := "what was read is kept; the same command goes on with it"
	switch {
	case err == nil:
		defer c.Close()
		err, next = a.ripThere(ctx, c, in), "the station goes on with the disc; `ripstation status` shows it"
	case errors.Is(err, web.ErrNotRunning):
		err = a.ripHere(ctx, cfg, in)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped; %s", next)
	}
	return err
}

// ripThere has the running station do it.
func (a *app) ripThere(ctx context.Context, c *web.Client, in station.Request) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	notices, err := c.Notices(ctx)
	if err != nil {
		return err
	}
	since := time.Now()
	r, err := c.Rip(ctx, in)
	if err != nil {
		return err
	}
	final, err := a.teller().follow(ctx, notices, &story{drive: r.Drive.Key, since: since})
	if err != nil {
		return err
	}
	return a.ripped(ctx, remote{c}, final, in)
}

// ripped tells the end and gives its exit code.
func (a *app) ripped(ctx context.Context, b books, final station.Notice, in station.Request) error {
	unnamed := ""
	res := ripResult{Outcome: final.Outcome, Word: final.Word, Text: final.Text, Hint: final.Hint, Drive: final.Drive, ID: final.ID}
	if final.ID != "" {
		v, err := b.Show(ctx, final.ID)
		if err == nil {
			res.Record = &v
		} else if e := (*web.Error)(nil); !errors.As(err, &e) || e.Code != web.CodeNotFound {
			return err // a disc that was not recorded has no record to show
		}
		switch left, any := unheard(v, in); {
		case err != nil || !any:
		case final.Outcome == station.OutcomeAlready && v.Item == nil:
			// It may be a further copy of that pressing (docs/decisions/0012-which-disc.md).
			unnamed = fmt.Sprintf("nothing was named: %s holds the same bytes, and nobody has said which item that is; if it is this disc: ripstation annotate %s --item %s", short(final.ID), short(final.ID), shellWord(in.Item))
		default:
			if v, err = b.Annotate(ctx, final.ID, left); err != nil {
				return fmt.Errorf("what was said of the disc is not in its record; say it with `ripstation annotate %s`: %w", short(final.ID), err)
			}
			a.say("what you said of the disc came after its image was sealed; its record has it now")
			res.Record = &v
		}
	}
	if a.json {
		if err := a.printJSON(res); err != nil {
			return err
		}
	} else if res.Record != nil {
		if err := a.printView(*res.Record); err != nil {
			return err
		}
	}
	if unnamed != "" {
		return errors.New(unnamed)
	}
	if code := outcomeCode(final.Outcome); code != exitDone {
		return &failure{code: code}
	}
	return nil
}

// unheard is what was said of a disc and is not in its record: it had been
// read before, without it. What the record knows already stays.
func unheard(v catalog.View, in station.Request) (out web.Annotation, any bool) {
	if v.Item == nil && in.Item != "" {
		out.Item, any = &in.Item, true
	}
	if v.Title == nil && in.Title != "" {
		out.Title, any = &in.Title, true
	}
	if v.Side == nil && in.Side != "" {
		out.Side, any = &in.Side, true
	}
	if v.Part == nil && in.Part > 0 {
		parts := max(in.Parts, in.Part)
		out.Part, out.Parts, any = &in.Part, &parts, true
	}
	out.Operator = in.Operator
	return out, any
}

// ripHere does it in this process, with a station of its own that works on
// the same spool, catalog and stores.
func (a *app) ripHere(ctx context.Context, cfg *Config, in station.Request) error {
	in.Source = nodePath(cfg.Drives.called(in.Source))
	if !isOptical(in.Source) {
		// Looked at before a station is built for it.
		src, err := blockreader.Open(in.Source)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: no such drive or file; `ripstation drives` lists the drives", in.Source)
		}
		if err != nil {
			return err
		}
		if err := src.Close(); err != nil {
			return err
		}
	}
	log := a.newLog(cfg.Log).Level(zerolog.ErrorLevel) // the rest is told as the story
	h, watching, err := ripHands(ctx, cfg, in.Source, log)
	if err != nil {
		return err
	}
	m, err := assemble(ctx, cfg, h, log)
	if err != nil {
		return err
	}
	err = m.ripOne(ctx, a, watching, in)
	return errors.Join(err, m.close())
}

func (m *machine) ripOne(ctx context.Context, a *app, watching func(context.Context) error, in station.Request) error {
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	g.Go(func() error { return watching(ctx) })
	g.Go(func() error { return m.Run(ctx) })
	var told error
	g.Go(func() error {
		defer stop()
		notices, unlisten := m.Listen()
		defer unlisten()
		since := time.Now()
		d, err := m.ripMet(ctx, in)
		if err != nil {
			return err
		}
		final, err := a.teller().follow(ctx, notices, &story{drive: d.Key, since: since})
		if err != nil {
			return err
		}
		told = a.settle(ctx, m, final, in)
		return nil
	})
	err := g.Wait()
	if err == nil || (errors.Is(err, context.Canceled) && outer.Err() == nil && told != nil) {
		err = told
	}
	return err
}

// metWithin is how long a drive may take to tell who it is.
const metWithin = time.Minute

// ripMet asks for a disc as soon as the station has met its drive, which the
// watcher of this process is only just looking at.
func (m *machine) ripMet(ctx context.Context, in station.Request) (d disc.Drive, err error) {
	for end := time.Now().Add(metWithin); ; {
		d, err = m.Rip(ctx, in)
		if !errors.Is(err, station.ErrNoDrive) || !isOptical(in.Source) || time.Now().After(end) {
			return d, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}

// settle stays until the copies have been read back: nobody else would.
func (a *app) settle(ctx context.Context, m *machine, final station.Notice, in station.Request) error {
	if final.ID != "" {
		a.say("waiting until the required copies have been read back; Ctrl-C leaves that to the next start")
		if err := m.Settled(ctx, final.ID); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("stopped while copies were being sent or read back; the next start of ripstation goes on with it")
			}
			return err
		}
	}
	if err := a.ripped(ctx, m.local, final, in); err != nil {
		return errors.Join(err, m.Mailed(ctx))
	}
	return m.Mailed(ctx)
}

// ripHands are the hands for one source. A drive is watched, so that its
// button and its disc's leaving are noticed; the disc that is in it already is
// asked for by the request alone.
func ripHands(ctx context.Context, cfg *Config, source string, log zerolog.Logger) (hands, func(context.Context) error, error) {
	if !isOptical(source) {
		return hands{open: newOpener(cfg.Read).open}, func(ctx context.Context) error { <-ctx.Done(); return nil }, nil
	}
	one := *cfg
	one.Drives.Include, one.Drives.Exclude = []string{source}, nil
	met := make(chan struct{})
	var once sync.Once
	h, run := watch(&one, log, func(ev disc.DriveEvent) bool {
		once.Do(func() { close(met) })
		return !(ev.Kind == disc.EventInserted && ev.AtStart)
	})
	// The first open waits until the watcher has given the drive its key.
	open := h.open
	h.open = func(ctx context.Context, d disc.Drive) (station.Drive, error) {
		select {
		case <-met:
		case <-time.After(time.Minute):
			log.Warn().Str("drive", source).Msg("the watcher has not met the drive within a minute; it is named by its node")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return open(ctx, d)
	}
	return h, run, ctx.Err()
}
