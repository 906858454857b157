package udf

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
	"ripstation/internal/udfimage"
)

// An anchor is found wherever a drive's idea of the last block puts it: it may
// count two blocks of run-out, or the 150 of a gap behind what was written.
func TestPlacesOfAnchors(t *testing.T) {
	img, err := udfimage.New(udfimage.Options{Kind: udfimage.Physical, Label: "A", Files: []udfimage.File{{Path: "f", Data: []byte("f")}}})
	if err != nil {
		t.Fatal(err)
	}
	n := len(img)/2048 - 1
	// moved has the anchors at these blocks alone.
	moved := func(places ...int) []byte {
		out := bytes.Clone(img)
		for _, at := range []int{256, n} {
			clear(out[at*2048:][:2048])
		}
		for _, at := range places {
			p := out[at*2048:][:2048]
			copy(p, img[256*2048:])
			seal(p, tagAnchor, at, 512)
		}
		return out
	}
	for _, c := range []struct {
		places []int
		want   disc.Outcome
	}{
		{[]int{256, n}, disc.Pass}, {[]int{256, n - 256}, disc.Pass}, {[]int{n - 256, n}, disc.Pass},
		{[]int{256, n - 150}, disc.Pass}, {[]int{256, n - 2}, disc.Pass}, {[]int{n - 406, n - 150}, disc.Pass}, {[]int{n - 258, n - 2}, disc.Pass},
		{[]int{256}, disc.Warning}, {[]int{512}, disc.Warning}, {[]int{n - 150}, disc.Warning}, {[]int{n - 2}, disc.Warning}, {[]int{n}, disc.Warning},
	} {
		t.Run(fmt.Sprint(c.places), func(t *testing.T) {
			p := moved(c.places...)
			f := Read(tree.NewSource(bytes.NewReader(p), int64(len(p))))
			if len(f.Volumes) != 1 || f.Volumes[0].Root == nil {
				t.Fatalf("volumes: %+v", f.Volumes)
			}
			for _, x := range f.Checks {
				if x.Code == "F502" && x.Outcome != c.want {
					t.Errorf("%s: %s", x.Outcome, x.Message)
				}
				for _, at := range c.places {
					if x.Code == "F502" && !strings.Contains(x.Message, fmt.Sprint(at)) {
						t.Errorf("block %d is not told: %s", at, x.Message)
					}
				}
			}
		})
	}
}

// Where there are two anchors at the usual places no others are asked for.
func TestFewPlacesOfAnchorsAreRead(t *testing.T) {
	img, err := udfimage.New(udfimage.Options{Kind: udfimage.Physical, Label: "A"})
	if err != nil {
		t.Fatal(err)
	}
	n := int64(len(img)/2048 - 1)
	src := tree.NewSource(bytes.NewReader(img), int64(len(img))).Gate(func(off, _ int64) bool { return off/2048 <= 400 || off/2048 == n })
	Read(src)
	for _, x := range src.Wanted() {
		if at := x.Offset / 2048; at != n-256 {
			t.Errorf("block %d from the end was asked for", n-at)
		}
	}
}
