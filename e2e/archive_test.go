package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// The whole story of a clean disc, in its order: read, stored, recorded,
// ejected, read back.
func TestDiscIsArchivedInOrder(t *testing.T) {
	s := newRig(t)
	const sectors = 3000
	m := s.dvd("CLEAN", 101, sectors)
	d := s.drive("a0", simdrive.Timing{}, nil)
	s.start("")
	s.insert(d, m)
	id := s.told(station.WordReleased).ID

	s.order(
		bench.Step{What: "the insertion", Match: bench.Tray("a0", "inserted")},
		bench.Step{What: "the first sector's reading", Match: bench.ReadOf("a0", 0, 1)},
		bench.Step{What: "the last sector's reading", Match: bench.ReadOf("a0", sectors-1, 1)},
		bench.Step{What: "the image's part", Match: bench.S3("UploadPart", "data/image.iso")},
		bench.Step{What: "the image's completion", Match: bench.S3("CompleteMultipartUpload", "data/image.iso")},
		bench.Step{What: "the tag manifest", Match: bench.S3("PutObject", "tagmanifest-sha512.txt")},
		bench.Step{What: "the removal's being allowed", Match: allow("a0")},
		bench.Step{What: "the eject", Match: bench.Eject("a0")},
		bench.Step{What: "the image's being read back", Match: bench.S3("GetObject", "data/image.iso")},
	)
	eject, _ := s.Log.First(s.from, bench.Eject("a0"))
	for _, e := range s.Log.Since(eject.Seq, nil) {
		event := e.S3 != nil && e.S3.Op == "PutObject" && strings.HasPrefix(e.S3.Key, id+"/events/")
		if e.S3 != nil && e.S3.Op != "GetObject" && e.S3.Op != "HeadObject" && e.S3.Op != "ListObjectsV2" && !event {
			t.Errorf("the tray was open already: %s", e)
		}
		if bench.ReadOf("a0", 0, sectors)(e) {
			t.Errorf("read after its eject: %s", e)
		}
	}
	if n := s.count(bench.Eject("a0")); n != 1 || d.Tray() != disc.TrayOpen {
		t.Errorf("%d ejects, the tray is %s", n, d.Tray())
	}
	if n := d.WriteAttempts(); n != 0 {
		t.Errorf("%d commands that would have written to the disc", n)
	}
	if got := s.bags(); !slices.Equal(got, []string{id + "/v1"}) {
		t.Errorf("the bucket holds %v", got)
	}
	s.bag(id, m)
	if out := s.must("sh", "-c", "find "+service+"/spool -name 'image.*'"); out != "" {
		t.Errorf("the spool still holds %s", out)
	}
	s.unprivileged()
	s.recordOf(id, m)
}

// allow accepts a PREVENT ALLOW MEDIUM REMOVAL that unlocks the tray.
func allow(drive string) bench.Match { return lock(drive, 0) }

// lock accepts a PREVENT ALLOW MEDIUM REMOVAL with this value of its Prevent
// field (MMC-6, 6.16).
func lock(drive string, prevent byte) bench.Match {
	return bench.And(bench.Done(drive, "PREVENT ALLOW MEDIUM REMOVAL"), func(e bench.Event) bool { return e.Drive.CDB[4]&3 == prevent })
}

// unprivileged holds the running daemon against what its unit gives it.
func (s *rig) unprivileged() {
	s.t.Helper()
	status := s.must("cat", fmt.Sprintf("/proc/%d/status", s.pid))
	for _, want := range []string{"Name:\tripstation\n", "Uid:\t999\t999\t999\t999", "Gid:\t999\t999\t999\t999", "Groups:\t24 ",
		"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, want) {
			s.t.Errorf("the daemon's status lacks %q:\n%s", want, status)
		}
	}
}

// show is the record of a carrier, as the guest's own command tells it.
func (s *rig) show(id string) (v catalog.View) {
	s.t.Helper()
	if exit := s.verb(&v, "show", id); exit != 0 {
		s.t.Fatalf("show %s: exit %d", id, exit)
	}
	return v
}

// recordOf holds the record of a clean disc that nobody has named against the
// disc, the bag and the drive.
func (s *rig) recordOf(id string, m *simdrive.Disc) {
	s.t.Helper()
	v := s.show(id[:8])
	data := onDisc(s.t, m)
	s512, s256, s1, m5 := sums(data)
	n := m.Sectors()
	if v.Image == nil {
		s.t.Fatalf("the record has no image: %+v", v)
	}
	want := catalog.ImageView{State: catalog.Complete, Version: 1, Size: n * disc.SectorSize, Sectors: disc.Counts{Total: n, Read: n},
		SHA512: s512, SHA256: s256, SHA1: s1, MD5: m5, SealedAt: v.Image.SealedAt}
	if *v.Image != want || v.Image.SealedAt.IsZero() {
		s.t.Errorf("the record's image is %+v, want %+v", *v.Image, want)
	}
	if v.ID != id || v.Item != nil || v.Part != nil || v.Side != nil || v.Kind != disc.KindData || v.Label != "CLEAN" ||
		v.Disposition != catalog.NeedsIdentity || v.Access != "unreviewed" || v.Sessions != 1 {
		s.t.Errorf("the record is of %s, item %v, part %v, side %v, kind %s, label %q, disposition %q, access %q, sessions %d",
			v.ID, v.Item, v.Part, v.Side, v.Kind, v.Label, v.Disposition, v.Access, v.Sessions)
	}
	if len(v.Copies) != 1 || v.Copies[0].Store != "archive" || v.Copies[0].Key != id+"/v1/" || v.Copies[0].State != catalog.ReadBack ||
		v.Copies[0].StoredAt == nil || v.Copies[0].ReadBackAt == nil {
		s.t.Errorf("the record's copies: %+v", v.Copies)
	}
	if v.Drive.Vendor != "ACME" || v.Drive.Model != "READER 9" || v.Drive.Firmware != "1.23" || v.Drive.Serial != "A0" {
		s.t.Errorf("the record's drive: %+v", v.Drive)
	}
	if len(v.Checks) == 0 {
		s.t.Error("the record has no checks")
	}
	for _, c := range v.Checks {
		// With nothing missing there is no fill to look at.
		if c.Outcome != disc.Pass && c.Outcome != disc.NotApplicable && !(c.Code == "missing-zero-filled" && c.Outcome == disc.NotRun) {
			s.t.Errorf("check %s: %s %s", c.Code, c.Outcome, c.Message)
		}
	}
	if len(v.Captures) != 1 || v.Captures[0].Outcome != catalog.Imaged || v.Captures[0].Operator != "unattended" || v.Captures[0].Insertion.BootID != s.Guest.BootID() {
		s.t.Errorf("the record's captures: %+v", v.Captures)
	}
	types := map[catalog.EventType]bool{}
	for _, e := range v.Events {
		types[e.Type] = true
		if len(e.Agents) == 0 || e.Outcome != catalog.EventSuccess {
			s.t.Errorf("event %+v", e)
		}
	}
	for _, want := range []catalog.EventType{catalog.EventImaging, catalog.EventDigest, catalog.EventReplication, catalog.EventFixity} {
		if !types[want] {
			s.t.Errorf("the record has no event of type %s", want)
		}
	}
	s.sealedAs(id, v)
}

// sealedAs holds what `show` tells against the record in the bag.
func (s *rig) sealedAs(id string, v catalog.View) {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.s3.File(bucket, id), "v1/metadata/record.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var r catalog.Record
	if err := json.Unmarshal(b, &r); err != nil {
		s.t.Fatal(err)
	}
	if len(r.Objects) != 1 || r.Objects[0].SHA512 != v.Image.SHA512 || r.Objects[0].MD5 != v.Image.MD5 || r.Image.Sectors != v.Image.Sectors || r.Carrier.ID != id {
		s.t.Errorf("the record in the bag tells another image than show: %+v", r.Objects)
	}
	same := func(what string, a, b any) {
		x, err := json.Marshal(a)
		if err != nil {
			s.t.Fatal(err)
		}
		y, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			s.t.Errorf("%s in the bag and in the catalog differ:\n%s\n%s", what, x, y)
		}
	}
	same("captures", r.Captures, v.Captures)
	same("checks", r.Checks, v.Checks)
	same("the drive", r.Drive, v.Drive)
}
