package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestPlace(t *testing.T) {
	doc := []byte("# Head\n")
	doc, err := place(doc, "rip", "first\n")
	must(t, err)
	doc, err = place(doc, "catalog", "other\n")
	must(t, err)
	if want := "# Head\n\n<!-- bench rip -->\nfirst\n<!-- end of bench rip -->\n\n<!-- bench catalog -->\nother\n<!-- end of bench catalog -->\n"; string(doc) != want {
		t.Fatalf("two new sections give\n%s", doc)
	}
	again, err := place(doc, "rip", "second, longer\n")
	must(t, err)
	if want := strings.Replace(string(doc), "first", "second, longer", 1); string(again) != want {
		t.Fatalf("a section written again gives\n%s", again)
	}
	for name, bad := range map[string]string{
		"no end":       "<!-- bench rip -->\n",
		"no beginning": "<!-- end of bench rip -->\n",
		"crossed":      "<!-- end of bench rip -->\n<!-- bench rip -->\n",
		"twice":        string(doc) + string(doc),
	} {
		if out, err := place([]byte(bad), "rip", "x\n"); err == nil {
			t.Errorf("%s: the section was put in all the same:\n%s", name, out)
		}
	}
	if _, err := place(doc, "rip", "<!-- end of bench rip -->\n"); err == nil {
		t.Error("a text that holds markers was put in")
	}
}

func TestPublish(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.WriteFile(document, []byte("mine\n"), 0o644))
	sec := section{table: "| a |\n", method: "So.\n", result: map[string]int{"x": 7}}
	read := func(name string) string {
		b, err := os.ReadFile(name)
		must(t, err)
		return string(b)
	}
	must(t, publish("rip", machine{CPU: "abacus"}, settings{quick: true, talk: io.Discard}, sec))
	if got := read(document); got != "mine\n" {
		t.Errorf("a quick try changed the document: %q", got)
	}
	if _, err := os.Stat(results + "/rip.json"); err == nil {
		t.Error("a quick try wrote the results of a full one")
	}
	must(t, publish("rip", machine{CPU: "abacus"}, settings{talk: io.Discard}, sec))
	got := read(document)
	for _, want := range []string{"mine\n", "make bench-rip", "abacus", "| a |", "So."} {
		if !strings.Contains(got, want) {
			t.Errorf("the document lacks %q:\n%s", want, got)
		}
	}
	var r struct {
		Quick   bool
		Machine machine
		Result  map[string]int
	}
	must(t, json.Unmarshal([]byte(read(results+"/rip.json")), &r))
	if r.Quick || r.Machine.CPU != "abacus" || r.Result["x"] != 7 {
		t.Errorf("results/rip.json says %+v", r)
	}
}

func TestThisMachine(t *testing.T) {
	m, err := thisMachine()
	must(t, err)
	if m.CPU == "" || m.Cores < 1 || m.Memory < 1<<20 || m.Kernel == "" || m.Go == "" || m.Began.IsZero() {
		t.Errorf("this machine is %+v", m)
	}
	if s := m.String(); m.Nice == 0 && strings.Contains(s, "nice") {
		t.Errorf("%q", s)
	}
	m = machine{Commit: "0123456789abcdef-dirty", Nice: -5}
	if s := m.String(); !strings.Contains(s, "commit 0123456789ab with changes.") || !strings.Contains(s, "nice -5") {
		t.Errorf("%q hides that there were changes, or the priority", s)
	}
}

func TestField(t *testing.T) {
	path := t.TempDir() + "/status"
	must(t, os.WriteFile(path, []byte("Name:\tx\nVmHWM:\t  61440 kB\n"), 0o644))
	v, err := field(path, "VmHWM")
	must(t, err)
	n, err := kibibytes(v)
	must(t, err)
	if n != 60<<20 {
		t.Errorf("VmHWM is %d", n)
	}
	if _, err := field(path, "VmPeak"); err == nil {
		t.Error("a line that is not there was found")
	}
	for _, bad := range []string{"", "12", "12 MB", "x kB"} {
		if n, err := kibibytes(bad); err == nil {
			t.Errorf("%q was read as %d", bad, n)
		}
	}
}

func TestBusy(t *testing.T) {
	got, err := busy("cpu  100 20 30 4000 50 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	must(t, err)
	if want := 1710 * time.Millisecond; got != want {
		t.Errorf("busy for %s, want %s", got, want)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 x 4 5 6 7 8 9"} {
		if d, err := busy(bad); err == nil {
			t.Errorf("%q was read as %s", bad, d)
		}
	}
	before := usage{at: time.Unix(0, 0), cpu: time.Second, busy: 10 * time.Second}
	now := usage{at: time.Unix(4, 0), cpu: 2 * time.Second, busy: 14 * time.Second, peak: 5}
	if s := now.since(before, "x"); s != (stage{"x", 4, 1, 5, .75}) {
		t.Errorf("between the two: %+v", s)
	}
}

func TestChoose(t *testing.T) {
	all, err := choose(nil)
	must(t, err)
	if len(all) != len(parts) {
		t.Errorf("no name gives %d parts of %d", len(all), len(parts))
	}
	if _, err := choose([]string{"rip", "nonsense"}); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("an unknown name gives %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
