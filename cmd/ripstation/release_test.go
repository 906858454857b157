package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

func TestDrivesRelease(t *testing.T) {
	s := startSim(t, "sim0")
	for i := range 3 {
		d := simdrive.PressedCD(iso(t, "BAD", 800, uint64(900+i)), 800)
		d.Damage().Bad(disc.Extent{Start: 500, Count: 1})
		s.load(t, "sim0", d)
		if a := s.run(t, "rip", "sim0"); a.code != exitMissing {
			t.Fatalf("exit %d\n%s", a.code, a.talk)
		}
	}
	s.load(t, "sim0", simdrive.PressedCD(iso(t, "NEXT", 800, 910), 800))
	if a := s.run(t, "rip", "sim0"); a.code != exitFailed || !strings.Contains(a.talk, "3 discs in a row came out incomplete") || !strings.Contains(a.talk, "drives release sim0") {
		t.Errorf("a drive on hold: exit %d\n%s", a.code, a.talk)
	}
	if a := s.run(t, "status"); !strings.Contains(a.out, "on hold") && !strings.Contains(a.out, string(station.WordOnHold)) {
		t.Errorf("status says\n%s", a.out)
	}
	var was struct {
		Drive string `json:"drive"`
		Was   bool   `json:"was_on_hold"`
	}
	a := s.run(t, "drives", "release", "sim0", "--json")
	if decode(t, a.out, &was); a.code != exitDone || !was.Was || was.Drive != "sim0" {
		t.Errorf("release: exit %d, %+v\n%s", a.code, was, a.talk)
	}
	if a := s.run(t, "drives", "release", "sim0"); a.code != exitDone || !strings.Contains(a.talk, "was not on hold") {
		t.Errorf("release again: exit %d\n%s", a.code, a.talk)
	}
	if a := s.run(t, "drives", "release", "sr77"); a.code != exitFailed || !strings.Contains(a.talk, "sr77") {
		t.Errorf("release of no drive: exit %d\n%s", a.code, a.talk)
	}
	if a := s.run(t, "rip", "sim0"); a.code != exitDone {
		t.Errorf("after the release: exit %d\n%s", a.code, a.talk)
	}
}

// Without a station the spool itself is set right; what cannot be read there is
// told and left.
func TestDrivesReleaseWithoutAStation(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.toml")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write(config, "[station]\nspool = \"spool\"\ncatalog = \"c.db\"\nsocket = \"s\"\n[drives]\nfailures = 1\n[[store]]\nname = \"a\"\ntype = \"directory\"\npath = \"store\"\n")
	bays := filepath.Join(dir, "spool", "bays.json")
	write(bays, `{"format":"ripstation bays","version":1,"bays":{"K1":{"node":"/dev/sr0","failures":[{"id":"x","outcome":"failed"}]}}}`)
	if a := ripstation(t, "drives", "release", "sr0", "--config", config); a.code != exitDone || !strings.Contains(a.talk, "free again") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	if b, err := os.ReadFile(bays); err != nil || strings.Contains(string(b), "K1") {
		t.Errorf("left: %s, %v", b, err)
	}
	write(bays, "{")
	a := ripstation(t, "drives", "release", "sr0", "--config", config)
	if b, _ := os.ReadFile(bays); a.code != exitFailed || !strings.Contains(a.talk, "bays.json") || string(b) != "{" {
		t.Errorf("exit %d, left %s\n%s", a.code, b, a.talk)
	}
}
