package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/catalog"
)

// withPhoto archives a disc and sends a photo of it.
func withPhoto(t *testing.T, dir, config, item string) (id, sum string) {
	t.Helper()
	image := isoFile(t, dir, item+".iso", 300, 1)
	id = archiveFile(t, config, image, "--item", item)
	photo, sum := pictureFile(t, dir, item+".jpg", item)
	for _, args := range [][]string{{"photo", id, photo, "--role", "disc"}, {"rip", image}} {
		if a := ripstation(t, append(args, "--config", config)...); a.code != exitDone {
			t.Fatalf("%q: exit %d\n%s", args, a.code, a.talk)
		}
	}
	return id, sum
}

// A disc's photos never come into the folder of another disc's bag, whatever the
// labels are.
func TestRestoreBesideALabelThatEndsLikeAFolderOfPhotos(t *testing.T) {
	dir, config := stationFolder(t)
	put(t, fileText(t, config)+"\n[names]\ntemplate = \"{item}\"\n", config)
	_, sum := withPhoto(t, dir, config, "MAPS")
	other := archiveFile(t, config, isoFile(t, dir, "b.iso", 300, 2), "--item", "maps.Added")
	out := filepath.Join(dir, "out")
	for _, what := range []string{"first", "again"} {
		if a := ripstation(t, "restore", "--all", out, "--config", config); a.code != exitDone {
			t.Errorf("%s: exit %d\n%s%s", what, a.code, a.out, a.talk)
		}
	}
	entries, err := os.ReadDir(out)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%v, %v", entries, err)
	}
	same(t, "the photo", fileText(t, out, "MAPS.added", sum+".jpg"), "\xff\xd8\xff\xe0MAPS")
	sameTree(t, "the other disc", treeOf(t, filepath.Join(out, "maps_Added")), treeOf(t, filepath.Join(dir, "store", other, "v1")))
}

// Photos are not written through a link; the bag lies where it should all the
// same, and the catalog knows where that is.
func TestRestoreOfPhotosIntoALink(t *testing.T) {
	dir, config := stationFolder(t)
	put(t, fileText(t, config)+"\n[names]\ntemplate = \"{item}\"\n", config)
	id, sum := withPhoto(t, dir, config, "MAPS")
	out, elsewhere := filepath.Join(dir, "out"), t.TempDir()
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(out, "MAPS.added")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	told := func() (n int) {
		t.Helper()
		var v catalog.View
		decode(t, ripstation(t, "show", id, "--json", "--config", config).out, &v)
		for _, e := range v.Events {
			if e.Type == catalog.EventDissemination && strings.HasPrefix(e.Detail, "restored into "+filepath.Join(out, "MAPS")) {
				n++
			}
		}
		return n
	}
	a := ripstation(t, "restore", id, out, "--config", config)
	if a.code != exitFailed || len(treeOf(t, elsewhere)) > 0 || !strings.Contains(a.talk, link+": something else is there already") || !strings.Contains(a.talk, "move it away") || told() != 1 {
		t.Errorf("a link: exit %d, %d events\n%s%s", a.code, told(), a.out, a.talk)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	a = ripstation(t, "restore", id, out, "--config", config)
	if a.code != exitDone || !exists(filepath.Join(link, sum+".jpg")) || told() != 1 {
		t.Errorf("once more: exit %d, %d events\n%s%s", a.code, told(), a.out, a.talk)
	}
}

// Of a bag that a stopped run brought, and of which nobody could write down that
// it did, the next run does.
func TestRestoreTellsOfABagThatIsThereAlready(t *testing.T) {
	dir, config := stationFolder(t)
	id := archiveFile(t, config, isoFile(t, dir, "a.iso", 300, 1), "--item", "MAPS")
	out := filepath.Join(dir, "out")
	var res restored
	a := ripstation(t, "restore", id, out, "--from", "local", "--json", "--config", emptyBeside(t, dir))
	if decode(t, a.out, &res); a.code != exitDone {
		t.Fatalf("exit %d\n%s", a.code, a.talk)
	}
	if err := os.Rename(res.Folder, filepath.Join(out, "MAPS IMAGE_FILE")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a := ripstation(t, "restore", id, out, "--config", config); a.code != exitDone || !strings.Contains(a.out, "there already") {
			t.Fatalf("exit %d\n%s%s", a.code, a.out, a.talk)
		}
	}
	shown := ripstation(t, "show", id, "--config", config).out
	if strings.Count(shown, "restored into "+filepath.Join(out, "MAPS IMAGE_FILE")+", which was found there whole") != 1 {
		t.Errorf("%s", shown)
	}
}

// Why no store gives a photo is said of each in one line, and a damaged one is
// not said to be away.
func TestPhotosThatNoStoreGives(t *testing.T) {
	dir, config := stationFolder(t)
	put(t, fileText(t, config)+"[[store]]\nname = \"second\"\ntype = \"directory\"\npath = \"second\"\n", config)
	id, sum := withPhoto(t, dir, config, "MAPS")
	for _, store := range []string{"store", "second"} {
		p := filepath.Join(dir, store, id, "added", sum)
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		put(t, "\xff\xd8\xff\xe0MAP5", p)
	}
	for _, args := range [][]string{{"restore", id, filepath.Join(dir, "out")}, {"handover", id, "--tar", filepath.Join(dir, "x.tar")}, {"restore", "--all", filepath.Join(dir, "all")}} {
		a := ripstation(t, append(args, "--config", config)...)
		if a.code != exitFindings || strings.Contains(a.talk, `\n`) || strings.Contains(a.talk, "is not there") ||
			!strings.Contains(a.talk, "a file that people added cannot be had") || !strings.Contains(a.talk, "; store second: ") {
			t.Errorf("%q: exit %d\n%s%s", args, a.code, a.out, a.talk)
		}
	}
}
