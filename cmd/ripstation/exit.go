package main

import (
	"context"
	"errors"
	"fmt"

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
