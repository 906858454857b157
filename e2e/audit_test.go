package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"ripstation/audit"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// An audit says what it has read and no more: all well, could not look, and,
// once a byte has changed at rest, which object it is. What a store itself
// says of its objects does not tell.
func TestAuditFindsAByteThatChangedAtRest(t *testing.T) {
	s := newRig(t)
	const sectors = 1000
	d := s.drive("f0", simdrive.Timing{}, nil)
	s.start("")
	s.insert(d, s.cd("AUDITED", 1101, sectors))
	id := s.told(station.WordReleased).ID

	r := s.audit(0)
	if r.Copies != (audit.Counts{LookedAt: 1, Unchanged: 1}) || r.BytesRead >= sectors*disc.SectorSize {
		t.Errorf("an audit says: %+v, %d bytes read", r.Copies, r.BytesRead)
	}
	from := s.Log.Mark()
	r = s.audit(0, "--full")
	if r.Copies != (audit.Counts{LookedAt: 1, ReadBack: 1}) || r.BytesRead < sectors*disc.SectorSize {
		t.Errorf("a full audit says: %+v, %d bytes read", r.Copies, r.BytesRead)
	}
	if _, ok := s.Log.First(from, bench.S3("GetObject", id+"/v1/data/image.iso")); !ok {
		t.Error("a full audit has not read the image")
	}

	s.proxy.Cut()
	r = s.audit(5, "--full")
	if !r.CouldNotLook || r.Copies != (audit.Counts{LookedAt: 1, Unknown: 1}) {
		t.Errorf("a full audit without its store says: %+v, could not look: %v", r.Copies, r.CouldNotLook)
	}
	s.proxy.Restore()

	key := id + "/v1/data/image.iso"
	flip(t, s.s3.File(bucket, key), sectors/2*disc.SectorSize+7)
	if r = s.audit(0); r.Copies != (audit.Counts{LookedAt: 1, Unchanged: 1}) {
		t.Errorf("after a byte changed at rest, an audit that reads no bytes says: %+v", r.Copies)
	}
	r = s.audit(4, "--full")
	if r.Copies != (audit.Counts{LookedAt: 1, Damaged: 1}) || len(r.Findings) != 1 || r.Findings[0].Code != audit.DigestDiffers ||
		r.Findings[0].Key != key || r.Findings[0].CarrierID != id || r.Findings[0].Store != "archive" {
		t.Errorf("after a byte changed at rest, a full audit says: %+v %+v", r.Copies, r.Findings)
	}
	if v := s.show(id); len(v.Copies) != 1 || v.Copies[0].State != catalog.Damaged || v.Image.State != catalog.Complete {
		t.Errorf("the record's copies: %+v", v.Copies)
	}
	if text, _ := s.text("list"); !strings.Contains(text, "DAMAGED IN archive") {
		t.Errorf("list says:\n%s", text)
	}

	// A station that is told to stop does so; the command then looks itself.
	if err := s.Guest.Signal(s.ctx, daemon, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit, err := s.Guest.AwaitExit(s.ctx, s.mark, daemon); err != nil || exit != 0 {
		t.Errorf("the daemon ended with %d, %v after SIGTERM", exit, err)
	}
	text, exit := s.text("audit", "--full")
	if exit != 4 || !strings.Contains(text, key) {
		t.Errorf("audit --full without a station: exit %d:\n%s", exit, text)
	}
}

// audit runs an audit in the guest, which must end with this exit code.
func (s *rig) audit(want int, flags ...string) (r audit.Report) {
	s.t.Helper()
	if exit := s.verb(&r, append([]string{"audit"}, flags...)...); exit != want {
		s.t.Errorf("audit %s: exit %d, want %d: %+v", strings.Join(flags, " "), exit, want, r)
	}
	return r
}

// flip changes one bit of a file behind everybody's back.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}
