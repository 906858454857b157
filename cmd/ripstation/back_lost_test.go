package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// twoFolders is a station with two directory stores.
func twoFolders(t *testing.T) (dir, config string) {
	t.Helper()
	dir, config = stationFolder(t)
	put(t, fileText(t, config)+"[[store]]\nname = \"second\"\ntype = \"directory\"\npath = \"second\"\n", config)
	return dir, config
}

// When no copy gives a disc, it is said of which disc, what is wrong with each
// copy, and what can be done.
func TestNoCopyGivesTheDisc(t *testing.T) {
	dir, config := twoFolders(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	for _, store := range []string{"store", "second"} {
		edit(t, filepath.Join(dir, store, id, "v1", "data", "image.iso"), true, flip)
	}
	for _, args := range [][]string{{"restore", id, filepath.Join(dir, "out")}, {"handover", id, "--tar", filepath.Join(dir, "x.tar")}, {"restore", "--all", filepath.Join(dir, "all")}} {
		a := ripstation(t, append(args, "--config", config)...)
		said := a.out + a.talk
		if a.code != exitFindings || strings.Contains(said, "%!") {
			t.Errorf("%q: exit %d\n%s", args, a.code, said)
		}
		for _, want := range []string{"disc " + id + ": data/image.iso: no copy gives it as it was sealed: store local: damaged: its SHA512 is ", "; store second: damaged: its SHA512 is ",
			"ripstation verify", "ripstation repair"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q does not say %q:\n%s", args, want, said)
			}
		}
	}
}

// What an administrator took away because it was withdrawn is no damage.
func TestBackAfterAWithdrawal(t *testing.T) {
	dir, config := twoFolders(t)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "WITHDRAWN", nil))
	kept := archiveFile(t, config, isoFile(t, dir, "b.iso", 300, 1))
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	if a := run("withdraw", id, "--authority", "Head of Collections", "--reason", "the deposit ended"); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	words := "disc " + id + " is WITHDRAWN since " + time.Now().UTC().Format("2006-01-02") + ", on the word of Head of Collections; no whole copy of it is left in local, second"
	if a := run("restore", id, filepath.Join(dir, "still")); a.code != exitDone {
		t.Errorf("it is there still: exit %d\n%s", a.code, a.talk)
	}
	// A copy that is there and damaged is damage all the same.
	if err := os.RemoveAll(filepath.Join(dir, "second", id, "v1")); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "store", id, "v1", "data", "image.iso"), true, flip)
	if a := run("restore", id, filepath.Join(dir, "out")); a.code != exitFindings || !strings.Contains(a.talk, "no copy gives it as it was sealed") {
		t.Errorf("damaged: exit %d\n%s", a.code, a.talk)
	}
	if err := os.RemoveAll(filepath.Join(dir, "store", id, "v1")); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after an audit"} {
		for _, args := range [][]string{{"restore", id, filepath.Join(dir, "out")}, {"handover", id, "--tar", filepath.Join(dir, "x.tar")}, {"cat", id, "README.TXT"}, {"extract", id, filepath.Join(dir, "ex")}} {
			if a := run(args...); a.code != exitFailed || !strings.Contains(a.talk, words) || !strings.Contains(a.talk, "nothing is to be done") {
				t.Errorf("%s, %q: exit %d\n%s%s", when, args, a.code, a.out, a.talk)
			}
		}
		a := run("restore", "--all", filepath.Join(dir, "all"+when))
		if a.code != exitDone || strings.Contains(a.out, "FAILED") || !strings.Contains(a.out, "WITHDRAWN: "+words) || !strings.Contains(a.out, short(kept)+" v1 into ") ||
			!strings.Contains(a.talk, "1 disc that is withdrawn and gone is not counted") || !strings.Contains(a.talk, "1 disc; 0 more without an image") {
			t.Errorf("%s, --all: exit %d\n%s%s", when, a.code, a.out, a.talk)
		}
		run("audit")
	}
}

// That no copy can be had is the same exit code, whatever was asked for.
func TestFilesOfADiscWithoutAGoodCopy(t *testing.T) {
	dir, config := twoFolders(t)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "MAPS", nil))
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	other := archiveFile(t, config, discOf(t, dir, "b.iso", "OTHER", func(src string) { put(t, "b", src, "b") }))
	hold := func(what string, code int, all ...[]string) {
		t.Helper()
		for _, args := range all {
			if a := run(args...); a.code != code || a.out != "" || !strings.Contains(a.talk, "no copy ") {
				t.Errorf("%s, %q: exit %d, want %d\n%s%s", what, args, a.code, code, a.out, a.talk)
			}
		}
	}
	for _, store := range []string{"store", "second"} {
		if err := os.Remove(filepath.Join(dir, store, id, "v1", "data", "image.iso")); err != nil {
			t.Fatal(err)
		}
	}
	all := [][]string{{"cat", id, "README.TXT"}, {"extract", id, filepath.Join(dir, "ex")}, {"restore", id, filepath.Join(dir, "out")}}
	hold("not looked at yet", exitFindings, all...)
	run("audit", "--full")
	hold("recorded as missing", exitFindings, all...)
	for _, store := range []string{"store", "second"} {
		if err := os.Rename(filepath.Join(dir, store), filepath.Join(dir, store+".away")); err != nil {
			t.Fatal(err)
		}
	}
	hold("no store answers", exitBlind, []string{"cat", other, "README.TXT"}, []string{"extract", other, filepath.Join(dir, "ex")})
}

// The longest names that a file system takes can be given.
func TestHandoverIntoALongName(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	for _, n := range []int{244, 245, 255} {
		name := filepath.Join(dir, strings.Repeat("x", n-len(".zip"))+".zip")
		if a := ripstation(t, "handover", id, "--zip", name, "--config", config); a.code != exitDone || !exists(name) {
			t.Errorf("%d bytes: exit %d\n%s%s", n, a.code, a.out, a.talk)
		}
	}
	a := ripstation(t, "handover", id, "--zip", filepath.Join(dir, strings.Repeat("x", 256)), "--config", config)
	if a.code != exitUsage || !strings.Contains(a.talk, "its name is longer than 255 bytes; give a shorter one") {
		t.Errorf("256 bytes: exit %d\n%s", a.code, a.talk)
	}
}
