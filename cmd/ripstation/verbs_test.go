package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// Every verb says how it is used, and the words that it gives as an example
// are words that the program knows.
func TestExamplesOfEveryVerb(t *testing.T) {
	var walk func(c *cobra.Command)
	n := 0
	walk = func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no description", c.CommandPath())
		}
		for _, line := range strings.Split(c.Example, "\n") {
			words := exampleWords(line)
			if len(words) == 0 || words[0] != "ripstation" {
				t.Errorf("%s: example %q does not begin with ripstation", c.CommandPath(), line)
				continue
			}
			a := ripstation(t, append(words[1:], "--help")...)
			if a.code != exitDone || !strings.Contains(a.out, "Usage:") {
				t.Errorf("%q --help: exit %d\n%s%s", line, a.code, a.out, a.talk)
			}
			n++
		}
		for _, sub := range c.Commands() {
			if !sub.Hidden && sub.Name() != "help" {
				walk(sub)
			}
		}
	}
	walk((&app{out: os.Stdout, talk: os.Stderr}).root())
	if n < 13 {
		t.Errorf("only %d examples were tried", n)
	}
}

var quoted = regexp.MustCompile(`"([^"]*)"|(\S+)`)

func exampleWords(line string) (words []string) {
	for _, m := range quoted.FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}

func TestExitCodesOfRip(t *testing.T) {
	s := startSim(t, "sim0")
	scratched := simdrive.DVDROM(iso(t, "SCRATCHED", 2000, 2), 2000)
	scratched.Damage().Bad(disc.Extent{Start: 1000, Count: 16})
	for _, c := range []struct {
		name string
		disc *simdrive.Disc
		code int
		talk string
	}{
		{"clean", simdrive.PressedCD(iso(t, "CLEAN", 2000, 1), 2000), exitDone, "READ WITHOUT ERRORS"},
		{"scratched", scratched, exitMissing, "INCOMPLETE"},
		{"clean", simdrive.PressedCD(iso(t, "CLEAN", 2000, 1), 2000), exitDone, "ALREADY ARCHIVED"},
		{"another copy of it", simdrive.PressedCD(iso(t, "CLEAN", 2000, 1), 2000), exitFailed, "NOT READ"},
		{"audio", simdrive.AudioCD(3, 4000), exitFailed, "NEEDS YOU"},
		{"blank", simdrive.BlankCDR(), exitFailed, "NEEDS YOU"},
	} {
		s.load(t, "sim0", c.disc)
		a := s.run(t, "rip", "sim0", "--item", "I "+c.name, "--json")
		var res ripResult
		if a.code != c.code || !strings.Contains(a.talk, c.talk) {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", c.name, a.code, c.code, c.talk, a.out, a.talk)
			continue
		}
		decode(t, a.out, &res)
		if res.ID == "" || res.Record == nil || res.Record.ID != res.ID || res.Word == "" {
			t.Errorf("%s: result %+v", c.name, res)
		}
		if got := s.bays.bays["sim0"].Tray(); got != disc.TrayOpen {
			t.Errorf("%s: the tray is %s", c.name, got)
		}
	}
	if a := s.run(t, "rip", "sim0"); a.code != exitFailed || !strings.Contains(a.talk, "no disc in the drive") {
		t.Errorf("an empty drive: exit %d\n%s", a.code, a.talk)
	}
}

// The record says what the issue of a station's user promises: one document
// with these fields, null where nothing is known.
func TestShowAsJSON(t *testing.T) {
	s := startSim(t, "sim0")
	s.load(t, "sim0", simdrive.PressedCD(iso(t, "SHOWN", 1500, 5), 1500))
	if a := s.run(t, "rip", "sim0", "--item", "31234", "--title", "Maps", "--part", "1/2", "--side", "A", "--operator", "ben"); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	var list []catalog.Summary
	decode(t, s.run(t, "list", "--json").out, &list)
	if len(list) != 1 {
		t.Fatalf("%d discs in the list", len(list))
	}
	a := s.run(t, "show", list[0].ID[:5], "--json")
	var doc map[string]any
	decode(t, a.out, &doc)
	for _, key := range []string{"id", "item", "part", "side", "kind", "label", "disposition", "image", "checks", "copies", "drive", "captures", "events"} {
		if _, ok := doc[key]; !ok {
			t.Errorf("show has no %q", key)
		}
	}
	image, _ := doc["image"].(map[string]any)
	counts, _ := image["sectors"].(map[string]any)
	for _, key := range []string{"state", "version", "size", "sectors", "sha512", "sha256", "sha1", "md5"} {
		if image[key] == nil {
			t.Errorf("image has no %q", key)
		}
	}
	for _, key := range []string{"total", "read", "suspect", "contested", "unreadable", "protected", "unrecorded", "skipped", "untried"} {
		if _, ok := counts[key].(float64); !ok {
			t.Errorf("image.sectors has no number %q", key)
		}
	}
	var v catalog.View
	decode(t, a.out, &v)
	if *v.Item != "31234" || *v.Title != "Maps" || *v.Part != "1/2" || *v.Side != "A" || v.Label != "SHOWN" || v.Captures[0].Operator != "ben" {
		t.Errorf("%+v", v)
	}
	text := s.run(t, "show", list[0].ID)
	for _, want := range []string{"31234", "READ WITHOUT ERRORS", "local", v.Image.SHA256} {
		if !strings.Contains(text.out, want) {
			t.Errorf("show does not say %q:\n%s", want, text.out)
		}
	}
}

func TestAnnotate(t *testing.T) {
	s := startSim(t, "sim0")
	s.load(t, "sim0", simdrive.PressedCD(iso(t, "NAMELESS", 1200, 6), 1200))
	if a := s.run(t, "rip", "sim0"); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	var list []catalog.Summary
	decode(t, s.run(t, "list", "--needs-you", "--json").out, &list)
	if len(list) != 1 || list[0].Disposition != catalog.NeedsIdentity {
		t.Fatalf("a disc without an item: %+v", list)
	}
	id := list[0].ID[:6]
	a := s.run(t, "annotate", id, "--item", "B77", "--part", "2/3", "--note", "label torn", "--operator", "eve", "--json")
	var v catalog.View
	decode(t, a.out, &v)
	last := v.Events[len(v.Events)-1]
	if a.code != exitDone || *v.Item != "B77" || *v.Part != "2/3" || v.Disposition != catalog.None ||
		!strings.Contains(last.Detail, "label torn") || !slices.Contains(last.Agents, catalog.Agent{Role: catalog.RoleOperator, Name: "eve"}) {
		t.Errorf("exit %d, %+v", a.code, v)
	}
	decode(t, s.run(t, "list", "--needs-you", "--json").out, &list)
	if len(list) != 0 {
		t.Errorf("it still needs somebody: %+v", list)
	}
	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{id}, exitUsage, "nothing was said"},
		{[]string{id, "--part", "3/2"}, exitUsage, "--part"},
		{[]string{id, "--access", "secret"}, exitUsage, "secret"},
		{[]string{"zzzz", "--item", "x"}, exitFailed, "not in the catalog"},
		{[]string{}, exitUsage, "arg"},
	} {
		if a := s.run(t, append([]string{"annotate"}, c.args...)...); a.code != c.code || !strings.Contains(a.talk, c.talk) {
			t.Errorf("annotate %q: exit %d, want %d and %q\n%s", c.args, a.code, c.code, c.talk, a.talk)
		}
	}
}

func TestAuditExitCodes(t *testing.T) {
	dir, config := stationFolder(t)
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	if a := run("audit"); a.code != exitBlind || !strings.Contains(a.talk, "no catalog") {
		t.Errorf("without a catalog: exit %d\n%s", a.code, a.talk)
	}
	if exists(filepath.Join(dir, "catalog.db")) {
		t.Error("a question made a catalog")
	}
	if a := run("rip", isoFile(t, dir, "a.iso", 900, 1), "--item", "A"); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	a := run("audit", "--full", "--json")
	var r audit.Report
	decode(t, a.out, &r)
	if a.code != exitDone || r.Copies.ReadBack != 1 || !r.Full {
		t.Errorf("whole: exit %d, %+v", a.code, r)
	}
	store := filepath.Join(dir, "store")
	if err := os.Rename(store, store+".away"); err != nil {
		t.Fatal(err)
	}
	if a := run("audit"); a.code != exitBlind || !strings.Contains(a.out, "unknown") {
		t.Errorf("with the store away: exit %d\n%s", a.code, a.out)
	}
	if err := os.Rename(store+".away", store); err != nil {
		t.Fatal(err)
	}
	images, err := filepath.Glob(filepath.Join(store, "*/v1/data/image.iso"))
	if err != nil || len(images) != 1 {
		t.Fatalf("%q, %v", images, err)
	}
	f, err := os.OpenFile(images[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("!"), 100_000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if a := run("audit", "--full"); a.code != exitFindings || !strings.Contains(a.out, "A003") || !strings.Contains(a.out, "1 damaged") {
		t.Errorf("with a changed byte: exit %d\n%s", a.code, a.out)
	}
}

// Asked of a running station, the audit says the same, and a store that is
// away is unknown there too.
func TestAuditByTheStation(t *testing.T) {
	s := startSim(t, "sim0")
	s.load(t, "sim0", simdrive.PressedCD(iso(t, "AUDITED", 1200, 9), 1200))
	if a := s.run(t, "rip", "sim0", "--item", "A"); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	a := s.run(t, "audit", "--full", "--json")
	var r audit.Report
	decode(t, a.out, &r)
	if a.code != exitDone || r.Copies.LookedAt+r.Copies.OnTheWay != 1 || len(r.Findings) != 0 {
		t.Errorf("exit %d, %+v\n%s", a.code, r, a.talk)
	}
}

func TestStatusAndDrives(t *testing.T) {
	s := startSim(t, "sim0", "sim1")
	s.load(t, "sim0", simdrive.AudioCD(3, 3000))
	if a := s.run(t, "rip", "sim0"); a.code != exitFailed {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	var st station.Status
	a := s.run(t, "status", "--json")
	decode(t, a.out, &st)
	if a.code != exitDone || len(st.Bays) != 1 || len(st.Stores) != 1 || st.Stores[0].Name != "local" {
		t.Errorf("exit %d, %+v", a.code, st)
	}
	for _, verb := range []string{"status", "drives"} {
		if a := s.run(t, verb); a.code != exitDone || !strings.Contains(a.out, "sim0") {
			t.Errorf("%s: exit %d\n%s", verb, a.code, a.out)
		}
	}
	s.load(t, "sim0", simdrive.PressedCD(iso(t, "X", 400, 1), 400))
	if a := s.run(t, "eject", "sim0"); a.code != exitDone || s.bays.bays["sim0"].Tray() != disc.TrayOpen {
		t.Errorf("eject: exit %d, tray %s\n%s", a.code, s.bays.bays["sim0"].Tray(), a.talk)
	}
	if a := s.run(t, "eject", "sr77"); a.code != exitFailed || !strings.Contains(a.talk, "sr77") {
		t.Errorf("eject of no drive: exit %d\n%s", a.code, a.talk)
	}
}

func TestVersion(t *testing.T) {
	a := ripstation(t, "version", "--json")
	var v map[string]string
	decode(t, a.out, &v)
	if a.code != exitDone || v["name"] != "ripstation" || v["version"] == "" || v["go"] == "" {
		t.Errorf("exit %d, %v", a.code, v)
	}
	if a := ripstation(t, "version"); !strings.HasPrefix(a.out, "ripstation ") {
		t.Errorf("%q", a.out)
	}
}
