package archive_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/archive"
)

// verify.sh knows the files that people added: each has its SHA-256 as its name.
func TestVerifyScriptKnowsAddedFiles(t *testing.T) {
	root := bare(t)
	store := filepath.Join(root, "store")
	s := openDir(t, store)
	must(t, archive.PutRoot(t.Context(), s))
	if _, err := archive.Send(t.Context(), s, sampleBag(), archive.SendOptions{}); err != nil {
		t.Fatal(err)
	}
	put := func(text string) string {
		name := sumOf([]byte(text))
		must(t, s.Put(t.Context(), "mfzwizltorxgk/added/"+name, []byte(text)))
		return filepath.Join(store, "mfzwizltorxgk/added", name)
	}
	one := put("a photo")
	put("another")
	folder := "/store/mfzwizltorxgk/added"
	if out, code := verify(t, root, "/store/verify.sh"); code != 0 || strings.Count(out, "\n") != 2 || !strings.Contains(out, folder+": whole: 2 added files, each is what its name says\n") {
		t.Errorf("whole: exit %d\n%s", code, out)
	}
	must(t, os.MkdirAll(filepath.Join(root, "out", "Maps 1.added"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "out", "Maps 1.added", sumOf([]byte("x"))+".jpg"), []byte("x"), 0o644))
	if out, code := verify(t, root, "/store/verify.sh", "/out/Maps 1.added", folder+"/"); code != 0 || strings.Count(out, ": whole: ") != 2 {
		t.Errorf("named: exit %d\n%s", code, out)
	}
	for what, c := range map[string]struct {
		harm, mend func() error
		says       string
	}{
		"altered": {func() error { return os.WriteFile(one, []byte("a ph0to"), 0o644) }, func() error { return os.WriteFile(one, []byte("a photo"), 0o644) }, "not what its name says (sha256): " + filepath.Base(one)},
		"a stranger": {func() error { return os.WriteFile(filepath.Join(store, "mfzwizltorxgk/added", "a\nphoto"), nil, 0o644) },
			func() error { return os.Remove(filepath.Join(store, "mfzwizltorxgk/added", "a\nphoto")) }, "a%0Aphoto"},
		"hidden": {func() error { return os.WriteFile(filepath.Join(store, "mfzwizltorxgk/added", ".x"), nil, 0o644) },
			func() error { return os.Remove(filepath.Join(store, "mfzwizltorxgk/added", ".x")) }, "not what its name says"},
		"a folder": {func() error { return os.Mkdir(filepath.Join(store, "mfzwizltorxgk/added", "deep"), 0o755) },
			func() error { return os.Remove(filepath.Join(store, "mfzwizltorxgk/added", "deep")) }, "not a file: deep"},
		"a link": {func() error {
			return os.Symlink(filepath.Base(one), filepath.Join(store, "mfzwizltorxgk/added", "link"))
		},
			func() error { return os.Remove(filepath.Join(store, "mfzwizltorxgk/added", "link")) }, "not a file: link"},
	} {
		if what == "altered" {
			must(t, os.Chmod(one, 0o644))
		}
		must(t, c.harm())
		out, code := verify(t, root, "/store/verify.sh")
		if code != 1 || strings.Count(out, "\n") != 2 || !strings.Contains(out, folder+": WRONG: ") || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit %d\n%s", what, code, out)
		}
		must(t, c.mend())
		if out, code := verify(t, root, "/store/verify.sh"); code != 0 {
			t.Errorf("%s, mended: exit %d\n%s", what, code, out)
		}
	}
}

// verify.sh knows a disc's events: their names have the beginning of their
// SHA-256.
func TestVerifyScriptKnowsEvents(t *testing.T) {
	root := bare(t)
	store := filepath.Join(root, "store")
	s := openDir(t, store)
	must(t, archive.PutRoot(t.Context(), s))
	const id = "abcdefghijklmnopqrstuvwxyz"
	folder := "/store/" + id + "/events"
	dir := filepath.Join(root, folder)
	put := func(seq int, text string) string {
		name := fmt.Sprintf("%010d-%s.json", seq, sumOf([]byte(text))[:32])
		must(t, s.Put(t.Context(), id+"/events/"+name, []byte(text)))
		return filepath.Join(dir, name)
	}
	one := put(4, "{}")
	if out, code := verify(t, root, "/store/verify.sh"); code != 0 || out != folder+": whole: 1 event, each is what its name says\n" {
		t.Errorf("one: exit %d\n%s", code, out)
	}
	put(5, "{\n}")
	whole := folder + ": whole: 2 events, each is what its name says\n"
	if out, code := verify(t, root, "/store/verify.sh"); code != 0 || out != whole {
		t.Errorf("whole: exit %d\n%s", code, out)
	}
	if out, code := verify(t, root, "/store/verify.sh", folder+"/"); code != 0 || out != whole {
		t.Errorf("named: exit %d\n%s", code, out)
	}
	// Others may have folders of that name.
	must(t, os.MkdirAll(filepath.Join(root, "store/events/1999"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "store/events/1999/list"), nil, 0o644))
	if out, code := verify(t, root, "/store/verify.sh"); code != 0 || out != whole {
		t.Errorf("beside another folder: exit %d\n%s", code, out)
	}
	body := fileOf(t, one)
	short, long := sumOf(nil)[:31], sumOf(nil)[:33]
	for what, c := range map[string]struct{ name, body, says string }{
		"altered":               {filepath.Base(one), "{ }", "not what its name says (sha256): " + filepath.Base(one)},
		"emptied":               {filepath.Base(one), "", filepath.Base(one)},
		"without a number":      {sumOf(nil)[:32] + ".json", "", "not what its name says"},
		"with a short number":   {"000000006-" + sumOf(nil)[:32] + ".json", "", "not what its name says"},
		"a digest cut short":    {"0000000006-" + short + ".json", "", "not what its name says"},
		"a digest that is long": {"0000000006-" + long + ".json", "", "not what its name says"},
		"no digest":             {"0000000006-.json", "", "not what its name says"},
		"a pattern for one":     {"0000000006-*.json", "", "not what its name says"},
		"another kind":          {"0000000006-" + sumOf(nil)[:32] + ".json.bak", "", "not what its name says"},
		"hidden":                {".0000000006-" + sumOf(nil)[:32] + ".json", "", "not what its name says"},
	} {
		path := filepath.Join(dir, c.name)
		if path == one {
			must(t, os.Chmod(one, 0o644))
		}
		must(t, os.WriteFile(path, []byte(c.body), 0o644))
		out, code := verify(t, root, "/store/verify.sh")
		if code != 1 || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, folder+": WRONG: ") || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit %d\n%s", what, code, out)
		}
		if path == one {
			must(t, os.WriteFile(one, []byte(body), 0o644))
		} else {
			must(t, os.Remove(path))
		}
	}
	must(t, os.Symlink(filepath.Base(one), filepath.Join(dir, "0000000007-"+sumOf([]byte(body))[:32]+".json")))
	if out, code := verify(t, root, "/store/verify.sh"); code != 1 || !strings.Contains(out, "not a file: 0000000007-") {
		t.Errorf("a link: exit %d\n%s", code, out)
	}
}
