package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ripstation/station"
	"ripstation/web"
)

func (a *app) scanVerb() *cobra.Command {
	var in web.ScanRequest
	var part string
	var cancel, list bool
	cmd := &cobra.Command{
		Use:   "scan CODE",
		Short: "Say which item the next disc belongs to, before it is put in",
		Long: `Scan holds an identifier until one disc comes: scan, then put the disc in, one
after the other. When it was quiet for identity.settle and every scan has met
exactly one disc, each disc gets its own; else none of them gets any, and their
records say that they need one. It is never guessed.

With --drive the identifier belongs to the disc in that drive at once, or to the
next one that comes into it when it is empty.

"scan -" reads codes from a barcode scanner that types, one a line, until the end
of input. A line "drive:NAME" says that the next code is for that drive; a line
"cancel:" takes back what waits. A running station is needed.`,
		Example: "  ripstation scan 31234000567890 --part 1/2\n  ripstation scan 31234000567890 --drive 2 --wait\n  ripstation scan -\n  ripstation scan --list",
		Args: func(_ *cobra.Command, args []string) error {
			switch n := len(args); {
			case cancel && list:
				return fmt.Errorf("--cancel and --list do not go together")
			case (cancel || list) && n > 0:
				return fmt.Errorf("--cancel and --list take no code; %q is one too many", args[0])
			case n == 1 && args[0] == "":
				return fmt.Errorf("the code is empty; scan it again")
			case !cancel && !list && n != 1:
				return fmt.Errorf("scan takes one argument, the code; or - to read codes, one a line; it got %d", n)
			}
			return nil
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			var err error
			if in.Part, in.Parts, err = parsePart(part); err != nil {
				return err
			}
			if err := said(map[string]string{"title": in.Title, "side": in.Side, "drive": in.Drive, "operator": in.Operator}); err != nil {
				return err
			}
			alone := in.Title == "" && in.Side == "" && part == "" && !in.Wait
			switch {
			case list:
				if !alone || in.Drive != "" {
					return usage("--list goes with no other flag of scan")
				}
				return a.scans(ctx)
			case cancel:
				if !alone {
					return usage("--cancel goes with --drive alone")
				}
				return a.cancelScans(ctx, in.Drive)
			case args[0] == "-":
				if !alone || in.Drive != "" {
					return usage("scan - takes --operator alone: what is said of one disc cannot be said of all")
				}
				return a.scanLines(ctx, in.Operator)
			}
			in.Code = args[0]
			return a.scan(ctx, in)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&in.Title, "title", "", "the item's title")
	f.StringVar(&part, "part", "", "which part of the item the disc is, as n or n/m")
	f.StringVar(&in.Side, "side", "", "which side of the disc, as A or B")
	f.StringVar(&in.Drive, "drive", "", "the drive that the disc is in or will be put into: node, short name, key, or its name in drives.names")
	f.StringVar(&in.Operator, "operator", "", "who scans (default: station.operator, else your user name)")
	f.BoolVar(&in.Wait, "wait", false, "wait until it is known which disc it belongs to")
	f.BoolVar(&cancel, "cancel", false, "take back what waits; with --drive, for that drive")
	f.BoolVar(&list, "list", false, "show what waits, and the last that are decided")
	return cmd
}

// bench speaks to the running station; without one a scan would be lost.
func (a *app) bench(ctx context.Context) (*web.Client, *Config, error) {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return nil, nil, err
	}
	c, err := web.Dial(ctx, cfg.Station.Socket)
	if errors.Is(err, web.ErrNotRunning) {
		return nil, nil, fmt.Errorf("%w; a scan waits in the running station for its disc: start it with `ripstation run`. Without one, `ripstation rip SOURCE --item CODE` names a disc", err)
	}
	return c, cfg, err
}

func (a *app) scan(ctx context.Context, in web.ScanRequest) error {
	if err := checkCode(in.Code); err != nil {
		return err
	}
	c, cfg, err := a.bench(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	in.Operator = operator(in.Operator, cfg)
	sc, err := c.Scan(ctx, in)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(sc)
	} else {
		_, err = fmt.Fprintln(a.out, scanWords(sc))
	}
	if err != nil {
		return err
	}
	if sc.Hint != "" && !a.json {
		a.say("  -> %s", one(sc.Hint))
	}
	if !scanGoesWell(sc) {
		return &failure{code: exitFailed}
	}
	return nil
}

// scanGoesWell reports whether the disc of a scan has its identifier, or still
// can get it.
func scanGoesWell(sc station.Scan) bool {
	switch sc.State {
	case station.ScanWaits, station.ScanMatched, station.ScanBound:
		return true
	}
	return false
}

// scanWords is a scan and what became of it, on one line.
func scanWords(sc station.Scan) string {
	text := one(sc.Code) + ": " + one(sc.Text)
	if sc.ID != "" {
		text += " (disc " + short(sc.ID) + ")"
	}
	return text
}

// checkCode bounds what is scanned, before a station is asked.
func checkCode(code string) error {
	if err := said(map[string]string{"code": code}); err != nil {
		return usage("the code %q: it is longer than 500 bytes, holds a control character, or is not UTF-8", code[:min(len(code), 60)])
	}
	return nil
}

func (a *app) cancelScans(ctx context.Context, drive string) error {
	c, _, err := a.bench(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.CancelScans(ctx, drive)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.say("nothing waited")
	}
	for _, sc := range list {
		fmt.Fprintln(a.out, scanWords(sc))
	}
	return nil
}

func (a *app) scans(ctx context.Context) error {
	c, _, err := a.bench(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.Scans(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.say("nothing was scanned since the station was started")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SCANNED\tCODE\tDISC\tSTATE\t")
	for _, sc := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", moment(sc.Time), one(sc.Code), orDash(ptr(short(sc.ID))), one(string(sc.State)), one(sc.Text))
	}
	return w.Flush()
}
