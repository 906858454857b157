package apple_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/apple"
	"ripstation/discfs/tree"
)

// The hybrids of a real program pass all that they have.
func TestHybridsOfGenisoimage(t *testing.T) {
	for name, options := range map[string][]string{"bare": {"-hfs"}, "partition map": {"-hfs", "-part"}} {
		dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(filepath.Join(dir, "file"), bytes.Repeat([]byte("hello "), 50_000), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("genisoimage", append(options, "-quiet", "-o", image, dir)...).CombinedOutput(); err != nil {
			t.Fatalf("genisoimage (Debian package genisoimage): %v\n%s", err, out)
		}
		p, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		passed := 0
		for _, c := range apple.Read(tree.NewSource(bytes.NewReader(p), int64(len(p)))).Checks {
			switch c.Outcome {
			case disc.Pass:
				passed++
			case disc.NotApplicable:
			default:
				t.Errorf("%s: %s %s: %s", name, c.Code, c.Outcome, c.Message)
			}
		}
		if want := 2 * len(options); passed != want {
			t.Errorf("%s: %d checks pass, want %d", name, passed, want)
		}
	}
}
