package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// edition is a pressed CD with a few files, of which one may be another.
func (s *rig) edition(other int) *simdrive.Disc {
	s.t.Helper()
	var files []isoimage.File
	for i := range 8 {
		text := bytes.Repeat(fmt.Appendf(nil, "page %d of the atlas\n", i), 500)
		if i == other {
			text = bytes.ToUpper(text)
		}
		files = append(files, isoimage.File{Path: fmt.Sprintf("PAGES/P%d.TXT", i), Size: int64(len(text)), Content: bytes.NewReader(text)})
	}
	files = append(files, isoimage.File{Path: "MAPS.BIN", Size: 1700 * 2048})
	img, err := isoimage.New(isoimage.Options{Label: "ATLAS", Seed: 301, Sectors: 2000, Files: files})
	if err != nil {
		s.t.Fatal(err)
	}
	return simdrive.PressedCD(img, 2000)
}

// awaitDrive waits until the station knows its drive: a scan that names it asks
// for that.
func (s *rig) awaitDrive(d *bench.Drive) {
	s.t.Helper()
	for {
		text, exit := s.text("status", "--json")
		if exit == 0 && strings.Contains(text, d.Node) {
			return
		}
		if err := s.ctx.Err(); err != nil {
			s.t.Fatalf("the station does not know %s: %v\n%s", d.Node, err, text)
		}
	}
}

// give puts a disc into a drive whose tray is open, as an item's; "" is as
// nobody's. It waits for a word of it, and for the tray to be open again.
func (s *rig) give(d *bench.Drive, m *simdrive.Disc, item string, w station.Word) said {
	s.t.Helper()
	before := len(s.said())
	if item != "" {
		if text, exit := s.text("scan", item, "--drive", d.Node); exit != 0 {
			s.t.Fatalf("scan %s: exit %d\n%s", item, exit, text)
		}
	}
	opened := d.Ejects()
	s.insert(d, m)
	for {
		at := s.Guest.Mark()
		for _, l := range s.said()[before:] {
			if l.Word == w {
				s.awaitStatus("the open tray", func(st station.Status) bool {
					return d.Ejects() == opened+1 && len(st.Bays) == 1 && st.Bays[0].Word == station.WordEjected && len(st.Jobs) == 0
				})
				return l
			}
		}
		if _, err := s.Guest.AwaitLine(s.ctx, at, daemon, fmt.Sprintf(`"word":%q`, w)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// another puts another disc in for a moment: what comes back right after it was
// given back may be one whose tray closed by itself.
func (s *rig) another(d *bench.Drive) {
	s.t.Helper()
	s.give(d, s.cd("BETWEEN", 300, 600), "", station.WordEjected)
}

// read is how many sectors have been read of a disc, each as often as it was.
func read(m *simdrive.Disc) (n int64) {
	m.EachRead(func(e disc.Extent, times int) { n += e.Count * int64(times) })
	return n
}

// outcomes are how a carrier's captures ended, sorted.
func outcomes(v catalog.View) (list []catalog.CaptureOutcome) {
	for _, c := range v.Captures {
		list = append(list, c.Outcome)
	}
	slices.Sort(list)
	return list
}

// Two discs of one label and size that differ in one file are two discs.
func TestTwoDiscsThatDifferInOneFile(t *testing.T) {
	s := newRig(t)
	d := s.drive("w0", simdrive.Timing{}, nil)
	s.start("")
	s.awaitDrive(d)
	a, b := s.edition(-1), s.edition(5)
	first := s.give(d, a, "", station.WordReleased).ID
	second := s.give(d, b, "", station.WordReleased).ID
	if first == second || len(s.list()) != 2 {
		t.Errorf("carriers %s and %s", first, second)
	}
	s.bag(first, a)
	s.bag(second, b)
	s.another(d)
	if got := s.give(d, s.edition(5), "", station.WordAlready); got.ID != second {
		t.Errorf("the second one again is taken for %s, want %s", got.ID, second)
	}
}

// The same pressed disc without an identifier, or with its own, is an event on
// its carrier; under another it is a second carrier, which says what it looks like.
func TestPressedDiscUnderIdentifiers(t *testing.T) {
	s := newRig(t)
	d := s.drive("w1", simdrive.Timing{}, nil)
	s.start("")
	s.awaitDrive(d)
	m := s.cd("PRESSED", 302, 2000)
	first := s.give(d, m, "B-17", station.WordReleased).ID
	before := read(m)
	for _, item := range []string{"", "B-17"} {
		s.another(d)
		if got := s.give(d, m, item, station.WordAlready); got.ID != first {
			t.Errorf("as item %q it is taken for %s, want %s", item, got.ID, first)
		}
	}
	s.another(d)
	other := s.give(d, m, "B-18", station.WordLooksSame)
	if n := read(m) - before; n > 3*500 {
		t.Errorf("%d sectors were read of a disc that is held, in three insertions", n)
	}
	v := s.show(first)
	if want := []catalog.CaptureOutcome{catalog.AlreadyArchived, catalog.AlreadyArchived, catalog.Imaged}; !slices.Equal(outcomes(v), want) || *v.Item != "B-17" {
		t.Errorf("captures %q of item %s", outcomes(v), *v.Item)
	}
	w := s.show(other.ID)
	if other.ID == first || w.Image != nil || w.Item == nil || *w.Item != "B-18" || w.Disposition != catalog.NeedsReview ||
		len(w.Needs) != 1 || !strings.Contains(w.Needs[0], "LOOKS THE SAME AS B-17 ("+first[:8]+"), NOT READ") {
		t.Errorf("the second carrier: %+v", w)
	}
	if text, exit := s.text("list"); exit != 0 || !strings.Contains(text, "NOT READ") || !strings.Contains(text, "NEEDS REVIEW") {
		t.Errorf("list says, exit %d:\n%s", exit, text)
	}
	if len(s.bags()) != 2 { // one is the disc's between
		t.Errorf("the bucket holds %v", s.bags())
	}
}

// A recordable is read again, and nothing of it is sent: equal, it is another
// capture of its carrier; under another identifier it has its own carrier and bag.
func TestRecordableIsReadAgainAndCompared(t *testing.T) {
	s := newRig(t)
	d := s.drive("w2", simdrive.Timing{}, nil)
	s.start("")
	s.awaitDrive(d)
	disk := func() *simdrive.Disc { return simdrive.DVDR(s.image("HOME", 303, 3000), 3000) }
	first := s.give(d, disk(), "B-17", station.WordReleased).ID
	s.another(d)
	again := s.Log.Mark()
	s.give(d, disk(), "B-17", station.WordEjected)
	for _, e := range s.Log.Since(again, nil) {
		if e.S3 != nil && e.S3.Op != "HeadObject" && !(e.S3.Op == "PutObject" && strings.Contains(e.S3.Key, "/events/")) {
			t.Errorf("the store was asked for %s", e)
		}
	}
	if len(s.bags()) != 2 { // one is the disc's between
		t.Errorf("the bucket holds %v", s.bags())
	}
	v := s.show(first)
	if want := []catalog.CaptureOutcome{catalog.Compared, catalog.Imaged}; !slices.Equal(outcomes(v), want) || v.Image.Version != 1 {
		t.Errorf("captures %q, version %d", outcomes(v), v.Image.Version)
	}
	s.awaitStatus("what it was", func(st station.Status) bool { return strings.Contains(st.Bays[0].Text, string(station.WordCompared)) })
	s.another(d)
	other := s.give(d, disk(), "B-18", station.WordReleased).ID
	s.bag(first, disk())
	s.bag(other, disk())
	for _, p := range [][2]string{{first, other}, {other, first}} {
		if text, exit := s.text("show", p[0]); exit != 0 || !strings.Contains(text, "same content as "+p[1]+"/v1") {
			t.Errorf("show %s, exit %d:\n%s", p[0], exit, text)
		}
	}
	if len(s.list()) != 3 || len(s.bags()) != 3 {
		t.Errorf("the catalog lists %+v, the bucket holds %v", s.list(), s.bags())
	}
}
