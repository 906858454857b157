package ripstation_test

import (
	"fmt"
	"strings"
	"testing"

	"ripstation/discfs"
)

// TestChecksAreDocumented holds docs/checks.md against the checks that there are, whose
// numbers stand once each and in order.
func TestChecksAreDocumented(t *testing.T) {
	doc := read(t, "docs/checks.md")
	last, rows := "", 0
	for _, c := range discfs.Codes() {
		if c.Number <= last {
			t.Errorf("the check %s comes behind %s", c.Number, last)
		}
		last = c.Number
		if !strings.Contains(doc, fmt.Sprintf("| %s | %s |\n", c.Number, c.Name)) {
			t.Errorf("docs/checks.md has no row of its own for %s, %q", c.Number, c.Name)
		}
		rows++
	}
	if n := strings.Count(doc, "\n| F"); n != rows {
		t.Errorf("docs/checks.md has %d rows, there are %d checks", n, rows)
	}
}
