package station

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/ripper"
)

// onlyReads is a drive that nothing but sectors is asked for.
type onlyReads struct {
	Drive
	r io.ReaderAt
}

func (d onlyReads) ReadSectors(_ context.Context, lba disc.LBA, p []byte) error {
	_, err := d.r.ReadAt(p, int64(lba)*disc.SectorSize)
	return err
}

// TestEveryFileIsEvidence: of up to as many files as there are samples for them,
// another one anywhere makes it another disc; and so does a directory.
func TestEveryFileIsEvidence(t *testing.T) {
	const files, sectors = 46, 3000
	image := func(other int, name string) *isoimage.Image {
		list := []isoimage.File{{Path: name, Size: 1000 * disc.SectorSize}}
		for i := range files {
			text := bytes.Repeat(fmt.Appendf(nil, "file %d, ", i), 40*i+1)
			if i == other {
				text = bytes.ToUpper(text)
			}
			list = append(list, isoimage.File{Path: fmt.Sprintf("DIR%d/F%d.TXT", i%5, i), Size: int64(len(text)), Content: bytes.NewReader(text)})
		}
		m, err := isoimage.New(isoimage.Options{Label: "FILES", Seed: 5, Sectors: sectors, Files: list})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	sm, err := disc.NewSectorMap(sectors)
	if err != nil {
		t.Fatal(err)
	}
	drive, err := sm.AddDrive("D")
	if err != nil {
		t.Fatal(err)
	}
	if err := sm.Mark(disc.Extent{Count: sectors}, disc.StatusRead, disc.Evidence{Drive: drive, Pass: 1, Tries: 1}); err != nil {
		t.Fatal(err)
	}
	m := image(-1, "BIG.BIN")
	c := lookAt(t.Context(), m, sm, disc.TOC{}, lookLimit)
	spread, err := ripper.Samples(m, sm, 2*disc.EnoughSamples)
	if err != nil {
		t.Fatal(err)
	}
	// Those of the list are what is known of a disc whose list was made.
	if _, _, err := c.list(&job{dir: t.TempDir()}, jobFile{ID: "abcdefghijklmnopqrstuvwxyz", ImageVersion: 1}, sm); err != nil || c.broken != nil {
		t.Fatal(err, c.broken)
	}
	samples := c.evidence(sm, spread)
	if n := len(samples); n < files || n > len(spread)+mostDirectorySamples+mostFileSamples || !slices.IsSortedFunc(samples, func(a, b disc.Sample) int { return int(a.LBA - b.LBA) }) {
		t.Errorf("%d samples", n)
	}
	same := func(m *isoimage.Image) bool {
		_, disagree, err := compare(t.Context(), onlyReads{r: m}, samples)
		if err != nil {
			t.Fatal(err)
		}
		return disagree == 0
	}
	if !same(m) {
		t.Error("the disc is not the same as itself")
	}
	for i := range files {
		if same(image(i, "BIG.BIN")) {
			t.Errorf("file %d is another, and it passes for the same disc", i)
		}
	}
	// Two files of a pressing bear the same bytes. One of them is another on a disc
	// that looks like it.
	twice := func(second string) *isoimage.Image {
		m, err := isoimage.New(isoimage.Options{Label: "TWICE", Seed: 5, Sectors: sectors, Files: []isoimage.File{
			{Path: "A.BIN", Size: 900 * disc.SectorSize, Content: isoimage.NewNoise(1)}, {Path: "B.BIN", Size: 900 * disc.SectorSize, Content: isoimage.NewNoise(1)},
			{Path: "C.TXT", Size: 6, Content: strings.NewReader("twelve")}, {Path: "D.TXT", Size: 6, Content: strings.NewReader(second)}}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	c = lookAt(t.Context(), twice("twelve"), sm, disc.TOC{}, lookLimit)
	if _, _, err := c.list(&job{dir: t.TempDir()}, jobFile{ID: "abcdefghijklmnopqrstuvwxyz", ImageVersion: 1}, sm); err != nil || c.broken != nil {
		t.Fatal(err, c.broken)
	}
	whole := samples
	if samples = c.evidence(sm, nil); same(twice("eleven")) {
		t.Error("the second of two files of the same bytes is another, and it passes for the same disc")
	}
	samples = whole
	if same(image(-1, "BIN.BIG")) {
		t.Error("a file has another name, and it passes for the same disc")
	}
}
