package nights

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/internal/operator"
)

// TestFound plays the nights that once failed, shrunk to what it took. Each is
// a file below testdata with the name of what was wrong; make nights prints one
// for every failure. SHRINK is how often one that fails is tried with less.
func TestFound(t *testing.T) {
	if child() {
		return
	}
	files, err := filepath.Glob("testdata/found/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var n operator.Night
			if err := json.Unmarshal(b, &n); err != nil {
				t.Fatal(err)
			}
			if flaws := aNight(t, n); len(flaws) > 0 {
				t.Errorf("%d flaws:\n%s\n%s", len(flaws), strings.Join(flaws, "\n"), script(n))
				if tries := setting(t, "SHRINK", 0); tries > 0 {
					printShrunk(t, n, tries)
				}
			}
		})
	}
}
