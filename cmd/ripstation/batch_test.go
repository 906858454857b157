package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// awaitReport asks until the batch's report fits.
func awaitReport(t *testing.T, run func(args ...string) answer, fits func(catalog.BatchReport) bool) (r catalog.BatchReport) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		a := run("batch", "report", "--json")
		if a.code != exitDone {
			t.Fatalf("exit %d\n%s", a.code, a.talk)
		}
		r = catalog.BatchReport{}
		if decode(t, a.out, &r); fits(r) {
			return r
		}
	}
	t.Fatalf("the report did not become what was waited for: %+v", r)
	return r
}

// A whole batch on a running station: opened, listed, fed, corrected, closed,
// given back.
func TestBatchOnTheStation(t *testing.T) {
	s := startSim(t, "sim0")
	run := func(args ...string) answer { t.Helper(); return s.run(t, args...) }
	must := func(code int, args ...string) answer {
		t.Helper()
		a := run(args...)
		if a.code != code {
			t.Fatalf("%q: exit %d, want %d\n%s%s", args, a.code, code, a.out, a.talk)
		}
		return a
	}
	if a := must(exitDone, "batch", "list"); !strings.Contains(a.talk, "there is no batch yet") {
		t.Error(a.talk)
	}
	must(exitFailed, "batch", "report")
	if a := must(exitFailed, "batch", "close"); !strings.Contains(a.talk, "batch open NAME") {
		t.Errorf("a close with no batch open says %q", a.talk)
	}
	list := filepath.Join(s.dir, "list.csv")
	put(t, "item;part;title;two-sided\r\n31;1/2;Atlas der Schweiz;\r\n31;2/2;Atlas der Schweiz;\r\n32;;Vögel Europas;yes\r\n33;;Never came;\r\n", list)
	if a := run("batch", "import", list); a.code != exitFailed || !strings.Contains(a.talk, "no batch is open") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	if a := must(exitDone, "batch", "open", "2026-17", "--operator", "eve"); !strings.Contains(a.talk, "place 1") {
		t.Error(a.talk)
	}
	if a := run("batch", "open", "other"); a.code != exitFailed || !strings.Contains(a.talk, "batch 2026-17 is open") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	if a := must(exitDone, "batch", "import", list, "--operator", "eve"); !strings.Contains(a.talk, "5 added") || !strings.Contains(a.talk, "item 32, side B") {
		t.Error(a.talk)
	}
	if a := must(exitDone, "batch", "import", list); !strings.Contains(a.talk, "nothing changed") {
		t.Error(a.talk)
	}
	for i, words := range [][]string{{"--item", "31", "--part", "2/2"}, {"--item", "31", "--part", "1/2"}, {"--item", "32", "--side", "A"}, {}} {
		s.load(t, "sim0", simdrive.PressedCD(iso(t, fmt.Sprint("DISC", i), 1200, uint64(40+i)), 1200))
		a := must(exitDone, append([]string{"rip", "sim0"}, words...)...)
		if flip := strings.Contains(a.talk, "FLIP DISC"); flip != (i == 2) {
			t.Errorf("disc %d: FLIP DISC %v\n%s", i, flip, a.talk)
		}
	}
	r := awaitReport(t, run, func(r catalog.BatchReport) bool { return len(r.Discs) == 4 && len(r.Against) == 1 })
	if r.Sides != 5 || r.Stored != 3 || r.NeverPresented != 2 || r.OpenedBy != "eve" || r.Discs[0].Part != "2/2" || r.Against[0].What != "the batch is open" {
		t.Errorf("%+v", r)
	}
	if a := must(exitDone, "batch", "swap", "1", "2", "--operator", "eve"); !strings.Contains(a.out, "1/2") {
		t.Error(a.out)
	}
	var moved []catalog.Moved
	decode(t, must(exitDone, "batch", "shift", "3", "3", "+1", "--json").out, &moved)
	if len(moved) != 2 || moved[0].Item != "" || moved[1].Item != "32" || moved[1].Place != 4 {
		t.Errorf("%+v", moved)
	}
	must(exitDone, "batch", "shift", "4", "4", "-1", "--batch", "2026-17")
	var v catalog.View
	decode(t, must(exitDone, "show", r.Discs[0].ID, "--json").out, &v)
	if last := v.Events[len(v.Events)-1]; *v.Part != "1/2" || !slices.Contains(last.Agents, catalog.Agent{Role: catalog.RoleOperator, Name: "eve"}) {
		t.Errorf("%+v", last)
	}
	if a := run("batch", "shift", "1", "1", "+1"); a.code != exitFailed || !strings.Contains(a.talk, "place 2 has item 31, part 2/2") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	put(t, "item\n33\n", list)
	if a := run("batch", "import", list); a.code != exitFailed || !strings.Contains(a.talk, "(place ") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	a := must(exitDone, "batch", "close")
	for _, want := range []string{"batch 2026-17: closed", "by ada, 4 discs", "expected 5 = stored 3 + incomplete 0 + not captured 0 + never presented 2", "FLIP DISC: item 32, place 3: side B has not come", "NEEDS IDENTITY", "--item ID",
		"the list: 4 rows, imported ", " by eve\n", "never presented", "discs may go back to the shelf", "Atlas der Schweiz"} {
		if !strings.Contains(a.out, want) {
			t.Errorf("the report of the close does not say %q:\n%s", want, a.out)
		}
	}
	var st station.Status
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if decode(t, must(exitDone, "status", "--json").out, &st); len(st.Batches) == 1 && st.Batches[0].Told != nil {
			break
		}
	}
	if a := must(exitDone, "status"); !strings.Contains(a.out, "batch 2026-17: all read back, discs may go back to the shelf") {
		t.Errorf("%s", a.out)
	}
	if a := must(exitDone, "batch", "list"); !strings.Contains(a.out, "said ") || !strings.Contains(a.out, "4 rows") {
		t.Errorf("%s", a.out)
	}
	var all []catalog.Batch
	if decode(t, must(exitDone, "batch", "list", "--json").out, &all); len(all) != 1 || all[0].Places != 4 || all[0].Told == nil {
		t.Errorf("%+v", all)
	}
	if a := run("batch", "open", "2026-17"); a.code != exitFailed || !strings.Contains(a.talk, "--again") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	if a := must(exitDone, "batch", "open", "2026-17", "--again"); !strings.Contains(a.talk, "place 5") {
		t.Error(a.talk)
	}
}

// Without a running station the verbs open the catalog themselves; places are
// taken by a lone rip, too, and the catalog rebuilt from the store knows them.
func TestBatchWithoutAStation(t *testing.T) {
	dir, config := stationFolder(t)
	run := func(code int, args ...string) answer {
		t.Helper()
		a := ripstation(t, append(args, "--config", config)...)
		if a.code != code {
			t.Fatalf("%q: exit %d, want %d\n%s%s", args, a.code, code, a.out, a.talk)
		}
		return a
	}
	for _, args := range [][]string{{"batch", "report"}, {"batch", "close"}, {"batch", "shift", "1", "2", "+1"}, {"batch", "swap", "1", "2"}} {
		if a := run(exitFailed, args...); !strings.Contains(a.talk, "there is no batch") {
			t.Errorf("%q: %s", args, a.talk)
		}
	}
	if exists(filepath.Join(dir, "catalog.db")) {
		t.Error("a question made a catalog")
	}
	run(exitDone, "batch", "open", "17")
	one := archiveFile(t, config, isoFile(t, dir, "a.iso", 900, 1), "--item", "A")
	two := archiveFile(t, config, isoFile(t, dir, "b.iso", 900, 2), "--item", "B")
	run(exitDone, "batch", "swap", "1", "2")
	if a := run(exitDone, "batch", "close"); !strings.Contains(a.out, "discs may go back to the shelf") {
		t.Errorf("%s", a.out)
	}
	var r catalog.BatchReport
	decode(t, run(exitDone, "batch", "report", "17", "--json").out, &r)
	if len(r.Discs) != 2 || r.Discs[0].ID != one || r.Discs[1].ID != two || r.Discs[0].Item != "B" || !r.MayGoBack {
		t.Errorf("%+v", r)
	}
	archiveFile(t, config, isoFile(t, dir, "c.iso", 900, 3), "--item", "C") // whose station sends the events
	want := run(exitDone, "catalog", "export", "--canonical").out
	fresh := filepath.Join(dir, "new.db")
	run(exitDone, "catalog", "rebuild", "--from", "local", "--catalog", fresh)
	if got := run(exitDone, "catalog", "export", "--canonical", "--catalog", fresh).out; got != want || !strings.Contains(want, `"batch":"17","place":2`) {
		t.Errorf("%s\nis not\n%s", got, want)
	}
	if err := os.Rename(fresh, filepath.Join(dir, "catalog.db")); err != nil {
		t.Fatal(err)
	}
	for _, wal := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(dir, "catalog.db"+wal)) // of the catalog that is gone; there may be none
	}
	var again catalog.BatchReport
	decode(t, run(exitDone, "batch", "report", "17", "--json").out, &again)
	if len(again.Discs) != 2 || again.Discs[0].ID != one || again.Discs[0].Item != "B" || again.MayGoBack {
		t.Errorf("%+v", again)
	}
}

func TestBatchBadInput(t *testing.T) {
	dir, config := stationFolder(t)
	bad := filepath.Join(dir, "bad.csv")
	put(t, "item,part\nA,1\nA,x\n", bad)
	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{"open"}, exitUsage, "the name of the batch"},
		{[]string{"open", "a\nb"}, exitUsage, "control"},
		{[]string{"open", strings.Repeat("x", 101)}, exitUsage, "100 bytes"},
		{[]string{"open", "17", "--operator", "a\nb"}, exitUsage, "--operator"},
		{[]string{"close", "17"}, exitUsage, "takes no argument"},
		{[]string{"report", "17", "18"}, exitUsage, "one argument at most"},
		{[]string{"report", "17"}, exitFailed, "there is no batch"},
		{[]string{"import"}, exitUsage, "a CSV file"},
		{[]string{"import", bad}, exitUsage, `bad.csv: line 3: part "x"`},
		{[]string{"import", filepath.Join(dir, "absent.csv")}, exitUsage, "absent.csv: there is no such file; look at its name"},
		{[]string{"import", dir}, exitUsage, "is a folder; name a CSV file in it"},
		{[]string{"import", filepath.Join(dir, "config.toml")}, exitUsage, "line 1"},
		{[]string{"shift", "1", "2"}, exitUsage, "+1 or -1"},
		{[]string{"shift", "1", "2", "+2"}, exitUsage, `"+2"`},
		{[]string{"shift", "2", "1", "+1"}, exitUsage, "the lower one"},
		{[]string{"shift", "0", "1", "+1"}, exitUsage, `"0"`},
		{[]string{"shift", "one", "1", "-1"}, exitUsage, `"one"`},
		{[]string{"shift", "1", "2", "-2"}, exitUsage, "2"},
		{[]string{"swap", "1"}, exitUsage, "two places"},
		{[]string{"swap", "1", "1e9"}, exitUsage, `"1e9"`},
		{[]string{"again"}, exitUsage, "again"},
	} {
		a := ripstation(t, append(append([]string{"batch"}, c.args...), "--config", config)...)
		if a.code != c.code || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", c.args, a.code, c.code, c.talk, a.out, a.talk)
		}
	}
	if exists(filepath.Join(dir, "catalog.db")) {
		t.Error("what was not understood made a catalog")
	}
}
