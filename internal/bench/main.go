// Command bench takes the figures of BENCHMARKS.md. Run in the module's root,
// with the names of parts or with none for all; each part prints a table,
// writes results/NAME.json and puts its section into BENCHMARKS.md.
//
// QUICK=1 tries the bench itself on small discs at memory speed. What it
// measures then is no figure: it goes to results/NAME-quick.json and stays out
// of BENCHMARKS.md. DIR=FOLDER works there, to measure another disk; STORE=FOLDER has the archive's
// store there instead of in memory. PROFILE=1 leaves CPU profiles under results. ROUNDS=N
// holds the contest of the archive N times.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// part is one thing that can be measured.
type part struct {
	name string
	run  func(ctx context.Context, s settings) (section, error)
}

var parts = []part{{"rip", benchRip}, {"files", benchFiles}, {"bays", benchBays}, {"archive", benchArchive}}

// settings are what a person may say of a measurement.
type settings struct {
	quick   bool
	profile bool
	dir     string    // where to work
	talk    io.Writer // how it goes
}

// section is what a part has measured: for people, and for programs.
type section struct {
	table  string // Markdown
	method string // how it was measured and what it does not say: one paragraph
	result any    // for the JSON file
}

var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stopped := ctx.Err() != nil
	stop()
	switch {
	case err != nil && stopped:
		if len(os.Args) != 2 || children[os.Args[1]] == nil { // one says it
			fmt.Fprintln(os.Stderr, "bench: stopped; the part under way has written nothing")
		}
		os.Exit(1)
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 1 {
		if child, ok := children[args[0]]; ok {
			return child(ctx, os.Stdin, os.Stdout)
		}
	}
	wanted, err := choose(args)
	if err != nil {
		return err
	}
	s := settings{quick: os.Getenv("QUICK") != "", profile: os.Getenv("PROFILE") != "", dir: cmp.Or(os.Getenv("DIR"), workRoot), talk: os.Stderr}
	m, err := thisMachine()
	if err != nil {
		return err
	}
	for _, p := range wanted {
		sec, err := p.run(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err := publish(p.name, m, s, sec); err != nil {
			return err
		}
	}
	return nil
}

// choose finds the parts by their names; all for none.
func choose(names []string) (wanted []part, err error) {
	if len(names) == 0 {
		return parts, nil
	}
	var known []string
	for _, p := range parts {
		known = append(known, p.name)
	}
names:
	for _, n := range names {
		for _, p := range parts {
			if p.name == n {
				wanted = append(wanted, p)
				continue names
			}
		}
		return nil, fmt.Errorf("%w: there is no benchmark %q; there are: %s", errUsage, n, strings.Join(known, ", "))
	}
	return wanted, nil
}
