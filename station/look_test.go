package station

import (
	"io"
	"strings"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/isoimage"
)

// lookedAt is what is said of the files of an image that is read through r.
func lookedAt(t *testing.T, limit time.Duration, through func(io.ReaderAt) io.ReaderAt) (look disc.Check, c *contents) {
	t.Helper()
	m, err := isoimage.New(isoimage.Options{Label: "LOOK", Sectors: 400, Files: []isoimage.File{{Path: "A.TXT", Size: 10}}})
	if err != nil {
		t.Fatal(err)
	}
	sm, err := disc.NewSectorMap(400)
	if err != nil {
		t.Fatal(err)
	}
	if err := sm.Mark(disc.Extent{Count: 400}, disc.StatusRead, disc.Evidence{}); err != nil {
		t.Fatal(err)
	}
	c = lookAt(t.Context(), through(m), sm, disc.TOC{}, limit)
	if err := c.block(0, disc.SectorSize, make([]byte, disc.SectorSize)); err != nil {
		t.Fatal(err)
	}
	for _, check := range c.finish(t.Context()) {
		if check.Code == "F901" {
			look = check
		}
	}
	return look, c
}

// reading is an image of which one read does something else.
type reading struct {
	io.ReaderAt
	before func(off int64)
}

func (r reading) ReadAt(p []byte, off int64) (int, error) {
	r.before(off)
	return r.ReaderAt.ReadAt(p, off)
}

// Whatever comes of looking at the files of a disc, sealing goes on and the
// record says that they were not looked at.
func TestLookThatGoesWrong(t *testing.T) {
	if c, _ := lookedAt(t, time.Minute, func(m io.ReaderAt) io.ReaderAt { return m }); c.Outcome != disc.Pass {
		t.Errorf("nothing wrong: %+v", c)
	}
	c, look := lookedAt(t, time.Minute, func(m io.ReaderAt) io.ReaderAt {
		return reading{m, func(off int64) {
			if off == 16*disc.SectorSize {
				panic("a mistake")
			}
		}}
	})
	if c.Outcome != disc.NotRun || !strings.Contains(c.Message, "a mistake") || !strings.Contains(c.Message, "keep the image") {
		t.Errorf("a panic: %+v", c)
	}
	if content, list, err := look.list(nil, jobFile{}, nil); content != nil || list != nil || err != nil {
		t.Errorf("a list of a look that went wrong: %v, %v, %v", content, list, err)
	}
}

// A disc that leads to work without end is given up in time.
func TestLookWithoutEnd(t *testing.T) {
	c, _ := lookedAt(t, time.Nanosecond, func(m io.ReaderAt) io.ReaderAt { return m })
	if c.Outcome != disc.NotRun || c.Message != errLook.Error() {
		t.Errorf("%+v", c)
	}
}
