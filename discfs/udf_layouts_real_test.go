package discfs

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"ripstation/disc"
	"ripstation/discfs/tree"
	"ripstation/internal/udfimage"
)

// Files whose extents follow in further descriptors, files of several names, and
// entries that were written anew are read in every kind of partition. The
// end-to-end bench's kernel reads the same of such images; here udfinfo knows
// them.
func TestUDFLayoutsInEveryPartition(t *testing.T) {
	noise := make([]byte, 60_000)
	rand.NewChaCha8([32]byte{51}).Read(noise)
	files := []udfimage.File{
		{Path: "chained.bin", Data: noise, Chained: true},
		{Path: "five.bin", Data: noise[:4*2048+1], Chained: true}, // one more than a descriptor has
		{Path: "holed.bin", Data: noise[:20_000], Chained: true, Hole: 2 * 2048},
		{Path: "rewritten.txt", Data: []byte("this one counts"), Embedded: true, Rewritten: true},
		{Path: "rewritten.bin", Data: noise[:9000], Rewritten: true},
		{Path: "sub/again.bin", Same: "chained.bin"},
		{Path: "alias", Same: "sub/target"}, // named before what it is a name of
		{Path: "sub/target", Data: noise[:5000]},
	}
	content := func(f udfimage.File) []byte {
		if f.Same != "" {
			f = files[slices.IndexFunc(files, func(o udfimage.File) bool { return o.Path == f.Same })]
		}
		return append(make([]byte, f.Hole), f.Data...)
	}
	for _, kind := range []udfimage.Kind{udfimage.Physical, udfimage.Sparable, udfimage.Virtual150, udfimage.Virtual201, udfimage.Metadata, udfimage.Metadata260} {
		t.Run(string(kind), func(t *testing.T) {
			img, err := udfimage.New(udfimage.Options{Kind: kind, Label: "Layouts", Files: files})
			if err != nil {
				t.Fatal(err)
			}
			m := Open(bytes.NewReader(img), int64(len(img)), nil)
			for _, c := range m.Checks {
				if open := kind == udfimage.Virtual150 || kind == udfimage.Virtual201; open && c.Code == "F502" && c.Outcome == disc.Warning {
					continue // a volume that was not closed has one anchor
				}
				if c.Outcome == disc.Failure || c.Outcome == disc.Warning || c.Outcome == disc.NotRun {
					t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
				}
			}
			if m.Main() == nil {
				t.Fatal("there is no tree")
			}
			fsys := m.FS(m.Main())
			var names []string
			for _, f := range files {
				names = append(names, f.Path)
				if got, err := fs.ReadFile(fsys, f.Path); err != nil || !bytes.Equal(got, content(f)) {
					t.Errorf("%s: %d bytes, %v", f.Path, len(got), err)
				}
			}
			if err := fstest.TestFS(fsys, names...); err != nil {
				t.Error(err)
			}
			// Bad sectors in the chain's descriptors and in a stale entry are told.
			n := 0
			tree.Walk(m.Main().Root, func(p string, node *tree.Node) bool {
				switch p {
				case "chained.bin", "sub/again.bin":
					if len(node.Meta) < 8 {
						t.Errorf("%s is described in %v", p, node.Meta)
					}
					n++
				case "rewritten.txt":
					if len(node.Meta) < 3 {
						t.Errorf("%s is described in %v", p, node.Meta)
					}
					n++
				}
				return true
			})
			if n != 3 {
				t.Errorf("%d nodes were looked at", n)
			}
			path := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(path, img, 0o600); err != nil {
				t.Fatal(err)
			}
			tool(t, ".", "udfinfo", path)
		})
	}
}
