package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/internal/simdrive"
	"ripstation/station"
	"ripstation/web"
)

// pictureFile makes a file that begins as a JPEG does.
func pictureFile(t *testing.T, dir, name, text string) (path, sum string) {
	t.Helper()
	body := "\xff\xd8\xff\xe0" + text
	path = filepath.Join(dir, name)
	put(t, body, path)
	h := sha256.Sum256([]byte(body))
	return path, hex.EncodeToString(h[:])
}

// Without a station: what wants a person is listed with what can be done, each
// word of a person is an event with a name, and then nothing is left to list.
func TestPeopleWithoutAStation(t *testing.T) {
	dir, config := stationFolder(t)
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	if a := run("review"); a.code != exitDone || a.out != "nothing wants a person\n" {
		t.Errorf("before the first disc: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 900, 1))
	short := id[:8]
	a := run("review")
	if a.code != exitFindings || !strings.Contains(a.out, "disc "+short) || !strings.Contains(a.out, "label IMAGE_FILE, since 20") || !strings.Contains(a.out, "-> ripstation annotate "+short+" --item ITEM") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	var r station.Review
	decode(t, run("review", "--json").out, &r)
	if len(r.Wanting) != 1 || r.Wanting[0].ID != id || r.Wanting[0].Kind != "disc" || len(r.Wanting[0].Reasons) != 1 || r.Wanting[0].Since == nil {
		t.Errorf("%+v", r)
	}
	if a := run("annotate", short, "--item", "B-1"); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	if a := run("retry", short, "--operator", "eve"); a.code != exitDone || !strings.Contains(a.out, "it is read anew the next time") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("review"); a.code != exitFindings || !strings.Contains(a.out, "asked for by eve") || !strings.Contains(a.out, "-> ripstation retry "+short+" --cancel") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("show", short); !strings.Contains(a.out, "to be read anew") {
		t.Errorf("show:\n%s", a.out)
	}
	// The file's next reading is its next version, and uses the mark up.
	if a := run("rip", filepath.Join(dir, "a.iso")); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	var v catalog.View
	decode(t, run("show", short, "--json").out, &v)
	if v.Image.Version != 2 || v.Retry != nil {
		t.Errorf("version %d, %+v", v.Image.Version, v.Retry)
	}
	if a := run("review"); a.code != exitDone {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	for _, args := range [][]string{{"retry", short}, {"retry", short, "--cancel"}, {"note", short, "label\ntorn"}, {"accept", short, "--reason", "by eye"}, {"reject", short, "--reason", "a label sheet", "--json"}} {
		if a := run(append(args, "--operator", "grace")...); a.code != exitDone {
			t.Errorf("%q: exit %d\n%s", args, a.code, a.talk)
		}
	}
	decode(t, run("show", short, "--json").out, &v)
	if v.Disposition != catalog.Rejected {
		t.Errorf("%s", v.Disposition)
	}
	for i, want := range []string{"to be read anew", "not to be read anew any more", "label\ntorn", "by eye", "a label sheet"} {
		e := v.Events[len(v.Events)-5+i]
		if !strings.Contains(e.Detail, want) || !slices.Contains(e.Agents, catalog.Agent{Role: catalog.RoleOperator, Name: "grace"}) {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	before := len(v.Events)
	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{"review", "all"}, exitUsage, "takes no argument"},
		{[]string{"accept", short}, exitUsage, "--reason"},
		{[]string{"accept", short, "--reason", " \t"}, exitUsage, "--reason"},
		{[]string{"accept", "--reason", "x"}, exitUsage, "the ids of discs"},
		{[]string{"accept", short, id, "--reason", "x"}, exitUsage, "named twice"},
		{[]string{"accept", short, "zzzz", "--reason", "x"}, exitFailed, "not in the catalog"},
		{[]string{"reject", short, "--reason", "\x1b[2J"}, exitUsage, "control character"},
		{[]string{"reject", short, "--reason", "x", "--operator", "a\nb"}, exitUsage, "--operator"},
		{[]string{"retry"}, exitUsage, "the ids of discs"},
		{[]string{"retry", short, "--cancel", "--drive", "sr0"}, exitUsage, "--cancel"},
		{[]string{"retry", short, "--cancel"}, exitFailed, "is not to be read anew"},
		{[]string{"retry", short, "--drive", "sr77"}, exitFailed, "sr77"},
		{[]string{"note", short}, exitUsage, "2 arguments"},
		{[]string{"note", short, "  "}, exitUsage, "empty"},
		{[]string{"note", "zzzz", "x"}, exitFailed, "not in the catalog"},
	} {
		if a := run(c.args...); a.code != c.code || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("%q: exit %d, want %d and %q\n%s%s", c.args, a.code, c.code, c.talk, a.out, a.talk)
		}
	}
	decode(t, run("show", short, "--json").out, &v)
	if len(v.Events) != before {
		t.Errorf("what was refused left %d events", len(v.Events)-before)
	}
}

// A photo added while no station runs is kept and sent at the next start; it can
// be had again, goes along with the bag, and its loss is seen and mended.
func TestPhotos(t *testing.T) {
	dir, config := stationFolder(t)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	put(t, string(text)+"[[store]]\nname = \"second\"\ntype = \"directory\"\npath = \"second\"\n", config)
	run := func(args ...string) answer { return ripstation(t, append(args, "--config", config)...) }
	image := isoFile(t, dir, "a.iso", 900, 1)
	id := archiveFile(t, config, image, "--item", "B-1")
	photo, sum := pictureFile(t, dir, "label.png", "a disc") // its name says nothing
	a := run("photo", id[:8], photo, "--role", "disc", "--note", "before cleaning", "--operator", "eve")
	if a.code != exitDone || !strings.Contains(a.out, "JPEG") || !strings.Contains(a.out, sum) || !strings.Contains(a.out, "kept in the spool") {
		t.Fatalf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("photo", id[:8], photo, "--role", "case"); a.code != exitDone || !strings.Contains(a.out, "has it already") {
		t.Errorf("the same again: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	// It can be had before it is in any store.
	if a := run("photo", id[:8], "--get", sum[:6], filepath.Join(dir, "early")); a.code != exitDone || fileText(t, dir, "early", sum+".jpg") != "\xff\xd8\xff\xe0a disc" {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	// Any run of a station sends it.
	if a := run("rip", image); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	for _, store := range []string{"store", "second"} {
		same(t, store, fileText(t, dir, store, id, "added", sum), "\xff\xd8\xff\xe0a disc")
	}
	if a := run("photo", id[:8], "--list"); a.code != exitDone || !strings.Contains(a.out, sum) || !strings.Contains(a.out, "before cleaning") || !strings.Contains(a.out, "eve") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	var list []catalog.AddedFile
	decode(t, run("photo", id[:8], "--list", "--json").out, &list)
	if len(list) != 1 || list[0].SHA256 != sum || list[0].Role != "disc" || list[0].MediaType != "image/jpeg" {
		t.Errorf("%+v", list)
	}
	if a := run("show", id[:8]); !strings.Contains(a.out, "photo") || !strings.Contains(a.out, sum) {
		t.Errorf("show:\n%s", a.out)
	}
	if a := run("photo", id[:8], "--get", sum, filepath.Join(dir, "out")); a.code != exitDone || fileText(t, dir, "out", sum+".jpg") != "\xff\xd8\xff\xe0a disc" {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}

	// Beside the bag, not in it.
	var res restored
	a = run("restore", id[:8], filepath.Join(dir, "back"), "--json")
	decode(t, a.out, &res)
	if a.code != exitDone || !slices.Equal(res.Added, []string{sum + ".jpg"}) || fileText(t, res.Folder+".added", sum+".jpg") != "\xff\xd8\xff\xe0a disc" {
		t.Errorf("exit %d, %+v\n%s", a.code, res, a.talk)
	}
	if exists(filepath.Join(res.Folder, "added")) {
		t.Error("it lies in the bag")
	}
	if a := run("restore", id[:8], filepath.Join(dir, "back")); a.code != exitDone {
		t.Errorf("once more: exit %d\n%s", a.code, a.talk)
	}
	parcel := filepath.Join(dir, "parcel.zip")
	if a := run("handover", id[:8], "--zip", parcel); a.code != exitDone || !strings.Contains(a.out, "1 file that people added") {
		t.Errorf("handover: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	z, err := zip.OpenReader(parcel)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	found := ""
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, ".added/"+sum+".jpg") {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			found = string(b)
		}
	}
	same(t, "in the zip file", found, "\xff\xd8\xff\xe0a disc")
	same(t, "verify", run("verify", id[:8]).out[len(run("verify", id[:8]).out)-len("added files: 2 looked at, 2 of them read back\n"):], "added files: 2 looked at, 2 of them read back\n")

	// Lost in one store: an audit says so, repair brings it back.
	if err := os.Remove(filepath.Join(dir, "store", id, "added", sum)); err != nil {
		t.Fatal(err)
	}
	if a := run("audit"); a.code != exitFindings || !strings.Contains(a.out, string(audit.AddedMissing)) {
		t.Errorf("exit %d\n%s", a.code, a.out)
	}
	if a := run("repair", id[:8]); a.code != exitDone || !strings.Contains(a.out, "brought back from second") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("audit", "--full"); a.code != exitDone {
		t.Errorf("exit %d\n%s", a.code, a.out)
	}
	// A store that is away is no failure of the repair, with a photo neither.
	away := filepath.Join(dir, "second")
	if err := os.Rename(away, away+".away"); err != nil {
		t.Fatal(err)
	}
	if a := run("repair", id[:8]); a.code != exitBlind || !strings.Contains(a.out, "NOTHING DONE: not every copy could be read") || strings.Contains(a.out, "NOT REPAIRED") || !strings.Contains(a.out, sum+": UNKNOWN: ") {
		t.Errorf("a store away: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if err := os.Rename(away+".away", away); err != nil {
		t.Fatal(err)
	}
	if a := run("repair", id[:8]); a.code != exitDone || !strings.Contains(a.out, "nothing to repair") {
		t.Errorf("back again: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	// Wrong in one store: the other one gives it; wrong in both: nothing is given.
	for i, store := range []string{"store", "second"} {
		p := filepath.Join(dir, store, id, "added", sum)
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		put(t, "\xff\xd8\xff\xe0a d1sc", p)
		out := filepath.Join(dir, "out"+store)
		a := run("photo", id[:8], "--get", sum, out)
		if want := []int{exitDone, exitFindings}[i]; a.code != want || i == 1 && exists(filepath.Join(out, sum+".jpg")) {
			t.Errorf("wrong in %d: exit %d\n%s%s", i+1, a.code, a.out, a.talk)
		}
	}
	if a := run("repair", id[:8]); a.code != exitFindings || strings.Count(a.out, "NOT REPAIRED: no store that could be looked at has this file as it was added") != 2 || strings.Contains(a.out, "must first move it away") {
		t.Errorf("wrong in both: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("restore", id[:8], filepath.Join(dir, "third")); a.code != exitFindings || !strings.Contains(a.talk, "a file that people added cannot be had") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := run("handover", id[:8], "--tar", filepath.Join(dir, "p.tar")); a.code != exitFindings || !exists(filepath.Join(dir, "p.tar")) {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}

	page, _ := pictureFile(t, dir, "page", "")
	put(t, "<html>", page)
	put(t, "", dir, "empty.jpg")
	huge := filepath.Join(dir, "huge.jpg")
	put(t, "\xff\xd8\xff\xe0", huge)
	if err := os.Truncate(huge, catalog.MaxAdded+1); err != nil {
		t.Fatal(err)
	}
	if catalog.MaxAdded != web.MaxFile {
		t.Error("the API takes another size than the catalog")
	}
	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{id, page, "--role", "disc"}, exitUsage, "none of JPEG, PNG, TIFF, WebP, HEIC, PDF"},
		{[]string{id, filepath.Join(dir, "empty.jpg"), "--role", "disc"}, exitUsage, "empty"},
		{[]string{id, huge, "--role", "disc"}, exitUsage, "64 MiB"},
		{[]string{id, dir, "--role", "disc"}, exitUsage, "is a folder; name a picture in it"},
		{[]string{id, filepath.Join(dir, "none.jpg"), "--role", "disc"}, exitUsage, "none.jpg: there is no such file; look at its name"},
		{[]string{id, photo}, exitUsage, "--role"},
		{[]string{id, photo, "--role", "cover"}, exitUsage, "disc, case, insert"},
		{[]string{id, photo, "--role", "disc", "--note", "a\nb"}, exitUsage, "--note"},
		{[]string{"zzzz", photo, "--role", "disc"}, exitFailed, "not in the catalog"},
		{[]string{"zzzz", filepath.Join(dir, "none.jpg"), "--role", "disc"}, exitFailed, "not in the catalog"}, // the disc before the file
		{[]string{id, "--list", "--get", "ab"}, exitUsage, "--list and --get"},
		{[]string{id, "--list", "--role", "disc"}, exitUsage, "--role"},
		{[]string{id, "--get", "ffff", dir}, exitFailed, "no added file"},
		{[]string{id}, exitUsage, "2 arguments"},
	} {
		if a := run(append([]string{"photo"}, c.args...)...); a.code != c.code || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("photo %q: exit %d, want %d and %q\n%s%s", c.args, a.code, c.code, c.talk, a.out, a.talk)
		}
	}
	if m, err := filepath.Glob(filepath.Join(dir, "spool", "added", "*", "*")); err != nil || len(m) != 0 {
		t.Errorf("still kept: %v, %v", m, err)
	}
}

// The running station does the same through its socket: it begins at once with a
// disc that lies in a drive, and sends photos at once.
func TestPeopleByTheStation(t *testing.T) {
	s := startSim(t, "sim0")
	s.load(t, "sim0", simdrive.AudioCD(3, 4000))
	if a := s.run(t, "rip", "sim0"); a.code != exitFailed {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	a := s.run(t, "review", "--json")
	var r station.Review
	decode(t, a.out, &r)
	if a.code != exitFindings || len(r.Wanting) != 1 || len(r.Wanting[0].Reasons) != 2 {
		t.Fatalf("exit %d, %+v\n%s", a.code, r, a.talk)
	}
	id := r.Wanting[0].ID
	photo, sum := pictureFile(t, s.dir, "label", "audio")
	if a := s.run(t, "photo", id[:8], photo, "--role", "insert"); a.code != exitDone || !strings.Contains(a.out, "it goes to every store now") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if err := s.m.Mailed(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "in the store", fileText(t, s.dir, "store", id, "added", sum), "\xff\xd8\xff\xe0audio")
	if a := s.run(t, "retry", id[:8]); a.code != exitUsage || !strings.Contains(a.talk, "--drive") {
		t.Errorf("no image and no drive: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "retry", id[:8], "--drive", "sr77"); a.code != exitFailed || !strings.Contains(a.talk, "sr77") {
		t.Errorf("no such drive: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "retry", id[:8], "--drive", "sim0"); a.code != exitDone || !strings.Contains(a.out, "the next time its disc comes into drive") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "retry", id[:8], "--cancel"); a.code != exitDone {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	a = s.run(t, "accept", id[:8], "--reason", "kept as audio", "--operator", "grace", "--json")
	var out []web.Settled
	decode(t, a.out, &out)
	if a.code != exitDone || len(out) != 1 || out[0].Disposition != string(catalog.NeedsIdentity) || len(out[0].Needs) != 1 {
		t.Errorf("exit %d, %+v\n%s", a.code, out, a.talk)
	}
	if a := s.run(t, "note", id[:8], "heard it"); a.code != exitDone {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
	var v catalog.View
	decode(t, s.run(t, "show", id[:8], "--json").out, &v)
	last := v.Events[len(v.Events)-1]
	if !strings.Contains(last.Detail, "heard it") || !slices.Contains(last.Agents, catalog.Agent{Role: catalog.RoleOperator, Name: "ada"}) || len(v.Added) != 1 {
		t.Errorf("%+v, %+v", last, v.Added)
	}
	if b, err := json.Marshal(v.Added[0]); err != nil || !strings.Contains(string(b), `"event":`) {
		t.Errorf("%s, %v", b, err)
	}
	if a := s.run(t, "withdraw", id[:8], "--authority", "A", "--reason", "B"); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	for _, args := range [][]string{{"accept", id[:8], "--reason", "x"}, {"reject", id[:8], "--reason", "x"}, {"retry", id[:8], "--drive", "sim0"}} {
		if a := s.run(t, args...); a.code != exitFailed || !strings.Contains(a.talk, "withdrawn") {
			t.Errorf("%q: exit %d\n%s%s", args, a.code, a.out, a.talk)
		}
	}
	if a := s.run(t, "review"); a.code != exitDone || !strings.Contains(a.out, "nothing wants a person") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
}
