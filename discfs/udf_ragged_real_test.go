package discfs

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ripstation/disc"
	"ripstation/internal/udfimage"
)

// Linux leaves extents behind that end inside of a block and are not the file's
// last. Their blocks are the file's as a whole, as Linux reads them: else all
// that follows would be taken from the wrong place. It is told as a fault.
func TestUDFExtentThatEndsInsideABlock(t *testing.T) {
	data := make([]byte, 30_000)
	for i := range data {
		data[i] = byte(i / 7)
	}
	img, err := udfimage.New(udfimage.Options{Kind: udfimage.Physical, Label: "Ragged", Files: []udfimage.File{
		{Path: "ragged", Data: data, Chained: true, Ragged: true}, {Path: "whole", Data: data, Chained: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := Open(bytes.NewReader(img), int64(len(img)), nil)
	for _, name := range []string{"ragged", "whole"} {
		if got, err := fs.ReadFile(m.FS(m.Main()), name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	i := slices.IndexFunc(m.Checks, func(c disc.Check) bool { return c.Code == "F511" })
	if c := m.Checks[i]; c.Outcome != disc.Failure || !strings.Contains(c.Message, "ragged") {
		t.Errorf("F511 is %s: %s", c.Outcome, c.Message)
	}
}
