package udf

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
	"ripstation/internal/udfimage"
)

// A closed volume's numbers of files and directories are held against the tree;
// where that is not possible nothing is said against the disc.
func TestNumbersOfFiles(t *testing.T) {
	const lvid, files, dirs = 64 * 2048, 80 + 8 + 32, 80 + 8 + 36
	put := func(at int, v uint32) func([]byte) {
		return func(img []byte) {
			p := img[lvid:][:2048]
			binary.LittleEndian.PutUint32(p[at:], v)
			seal(p, tagIntegrity, 64, 512)
		}
	}
	for name, c := range map[string]struct {
		change  func(img []byte)
		want    disc.Outcome
		message string
	}{
		"as they are":      {func([]byte) {}, disc.Pass, "counts 3 files and 3 directories, as the tree has"},
		"a file more":      {put(files, 4), disc.Warning, "counts 4 files and 3 directories; the tree has 3 and 3"},
		"a file less":      {put(files, 2), disc.Warning, "the tree has 3 and 3"},
		"a directory more": {put(dirs, 4), disc.Warning, "the tree has 3 and 3"},
		"open":             {func(img []byte) { put(files, 9)(img); put(28, 0)(img) }, disc.Warning, "still open"},
		"not known":        {put(files, 1<<32-1), disc.Pass, "has no numbers"},
		"no root counted":  {put(dirs, 0), disc.Pass, "has no numbers"},
		"no place for any": {put(76, 0), disc.Pass, "has no numbers"},
		"a writer who counts more": {func(img []byte) {
			copy(img[lvid+88:], "\x00*genisoimage\x00\x00\x00\x00\x00")
			put(files, 5)(img)
		}, disc.Pass, "genisoimage counts files"},
		"names are lost": {func(img []byte) {
			at := bytes.Index(img, []byte("\x08leaf"))
			img[at+1] ^= 1
		}, disc.Pass, "not held against"},
		"a file of two names": {func(img []byte) {
			// The second name of the root leads to the first one's entry.
			a, b := bytes.Index(img, []byte("\x08one"))-38, bytes.Index(img, []byte("\x08two"))-38
			copy(img[b+20:b+36], img[a+20:a+36])
			seal(img[b:][:44], tagIdentifier, int(le32(img[b+12:])), 44)
			e := img[(272+int64(le32(img[a+24:])))*2048:][:2048]
			e[48] = 2
			seal(e, tagExtendedFile, int(le32(e[12:])), 16+int(le16(e[10:])))
			put(files, 2)(img)
		}, disc.Pass, "counts 2 files and 3 directories, as the tree has"},
	} {
		img, err := udfimage.New(udfimage.Options{Kind: udfimage.Physical, Label: "N", Files: []udfimage.File{
			{Path: "one", Data: []byte("1"), Embedded: true}, {Path: "two", Data: []byte("2"), Embedded: true}, {Path: "sub/deep/leaf", Data: []byte("3"), Embedded: true},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.change(img)
		f := Read(tree.NewSource(bytes.NewReader(img), int64(len(img))))
		for _, x := range f.Checks {
			if x.Code == "F505" && (x.Outcome != c.want || !strings.Contains(x.Message, c.message)) {
				t.Errorf("%s: %s: %s", name, x.Outcome, x.Message)
			}
		}
	}
	for _, kind := range []udfimage.Kind{udfimage.Sparable, udfimage.Virtual150, udfimage.Virtual201, udfimage.Metadata} {
		img, err := udfimage.New(udfimage.Options{Kind: kind, Label: "N", Files: []udfimage.File{{Path: "a/one", Data: []byte("1")}}})
		if err != nil {
			t.Fatal(err)
		}
		f := Read(tree.NewSource(bytes.NewReader(img), int64(len(img))))
		for _, x := range f.Checks {
			if x.Code == "F505" && x.Outcome != disc.Pass {
				t.Errorf("%s: %s: %s", kind, x.Outcome, x.Message)
			}
		}
	}
}
