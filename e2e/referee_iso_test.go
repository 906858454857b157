package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/internal/hsimage"
)

// isoSource makes a tree of what Rock Ridge can hold: names that need
// continuations, directories of several sectors and of more than eight levels,
// links with many parts, modes, times from 1970
// to 2037: behind 2038 this kernel counts ISO 9660 times in 32 bits.
func isoSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	try := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string, mode fs.FileMode, year int) {
		p := filepath.Join(dir, name)
		try(os.MkdirAll(filepath.Dir(p), 0o755))
		try(os.WriteFile(p, []byte(text), 0o600))
		try(os.Chmod(p, mode))
		at := time.Date(year, 2, 28, 23, 59, 58, 0, time.UTC)
		try(os.Chtimes(p, at, at))
	}
	write("readme.txt", "hello", 0o644, 1999)
	write("README.TXT", "HELLO", 0o644, 1999)
	write("empty", "", 0o400, 1970)
	write("tool", "#!/bin/sh\n", 0o755|fs.ModeSetuid, 2004)
	write("noise.bin", strings.Repeat("0123456789abcdef\n", 20_000), 0o640, 2037)
	write("two.dots.tar", "x", 0o604, 2001)
	write("A long name with spaces and (brackets), much longer than 64 characters.tar.gz", strings.Repeat("x", 5000), 0o640, 2010)
	write(strings.Repeat("n", 250), "a name in two continuations", 0o644, 2010)
	write(strings.Repeat("d/", 11)+"leaf", "deep", 0o644, 2010)
	write(strings.Repeat("d/", 8)+"beside", "deep, too", 0o644, 2010)
	for i := range 150 {
		write(fmt.Sprintf("many/number %03d %s", i, strings.Repeat("m", i/2)), fmt.Sprint(i), 0o644, 2010)
	}
	for name, to := range map[string]string{
		"link": "many/number 000 ", "d/up": "../readme.txt", "outside": "/etc/passwd", "d/d/dots": "./../.././noise.bin",
		"far": strings.Repeat("a-part-of-the-way/", 12) + "end",
	} {
		try(os.Symlink(to, filepath.Join(dir, name)))
	}
	try(os.Link(filepath.Join(dir, "tool"), filepath.Join(dir, "hard")))
	return dir
}

// isoImage lets a program make an image of a tree.
func isoImage(t *testing.T, ctx context.Context, dir string, argv ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image.iso")
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], "-o", image, dir)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s (Debian package %s): %v\n%s", argv[0], argv[0], err, out)
	}
	return image
}

// The guest's kernel mounts what independent writers made, each of its trees
// by itself, and lists what discfs lists.
func TestKernelListsISOAsDiscfsDoes(t *testing.T) {
	ctx, b := sharedBench(t)
	dir := isoSource(t)
	wide := filepath.Join(dir, "Übersicht 日本語 Ω.txt")
	if err := os.WriteFile(wide, []byte("wide"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name string
		argv []string
		// mount option and view of each tree
		views [][2]string
	}{
		{"genisoimage, relocated", []string{"genisoimage", "-quiet", "-input-charset", "utf-8", "-R", "-J", "-joliet-long"}, [][2]string{{"", "Rock Ridge"}, {"norock,check=strict", "Joliet"}, {"norock,nojoliet,map=off", "ISO 9660"}}},
		{"genisoimage, deep, level 4", []string{"genisoimage", "-quiet", "-D", "-iso-level", "4", "-R"}, [][2]string{{"", "Rock Ridge"}, {"norock,map=off", "ISO 9660"}}},
		{"xorriso", []string{"xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long"}, [][2]string{{"", "Rock Ridge"}, {"norock,check=strict", "Joliet"}, {"norock,nojoliet,map=off", "ISO 9660"}}},
		{"xorriso, level 3", []string{"xorriso", "-as", "mkisofs", "-quiet", "-iso-level", "3", "-R"}, [][2]string{{"", "Rock Ridge"}, {"norock,map=off", "ISO 9660"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.argv[0] == "xorriso" { // genisoimage never comes to its end over it
				farther := filepath.Join(dir, "farther")
				if err := os.Symlink(strings.Repeat("a-part-of-the-way/", 40)+"end", farther); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(farther)
			}
			image := isoImage(t, ctx, dir, c.argv...)
			for j, v := range c.views {
				options := "-r -t iso9660 -o iocharset=utf8"
				if v[0] != "" {
					options += "," + v[0]
				}
				kernel := guestImage(t, ctx, b, fmt.Sprintf("iso%d-%d", i, j), image, options, listTree)
				if n := strings.Count(kernel, "\n"); n < 160 {
					t.Errorf("%s: the kernel lists %d entries only", v[1], n)
				}
				theirs, ours := strings.Split(strings.TrimSpace(kernel), "\n"), listed(t, image, v[1])
				if v[1] == "Rock Ridge" {
					theirs = slices.DeleteFunc(theirs, relocated)
					for k := range theirs {
						theirs[k] = modeless(theirs[k], c.argv)
					}
				}
				if v[1] != "Rock Ridge" {
					for _, list := range [][]string{theirs, ours} {
						for k := range list {
							list[k] = bare(list[k], v[1] == "ISO 9660")
						}
					}
				}
				t.Run(v[1], func(t *testing.T) { sameLines(t, theirs, ours) })
			}
		})
	}
}

// relocated says of a line that it is the directory in which genisoimage
// collects what lies too deep. The kernel lists it, empty; discfs does not.
func relocated(line string) bool {
	return strings.HasPrefix(line, "d ") && strings.HasSuffix(line, " ./rr_moved")
}

// modeless gives the one file for whose mode genisoimage has no room, since
// its record is full of a level 4 name, the mode that discfs says instead of
// the kernel's.
func modeless(line string, argv []string) string {
	if argv[0] == "genisoimage" && slices.Contains(argv, "4") && strings.HasSuffix(line, strings.Repeat("n", 200)) {
		return strings.Replace(line, "f 816d ", "f 8124 ", 1)
	}
	return line
}

// bare is a line of a tree that records no modes, without them; of the plain
// tree's names, without version number and the dot that nothing follows.
func bare(line string, plain bool) string {
	kind, rest, _ := strings.Cut(line, " ")
	_, rest, _ = strings.Cut(rest, " ")
	if plain {
		rest = strings.TrimSuffix(strings.TrimSuffix(rest, ";1"), ".")
	}
	return kind + " " + rest
}

// What ECMA-119 grew out of, the kernel reads too.
func TestKernelListsHighSierraAsDiscfsDoes(t *testing.T) {
	ctx, b := sharedBench(t)
	var files []hsimage.File
	for i := range 120 { // more than two sectors of records
		files = append(files, hsimage.File{Path: fmt.Sprintf("MANY/NUMBER%03d.TXT", i), Data: []byte(fmt.Sprint("file ", i)),
			Modified: time.Date(1985+i%10, time.Month(1+i%12), 1+i%28, i%24, i%60, 59, 0, time.UTC)})
	}
	files = append(files,
		hsimage.File{Path: "README.TXT", Data: []byte("hello")},
		hsimage.File{Path: "EMPTY.DAT"},
		hsimage.File{Path: "NOISE.BIN", Data: bytes.Repeat([]byte("0123456789abcdef\n"), 9000)},
		hsimage.File{Path: "A/B/C/D/E/F/G/LEAF.DAT", Data: []byte("deep")},
		hsimage.File{Path: "A/B/NODOT.", Data: []byte("no dot behind the name")})
	img, err := hsimage.New("HIGH_SIERRA", files)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.hs")
	if err := os.WriteFile(path, img, 0o600); err != nil {
		t.Fatal(err)
	}
	kernel := guestImage(t, ctx, b, "hs", path, "-r -t iso9660 -o map=off", listTree)
	if n := strings.Count(kernel, "\n"); n != len(files)+8 {
		t.Errorf("the kernel lists %d entries", n)
	}
	theirs, ours := strings.Split(strings.TrimSpace(kernel), "\n"), listed(t, path, "High Sierra")
	for _, list := range [][]string{theirs, ours} {
		for k := range list {
			list[k] = bare(list[k], true)
		}
	}
	sameLines(t, theirs, ours)
}
