package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version and commit",
		Example: "  ripstation version\n  ripstation version --json",
		Args:    takes(),
		RunE: verb(func(context.Context, []string) error {
			if a.json {
				return a.printJSON(map[string]string{"name": "ripstation", "version": version, "commit": commit, "go": runtime.Version()})
			}
			line := "ripstation " + version
			if commit != "" {
				line += " (" + commit + ")"
			}
			_, err := fmt.Fprintf(a.out, "%s, %s\n", line, runtime.Version())
			return err
		}),
	}
}
