package udf_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
	"ripstation/discfs/udf"
	"ripstation/internal/udfimage"
)

const sector = 2048

// wide is an image whose root directory has 40 names over several blocks, and
// where the first of them is; -1 for that of a mirror which there is none of.
func wide(t *testing.T, kind udfimage.Kind) (img []byte, names []string, main, mirror, blocks int) {
	t.Helper()
	var files []udfimage.File
	for i := range 40 {
		name := fmt.Sprintf("%02d %s", i, strings.Repeat("x", 160+i*37%60))
		names = append(names, name)
		files = append(files, udfimage.File{Path: name, Data: []byte(name), Embedded: true})
	}
	img, err := udfimage.New(udfimage.Options{Kind: kind, Label: "W", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	size := 40 // of the parent's descriptor
	for _, n := range names {
		size += recorded(n)
	}
	// The file set, the root's entry, then those of the files.
	main, mirror = 272+42, -1
	if kind == udfimage.Metadata {
		main, mirror = 272+32+42, 272+96+42
	}
	return img, names, main, mirror, (size + sector - 1) / sector
}

func recorded(name string) int { return (38 + 1 + len(name) + 3) &^ 3 }

// touching are the names whose descriptors have bytes in [from, to) of the directory.
func touching(names []string, from, to int) (out []string) {
	at := 40
	for _, n := range names {
		if at < to && at+recorded(n) > from {
			out = append(out, n)
		}
		at += recorded(n)
	}
	return out
}

func without(sectors ...int) func(off, n int64) bool {
	return func(off, n int64) bool {
		for _, s := range sectors {
			if off < int64(s+1)*sector && off+n > int64(s)*sector {
				return false
			}
		}
		return true
	}
}

func root(t *testing.T, img []byte, have func(off, n int64) bool) (*tree.Node, []disc.Check) {
	t.Helper()
	f := udf.Read(tree.NewSource(bytes.NewReader(img), int64(len(img))).Gate(have))
	if len(f.Volumes) != 1 || f.Volumes[0].Root == nil {
		t.Fatalf("volumes: %+v", f.Volumes)
	}
	return f.Volumes[0].Root, f.Checks
}

func listed(n *tree.Node) (out []string) {
	for _, c := range n.Children {
		out = append(out, c.Name)
	}
	return out
}

func outcome(checks []disc.Check, code string) disc.Outcome {
	for _, c := range checks {
		if c.Code == code {
			return c.Outcome
		}
	}
	return ""
}

// A directory of which the metadata file has some blocks and its mirror the
// others is whole: its blocks are taken one by one.
func TestMirrorBlockByBlock(t *testing.T) {
	img, names, main, mirror, blocks := wide(t, udfimage.Metadata)
	if blocks < 4 {
		t.Fatalf("the directory has %d blocks", blocks)
	}
	for a := range blocks {
		for b := range blocks {
			if a == b {
				continue
			}
			gone := []int{main + a, mirror + b}
			junk := bytes.Clone(img)
			for _, s := range gone {
				copy(junk[s*sector:], bytes.Repeat([]byte{0xa5}, sector))
			}
			for what, got := range map[string]func() (*tree.Node, []disc.Check){
				"unreadable": func() (*tree.Node, []disc.Check) { return root(t, img, without(gone...)) },
				"junk":       func() (*tree.Node, []disc.Check) { return root(t, junk, nil) },
			} {
				n, checks := got()
				if !slices.Equal(listed(n), names) || n.Err != nil {
					t.Errorf("block %d of the main and %d of the mirror %s: %d names, %v", a, b, what, len(n.Children), n.Err)
				}
				if o := outcome(checks, "F507"); o != disc.Failure && o != disc.NotRun {
					t.Errorf("block %d of the main and %d of the mirror %s: told as %s", a, b, what, o)
				}
				if what == "junk" {
					continue
				}
				var bytes int64
				for _, x := range n.Meta {
					bytes += x.Length
					if !without(gone...)(x.Offset, x.Length) {
						t.Errorf("the directory, whole as it is, is said to stand at %+v", x)
					}
				}
				if bytes != n.Size+sector {
					t.Errorf("%d bytes are said to describe a directory of %d", bytes, n.Size)
				}
			}
		}
	}
}

// Two damaged blocks of the main file, one behind the other, cost nothing either:
// not the name that goes over their border.
func TestMirrorOfTwoBlocks(t *testing.T) {
	img, names, main, _, blocks := wide(t, udfimage.Metadata)
	for b := range blocks - 1 {
		junk := bytes.Clone(img)
		copy(junk[(main+b)*sector:], bytes.Repeat([]byte{0xa5}, 2*sector))
		if n, _ := root(t, junk, nil); !slices.Equal(listed(n), names) || n.Err != nil {
			t.Errorf("blocks from %d: %d names, %v", b, len(n.Children), n.Err)
		}
	}
}

// Where both have lost the same block the names in it are, and no others.
func TestMirrorLostToo(t *testing.T) {
	img, names, main, mirror, blocks := wide(t, udfimage.Metadata)
	for b := range blocks {
		lost := touching(names, b*sector, (b+1)*sector)
		n, _ := root(t, img, without(main+b, mirror+b))
		holdLost(t, n, names, lost, fmt.Sprintf("block %d", b))
	}
}

// So it is where bytes can be read and are not the directory's: those that the
// main file has lost beyond that come from the mirror.
func TestMirrorBehindLoss(t *testing.T) {
	img, names, main, mirror, blocks := wide(t, udfimage.Metadata)
	for b := range blocks - 1 {
		junk := bytes.Clone(img)
		for _, s := range []int{main + b, main + b + 1, mirror + b} {
			copy(junk[s*sector:], bytes.Repeat([]byte{0xa5}, sector))
		}
		n, _ := root(t, junk, nil)
		holdLost(t, n, names, touching(names, b*sector, (b+1)*sector), fmt.Sprintf("blocks from %d", b))
	}
}

func holdLost(t *testing.T, n *tree.Node, names, lost []string, what string) {
	t.Helper()
	var want []string
	for _, name := range names {
		if !slices.Contains(lost, name) {
			want = append(want, name)
		}
	}
	if !slices.Equal(listed(n), want) {
		t.Errorf("%s: %d names, want all %d but %d", what, len(n.Children), len(names), len(lost))
	}
	if n.Err == nil {
		t.Errorf("%s: no error", what)
	}
}

// Behind a block that cannot be read, or is junk, the names go on.
func TestNamesBehindDamage(t *testing.T) {
	img, names, main, _, blocks := wide(t, udfimage.Physical)
	for b := range blocks {
		lost := touching(names, b*sector, (b+1)*sector)
		n, checks := root(t, img, without(main+b))
		holdLost(t, n, names, lost, fmt.Sprintf("block %d not there", b))
		if o := outcome(checks, "F508"); o != disc.NotRun {
			t.Errorf("block %d not there: told as %s", b, o)
		}
		junk := bytes.Clone(img)
		copy(junk[(main+b)*sector:], bytes.Repeat([]byte{0xa5}, sector))
		n, checks = root(t, junk, nil)
		holdLost(t, n, names, lost, fmt.Sprintf("block %d is junk", b))
		if o := outcome(checks, "F508"); o != disc.Failure {
			t.Errorf("block %d is junk: told as %s", b, o)
		}
	}
	// One bit costs one name, wherever it is: also in lengths that lead astray.
	at := 40
	for _, name := range names {
		for _, in := range []int{0, 4, 8, 10, 17, 19, 36, 37, 38, 60} {
			junk := bytes.Clone(img)
			junk[main*sector+at+in] ^= 0x81
			n, _ := root(t, junk, nil)
			holdLost(t, n, names, []string{name}, fmt.Sprintf("byte %d of %.2s", in, name))
		}
		at += recorded(name)
	}
}

// A block of another place, whose descriptors prove themselves and name the
// other place, gives no names to a directory that broke off before it.
func TestBlockOfAnotherPlace(t *testing.T) {
	img, names, main, _, blocks := wide(t, udfimage.Physical)
	wrong := bytes.Clone(img)
	copy(wrong[(main+3)*sector:(main+4)*sector], img[(main+1)*sector:])
	n, _ := root(t, wrong, nil)
	holdLost(t, n, names, touching(names, 3*sector, 4*sector), fmt.Sprintf("block 3 of %d", blocks))
}

// A directory of a size that nothing stands behind costs no other one its names.
func TestBudgetIsChargedOnce(t *testing.T) {
	img, err := udfimage.New(udfimage.Options{Kind: udfimage.Physical, Label: "B", Files: []udfimage.File{
		{Path: "a/one", Data: []byte("1"), Embedded: true}, {Path: "b/two", Data: []byte("2"), Embedded: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	n, _ := root(t, img, nil)
	entry := n.Children[0].Meta[0].Offset
	img[entry+56+5] = 1 // bytes of information: 2^40 more
	reseal(img[entry:][:sector])
	n, checks := root(t, img, nil)
	a, b := n.Children[0], n.Children[1]
	if !errors.Is(a.Err, tree.ErrShort) || len(a.Children) != 1 || b.Err != nil || len(b.Children) != 1 {
		t.Errorf("a: %d names, %v; b: %d names, %v", len(a.Children), a.Err, len(b.Children), b.Err)
	}
	if o := outcome(checks, "F508"); o != disc.Failure {
		t.Errorf("told as %s", o)
	}
}

// reseal makes a changed descriptor's CRC and checksum right again (ECMA-167 3/7.2).
func reseal(p []byte) {
	var crc uint16
	for _, b := range p[16 : 16+int(p[10])+int(p[11])<<8] {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	p[8], p[9], p[4] = byte(crc), byte(crc>>8), 0
	var sum byte
	for _, b := range p[:16] {
		sum += b
	}
	p[4] = sum
}
