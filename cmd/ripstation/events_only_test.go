package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of a disc without an image the events are all that a store has: one that is lost
// is told and sent again, and where nothing is to be done nothing is called done.
func TestEventsOfADiscWithoutABag(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "EVENTS", nil))
	if a := ripstation(t, "annotate", id, "--note", "x", "--config", config); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	archiveFile(t, config, discOf(t, dir, "b.iso", "LATER", func(src string) { put(t, "b", src, "b") })) // all events are sent along
	if err := os.RemoveAll(filepath.Join(dir, "store", id, "v1")); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "new.db")
	if a := ripstation(t, "catalog", "rebuild", "--from", "local", "--catalog", fresh, "--config", config); a.code != exitFindings {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	put(t, strings.Replace(fileText(t, config), "catalog.db", "new.db", 1), config)
	if a := ripstation(t, "repair", id, "--config", config); a.code != exitBlind || !strings.Contains(a.out, "NOTHING DONE") {
		t.Errorf("nothing to do: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	events, err := filepath.Glob(filepath.Join(dir, "store", id, "events", "*.json"))
	if err != nil || len(events) == 0 {
		t.Fatal(events, err)
	}
	if err := os.Remove(events[0]); err != nil {
		t.Fatal(err)
	}
	if a := ripstation(t, "verify", id, "--config", config); a.code != exitFindings || !strings.Contains(a.out, "A017 ") {
		t.Errorf("one is lost: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := ripstation(t, "repair", id, "--config", config); a.code != exitDone || !strings.Contains(a.out, "1 event sent again") {
		t.Errorf("it is sent again: exit %d\n%s%s", a.code, a.out, a.talk)
	}
}
