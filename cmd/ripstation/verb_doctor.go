package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// state is what an examination saw of one thing.
type state string

const (
	fine    state = "ok"
	problem state = "problem"
	unseen  state = "cannot tell"
)

// diagnosis is one line of doctor. There is none for what was not looked at.
type diagnosis struct {
	About string `json:"about"` // "store archive", "spool"
	What  string `json:"what"`
	State state  `json:"state"`
	Text  string `json:"text"` // what was seen, empty when there is nothing to say
	Do    string `json:"do"`   // what to do, empty when nothing is
}

// examiner is what examinations have at hand.
type examiner struct {
	cfg       *Config
	only      string // the one store to look at, empty for everything
	tryDelete bool
	tell      func(diagnosis)
	say       func(format string, args ...any) // talk beside the lines
	host      *host
	running   running
}

// line tells one thing about a subject.
func (e *examiner) line(about, what string, s state, text, do string) {
	e.tell(diagnosis{about, what, s, text, do})
}

// An examination looks at one part of the machine and tells what it saw. It
// bounds its own time. One is added by a file that hands it to examine.
type examination struct {
	place int // among the others, the lowest first
	look  func(ctx context.Context, e *examiner)
}

var examinations []examination

func examine(place int, look func(ctx context.Context, e *examiner)) bool {
	examinations = append(examinations, examination{place, look})
	return true
}

func (a *app) doctorVerb() *cobra.Command {
	var store string
	var tryDelete bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether stores, folders, clock and drives are fit for work",
		Long: `Doctor looks at the stores of the configuration, the spool and the catalog's
folder, the clock, the drives and what this machine does to them: udev's rule,
who may use the nodes, settings of the kernel, what mounts discs or has a drive
open. Every line says ok, problem or cannot tell, and what to do. It puts a few
small objects below probe/ into each store, which stay there, and deletes
nothing. A drive is asked who it is and what its tray does; one that a running
station has is not disturbed. As root it sees every program, and looks at the
rights of the user that the service names.

Exit codes: 0 all is ok, 4 there is a problem, 5 something could not be told.`,
		Example: "  ripstation doctor\n  ripstation doctor --store archive --try-delete\n  ripstation doctor --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			cfg, err := loadConfig(a.config)
			if err != nil {
				return err
			}
			if store != "" {
				if _, err := cfg.storeNamed(store); err != nil {
					return err
				}
			}
			return a.doctor(ctx, &examiner{cfg: cfg, only: store, tryDelete: tryDelete, say: a.say, host: thisHost()})
		}),
	}
	cmd.Flags().StringVar(&store, "store", "", "look at this store only")
	cmd.Flags().BoolVar(&tryDelete, "try-delete", false, "try to delete a probe object of each S3 store, to prove that its key may not")
	return cmd
}

func (a *app) doctor(ctx context.Context, e *examiner) error {
	all := []diagnosis{}
	worst := exitDone
	about := ""
	e.tell = func(d diagnosis) {
		all = append(all, d)
		switch {
		case d.State == problem:
			worst = exitFindings
		case d.State == unseen && worst == exitDone:
			worst = exitBlind
		}
		if a.json {
			return
		}
		if d.About != about {
			about = d.About
			fmt.Fprintf(a.out, "%s\n", one(about))
		}
		text := d.What
		if d.Text != "" {
			text += ": " + d.Text
		}
		fmt.Fprintf(a.out, "  %-11s  %s\n", d.State, one(text))
		if d.Do != "" {
			fmt.Fprintf(a.out, "               -> %s\n", one(d.Do))
		}
	}
	slices.SortStableFunc(examinations, func(x, y examination) int { return cmp.Compare(x.place, y.place) })
	e.running = askStation(ctx, e.cfg.Station.Socket)
	for _, x := range examinations {
		x.look(ctx, e)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.printJSON(all); err != nil {
			return err
		}
	}
	if worst != exitDone {
		return &failure{code: worst}
	}
	return nil
}

// bounded is a time in which one question must be answered.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*time.Minute)
}
