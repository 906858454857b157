package main

import (
	"bufio"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "modernc.org/sqlite"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/station"
)

// An image that ends before its volume does was read without errors, and is
// not whole. Nobody is to take it for a good one: not whoever looks at the
// exit code, not whoever reads the list.
func TestFailedCheckIsNoSuccess(t *testing.T) {
	dir, config := stationFolder(t)
	image := isoFile(t, dir, "short.iso", 900, 1)
	if err := os.Truncate(image, 890*disc.SectorSize); err != nil {
		t.Fatal(err)
	}
	a := ripstation(t, "rip", image, "--json", "--config", config)
	var res ripResult
	decode(t, a.out, &res)
	if a.code != exitFailed || res.Outcome != station.OutcomeNeedsYou || res.Hint == "" || !strings.Contains(a.talk, "NEEDS YOU") {
		t.Errorf("exit %d, %q, hint %q\n%s", a.code, res.Outcome, res.Hint, a.talk)
	}
	if res.Record == nil || len(res.Record.Copies) != 1 || res.Record.Copies[0].State != catalog.ReadBack {
		t.Errorf("it is not archived: %+v", res.Record)
	}
	for _, verb := range [][]string{{"list"}, {"show", res.ID}} {
		a := ripstation(t, append(verb, "--config", config)...)
		if a.code != exitDone || !strings.Contains(a.out, "CHECK FAILED") && !strings.Contains(a.out, "CHECKS FAILED") {
			t.Errorf("%s: exit %d\n%s", verb[0], a.code, a.out)
		}
	}
	if a := ripstation(t, "list", "--config", config); !strings.Contains(a.out, "NEEDS REVIEW, NEEDS IDENTITY") {
		t.Errorf("list:\n%s", a.out)
	}
}

// One damaged row hides no other: what is whole is shown, then what is not.
func TestListOfADamagedCatalog(t *testing.T) {
	dir, config := stationFolder(t)
	for i, name := range []string{"one.iso", "two.iso"} {
		if a := ripstation(t, "rip", isoFile(t, dir, name, 400+int64(i), uint64(i+1)), "--item", name, "--config", config); a.code != exitDone {
			t.Fatalf("exit %d\n%s", a.code, a.talk)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE images SET read = 1 WHERE carrier = (SELECT id FROM carriers WHERE item = 'one.iso')"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	a := ripstation(t, "list", "--config", config)
	if a.code != exitFailed || !strings.Contains(a.out, "two.iso") || !strings.Contains(a.talk, "damaged") {
		t.Errorf("list: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	var all []catalog.Summary
	decode(t, ripstation(t, "list", "--json", "--config", config).out, &all)
	for _, s := range all {
		if a := ripstation(t, "show", s.ID, "--config", config); !strings.Contains(a.out, *s.Item) || (a.code == exitFailed) != (*s.Item == "one.iso") {
			t.Errorf("show %s: exit %d\n%s%s", *s.Item, a.code, a.out, a.talk)
		}
	}
}

// Without a catalog there is nothing that could fail to fit.
func TestListBeforeTheFirstDisc(t *testing.T) {
	_, config := stationFolder(t)
	if a := ripstation(t, "list", "--config", config); a.code != exitDone || !strings.Contains(a.talk, "nothing has been recorded yet") || a.out != "" {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// Two stores that are one folder, the one by a link, would count one copy twice.
func TestConfigCheckFollowsLinks(t *testing.T) {
	dir, config := stationFolder(t)
	store := filepath.Join(dir, "store")
	if err := os.Mkdir(store, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(store, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "\n[[store]]\nname = \"second\"\ntype = \"directory\"\npath = \"link/not/there/yet\"\n"...)
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if a := ripstation(t, "config", "check", "--config", config); a.code != exitUsage || !strings.Contains(a.talk, "store.second.path") || !strings.Contains(a.talk, "lies in") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// Who stops a rip is told what becomes of it. What is said of the disc when it
// goes on is not lost because its image was sealed without it.
func TestStoppedRipSaysWhatIsKept(t *testing.T) {
	dir, config := stationFolder(t)
	cmd := command(t, "rip", isoFile(t, dir, "a.iso", 900, 1), "--config", config)
	if err := os.WriteFile(filepath.Join(dir, "store"), nil, 0o644); err != nil { // so that the copy never comes through
		t.Fatal(err)
	}
	talk, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(talk); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "WAITING FOR STORE") {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(said.String(), "the same command goes on with it") {
		t.Errorf("exit %d\n%s", code, said.String())
	}
	if err := os.Remove(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	a := ripstation(t, "rip", filepath.Join(dir, "a.iso"), "--item", "LATE", "--part", "1/2", "--json", "--config", config)
	var res ripResult
	decode(t, a.out, &res)
	if a.code != exitDone || res.Record == nil || res.Record.Item == nil || *res.Record.Item != "LATE" || *res.Record.Part != "1/2" || len(res.Record.Captures) != 1 {
		t.Errorf("exit %d, %+v\n%s", a.code, res.Record, a.talk)
	}
}

// A disc that has the bytes of one which nobody has named may be a further copy
// of it: what is said of it names nothing.
func TestRipOfADoubleNamesNobody(t *testing.T) {
	dir, config := stationFolder(t)
	if a := ripstation(t, "rip", isoFile(t, dir, "a.iso", 900, 1), "--config", config); a.code != exitDone {
		t.Fatal(a)
	}
	a := ripstation(t, "rip", isoFile(t, dir, "b.iso", 900, 1), "--item", "SECOND", "--json", "--config", config)
	var res ripResult
	decode(t, a.out, &res)
	if a.code != exitFailed || res.Outcome != station.OutcomeAlready || res.Record == nil || res.Record.Item != nil || !strings.Contains(a.talk, "annotate "+short(res.ID)+" --item 'SECOND'") {
		t.Errorf("exit %d, %+v\n%s", a.code, res.Record, a.talk)
	}
}
