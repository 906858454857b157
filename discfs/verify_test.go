package discfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/discfs/tree"
)

// One pass gives the files' digests and what the list among them proves.
func TestDigestsOfFilesAndProofs(t *testing.T) {
	a := strings.Repeat("bytes of a\n", 1000)
	list := fmt.Sprintf("%x  a\n", sha256.Sum256([]byte(a)))
	image := make([]byte, 64*disc.SectorSize)
	copy(image[32*disc.SectorSize:], a)
	copy(image[60*disc.SectorSize:], list)
	node := func(name string, sector, size int) *tree.Node {
		return &tree.Node{Name: name, Mode: 0o444, Size: int64(size), Extents: []tree.Extent{{Offset: int64(sector) * disc.SectorSize, Length: int64(size)}}}
	}
	file, sums := node("a", 32, len(a)), node("SHA256SUMS", 60, len(list))
	root := &tree.Node{Mode: 1<<31 | 0o555, Children: []*tree.Node{file, sums}}
	m := &Image{Size: int64(len(image)), r: bytes.NewReader(image)}
	m.Volumes = []*tree.Volume{{View: "Rock Ridge", Root: root}}

	run := func() (*Digests, disc.Check) {
		t.Helper()
		d := m.Digests()
		if err := d.Run(context.Background(), m.r, nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range d.Checks() {
			if c.Code == "F703" {
				return d, c
			}
		}
		t.Fatal("no check of the list")
		return nil, disc.Check{}
	}
	d, c := run()
	want := sha256.Sum256([]byte(a))
	if got, err := d.Of(file); err != nil || !bytes.Equal(got, want[:]) {
		t.Errorf("digest %x, %v", got, err)
	}
	if c.Outcome != disc.Pass {
		t.Errorf("check %+v", c)
	}
	if _, err := d.Of(root); !errors.Is(err, ErrNoFile) {
		t.Errorf("digest of a directory: %v", err)
	}
	image[33*disc.SectorSize+5]++
	if _, c = run(); c.Outcome != disc.Failure {
		t.Errorf("with another byte: %+v", c)
	}
	m.have = func(off, n int64) bool { return off+n <= 33*disc.SectorSize || off >= 34*disc.SectorSize }
	d, c = run()
	if _, err := d.Of(file); !errors.Is(err, tree.ErrAbsent) || c.Outcome != disc.NotRun {
		t.Errorf("a sector was not read: %v, %+v", err, c)
	}
}
