package ripstation_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDocumentsPointAtWhatIsThere follows every relative link of the documents.
func TestDocumentsPointAtWhatIsThere(t *testing.T) {
	docs, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, doc := range append(docs, more...) {
		for _, m := range link.FindAllStringSubmatch(read(t, doc), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			}
		}
	}
}

// TestDocumentsNameTheMakeTargets holds `make ...` in the documents against the
// Makefile.
func TestDocumentsNameTheMakeTargets(t *testing.T) {
	makefile := read(t, "Makefile")
	command := regexp.MustCompile("(?m)(?:^    |`)make ([a-z0-9-]+)")
	for _, doc := range []string{"README.md", "CONTRIBUTING.md", "BENCHMARKS.md"} {
		found := command.FindAllStringSubmatch(read(t, doc), -1)
		for _, m := range found {
			target := m[1]
			if strings.HasPrefix(target, "bench-") {
				target = "bench-%"
			}
			if !strings.Contains(makefile, "\n"+target+":") {
				t.Errorf("%s says `make %s`; the Makefile has no such target", doc, m[1])
			}
		}
		if len(found) == 0 && doc != "BENCHMARKS.md" {
			t.Errorf("%s names no make target", doc)
		}
	}
}

// TestArchitectureSaysWhyOfEveryDependency holds its table against go.mod.
func TestArchitectureSaysWhyOfEveryDependency(t *testing.T) {
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)
	table := read(t, "ARCHITECTURE.md")
	for _, m := range direct.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		name := m[1]
		if strings.HasPrefix(name, "github.com/aws/aws-sdk-go-v2/") {
			name = "github.com/aws/aws-sdk-go-v2"
		}
		if !strings.Contains(table, name) {
			t.Errorf("ARCHITECTURE.md does not say why %s is needed", m[1])
		}
	}
}

// TestArchitectureKnowsTheRooms holds its list of rooms against the folders
// that hold Go code.
func TestArchitectureKnowsTheRooms(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, seen := read(t, "ARCHITECTURE.md"), map[string]bool{}
	for _, p := range strings.Fields(string(out)) {
		room, _, _ := strings.Cut(strings.TrimPrefix(p, "ripstation/"), "/")
		if p == "ripstation" || seen[room] {
			continue
		}
		seen[room] = true
		if !strings.Contains(text, "\n    "+room+"/") {
			t.Errorf("ARCHITECTURE.md has no line for %s/", room)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d rooms were found", len(seen))
	}
}

// TestReadmeKnowsTheVerbs holds the README's table of commands, and its exit
// codes, against the program's own help.
func TestReadmeKnowsTheVerbs(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "ripstation")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/ripstation").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	help, err := exec.Command(bin, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	readme := read(t, "README.md")
	verbs := regexp.MustCompile(`(?m)^  ([a-z]+) {2,}`).FindAllStringSubmatch(string(help), -1)
	if len(verbs) < 10 {
		t.Fatalf("the help names %d verbs:\n%s", len(verbs), help)
	}
	for _, v := range verbs {
		if v[1] == "help" || v[1] == "ripstation" {
			continue
		}
		if !regexp.MustCompile("`" + v[1] + "[` ]").MatchString(readme) {
			t.Errorf("the README does not tell of `%s`", v[1])
		}
	}
	for code, word := range map[int]string{0: "done", 1: "failed", 2: "usage", 3: "sectors", 4: "findings", 5: "could not look"} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \| .*%s`, code, word)).MatchString(readme) {
			t.Errorf("the README does not say that exit code %d means %q", code, word)
		}
		if !strings.Contains(string(help), fmt.Sprintf("%d ", code)) {
			t.Errorf("the help does not name exit code %d", code)
		}
	}
	for _, m := range regexp.MustCompile(`bin/ripstation ([a-z]+)`).FindAllStringSubmatch(readme, -1) {
		if err := exec.Command(bin, m[1], "--help").Run(); err != nil {
			t.Errorf("the README's `ripstation %s`: %v", m[1], err)
		}
	}
}
