package udf_test

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"ripstation/disc"
	"ripstation/discfs/tree"
	"ripstation/discfs/udf"
	"ripstation/internal/udfimage"
)

func noise(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

var content = []udfimage.File{
	{Path: "readme.txt", Data: []byte("embedded in its entry"), Embedded: true},
	{Path: "large.bin", Data: noise(9*2048 + 77)},
	{Path: "sparse.bin", Data: noise(5000), Hole: 3 * 2048},
	{Path: "Übersicht 日本.txt", Data: noise(3000)},
	{Path: "sub/deeper/leaf", Data: noise(1)},
	{Path: "sub/empty", Data: []byte{}},
	{Path: "sub/up", Link: "../large.bin"},
}

// Every kind of partition gives every file as it was put in, and udfinfo knows
// the image for a UDF.
func TestEveryKindOfPartition(t *testing.T) {
	for _, o := range []udfimage.Options{
		{Kind: udfimage.Physical}, {Kind: udfimage.Sparable}, {Kind: udfimage.Virtual150}, {Kind: udfimage.Virtual201},
		{Kind: udfimage.Metadata}, {Kind: udfimage.Metadata, BadMain: true},
	} {
		o.Label, o.Files = "Prüfung", content
		name := string(o.Kind)
		if o.BadMain {
			name += ", from the mirror"
		}
		t.Run(name, func(t *testing.T) {
			img, err := udfimage.New(o)
			if err != nil {
				t.Fatal(err)
			}
			f := udf.Read(tree.NewSource(bytes.NewReader(img), int64(len(img))))
			for _, c := range f.Checks {
				if c.Outcome == disc.Failure && !o.BadMain || c.Outcome == disc.NotRun {
					t.Errorf("%s %s: %s", c.Code, c.Outcome, c.Message)
				}
				if c.Code == "F507" && o.BadMain && c.Outcome != disc.Failure {
					t.Errorf("the damaged metadata file is told as %s: %s", c.Outcome, c.Message)
				}
			}
			if len(f.Volumes) != 1 || f.Volumes[0].Root == nil || f.Volumes[0].Label != o.Label {
				t.Fatalf("volumes %+v: %v", f.Volumes, f.Volumes[0].Err)
			}
			fsys := tree.NewFS(f.Volumes[0].Root, bytes.NewReader(img), int64(len(img)))
			var want []string
			for _, x := range content {
				want = append(want, x.Path)
				got, err := fs.ReadFile(fsys, x.Path)
				data := append(make([]byte, x.Hole), x.Data...)
				if x.Link != "" {
					link, lerr := fsys.ReadLink(x.Path)
					if lerr != nil || link != x.Link {
						t.Errorf("%s leads to %q, %v", x.Path, link, lerr)
					}
					data = content[1].Data
				}
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes, %v", x.Path, len(got), err)
				}
			}
			if err := fstest.TestFS(fsys, want...); err != nil {
				t.Error(err)
			}
			n := 0
			tree.Walk(f.Volumes[0].Root, func(string, *tree.Node) bool { n++; return true })
			if n != len(content)+3 {
				t.Errorf("%d nodes", n)
			}
			info(t, img)
		})
	}
}

func info(t *testing.T, img []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, img, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("udfinfo")
	if err != nil {
		program = "/usr/sbin/udfinfo"
	}
	cmd := exec.Command(program, "--utf8", path)
	cmd.Stderr = io.Discard
	out, err := cmd.Output()
	if err != nil || !bytes.Contains(out, []byte("label=Prüfung\n")) {
		t.Errorf("udfinfo (Debian package udftools): %v\n%s", err, out)
	}
}

// A packet that the sparing table moves is read where it was moved to alone.
func TestDamagedSparingTable(t *testing.T) {
	img, err := udfimage.New(udfimage.Options{Kind: udfimage.Sparable, Label: "S", Files: content})
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range []int{80, 112} {
		img[block*2048+60] ^= 1
	}
	f := udf.Read(tree.NewSource(bytes.NewReader(img), int64(len(img))))
	if f.Volumes[0].Root != nil {
		t.Error("noise was taken for a file set")
	}
}

// One scratched block of the metadata file costs nothing: the mirror has it.
func TestScratchInTheMetadataFile(t *testing.T) {
	img, err := udfimage.New(udfimage.Options{Kind: udfimage.Metadata, Label: "M", Files: content})
	if err != nil {
		t.Fatal(err)
	}
	for block := int64(272 + 32); block < 272+32+12; block++ {
		gone := func(off, n int64) bool { return off+n <= block*2048 || off >= (block+1)*2048 }
		f := udf.Read(tree.NewSource(bytes.NewReader(img), int64(len(img))).Gate(gone))
		if f.Volumes[0].Root == nil {
			t.Errorf("without block %d: %v", block, f.Volumes[0].Err)
			continue
		}
		n := 0
		tree.Walk(f.Volumes[0].Root, func(path string, x *tree.Node) bool {
			if n++; x.Err != nil {
				t.Errorf("without block %d: %s: %v", block, path, x.Err)
			}
			return true
		})
		if n != len(content)+3 {
			t.Errorf("without block %d: %d nodes", block, n)
		}
	}
}
