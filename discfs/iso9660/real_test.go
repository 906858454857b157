package iso9660_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/iso9660"
	"ripstation/discfs/tree"
)

// source is a tree with what Rock Ridge can hold.
func source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("readme.txt", "hello", 0o644)
	write("empty", "", 0o400)
	write("tool", "#!/bin/sh\n", 0o755|fs.ModeSetuid)
	write("A long name with spaces and (brackets), much longer than 64 characters.tar.gz", strings.Repeat("x", 5000), 0o640)
	write("Zürich/Übersicht.txt", "umlauts", 0o644)
	write(strings.Repeat("d/", 11)+"leaf", "deep", 0o644)
	for i := range 150 {
		write(fmt.Sprintf("many/number %03d %s", i, strings.Repeat("n", i)), fmt.Sprint(i), 0o644)
	}
	for _, name := range []string{"a", "a.b", "a.b.c", "A-B.TXT", "A.TXT", "a-b", "a b", "a_c", "a;b", "a~", "a+b", "a,b", "aB", "ab.a", "AB.aa", "1.23", "123", ".x", ".x.y"} {
		write("order/"+name, name, 0o644)
		write("names/"+name+"/in", name, 0o644)
	}
	for name, to := range map[string]string{"link": "Zürich/Übersicht.txt", "d/up": "../readme.txt", "outside": "/etc/passwd"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// told is a tree as lines of mode, name, size, target and bytes. Times have whole
// seconds on a disc.
func told(t *testing.T, fsys fs.FS, rock bool) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprint(fi.Mode().Type())
		if rock {
			line = fmt.Sprint(fi.Mode(), fi.ModTime().Unix())
		}
		switch {
		case fi.Mode().IsRegular():
			b, err := fs.ReadFile(fsys, name)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %x", fi.Size(), b)
		case fi.Mode()&fs.ModeSymlink != 0:
			to, err := fs.ReadLink(fsys, name)
			if err != nil {
				return err
			}
			line = "link " + to
		}
		out[name] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What two independent writers put on an image is what is read: all of it by
// Rock Ridge, names and bytes by Joliet.
func TestImagesEqualTheirSource(t *testing.T) {
	dir := source(t)
	rock := told(t, os.DirFS(dir), true)
	plain := map[string]string{}
	for name, line := range told(t, os.DirFS(dir), false) {
		// Joliet has no links, and Debian's genisoimage no way into its characters
		// but from 8-bit sets; a semicolon is no character of its.
		if !strings.HasPrefix(line, "link ") && !strings.ContainsAny(name, "Z;") {
			plain[name] = line
		}
	}
	for name, argv := range map[string][]string{
		"genisoimage, relocated": {"genisoimage", "-quiet", "-R", "-J", "-joliet-long"},
		"genisoimage, deep":      {"genisoimage", "-quiet", "-D", "-R", "-J", "-joliet-long"},
		"genisoimage, level 4":   {"genisoimage", "-quiet", "-iso-level", "4", "-R"},
		"xorriso":                {"xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long"},
		"genisoimage, any name":  {"genisoimage", "-quiet", "-R", "-J", "-joliet-long", "-relaxed-filenames", "-allow-lowercase", "-allow-multidot", "-l"},
		"genisoimage, as it is":  {"genisoimage", "-quiet", "-U", "-R", "-J", "-joliet-long"},
		"xorriso, level 3":       {"xorriso", "-as", "mkisofs", "-quiet", "-iso-level", "3", "-R"},
	} {
		t.Run(name, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			cmd := exec.Command(argv[0], append(argv[1:], "-o", image, dir)...)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s (Debian package %s): %v\n%s", argv[0], argv[0], err, out)
			}
			p, err := os.ReadFile(image)
			if err != nil {
				t.Fatal(err)
			}
			f := iso9660.Read(tree.NewSource(bytes.NewReader(p), int64(len(p))))
			for _, c := range f.Checks {
				odd := c.Outcome == disc.Warning && strings.Contains("F203 F213 F214 F215 F301 F304", c.Code)
				if odd || c.Outcome == disc.Failure || c.Outcome == disc.NotRun {
					t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
				}
			}
			views := 0
			for _, v := range f.Volumes {
				want := rock
				switch v.View {
				case iso9660.RockRidge:
				case iso9660.Joliet:
					want = plain
				default:
					continue
				}
				views++
				got := told(t, tree.NewFS(v.Root, bytes.NewReader(p), int64(len(p))), v.View == iso9660.RockRidge)
				for name, line := range want {
					if g := got[name]; g != line && !(v.View == iso9660.Joliet && len([]rune(filepath.Base(name))) > 64) {
						t.Errorf("%s: %s is %.200q, want %.200q", v.View, name, g, line)
					}
				}
				if len(got) < len(want) && v.View == iso9660.Joliet || v.View == iso9660.RockRidge && len(got) != len(want) {
					t.Errorf("%s: %d names, want %d", v.View, len(got), len(want))
				}
			}
			if views == 0 {
				t.Error("no view was compared")
			}
		})
	}
}

// A file that zisofs has compressed is read as it stands, and told.
func TestCompressedFiles(t *testing.T) {
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(filepath.Join(dir, "text"), bytes.Repeat([]byte("hello "), 50_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("xorriso", "-outdev", image, "-map", dir, "/", "-set_filter_r", "--zisofs", "/", "--").CombinedOutput(); err != nil {
		t.Fatalf("xorriso (Debian package xorriso): %v\n%s", err, out)
	}
	p, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	f := iso9660.Read(tree.NewSource(bytes.NewReader(p), int64(len(p))))
	for _, c := range f.Checks {
		if c.Code == "F304" && (c.Outcome != disc.Warning || !strings.Contains(c.Message, "TEXT is stored compressed (zisofs, 300000 bytes before)")) {
			t.Errorf("%+v", c)
		}
	}
	for _, v := range f.Volumes {
		if v.View == iso9660.RockRidge {
			b, err := fs.ReadFile(tree.NewFS(v.Root, bytes.NewReader(p), int64(len(p))), "text")
			if err != nil || len(b) > 100_000 || !bytes.HasPrefix(b, []byte{0x37, 0xe4, 0x53, 0x96}) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
			return
		}
	}
	t.Error("there is no Rock Ridge")
}
