package proofs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// An image that implantisomd5 has signed, against checkisomd5's word on it and on
// copies that are changed in every part that matters. The image is so large
// because checkisomd5 fails all that have fewer than its 20 fragments of 32 KiB.
func TestISOMD5AgainstCheckISOMD5(t *testing.T) {
	dir := treeDir(t)
	if err := os.WriteFile(filepath.Join(dir, "tree", "large"), bytes.Repeat([]byte("large\n"), 400_000), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, dir, "genisoimage", "-quiet", "-R", "-o", "x.iso", "tree")
	name := filepath.Join(dir, "x.iso")
	plain := load(t, name)
	want(t, plain.checks(t), isoMD5, disc.NotApplicable)
	tool(t, dir, "implantisomd5", name)
	whole := load(t, name)
	want(t, whole.checks(t), isoMD5, disc.Pass, "MD5")

	area := firstDescriptor*disc.SectorSize + applicationUse
	text := string(whole.image[area : area+applicationLen])
	sectors := len(whole.image) / disc.SectorSize
	for what, change := range map[string]struct {
		do   func(image []byte) []byte
		want disc.Outcome
	}{
		"nothing":           {func(p []byte) []byte { return p }, disc.Pass},
		"first byte":        {func(p []byte) []byte { p[0] ^= 1; return p }, disc.Failure},
		"before the area":   {func(p []byte) []byte { p[area-1] ^= 1; return p }, disc.Failure},
		"behind the area":   {func(p []byte) []byte { p[area+applicationLen] ^= 1; return p }, disc.Failure},
		"end of the area":   {func(p []byte) []byte { p[area+applicationLen-1] = 'x'; return p }, disc.Pass},
		"a file":            {func(p []byte) []byte { p[100*disc.SectorSize] ^= 1; return p }, disc.Failure},
		"last that counts":  {func(p []byte) []byte { p[(sectors-15)*disc.SectorSize-1] ^= 1; return p }, disc.Failure},
		"first left out":    {func(p []byte) []byte { p[(sectors-15)*disc.SectorSize] ^= 1; return p }, disc.Pass},
		"the sum":           {func(p []byte) []byte { copy(p[area+13:], "00000000000000000000000000000000"); return p }, disc.Failure},
		"more behind":       {func(p []byte) []byte { return append(p, make([]byte, 5000)...) }, disc.Pass},
		"cut":               {func(p []byte) []byte { return p[:100*disc.SectorSize] }, disc.Failure},
		"without its skip":  {func(p []byte) []byte { copy(p[area+strings.Index(text, "SKIP"):], "skip"); return p }, disc.Warning},
		"a skip of letters": {func(p []byte) []byte { copy(p[area+strings.Index(text, "15;"):], "1x;"); return p }, disc.Warning},
		"a larger claim":    {func(p []byte) []byte { p[firstDescriptor*disc.SectorSize+spaceSizeMSB] = 1; return p }, disc.Failure},
	} {
		d := *whole
		d.image = change.do(bytes.Clone(whole.image))
		cs := d.checks(t)
		want(t, cs, isoMD5, change.want)
		if err := os.WriteFile(filepath.Join(dir, "y.iso"), d.image, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := try(t, dir, "checkisomd5", "y.iso"); ok != (change.want == disc.Pass) {
			t.Errorf("%s changed: checkisomd5 says %v, this package %s", what, ok, cs[isoMD5].Outcome)
		}
	}

	d := *whole
	d.gone = []tree.Extent{{Offset: 100 * disc.SectorSize, Length: disc.SectorSize}}
	want(t, d.checks(t), isoMD5, disc.NotRun, "not read")
	d.gone = []tree.Extent{{Offset: firstDescriptor * disc.SectorSize, Length: disc.SectorSize}}
	want(t, d.checks(t), isoMD5, disc.NotRun, "not read")
}

func TestISOMD5NegativeSkip(t *testing.T) {
	for _, text := range []string{
		"ISO MD5SUM = 00000000000000000000000000000000;SKIPSECTORS = -5;",
		"ISO MD5SUM = 00000000000000000000000000000000;SKIPSECTORS = 900;",
		"ISO MD5SUM = 0000;SKIPSECTORS = 15;",
		"ISO MD5SUM = 00000000000000000000000000000000;SKIPSECTORS = 99999999999999999999;",
	} {
		d := newDisc(nil)
		pvd := d.image[firstDescriptor*disc.SectorSize:]
		copy(pvd, "\x01CD001\x01")
		putBE32(pvd[spaceSizeMSB:], 64)
		copy(pvd[applicationUse:], text)
		want(t, d.checks(t), isoMD5, disc.Warning)
	}
}
