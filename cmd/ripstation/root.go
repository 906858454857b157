package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ripstation/internal/crashpoint"
)

// app is what every verb has at hand: the streams and the flags of the root.
type app struct {
	in        io.Reader
	out       io.Writer // results; made safe for a terminal
	raw       io.Writer // the bytes of files; as they are, unless it is a terminal
	talk      io.Writer // everything else; made safe for a terminal
	err       io.Writer // stderr as it is, for progress bars and logs
	terminal  bool      // stderr is one
	config    string    // --config
	json      bool      // --json
	noStation bool      // tests: never use a running station
}

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: safeWriter{out}, talk: safeWriter{errs}, err: errs}
	a.raw, a.terminal = out, isTerminal(errs)
	if isTerminal(out) {
		a.raw = a.out
	}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(a.talk)
	if err := crashpoint.Check(os.Getenv(crashpoint.Variable)); err != nil {
		return a.tell(&failure{exitUsage, err})
	}
	return a.tell(root.ExecuteContext(ctx))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ripstation",
		Short: "Image optical discs into an archive",
		Long: `ripstation images optical discs: a disc goes in; a sealed ISO, its record and
its copies in the archive come out; the tray opens.

Exit codes: 0 done, 1 failed or needs you, 2 usage, 3 done with sectors
missing, 4 findings, 5 could not look.`,
		Example:           "  ripstation run\n  ripstation rip /dev/sr0 --item 31234000567890\n  ripstation list",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().StringVar(&a.config, "config", "", "configuration file (default $RIPSTATION_CONFIG, else "+systemConfig+")")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print results as JSON")
	root.SetFlagErrorFunc(badFlag)
	root.AddCommand(a.runVerb(), a.ripVerb(), a.drivesVerb(), a.statusVerb(), a.listVerb(), a.showVerb(), a.findVerb(), a.annotateVerb(),
		a.lsVerb(), a.catVerb(), a.extractVerb(), a.inspectVerb(),
		a.ejectVerb(), a.auditVerb(), a.restoreVerb(), a.verifyVerb(), a.repairVerb(), a.handoverVerb(), a.configVerb(), a.demoVerb(), a.versionVerb())
	root.AddCommand(a.reviewVerb(), a.retryVerb(), a.acceptVerb(), a.rejectVerb(), a.noteVerb(), a.photoVerb())
	root.AddCommand(a.doctorVerb(), a.storeVerb(), a.catalogVerb(), a.withdrawVerb(), a.batchVerb())
	root.AddCommand(a.scanVerb())
	return root
}

// verb makes what a verb does fit for cobra: its errors are no usage errors
// unless it says so.
func verb(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error { return asFailure(do(cmd.Context(), args)) }
}

// printJSON prints one result.
func (a *app) printJSON(v any) error {
	b, err := safeJSON(v, "  ")
	if err != nil {
		return err
	}
	_, err = a.out.Write(append(b, '\n'))
	return err
}

func (a *app) say(format string, args ...any) { fmt.Fprintf(a.talk, format+"\n", args...) }
