// Write makes docs/messages.md from the code. It is run in the root of the
// repository: `make messages`.
package main

import (
	"fmt"
	"os"

	"ripstation/internal/messages"
)

func main() {
	b, err := messages.Read(".")
	if err == nil {
		for _, a := range b.Amiss {
			fmt.Fprintln(os.Stderr, a)
		}
		err = os.WriteFile("docs/messages.md", []byte(b.Markdown()), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "write docs/messages.md:", err)
	}
	if err != nil || len(b.Amiss) > 0 {
		os.Exit(1)
	}
}
