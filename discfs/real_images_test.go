package discfs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/discfs/tree"
)

// realImages are those that Debian packages ship (scripts/real-images.sh).
var realImages = []string{
	"grub-rescue-pc/root/usr/lib/grub-rescue/grub-rescue-cdrom.iso",
	"ipxe/root/usr/lib/ipxe/ipxe.iso",
	"memtest86+/root/usr/lib/memtest86+/memtest86+ia32.iso",
	"memtest86+/root/usr/lib/memtest86+/memtest86+x64.iso",
}

func openFile(t *testing.T, name string) (*discfs.Image, *os.File) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatalf("%v (scripts/real-images.sh fetches it)", err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return discfs.Open(f, st.Size(), nil), f
}

// Names, times, modes and bytes of real images are those that xorriso extracts;
// names and bytes those of 7z.
func TestRealImages(t *testing.T) {
	for _, name := range realImages {
		t.Run(filepath.Base(name), func(t *testing.T) {
			image, err := filepath.Abs(filepath.Join("../.cache/real-images", name))
			if err != nil {
				t.Fatal(err)
			}
			m, f := openFile(t, image)
			st, _ := f.Stat()
			examine(t, f, st.Size(), nil, 1<<20, true)
			v := m.Main()
			if v == nil {
				t.Fatalf("no tree; checks %+v", m.Checks)
			}
			d := m.Digests()
			if err := d.Run(context.Background(), f, nil); err != nil {
				t.Fatal(err)
			}
			mine, lines := map[string]string{}, []string{}
			tree.Walk(v.Root, func(p string, n *tree.Node) bool {
				if n.Mode.IsRegular() {
					sum, err := d.Of(n)
					if err != nil {
						t.Errorf("%s: %v", p, err)
					}
					mine[p] = fmt.Sprintf("%x", sum)
					lines = append(lines, fmt.Sprintf("%s %v %d %s", p, n.Mode.Perm(), n.Size, n.Modified.UTC().Format("2006-01-02 15:04:05")))
				}
				return true
			})
			if len(mine) < 3 {
				t.Errorf("only %d files", len(mine))
			}
			dir := t.TempDir()
			program(t, dir, "xorriso", "-osirrox", "on:auto_chmod_on", "-indev", image, "-extract", "/", "x")
			if got := sums(t, filepath.Join(dir, "x")); !maps.Equal(got, mine) {
				t.Errorf("this package and xorriso:\n%s", differ(mine, got))
			}
			program(t, dir, "7z", "x", "-y", "-tiso", "-o7", image)
			seven := sums(t, filepath.Join(dir, "7"))
			maps.DeleteFunc(seven, func(p, _ string) bool { return strings.HasPrefix(p, "[BOOT]/") })
			if !maps.Equal(seven, mine) {
				t.Errorf("this package and 7z:\n%s", differ(mine, seven))
			}
			slices.Sort(lines)
			if got := xorrisoList(t, image); !slices.Equal(got, lines) {
				t.Errorf("this package lists\n%s\nxorriso\n%s", strings.Join(lines, "\n"), strings.Join(got, "\n"))
			}
			for _, c := range slices.Concat(m.Checks, d.Checks()) {
				switch c.Outcome {
				case disc.Failure, disc.NotRun:
					t.Errorf("%s, %s: %s (%s)", c.Code, c.Outcome, c.Message, c.Name)
				case disc.Warning: // xorriso has Joliet directories that are their own parents
					if c.Code != "F206" {
						t.Errorf("%s, %s: %s (%s)", c.Code, c.Outcome, c.Message, c.Name)
					}
				}
			}
		})
	}
}

// xorrisoList gives the files of an image as xorriso tells of them, sorted.
func xorrisoList(t *testing.T, image string) []string {
	t.Helper()
	dir := t.TempDir()
	program(t, dir, "xorriso", "-osirrox", "on:auto_chmod_on", "-indev", image, "-extract", "/", "x")
	var out []string
	err := filepath.WalkDir(filepath.Join(dir, "x"), func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		i, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(filepath.Join(dir, "x"), p)
		out = append(out, fmt.Sprintf("%s %v %d %s", rel, i.Mode().Perm(), i.Size(), i.ModTime().UTC().Format("2006-01-02 15:04:05")))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// sums are the digests of all files below a directory.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		out[rel] = fmt.Sprintf("%x", h.Sum(nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func differ(a, b map[string]string) string {
	var out []string
	for k := range a {
		if b[k] != a[k] {
			out = append(out, fmt.Sprintf("%s: %.8s, %.8s", k, a[k], b[k]))
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, fmt.Sprintf("%s: none, %.8s", k, b[k]))
		}
	}
	slices.Sort(out)
	return strings.Join(out[:min(len(out), 20)], "\n")
}

// Each volume is an fs.FS as testing/fstest understands it.
func TestVolumesAreFileSystems(t *testing.T) {
	check := func(name string, m *discfs.Image) {
		for _, v := range m.Volumes {
			if v.Root == nil {
				continue
			}
			var want []string
			tree.Walk(v.Root, func(p string, n *tree.Node) bool {
				if n.Mode.IsRegular() {
					want = append(want, p)
				}
				return true
			})
			if err := fstest.TestFS(m.FS(v), want...); err != nil {
				t.Errorf("%s, %s: %v", name, v.View, err)
			}
		}
	}
	for _, s := range samples(t) {
		check(s.name, discfs.Open(bytes.NewReader(s.bytes), int64(len(s.bytes)), nil))
	}
	for _, name := range realImages {
		// In memory: the test reads byte by byte.
		p, err := os.ReadFile(filepath.Join("../.cache/real-images", name))
		if err != nil {
			t.Fatalf("%v (scripts/real-images.sh fetches it)", err)
		}
		check(name, discfs.Open(bytes.NewReader(p), int64(len(p)), nil))
	}
}
