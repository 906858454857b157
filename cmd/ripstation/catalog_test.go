package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ripstation/archive"
	"ripstation/audit"
	"ripstation/internal/versitygw"
)

// twoStores is a station's folder with a second store, in a bucket.
func twoStores(t *testing.T) (dir, config string, server *versitygw.Server) {
	t.Helper()
	dir, config = stationFolder(t)
	server = versitygw.Start(t)
	server.Bucket("discs")
	more := fmt.Sprintf("\n[[store]]\nname = \"cloud\"\ntype = \"s3\"\nbucket = \"discs\"\nprefix = \"archive\"\nendpoint = %q\npath_style = true\naccess_key_file = %q\nsecret_key_file = %q\n",
		server.Endpoint, server.AccessKeyFile, server.SecretKeyFile)
	put(t, fileText(t, config)+more, config)
	return dir, config, server
}

// The bucket alone tells everything: the catalog that is made of it exports the
// same bytes as the one that was lost, whichever store it is made from.
func TestCatalogFromTheBucketAlone(t *testing.T) {
	dir, config, server := twoStores(t)
	run := func(code int, args ...string) answer {
		t.Helper()
		a := ripstation(t, append(args, "--config", config)...)
		if a.code != code {
			t.Fatalf("%q: exit %d, want %d\n%s%s", args, a.code, code, a.out, a.talk)
		}
		return a
	}
	one := archiveFile(t, config, discOf(t, dir, "a.iso", "FIRST", nil))
	run(exitDone, "annotate", one, "--item", "B-1", "--title", "Ünïcode <&> \"quoted\"", "--part", "1/2", "--side", "A", "--note", "by hand")
	run(exitDone, "annotate", one, "--side", "", "--access", "open", "--disposition", "accepted")
	run(exitDone, "audit", "--full")
	two := archiveFile(t, config, discOf(t, dir, "b.iso", "SECOND", nil), "--item", "B-2") // whose station sends the rest
	want := run(exitDone, "catalog", "export", "--canonical").out
	if strings.Count(want, "\n") != 2 || !strings.Contains(want, one) || !strings.Contains(want, two) || !strings.Contains(want, `"title":"Ünïcode <&> \"quoted\""`) {
		t.Errorf("the export:\n%s", want)
	}
	local := func(path ...string) []byte { return []byte(fileText(t, append([]string{dir, "store"}, path...)...)) }
	for _, name := range []string{"README.txt", "verify.sh", "schema/record-1.json", "schema/files-1.json", "schema/event-1.json", "schema/sector-map-1.txt"} {
		if got := fileText(t, server.File("discs", "archive/"+name)); got != string(local(name)) || len(got) == 0 {
			t.Errorf("%s: %d bytes in the bucket", name, len(got))
		}
	}

	// The schemas in the store say what is there.
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema := func(name string) *jsonschema.Schema {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(local("schema", name)))
		if err == nil {
			err = compiler.AddResource("mem:/"+name, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := compiler.Compile("mem:/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	record, files, event := schema("record-1.json"), schema("files-1.json"), schema("event-1.json")
	fits := func(s *jsonschema.Schema, what string, body []byte) error {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatal(what, err)
		}
		return s.Validate(doc)
	}
	events := 0
	for _, id := range []string{one, two} {
		for _, c := range []struct {
			s    *jsonschema.Schema
			name string
		}{{record, "v1/metadata/record.json"}, {files, "v1/metadata/files.json"}} {
			if err := fits(c.s, c.name, local(id, c.name)); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		entries, err := os.ReadDir(filepath.Join(dir, "store", id, "events"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			events++
			body := local(id, "events", e.Name())
			if err := fits(event, e.Name(), body); err != nil {
				t.Errorf("%s: %v", e.Name(), err)
			}
			for _, bad := range [][2]string{{`"version": 1`, `"version": 2`}, {`"seq": `, `"seq": -`}, {`"outcome": "`, `"outcome": "x`}, {`"changes": `, `"changed": `}} {
				if err := fits(event, e.Name(), bytes.Replace(body, []byte(bad[0]), []byte(bad[1]), 1)); err == nil {
					t.Errorf("an event with %s passes", bad[1])
				}
			}
		}
	}
	if events < 8 {
		t.Errorf("%d events in the store", events)
	}
	if err := fits(record, "record", bytes.Replace(local(one, "v1/metadata/record.json"), []byte(`"state": "complete"`), []byte(`"state": "good"`), 1)); err == nil {
		t.Error("an image in the state \"good\" passes")
	}

	before := run(exitDone, "show", two, "--json").out
	for _, store := range []string{"local", "cloud"} {
		fresh := filepath.Join(dir, store+".db")
		a := run(exitDone, "catalog", "rebuild", "--from", store, "--catalog", fresh, "--json")
		var rep audit.RebuildReport
		decode(t, a.out, &rep)
		if rep.Discs != 2 || rep.Images != 2 || rep.Events != events || len(rep.Findings) != 0 {
			t.Errorf("from %s: %+v", store, rep)
		}
		if got := run(exitDone, "catalog", "export", "--canonical", "--catalog", fresh).out; got != want {
			t.Errorf("from %s:\n%s\nwant\n%s", store, got, want)
		}
		if a := run(exitFailed, "catalog", "rebuild", "--from", store, "--catalog", fresh); !strings.Contains(a.talk, "never overwritten") {
			t.Errorf("%s", a.talk)
		}
	}
	run(exitFailed, "catalog", "rebuild", "--from", "local") // the station's own is there
	// It is lost; an empty file stands in its place.
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(dir, "catalog.db"+end))
	}
	put(t, "", dir, "catalog.db")
	if a := run(exitDone, "catalog", "rebuild", "--from", "cloud"); !strings.Contains(a.out, "2 discs, 2 images") {
		t.Errorf("%s", a.out)
	}
	if leftovers, _ := filepath.Glob(filepath.Join(dir, ".rebuild-*")); len(leftovers) != 0 {
		t.Errorf("left behind: %v", leftovers)
	}
	var was, is map[string]any
	decode(t, before, &was)
	decode(t, run(exitDone, "show", two, "--json").out, &is)
	for _, k := range []string{"item", "title", "label", "kind", "medium", "image", "content", "events", "captures", "checks", "disposition", "needs"} {
		x, _ := json.Marshal(was[k])
		y, _ := json.Marshal(is[k])
		if string(x) != string(y) {
			t.Errorf("%s is %s, was %s", k, y, x)
		}
	}
	// Nobody has read the copies for the new catalog; now somebody does.
	for _, c := range is["copies"].([]any) {
		c := c.(map[string]any)
		if want := map[any]string{"cloud": "unknown", "local": "read back"}[c["store"]]; c["state"] != want {
			t.Errorf("the copy in %s is %s, want %s", c["store"], c["state"], want)
		}
	}
	run(exitDone, "audit", "--full")
	run(exitDone, "cat", two, "README.TXT")
	if a := run(exitDone, "find", "numbers"); !strings.Contains(a.out, "numbers.txt") {
		t.Errorf("%s", a.out)
	}
}

// What cannot be taken is told with exit code 4, and the rest is taken.
func TestRebuildOfADamagedStore(t *testing.T) {
	dir, config := stationFolder(t)
	var ids []string
	for i := range 5 {
		ids = append(ids, archiveFile(t, config, discOf(t, dir, fmt.Sprint(i, ".iso"), fmt.Sprint("DISC ", i), func(src string) { put(t, fmt.Sprint(i), src, "number") })))
	}
	store := func(path ...string) string { return filepath.Join(append([]string{dir, "store"}, path...)...) }
	events := func(id string) []string {
		m, err := filepath.Glob(store(id, "events", "*.json"))
		if err != nil || len(m) < 2 {
			t.Fatalf("%v, %v", m, err)
		}
		return m
	}
	rewrite := func(path, body string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		put(t, body, path)
	}
	// 0: another record. 1: no last tag manifest. 2: an event altered, one gone
	// and one twice. 3: a file list that is another. 4: whole.
	rewrite(store(ids[0], "v1/metadata/record.json"), strings.Replace(fileText(t, store(ids[1], "v1/metadata/record.json")), "x", "x", 1))
	if err := os.Remove(store(ids[1], "v1", archive.TagManifest)); err != nil {
		t.Fatal(err)
	}
	es := events(ids[2])
	rewrite(es[0], strings.Replace(fileText(t, es[0]), "success", "warning", 1))
	rewrite(store(ids[3], "v1/metadata/files.json"), strings.Replace(fileText(t, store(ids[3], "v1/metadata/files.json")), "number", "numbed", 1))
	put(t, "x", store("stray"))
	put(t, "x", store(ids[4], "v01", "x"))
	put(t, "x", store(ids[4], "events", "0000000001-short.json"))
	put(t, strings.Repeat("[", 1<<20), store(ids[4], "events", "0000000099-00000000000000000000000000000000.json"))
	put(t, "x", store("probe", "left"))
	fresh := filepath.Join(dir, "new.db")
	a := ripstation(t, "catalog", "rebuild", "--from", "local", "--catalog", fresh, "--json", "--config", config)
	var rep audit.RebuildReport
	decode(t, a.out, &rep)
	if a.code != exitFindings || rep.Discs != 5 || rep.Images != 3 {
		t.Errorf("exit %d, %d discs, %d images\n%s", a.code, rep.Discs, rep.Images, a.talk)
	}
	seen := map[string]int{}
	for _, f := range rep.Findings {
		seen[string(f.Code)+" "+f.CarrierID]++
	}
	for _, want := range []string{"R001 " + ids[0], "R003 " + ids[1], "R004 " + ids[2], "R005 " + ids[2], "R001 " + ids[3], "R006 ", "R006 " + ids[4], "R004 " + ids[4]} {
		if seen[want] == 0 {
			t.Errorf("no finding %s in %v", want, rep.Findings)
		}
	}
	if a := ripstation(t, "catalog", "rebuild", "--from", "local", "--catalog", filepath.Join(dir, "again.db"), "--config", config); a.code != exitFindings ||
		!strings.Contains(a.out, "a bag that was never finished") || !strings.Contains(a.talk, "-> R001: ") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{"catalog", "rebuild"}, exitUsage, "--from STORE"},
		{[]string{"catalog", "rebuild", "--from", "moon"}, exitUsage, "names no such store"},
		{[]string{"catalog", "rebuild", "--from", "local", "x"}, exitUsage, "takes no argument"},
		{[]string{"catalog", "export"}, exitUsage, "--canonical"},
		{[]string{"catalog", "export", "--canonical", "--catalog", filepath.Join(dir, "none.db")}, exitFailed, "no catalog"},
		{[]string{"catalog", "rebuild", "--from", "local", "--catalog", dir}, exitFailed, "not a file"},
		{[]string{"catalog", "rebuild", "--from", "local", "--catalog", "/dev/full"}, exitFailed, "not a file"},
		{[]string{"catalog", "rebuild", "--from", "local", "--catalog", config}, exitFailed, "not a SQLite database"},
		{[]string{"catalog", "rebuild", "--from", "local", "--catalog", filepath.Join(dir, "no", "x.db")}, exitFailed, "no is not there; make it"},
	} {
		if a := ripstation(t, append(c.args, "--config", config)...); a.code != c.code || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", c.args, a.code, c.code, c.talk, a.out, a.talk)
		}
	}
	if err := os.Rename(store(), store()+"-away"); err != nil {
		t.Fatal(err)
	}
	if a := ripstation(t, "catalog", "rebuild", "--from", "local", "--catalog", filepath.Join(dir, "blind.db"), "--config", config); a.code != exitBlind || exists(filepath.Join(dir, "blind.db")) {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
}

// What a rebuild left that was killed goes with the next one; what another is at
// work in stays.
func TestRebuildClearsUpAfterAKilledOne(t *testing.T) {
	dir, config := stationFolder(t)
	archiveFile(t, config, discOf(t, dir, "a.iso", "A", nil))
	dead, alive := filepath.Join(dir, ".rebuild-1"), filepath.Join(dir, ".rebuild-2")
	for _, d := range []string{dead, alive} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, "half", d, "catalog.db")
	}
	lock, err := lockFolder(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if a := ripstation(t, "catalog", "rebuild", "--from", "local", "--catalog", filepath.Join(dir, "new.db"), "--config", config); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".rebuild-*")); !slices.Equal(left, []string{alive}) {
		t.Errorf("left: %v", left)
	}
}

// Of a withdrawn disc whose bag was deleted its events are left, and nobody is
// sent to look for the others.
func TestRebuildOfAWithdrawnDisc(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, discOf(t, dir, "a.iso", "GOES", nil), "--item", "B-1")
	for _, args := range [][]string{{"withdraw", id, "--authority", "Head of Collections", "--reason", "the deposit ended"}} {
		if a := ripstation(t, append(args, "--config", config)...); a.code != exitDone {
			t.Fatalf("%q: exit %d\n%s", args, a.code, a.talk)
		}
	}
	later := archiveFile(t, config, discOf(t, dir, "b.iso", "LATER", func(src string) { put(t, "b", src, "b") })) // all events are sent along
	if err := os.RemoveAll(filepath.Join(dir, "store", id, "v1")); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "new.db")
	a := ripstation(t, "catalog", "rebuild", "--from", "local", "--catalog", fresh, "--json", "--config", config)
	var rep audit.RebuildReport
	decode(t, a.out, &rep)
	if a.code != exitFindings || rep.Discs != 2 || rep.Images != 1 || len(rep.Findings) != 1 || rep.Findings[0].Code != audit.BagWithdrawn || rep.Findings[0].CarrierID != id {
		t.Errorf("exit %d, %+v\n%s", a.code, rep, a.talk)
	}
	put(t, strings.Replace(fileText(t, config), "catalog.db", "new.db", 1), config)
	var list []struct {
		ID string     `json:"id"`
		At *time.Time `json:"at"`
	}
	decode(t, ripstation(t, "list", "--json", "--config", config).out, &list)
	if len(list) != 2 || list[0].ID != later || list[0].At == nil || list[1].At != nil {
		t.Errorf("the list: %+v", list)
	}
}
