package discfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/disc"
)

// packages names what Debian calls the programs that these tests ask.
var packages = map[string]string{"xorriso": "xorriso", "genisoimage": "genisoimage", "mkudffs": "udftools", "udfinfo": "udftools"}

func tool(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s (Debian package %s): %v\n%s", name, packages[name], err, out)
	}
}

func sourceTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "tree", "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"tree/a.txt", "tree/sub/b.txt"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte(strings.Repeat(f, 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readImage(t *testing.T, path string) (Volumes, int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	v, err := Read(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	return v, st.Size()
}

// Images of three real programs: label, systems, and a size that fits the
// image but not one that is a few sectors shorter than the claim.
func TestImagesOfRealPrograms(t *testing.T) {
	dir := sourceTree(t)
	tool(t, dir, "genisoimage", "-quiet", "-J", "-R", "-V", "PLAIN", "-o", "joliet.iso", "tree")
	tool(t, dir, "genisoimage", "-quiet", "-udf", "-J", "-V", "My Long Volume Label 12345", "-o", "bridge.iso", "tree")
	tool(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-V", "XO_DISC", "-o", "xo.iso", "tree")
	for _, f := range []string{"udf.img", "vat.img", "udf201.img"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(dir, f), 20<<20); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, dir, "mkudffs", "--utf8", "--blocksize=2048", "--lvid=Zürich 1999", "udf.img")
	tool(t, dir, "mkudffs", "--utf8", "--blocksize=2048", "--media-type=hd", "--udfrev=2.01", "--lvid=日本 disc", "udf201.img")
	tool(t, dir, "mkudffs", "--utf8", "--blocksize=2048", "--media-type=cdr", "--lvid=piecewise", "vat.img")

	for _, c := range []struct {
		file, label, systems string
	}{
		{"joliet.iso", "PLAIN", "ISO 9660 Joliet"},
		{"bridge.iso", "My Long Volume Label 12345", "ISO 9660 Joliet UDF"},
		{"xo.iso", "XO_DISC", "ISO 9660"},
		{"udf.img", "Zürich 1999", "UDF"},
		{"udf201.img", "日本 disc", "UDF"},
		{"vat.img", "piecewise", "UDF"},
	} {
		v, _ := readImage(t, filepath.Join(dir, c.file))
		var systems []string
		for _, vol := range v.Volumes {
			systems = append(systems, string(vol.System))
		}
		if v.Label != c.label || strings.Join(systems, " ") != c.systems {
			t.Errorf("%s: label %q, systems %q", c.file, v.Label, systems)
		}
		if len(v.Descriptors) < 2 || len(v.Descriptors[0].Data) != disc.SectorSize {
			t.Errorf("%s: %d descriptors", c.file, len(v.Descriptors))
		}
	}
}

// The claim of an ISO is the whole image of a program that pads nothing, and
// equals what isoinfo prints as the volume size.
func TestClaimEqualsImageOfXorriso(t *testing.T) {
	dir := sourceTree(t)
	tool(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-no-pad", "-V", "X", "-o", "x.iso", "tree")
	v, size := readImage(t, filepath.Join(dir, "x.iso"))
	if len(v.Volumes) != 1 || v.Volumes[0].Bytes != size {
		t.Errorf("claims %+v, image %d", v.Volumes, size)
	}
	out, err := exec.Command("isoinfo", "-d", "-i", filepath.Join(dir, "x.iso")).Output()
	if err != nil {
		t.Fatalf("isoinfo (Debian package genisoimage): %v", err)
	}
	if want := "Volume size is: " + itoa(size/disc.SectorSize); !strings.Contains(string(out), want) {
		t.Errorf("isoinfo does not say %q:\n%s", want, out)
	}
}
