package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// Sectors that never read are missing, those that read at a later try are not.
// The disc is archived as incomplete, and whoever asks is told so.
func TestExactlyThePermanentBadSectorsAreMissing(t *testing.T) {
	s := newRig(t)
	const sectors = 2500
	m := s.dvd("SCRATCHED", 301, sectors)
	bad := []disc.Extent{{Start: 777, Count: 3}, {Start: 2048, Count: 1}}
	m.Damage().Bad(bad...)
	m.Damage().Fail(1, disc.Extent{Start: 1500, Count: 5})
	m.Damage().Fail(2, disc.Extent{Start: 2222, Count: 1})
	d := s.drive("m0", pace(512<<10), nil)
	s.start("")
	s.insert(d, m)
	s.told(station.WordReading)
	// Somebody asks for the disc that is being read, and waits for its end.
	mark := s.Guest.Mark()
	if _, err := s.Guest.Start(s.ctx, "rip", nil, bench.AsService("/usr/bin/ripstation", "--config", config, "rip", d.Node, "--item", "B-17", "--operator", "Ada")...); err != nil {
		t.Fatal(err)
	}
	if exit, err := s.Guest.AwaitExit(s.ctx, mark, "rip"); err != nil || exit != 3 {
		t.Errorf("rip ended with %d, %v, want 3; it said:\n%s", exit, err, strings.Join(s.Guest.Lines(mark, "rip"), "\n"))
	}
	id := s.told(station.WordReleased).ID

	s.bag(id, m, bad...)
	s.missingIn(id, bad)
	v := s.show(id)
	want := disc.Counts{Total: sectors, Read: sectors - 4, Unreadable: 4}
	if v.Image == nil || v.Image.State != catalog.Incomplete || v.Image.Sectors != want {
		t.Errorf("the record's image is %+v, want %+v", v.Image, want)
	}
	if v.Item == nil || *v.Item != "B-17" || v.Captures[0].Operator != "Ada" || v.Disposition != catalog.None {
		t.Errorf("the record is of item %v, read by %q, disposition %q", v.Item, v.Captures[0].Operator, v.Disposition)
	}
	for verb, words := range map[string]string{"list": "INCOMPLETE: 4 SECTORS", "show": "INCOMPLETE: 4 SECTORS", "status": "INCOMPLETE (4 sectors missing of 2500"} {
		argv := []string{verb}
		if verb == "show" {
			argv = append(argv, id)
		}
		if text, exit := s.text(argv...); exit != 0 || !strings.Contains(text, words) {
			t.Errorf("%s does not say %q, exit %d:\n%s", verb, words, exit, text)
		}
	}
	if d.Ejects() != 1 || d.Tray() != disc.TrayOpen {
		t.Errorf("%d ejects, the tray is %s", d.Ejects(), d.Tray())
	}
}

// missingIn holds what a bag says to be missing against what is.
func (s *rig) missingIn(id string, bad []disc.Extent) {
	s.t.Helper()
	dir := s.s3.File(bucket, id+"/v1/metadata")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
	var r catalog.Record
	if err := json.Unmarshal(read("record.json"), &r); err != nil {
		s.t.Fatal(err)
	}
	if !slices.Equal(r.Image.Missing, bad) {
		s.t.Errorf("the record says that %v are missing, want %v", r.Image.Missing, bad)
	}
	m, err := disc.ParseSectorMap(bytes.NewReader(read("sectors.map")))
	if err != nil {
		s.t.Fatal(err)
	}
	n := int64(0)
	for _, e := range bad {
		n += e.Count
		for lba := e.Start; lba < e.End(); lba++ {
			if got := m.At(lba).Status; got != disc.StatusUnreadable {
				s.t.Errorf("the map says of sector %d that it is %s", lba, got)
			}
		}
	}
	if c := m.Counts(); c.Unreadable != n || c.Read != c.Total-n {
		s.t.Errorf("the map counts %+v, want %d unreadable and the rest read", c, n)
	}
}

// Without a running station the command tells the whole story itself, and its
// exit code says how it ended.
func TestRipCommandWithoutAStation(t *testing.T) {
	s := newRig(t)
	m := s.cd("ALONE", 302, 1200)
	bad := disc.Extent{Start: 600, Count: 2}
	m.Damage().Bad(bad)
	d := s.drive("m1", simdrive.Timing{}, m)
	var out struct {
		Outcome station.Outcome `json:"outcome"`
		ID      string          `json:"id"`
		Record  *catalog.View   `json:"record"`
	}
	if exit := s.verb(&out, "rip", d.Node); exit != 3 || out.Outcome != station.OutcomeIncomplete {
		t.Fatalf("rip of a disc with bad sectors: exit %d, %+v", exit, out)
	}
	if out.Record == nil || len(out.Record.Copies) != 1 || out.Record.Copies[0].State != catalog.ReadBack {
		t.Errorf("rip ended before the copy was read back: %+v", out.Record)
	}
	s.bag(out.ID, m, bad)
	if d.Ejects() != 1 || d.Tray() != disc.TrayOpen {
		t.Errorf("%d ejects, the tray is %s", d.Ejects(), d.Tray())
	}
	// The tray is open: there is nothing to read, and that is a failure.
	if exit := s.verb(nil, "rip", d.Node); exit != 1 {
		t.Errorf("rip of an open tray: exit %d, want 1", exit)
	}
}
