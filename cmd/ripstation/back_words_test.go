package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/audit"
)

// That nothing is to be repaired is not said of a copy that nobody could read.
func TestRepairOfWhatCannotBeRead(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	if err := os.Rename(filepath.Join(dir, "store"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	a := ripstation(t, "repair", id, "--config", config)
	if a.code != exitBlind || !strings.Contains(a.out, "UNKNOWN") || strings.Contains(a.out, "nothing to repair") || !strings.Contains(a.out, "not every copy could be read") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// A store that the configuration has lost may hold a withdrawn disc all the same.
func TestWithdrawFromAStoreThatIsNotConfigured(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	text := fileText(t, config)
	put(t, strings.NewReplacer(`name = "local"`, `name = "other"`, `path = "store"`, `path = "other"`).Replace(text), config)
	a := ripstation(t, "withdraw", id, "--authority", "the board", "--reason", "deposit ended", "--config", config)
	if a.code != exitBlind || !strings.Contains(a.out, "store local:\n  NOT KNOWN what is there") || !strings.Contains(a.out, "delete all that begins with "+id+"/") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// A file gets its name only when nothing else has it, on file systems that can
// tell in one step and on those that cannot.
func TestGiveName(t *testing.T) {
	for kind, rename := range map[string]func(int, string, int, string, uint) error{
		"in one step": unix.Renameat2,
		"without":     func(int, string, int, string, uint) error { return unix.EINVAL },
	} {
		dir := t.TempDir()
		part, name := filepath.Join(dir, "x.incomplete"), filepath.Join(dir, "x")
		put(t, "new", part)
		put(t, "old", name)
		if err := giveName(part, name, rename); err == nil || !strings.Contains(err.Error(), "something else is there") || fileText(t, name) != "old" {
			t.Errorf("%s: %v", kind, err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := giveName(part, name, rename); err != nil || fileText(t, name) != "new" || exists(part) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// A name that cannot be is not said to be in use.
func TestHandoverToWhereNoFileCanBe(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	a := ripstation(t, "handover", id, "--zip", filepath.Join(config, "x.zip"), "--config", config)
	if a.code != exitFailed || !strings.Contains(a.talk, "not a directory") || strings.Contains(a.talk, "something else is there") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
}

// What is left of a drive that is not mounted does not become its store.
func TestStoreInitWhereADriveIsNotMounted(t *testing.T) {
	dir, config := stationFolder(t)
	archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	store := filepath.Join(dir, "store")
	if err := os.Rename(store, filepath.Join(dir, "unmounted")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(store, 0o755); err != nil {
		t.Fatal(err)
	}
	a := ripstation(t, "store", "init", "local", "--config", config)
	if entries, err := os.ReadDir(store); a.code != exitFailed || a.out != "" || err != nil || len(entries) > 0 || !strings.Contains(a.talk, "is its drive mounted?") {
		t.Errorf("exit %d, %v, %v\n%s%s", a.code, entries, err, a.out, a.talk)
	}
	if a := ripstation(t, "store", "init", "local", "--new-drive", "--config", config); a.code != exitDone || !strings.HasPrefix(a.out, "marker = ") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// An event that cannot be taken does not cost its disc the image.
func TestRebuildKeepsTheImageOfADiscWithAnImpossibleEvent(t *testing.T) {
	dir, config := stationFolder(t)
	ids := []string{archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1)), archiveFile(t, config, isoFile(t, dir, "b.iso", 300, 2))}
	first, second := min(ids[0], ids[1]), max(ids[0], ids[1])
	theirs, err := filepath.Glob(filepath.Join(dir, "store", first, "events", "*.json"))
	if err != nil || len(theirs) == 0 {
		t.Fatalf("%v, %v", theirs, err)
	}
	ours, err := filepath.Glob(filepath.Join(dir, "store", second, "events", "*.json"))
	if err != nil || len(ours) == 0 {
		t.Fatalf("%v, %v", ours, err)
	}
	// The last event of one disc under the id of another disc's.
	var their, our struct {
		ID string `json:"id"`
	}
	last := ours[len(ours)-1]
	for path, into := range map[string]any{theirs[0]: &their, last: &our} {
		if err := json.Unmarshal([]byte(fileText(t, path)), into); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(fileText(t, last), our.ID, their.ID, 1)
	if err := os.Remove(last); err != nil {
		t.Fatal(err)
	}
	put(t, text, filepath.Join(filepath.Dir(last), fmt.Sprintf("%.10s-%.16x.json", filepath.Base(last), sha256.Sum256([]byte(text)))))
	a := ripstation(t, "catalog", "rebuild", "--from", "local", "--catalog", filepath.Join(dir, "new.db"), "--json", "--config", config)
	var rep audit.RebuildReport
	decode(t, a.out, &rep)
	if a.code != exitFindings || rep.Discs != 2 || rep.Images != 2 || len(rep.Findings) != 1 || rep.Findings[0].Code != audit.EventNotTaken || rep.Findings[0].CarrierID != second {
		t.Errorf("exit %d, %+v\n%s", a.code, rep, a.talk)
	}
}

// A label cannot have a restored bag taken for one that is still being restored,
// and written over; and the longest one leaves room for the ending.
func TestRestoreBesideALabelThatEndsLikeALeftover(t *testing.T) {
	dir, config := stationFolder(t)
	first := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1), "--item", "MAPS.incomplete")
	second := archiveFile(t, config, isoFile(t, dir, "b.iso", 300, 2), "--item", "MAPS")
	long := archiveFile(t, config, isoFile(t, dir, "c.iso", 300, 3), "--item", strings.Repeat("x", 400))
	text := fileText(t, config)
	put(t, text+"\n[names]\ntemplate = \"{item}\"\n", config)
	out := filepath.Join(dir, "out")
	var whole map[string]string
	for _, id := range []string{first, second, long} {
		var res restored
		a := ripstation(t, "restore", id, out, "--json", "--config", config)
		if decode(t, a.out, &res); a.code != exitDone || strings.HasSuffix(res.Folder, ".incomplete") {
			t.Fatalf("exit %d, %+v\n%s", a.code, res, a.talk)
		}
		if id == first {
			whole = treeOf(t, res.Folder)
			defer func() { sameTree(t, "the first one", treeOf(t, res.Folder), whole) }()
		}
	}
}

// A copy that is still to be sent is told: it arrives after the list was printed.
func TestWithdrawWhatIsStillOnItsWay(t *testing.T) {
	var out bytes.Buffer
	err := (&app{out: &out}).printWithdrawal(withdrawal{ID: strings.Repeat("a", 26), Stores: []withdrawnStore{{Store: "usb", OnTheWay: true}, {Store: "cloud"}}})
	if err != nil || !strings.Contains(out.String(), "store usb:\n  A COPY IS STILL ON ITS WAY") || strings.Count(out.String(), "ON ITS WAY") != 1 {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// A store that is not there is a mistake on the command line, not one of each disc.
func TestRestoreAllFromAStoreThatIsNot(t *testing.T) {
	dir, config := stationFolder(t)
	archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	out := filepath.Join(dir, "out")
	if a := ripstation(t, "restore", "--all", out, "--from", "moon", "--config", config); a.code != exitUsage || !strings.Contains(a.talk, "no store moon; it has local") || exists(out) {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

// A stdout that keeps nothing, or cannot take the result, is told: nothing was
// handed over then.
func TestResultsThatNobodyGets(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1))
	for path, args := range map[string][]string{"/dev/null": {"handover", id, "--tar", "-"}, "/dev/full": {"restore", id, filepath.Join(dir, "out")}} {
		out, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var talk bytes.Buffer
		if code := execute(t.Context(), append(args, "--config", config), strings.NewReader(""), out, &talk); code == exitDone || talk.Len() == 0 {
			t.Errorf("%s: exit %d, %s", path, code, talk.String())
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
	if a := ripstation(t, "show", id, "--config", config); strings.Contains(a.out, "handed over") {
		t.Errorf("%s", a.out)
	}
}
