package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/internal/udfimage"
)

// The guest's kernel mounts images of every kind of partition, and lists what
// discfs lists.
func TestKernelListsUDFAsDiscfsDoes(t *testing.T) {
	ctx, b := sharedBench(t)
	noise := make([]byte, 40_000)
	rand.NewChaCha8([32]byte{50}).Read(noise)
	files := []udfimage.File{
		{Path: "readme.txt", Data: []byte("embedded in its entry"), Embedded: true},
		{Path: "large.bin", Data: noise},
		{Path: "sparse.bin", Data: noise[:5000], Hole: 3 * 2048},
		{Path: "Übersicht 日本.txt", Data: noise[:3000]},
		{Path: "sub/deeper/leaf", Data: noise[:1]},
		{Path: "sub/empty", Data: []byte{}},
		{Path: "sub/up", Link: "../large.bin"},
		{Path: "chained.bin", Data: noise, Chained: true},
		{Path: "holed.bin", Data: noise[:20_000], Chained: true, Hole: 2 * 2048},
		{Path: "rewritten.txt", Data: []byte("this one counts"), Embedded: true, Rewritten: true},
		{Path: "rewritten.bin", Data: noise[:9000], Rewritten: true},
		{Path: "sub/again.bin", Same: "chained.bin"},
	}
	for _, kind := range []udfimage.Kind{udfimage.Physical, udfimage.Sparable, udfimage.Virtual150, udfimage.Virtual201, udfimage.Metadata, udfimage.Metadata260} {
		t.Run(string(kind), func(t *testing.T) {
			files := files
			if kind == udfimage.Virtual150 || kind == udfimage.Virtual201 {
				// For the kernel the second block of such an entry's ICB is the next
				// physical one, not the next virtual one. No real disc has both.
				files = slices.DeleteFunc(slices.Clone(files), func(f udfimage.File) bool { return f.Rewritten })
			}
			img, err := udfimage.New(udfimage.Options{Kind: kind, Label: "Referee", Files: files})
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "image.udf")
			if err := os.WriteFile(path, img, 0o600); err != nil {
				t.Fatal(err)
			}
			name := strings.NewReplacer(" ", "", ".", "").Replace(string(kind))
			kernel := guestImage(t, ctx, b, name, path, "-r -t udf -o iocharset=utf8", listTree)
			if n := strings.Count(kernel, "\n"); n != len(files)+2 {
				t.Errorf("the kernel lists %d entries:\n%s", n, kernel)
			}
			sameList(t, kernel, listed(t, path, ""))
		})
	}
}
