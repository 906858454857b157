package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ripstation/station"
	"ripstation/web"
)

// Exit codes.
const (
	exitDone     = 0
	exitFailed   = 1 // failed, or needs you
	exitUsage    = 2
	exitMissing  = 3 // done, with sectors missing
	exitFindings = 4
	exitBlind    = 5 // could not look
)

// failure is an error with the exit code that it means. A nil error is one
// that has been told already.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit code %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// usage is a mistake on the command line.
func usage(format string, a ...any) error { return &failure{exitUsage, fmt.Errorf(format, a...)} }

// takes says how many arguments a verb has, and what they are.
func takes(what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(what) && !slices.Contains(args, "") {
			return nil
		}
		if len(what) == 0 {
			return fmt.Errorf("%s takes no argument; %q is one too many", cmd.Name(), args[0])
		}
		return fmt.Errorf("%s takes one argument, %s; it got %d", cmd.Name(), what[0], len(slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "" })))
	}
}

// badFlag says of a flag's value what it should be, in place of what the
// number's parser says.
func badFlag(_ *cobra.Command, err error) error {
	if v := (*pflag.InvalidValueError)(nil); errors.As(err, &v) && v.GetFlag().Value.Type() == "int" {
		return fmt.Errorf("--%s %q: it is a whole number", v.GetFlag().Name, v.GetValue())
	}
	return err
}

// asFailure gives an error of a verb its exit code.
func asFailure(err error) error {
	if err == nil {
		return nil
	}
	if f := (*failure)(nil); errors.As(err, &f) {
		return err
	}
	if e := (*web.Error)(nil); errors.As(err, &e) && e.Code == web.CodeUsage {
		return &failure{exitUsage, err}
	}
	return &failure{exitFailed, err}
}

// tell says what went wrong and gives the exit code. An error that no verb
// made is cobra's: usage.
func (a *app) tell(err error) int {
	if err == nil {
		return exitDone
	}
	f := (*failure)(nil)
	if !errors.As(err, &f) {
		a.say("ripstation: %v", err)
		a.say("See `ripstation --help`.")
		return exitUsage
	}
	if f.err == nil {
		return f.code
	}
	if errors.Is(err, context.Canceled) {
		a.say("ripstation: stopped")
		return f.code
	}
	a.say("ripstation: %v", err)
	if e := (*web.Error)(nil); errors.As(err, &e) && e.Hint != "" {
		a.say("  -> %s", e.Hint)
	}
	return f.code
}

// said checks what a person says of a disc on the command line, by flag, as
// the station and the catalog do: before any work is begun.
func said(words map[string]string) error {
	for _, flag := range slices.Sorted(mapKeys(words)) {
		switch w := words[flag]; {
		case len(w) > 500:
			return usage("--%s: it is %d bytes long; 500 is the most", flag, len(w))
		case !utf8.ValidString(w) || strings.ContainsFunc(w, unicode.IsControl):
			return usage("--%s %q: it holds a control character, or is not UTF-8", flag, w)
		}
	}
	return nil
}

// outcomeCode is the exit code of a disc's end.
func outcomeCode(o station.Outcome) int {
	switch o {
	case station.OutcomeDone, station.OutcomeAlready:
		return exitDone
	case station.OutcomeIncomplete:
		return exitMissing
	}
	return exitFailed
}
