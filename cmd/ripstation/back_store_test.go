package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/archive"
	"ripstation/catalog"
)

// emptyBeside is the configuration of a station that knows nothing yet, with
// the store of another one.
func emptyBeside(t *testing.T, dir string) (config string) {
	t.Helper()
	_, config = stationFolder(t)
	put(t, strings.Replace(fileText(t, config), `path = "store"`, fmt.Sprintf("path = %q", filepath.Join(dir, "store")), 1), config)
	return config
}

// Who may use a disc is kept without a catalog, too: what was said of it after
// it was sealed lies in the store that the bag is read from.
func TestHandoverWithoutACatalogKeepsTheAccess(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	say := func(access string) {
		t.Helper()
		if a := ripstation(t, "annotate", id, "--access", access, "--config", config); a.code != exitDone {
			t.Fatalf("exit %d\n%s", a.code, a.talk)
		}
	}
	sent := 0
	send := func() { // the next disc takes the events along
		sent++
		archiveFile(t, config, isoFile(t, dir, fmt.Sprintf("more%d.iso", sent), 300, uint64(100+sent)))
	}
	empty := emptyBeside(t, dir)
	hand := func(more ...string) (answer, string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "x.tar")
		return ripstation(t, append([]string{"handover", id, "--from", "local", "--tar", file, "--json", "--config", empty}, more...)...), file
	}
	if a, _ := hand(); a.code != exitDone {
		t.Fatalf("nothing was said of it: exit %d\n%s", a.code, a.talk)
	}
	say("closed")
	send()
	if a, file := hand(); a.code != exitFailed || exists(file) || !strings.Contains(a.talk, "its access is closed") || !strings.Contains(a.talk, "--authority") {
		t.Errorf("closed: exit %d\n%s", a.code, a.talk)
	}
	a, file := hand("--authority", "Head of Collections")
	var res handed
	decode(t, a.out, &res)
	if a.code != exitDone || res.Discs[0].Access != catalog.AccessClosed || !strings.Contains(fileText(t, file), "access:    closed") {
		t.Errorf("closed, with an authority: exit %d, %+v\n%s", a.code, res, a.talk)
	}

	// An event that cannot be read may be the one that closed it.
	say("open")
	say("restricted")
	send()
	stored := map[string]string{} // by what they say
	events, err := filepath.Glob(filepath.Join(dir, "store", id, "events", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		for _, word := range []string{"open", "restricted"} {
			if strings.Contains(fileText(t, e), fmt.Sprintf("\"access\": %q", word)) {
				stored[word] = e
			}
		}
	}
	if a, file := hand(); a.code != exitFailed || exists(file) || !strings.Contains(a.talk, "its access is restricted") {
		t.Errorf("restricted: exit %d\n%s", a.code, a.talk)
	}
	for what, hurt := range map[string]func([]byte) []byte{"another byte": flip, "gone": func([]byte) []byte { return nil }} {
		event := stored["open"]
		was := fileText(t, event)
		edit(t, event, true, hurt)
		a, file := hand()
		if a.code != exitFailed || exists(file) || !strings.Contains(a.talk, "whether its access is restricted or closed is not known: store local") || !strings.Contains(a.talk, "--authority") {
			t.Errorf("%s: exit %d\n%s", what, a.code, a.talk)
		}
		a, file = hand("--authority", "Head of Collections")
		var res handed
		decode(t, a.out, &res)
		if a.code != exitDone || res.Discs[0].AccessUnknown == nil || !strings.Contains(fileText(t, file), "access:    not known") {
			t.Errorf("%s, with an authority: exit %d, %+v\n%s", what, a.code, res, a.talk)
		}
		put(t, was, event)
	}
}

// An earlier image that is gone from a store does not hide a later one.
func TestBackWhenAnEarlierImageIsGone(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	bag := filepath.Join(dir, "store", id)
	if err := os.Rename(filepath.Join(bag, "v1"), filepath.Join(bag, "v11")); err != nil {
		t.Fatal(err)
	}
	put(t, "BagIt-Version: 1.0\n", bag, "v3", "bagit.txt")
	// What lies there is image 1 all the same, and the record says so: that it
	// was found at all is the point here.
	a := ripstation(t, "restore", id, t.TempDir(), "--from", "local", "--config", emptyBeside(t, dir))
	if a.code != exitFindings || !strings.Contains(a.talk, "the record in the bag of image 11 of disc "+id) {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if err := os.Remove(filepath.Join(bag, "v11", archive.TagManifest)); err != nil {
		t.Fatal(err)
	}
	a = ripstation(t, "restore", id, t.TempDir(), "--from", "local", "--config", emptyBeside(t, dir))
	if a.code != exitFindings || !strings.Contains(a.talk, "--version 11 tries it all the same") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}
