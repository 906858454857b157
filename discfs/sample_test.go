package discfs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ripstation/disc"
)

// debian names what Debian calls the programs that these tests ask.
var debian = map[string]string{"xorriso": "xorriso", "genisoimage": "genisoimage", "mkudffs": "udftools", "7z": "p7zip-full", "hformat": "hfsutils"}

// program runs a program that must end well.
func program(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	cmd := exec.Command(path, args...)
	// One date, as far as they heed it: images of two runs differ in little else.
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8", "SOURCE_DATE_EPOCH=1000000000")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s (Debian package %s): %v\n%s", name, debian[name], err, out)
	}
	return string(out)
}

// sample is a small image that a real program made, of the files of source.
type sample struct {
	name  string
	bytes []byte
	files bool // source is in it
}

// source are the files of the samples.
var source = map[string]string{
	"a.txt":                       "a",
	"empty":                       "",
	"Long Name With Spaces.data":  strings.Repeat("some bytes\n", 400),
	"sub/b.bin":                   strings.Repeat("\x00\x01\xfe\xff", 700),
	"sub/deeper/Grüße.txt":        "grüße\n",
	"sub/deeper/d3/d4/d5/d6/last": "deep\n",
}

// recipes are how samples are made in a directory with source in tree.
var recipes = []struct {
	name  string
	files bool
	do    func(t testing.TB, dir string)
}{
	{"rock ridge and joliet of xorriso", true, func(t testing.TB, dir string) {
		program(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-no-pad", "-R", "-J", "--md5", "-V", "XO", "-o", "out", "tree")
	}},
	{"rock ridge, El Torito and HFS+ of xorriso", true, func(t testing.TB, dir string) {
		if err := os.WriteFile(filepath.Join(dir, "tree", "boot.img"), make([]byte, 2048), 0o600); err != nil {
			t.Fatal(err)
		}
		program(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-no-pad", "-R", "-V", "BOOT", "-b", "boot.img", "-no-emul-boot",
			"-boot-load-size", "4", "-boot-info-table", "-hfsplus", "-o", "out", "tree")
	}},
	{"deep rock ridge of genisoimage", true, func(t testing.TB, dir string) {
		deep := filepath.Join(dir, "tree", "1/2/3/4/5/6/7/8/9")
		if err := os.MkdirAll(deep, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(deep, "relocated"), []byte("relocated"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../a.txt", filepath.Join(dir, "tree", "sub", "link")); err != nil {
			t.Fatal(err)
		}
		program(t, dir, "genisoimage", "-quiet", "-no-pad", "-R", "-V", "DEEP", "-o", "out", "tree")
	}},
	{"plain ISO 9660 of genisoimage", true, func(t testing.TB, dir string) {
		program(t, dir, "genisoimage", "-quiet", "-no-pad", "-iso-level", "1", "-V", "PLAIN", "-o", "out", "tree")
	}},
	{"bridge of genisoimage", true, func(t testing.TB, dir string) {
		program(t, dir, "genisoimage", "-quiet", "-no-pad", "-udf", "-R", "-J", "-V", "BRIDGE", "-o", "out", "tree")
	}},
	{"HFS hybrid of genisoimage", true, func(t testing.TB, dir string) {
		program(t, dir, "genisoimage", "-quiet", "-no-pad", "-hfs", "-part", "-R", "-V", "HYBRID", "-o", "out", "tree")
	}},
	{"UDF 1.02 of mkudffs", false, udfRecipe("--media-type=hd", "--udfrev=1.02")},
	{"UDF 2.01 of mkudffs", false, udfRecipe("--media-type=hd", "--udfrev=2.01")},
	{"UDF 2.60 of mkudffs, write once", false, udfRecipe("--media-type=bdr", "--udfrev=2.60")},
	{"UDF 1.50 of mkudffs, write once", false, udfRecipe("--media-type=cdr", "--udfrev=1.50")},
	{"UDF with spare blocks of mkudffs", false, udfRecipe("--media-type=cdrw", "--udfrev=1.50")},
}

func udfRecipe(args ...string) func(t testing.TB, dir string) {
	return func(t testing.TB, dir string) {
		size := 600 * disc.SectorSize
		if strings.Contains(args[0], "cdr") || strings.Contains(args[0], "bdr") { // spare blocks take their room
			size = 1600 * disc.SectorSize
		}
		if err := os.WriteFile(filepath.Join(dir, "out"), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		all := append([]string{"--utf8", "--blocksize=2048", "--uuid=0123456789abcdef", "--lvid=EMPTY"}, args...)
		program(t, dir, "mkudffs", append(all, "out")...)
	}
}

var made struct {
	sync.Mutex
	samples []*sample
}

// samples makes them once.
func samples(t testing.TB) []*sample {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	if made.samples != nil {
		return made.samples
	}
	var all []*sample
	for _, r := range recipes {
		dir := t.TempDir()
		for name, text := range source {
			name = filepath.Join(dir, "tree", name)
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r.do(t, dir)
		image, err := os.ReadFile(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.name, "write once") { // these end with their VAT
			n := len(bytes.TrimRight(image, "\x00")) + disc.SectorSize - 1
			image = image[:n-n%disc.SectorSize]
		}
		all = append(all, &sample{name: r.name, bytes: image, files: r.files})
	}
	made.samples = all
	return all
}
