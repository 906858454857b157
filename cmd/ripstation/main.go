// Command ripstation images optical discs into an archive. It holds the wiring
// only: flags, configuration, signals, exit codes; one file a verb.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"ripstation/catalog"
)

// version and commit are set by the linker.
var (
	version = "0.1.0-dev"
	commit  = ""
)

func program() catalog.Program {
	return catalog.Program{Name: "ripstation", Version: version, Commit: commit}
}

func main() {
	// The first signal asks for a clean end, a second one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
