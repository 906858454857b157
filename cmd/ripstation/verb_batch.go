package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"ripstation/internal/carrierlist"
	"ripstation/web"
)

func (a *app) batchVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "batch",
		Short: "Discs fed one after another: open and close a row of them, what became of it, corrections",
		Long: `A batch is a named row of discs. While one is open, each disc that comes takes
the next place in it. The library's list says what ought to come; the report
tells what became of each.`,
		Example: "  ripstation batch open 2026-17\n  ripstation batch import list.csv\n  ripstation batch close",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.batchOpenVerb(), a.batchCloseVerb(), a.batchReportVerb(), a.batchListVerb(), a.batchImportVerb(), a.batchShiftVerb(), a.batchSwapVerb())
	return cmd
}

// withBooks runs what a verb does on catalog and stores.
func (a *app) withBooks(ctx context.Context, write bool, who *string, do func(b books) error) error {
	cfg, err := loadConfig(a.config)
	if err != nil {
		return err
	}
	if who != nil {
		if err := said(map[string]string{"operator": *who}); err != nil {
			return err
		}
		*who = operator(*who, cfg)
	}
	b, err := a.books(ctx, cfg, write)
	if err != nil {
		return err
	}
	return errors.Join(do(b), b.Close())
}

const operatorHelp = "who says so (default: station.operator, else your user name)"

func (a *app) batchOpenVerb() *cobra.Command {
	var in web.BatchOpen
	cmd := &cobra.Command{
		Use:     "open NAME",
		Short:   "Begin a batch: discs that come from now on take places in it",
		Example: "  ripstation batch open 2026-17\n  ripstation batch open 2026-17 --again",
		Args:    takes("the name of the batch"),
		RunE: verb(func(ctx context.Context, args []string) error {
			in.Name = args[0]
			return a.withBooks(ctx, true, &in.Operator, func(b books) error {
				out, err := b.BatchOpen(ctx, in)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(out)
				}
				a.say("batch %s is open; the next disc takes place %d", one(out.Name), out.Next)
				return nil
			})
		}),
	}
	cmd.Flags().BoolVar(&in.Again, "again", false, "go on with a batch of this name that was closed")
	cmd.Flags().StringVar(&in.Operator, "operator", "", operatorHelp)
	return cmd
}

func (a *app) batchCloseVerb() *cobra.Command {
	var in web.BatchClose
	cmd := &cobra.Command{
		Use:   "close",
		Short: "End the batch that is open, and report it",
		Long: `Close ends the batch that is open and prints its report. Discs that came before
belong to it, also when they are still being read. When every one of them has a
record and is proven in every required store, the station says that they may go
back to the shelf.`,
		Example: "  ripstation batch close\n  ripstation batch close --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			return a.withBooks(ctx, true, &in.Operator, func(b books) error {
				r, err := b.BatchClose(ctx, in)
				if err != nil {
					return err
				}
				return a.printBatch(r)
			})
		}),
	}
	cmd.Flags().StringVar(&in.Operator, "operator", "", operatorHelp)
	return cmd
}

func (a *app) batchReportVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "report [NAME]",
		Short: "What became of a batch: of each expected disc, and of what came besides",
		Long: `Report tells of the batch named, else of the open one, else of the one closed
last: expected = stored + incomplete + not captured + never presented, and of
each disc where it is and what is to be done.`,
		Example: "  ripstation batch report\n  ripstation batch report 2026-17 --json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return nil
			}
			return errors.New("report takes one argument at most, the name of a batch")
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return a.withBooks(ctx, false, nil, func(b books) error {
				r, err := b.BatchReport(ctx, name)
				if err != nil {
					return err
				}
				return a.printBatch(r)
			})
		}),
	}
}

func (a *app) batchListVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the batches, the open one first",
		Example: "  ripstation batch list\n  ripstation batch list --json",
		Args:    takes(),
		RunE: verb(func(ctx context.Context, _ []string) error {
			return a.withBooks(ctx, false, nil, func(b books) error {
				all, err := b.Batches(ctx)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(all)
				}
				return a.printBatches(all)
			})
		}),
	}
}

func (a *app) batchImportVerb() *cobra.Command {
	var in web.BatchImport
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Give a batch the list of the discs that it ought to hold",
		Long: `Import reads a CSV file whose first line names its columns: item, and any of part
(n or n/m), side, title, two-sided (yes, no), in any order; comma or semicolon,
UTF-8. A mistake is told with its line, and then nothing is imported. The same
file again changes nothing; a changed one takes the place of the list, unless it
leaves out a row whose disc came. - reads standard input.`,
		Example: "  ripstation batch import list.csv\n  ripstation batch import list.csv --batch 2026-17",
		Args:    takes("a CSV file"),
		RunE: verb(func(ctx context.Context, args []string) error {
			list, err := a.readList(args[0])
			if err != nil {
				return err
			}
			in.List = list
			return a.withBooks(ctx, true, &in.Operator, func(b books) error {
				out, err := b.BatchImport(ctx, in)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(out)
				}
				a.printImported(out)
				return nil
			})
		}),
	}
	cmd.Flags().StringVar(&in.Batch, "batch", "", "the batch (default: the open one)")
	cmd.Flags().StringVar(&in.Operator, "operator", "", operatorHelp)
	return cmd
}

// readList reads a list's file, bounded, and finds its mistakes before anything
// is asked.
func (a *app) readList(path string) (string, error) {
	var r io.Reader = a.in
	if path != "-" {
		f, err := given(path, "a CSV file", true)
		if err != nil {
			return "", err
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, carrierlist.MaxBytes+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := carrierlist.Parse(b); err != nil {
		return "", usage("%s: %w; nothing was imported", path, err)
	}
	return string(b), nil
}

func (a *app) batchShiftVerb() *cobra.Command {
	var in web.BatchShift
	var back bool
	cmd := &cobra.Command{
		Use:   "shift FROM TO +1|-1",
		Short: "Move the identifiers of a run of places one on or back",
		Long: `Shift moves item, part and side of places FROM to TO one place on (+1) or back
(-1): when a barcode was scanned twice, or a disc was put in without one. The
place that they move onto must have no identifier; the one that they leave is
left without. Nothing is changed in the images or in a store; each disc gets an
event.`,
		Example: "  ripstation batch shift 5 20 +1\n  ripstation batch shift 5 20 -1 --batch 2026-17",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 3 && !back || len(args) == 2 && back {
				return nil
			}
			return errors.New("shift takes the first place, the last one, and +1 or -1: shift 5 20 +1")
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			var err error
			if in.From, err = placeNumber(args[0]); err == nil {
				in.To, err = placeNumber(args[1])
			}
			if err != nil {
				return err
			}
			switch {
			case back, args[2] == "-1":
				in.By = -1
			case args[2] == "+1", args[2] == "1":
				in.By = 1
			default:
				return usage("%q: places are shifted by +1 or -1", args[2])
			}
			if in.From > in.To {
				return usage("places %d to %d: the first is the lower one", in.From, in.To)
			}
			return a.withBooks(ctx, true, &in.Operator, func(b books) error {
				out, err := b.BatchShift(ctx, in)
				if err != nil {
					return err
				}
				return a.printMoved(out)
			})
		}),
	}
	cmd.Flags().BoolVarP(&back, "back", "1", false, "one place back") // how -1 is read
	a.correctionFlags(cmd, &in.Batch, &in.Operator)
	return cmd
}

func (a *app) batchSwapVerb() *cobra.Command {
	var in web.BatchSwap
	cmd := &cobra.Command{
		Use:   "swap A B",
		Short: "Exchange the identifiers of two places",
		Long: `Swap exchanges item, part and side of two discs of a batch: when two were
scanned in the wrong order. Nothing is changed in the images or in a store; each
disc gets an event.`,
		Example: "  ripstation batch swap 3 4\n  ripstation batch swap 3 4 --batch 2026-17 --operator eve",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return errors.New("swap takes the numbers of two places: swap 3 4")
		},
		RunE: verb(func(ctx context.Context, args []string) error {
			var err error
			if in.A, err = placeNumber(args[0]); err == nil {
				in.B, err = placeNumber(args[1])
			}
			if err != nil {
				return err
			}
			return a.withBooks(ctx, true, &in.Operator, func(b books) error {
				out, err := b.BatchSwap(ctx, in)
				if err != nil {
					return err
				}
				return a.printMoved(out)
			})
		}),
	}
	a.correctionFlags(cmd, &in.Batch, &in.Operator)
	return cmd
}

// correctionFlags are those of a verb that corrects.
func (a *app) correctionFlags(cmd *cobra.Command, batch, who *string) {
	cmd.Flags().StringVar(batch, "batch", "", "the batch (default: the open one, else the one closed last)")
	cmd.Flags().StringVar(who, "operator", "", operatorHelp)
}

func placeNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, usage("%q is no place of a batch: places are numbers from 1 on", s)
	}
	return n, nil
}
