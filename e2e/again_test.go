package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// Two drives work at the same time, and each disc becomes its own image.
func TestTwoDrivesAtOnce(t *testing.T) {
	s := newRig(t)
	const sectors = 2500
	left, right := s.cd("LEFT", 201, sectors), s.dvd("RIGHT", 202, sectors)
	a, b := s.drive("t0", pace(500<<10), nil), s.drive("t1", pace(500<<10), nil)
	s.start("")
	s.insert(a, left)
	s.insert(b, right)
	for _, side := range []struct {
		d *bench.Drive
		m *simdrive.Disc
	}{{a, left}, {b, right}} {
		id := s.toldOf(strings.ToUpper(side.d.Name), station.WordEjected).ID
		s.toldOf(id, station.WordReleased)
		s.bag(id, side.m)
		if side.d.Ejects() != 1 {
			t.Errorf("%s was opened %d times", side.d.Name, side.d.Ejects())
		}
	}
	if l := s.list(); len(l) != 2 || len(s.bags()) != 2 {
		t.Errorf("the catalog lists %+v, the bucket holds %v, want two of each", l, s.bags())
	}
	// Each was read between the other's beginning and end.
	for _, pair := range [][2]string{{"t0", "t1"}, {"t1", "t0"}} {
		s.order(
			bench.Step{What: pair[0] + " after its beginning", Match: large(pair[0], sectors/10)},
			bench.Step{What: pair[1] + " after its beginning", Match: large(pair[1], sectors/5)},
			bench.Step{What: pair[0] + " near its end", Match: large(pair[0], sectors-100)},
		)
	}
}

// large accepts a read of a sector and of many more: not udev's.
func large(drive string, lba int64) bench.Match {
	return bench.And(bench.ReadOf(drive, lba, 1), func(e bench.Event) bool { return e.Drive.Count >= 16 })
}

// A pressed disc that is held already is known by its identity: it is not
// read and not sent. Its tray had closed by itself, and stays shut.
func TestSameDiscAgain(t *testing.T) {
	s := newRig(t)
	const sectors = 2000
	m := s.cd("TWICE", 901, sectors)
	d := s.drive("s0", simdrive.Timing{}, nil)
	s.start("")
	s.insert(d, m)
	id := s.told(station.WordReleased).ID
	s.awaitStatus("the disc's being given back", func(st station.Status) bool { return len(st.Bays) == 1 && st.Bays[0].Word == station.WordEjected })
	again := s.Log.Mark()
	d.CloseTray()
	if got := s.told(station.WordAlready); got.ID != id {
		t.Errorf("taken for %s, want %s", got.ID, id)
	}
	s.awaitStatus("what it was", func(st station.Status) bool {
		return st.Bays[0].Word == station.WordEjected && strings.Contains(st.Bays[0].Text, string(station.WordAlready)) && strings.Contains(st.Bays[0].Text, "stays shut")
	})
	read := int64(0)
	for _, e := range s.Log.Since(again, nil) {
		event := e.S3 != nil && e.S3.Op == "PutObject" && strings.HasPrefix(e.S3.Key, id+"/events/")
		if e.S3 != nil && e.S3.Op != "HeadObject" && !event {
			t.Errorf("the store was asked for %s", e)
		}
		if e.Drive != nil && strings.HasPrefix(e.Drive.Op, "READ(") {
			read += e.Drive.Count
		}
	}
	if read > sectors/5 {
		t.Errorf("%d of %d sectors were read of a disc that is held", read, sectors)
	}
	if d.Ejects() != 1 || len(s.bags()) != 1 {
		t.Errorf("%d ejects, the bucket holds %v", d.Ejects(), s.bags())
	}
	v := s.show(id)
	if len(v.Captures) != 2 || v.Captures[0].Outcome != catalog.AlreadyArchived && v.Captures[1].Outcome != catalog.AlreadyArchived || v.Image.Version != 1 {
		t.Errorf("the record's captures: %+v", v.Captures)
	}
	if l := s.list(); len(l) != 1 {
		t.Errorf("the catalog lists %+v, want one disc", l)
	}
}

// An ISO image cannot hold an audio CD: a person is asked, what is known of it
// is kept, and no wrong image is made.
func TestAudioCDNeedsYou(t *testing.T) {
	s := newRig(t)
	d := s.drive("s1", simdrive.Timing{}, nil)
	s.start("")
	s.insert(d, simdrive.AudioCD(1001, 3000, 4000))
	said := s.told(station.WordNeedsYou)
	if !strings.Contains(said.Message, "audio CD") || said.Hint == "" {
		t.Errorf("it is said: %q, and to do: %q", said.Message, said.Hint)
	}
	s.await("the eject", bench.Eject("s1"))
	var raw map[string]json.RawMessage
	if exit := s.verb(&raw, "show", said.ID); exit != 0 || string(raw["image"]) != "null" {
		t.Errorf("show: exit %d, image %s", exit, raw["image"])
	}
	v := s.show(said.ID)
	if v.Kind != disc.KindAudio || v.Disposition == catalog.None || len(v.Copies) != 0 || len(v.Captures) != 1 || v.Captures[0].Outcome != catalog.Refused {
		t.Errorf("the record: %+v", v)
	}
	if text, exit := s.text("list"); exit != 0 || !strings.Contains(text, "NOT IMAGED") || !strings.Contains(text, "NEEDS") {
		t.Errorf("list says, exit %d:\n%s", exit, text)
	}
	s.awaitStatus("needs you", func(st station.Status) bool { return strings.Contains(st.Bays[0].Text, string(station.WordNeedsYou)) })
	if len(s.bags()) != 0 || d.Ejects() != 1 {
		t.Errorf("the bucket holds %v, %d ejects", s.bags(), d.Ejects())
	}
}
