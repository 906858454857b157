package udf

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

func run(t testing.TB, pkg, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s (Debian package %s): %v\n%s", name, pkg, err, out)
	}
	return string(out)
}

func open(t testing.TB, path string) ([]byte, tree.Found) {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return p, Read(tree.NewSource(bytes.NewReader(p), int64(len(p))))
}

// Every medium and revision that mkudffs makes is read, empty as it is.
func TestEveryMediumOfMkudffs(t *testing.T) {
	all, late, r := []string{"1.02", "1.50", "2.00", "2.01"}, []string{"2.50", "2.60"}, []string{"1.50", "2.00", "2.01"}
	for _, m := range []struct {
		medium    string
		block     int
		revisions []string
	}{
		{"hd", 512, all}, {"hd", 1024, all}, {"hd", 2048, all}, {"hd", 4096, all},
		{"dvd", 2048, all}, {"dvdram", 2048, all}, {"dvdrw", 2048, r}, {"cdrw", 2048, r},
		{"dvdr", 2048, append(r, late...)}, {"cdr", 2048, append(r, late...)}, {"bdr", 2048, late},
	} {
		for _, rev := range m.revisions {
			t.Run(fmt.Sprintf("%s/%d/%s", m.medium, m.block, rev), func(t *testing.T) {
				image := filepath.Join(t.TempDir(), "image")
				if err := os.WriteFile(image, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(image, 16<<20); err != nil {
					t.Fatal(err)
				}
				run(t, "udftools", "mkudffs", "--media-type="+m.medium, "--udfrev="+rev, fmt.Sprint("-b", m.block), "--label=Größe", image)
				_, f := open(t, image)
				for _, c := range f.Checks {
					if c.Outcome == disc.Failure {
						t.Errorf("%s: %s", c.Code, c.Message)
					}
				}
				if len(f.Volumes) != 1 || f.Volumes[0].Root == nil {
					t.Fatalf("volumes: %+v", f.Volumes)
				}
				if v := f.Volumes[0]; v.Label != "Größe" || v.Identifiers["udf revision"] != rev {
					t.Errorf("label %q, revision %q", v.Label, v.Identifiers["udf revision"])
				}
			})
		}
	}
}

// bridge makes an image with UDF of a small tree, and says what is in it.
func bridge(t testing.TB) (image string, want map[string]string) {
	t.Helper()
	dir := t.TempDir()
	want = map[string]string{}
	for i, name := range []string{"a.txt", "empty", "sub/b.bin", "sub/deep/er/c", "sub/größe ж 文.txt", "sub/" + strings.Repeat("long", 15)} {
		text := strings.Repeat(name, i*1000)
		if name == "empty" {
			text = ""
		}
		want[name] = text
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 300 { // a directory over several blocks, entries across their bounds
		name := fmt.Sprintf("many/file %d%s", i, strings.Repeat("x", i%13))
		want[name] = name
		if err := os.MkdirAll(filepath.Join(dir, "many"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image = filepath.Join(t.TempDir(), "image.iso")
	run(t, "genisoimage", "genisoimage", "-quiet", "-udf", "-J", "-joliet-long", "-input-charset", "utf-8", "-V", "BRIDGE", "-o", image, dir)
	return image, want
}

// Every name and byte of a bridge image equals its source's, and 7z lists the
// same names.
func TestBridgeEqualsSource(t *testing.T) {
	image, want := bridge(t)
	p, f := open(t, image)
	for _, c := range f.Checks {
		if c.Outcome == disc.Failure {
			t.Errorf("%s: %s", c.Code, c.Message)
		}
	}
	files := tree.NewFS(f.Volumes[0].Root, bytes.NewReader(p), int64(len(p)))
	got := map[string]string{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		got[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d files, want %d", len(got), len(want))
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%q: %d bytes, want %d", name, len(got[name]), len(want[name]))
			}
		}
	}
	if err := fstest.TestFS(files, "a.txt", "sub/deep/er/c"); err != nil {
		t.Error(err)
	}
	listed := map[string]bool{}
	for _, line := range strings.Split(run(t, "7zip", "7z", "l", "-slt", "-tudf", image), "\n") {
		if name, ok := strings.CutPrefix(line, "Path = "); ok {
			listed[name] = true
		}
	}
	for name := range want {
		if !listed[name] {
			t.Errorf("7z does not list %q", name)
		}
	}
}
