package e2e

import (
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// away is how long the store is away.
const away = time.Minute

// The S3 server goes away in the middle of an upload, for a minute. The tray
// stays shut, the screen says why, another drive's disc is read meanwhile; then
// the upload goes on with the part that was missing.
func TestStoreAwayForAMinuteInMidUpload(t *testing.T) {
	s := newRig(t)
	const sectors = 10000 // two parts
	m, other := s.dvd("LARGE", 701, sectors), s.cd("OTHER", 702, 600)
	d, beside := s.drive("u0", simdrive.Timing{}, nil), s.drive("u1", simdrive.Timing{}, nil)
	s.start("")
	s.insert(d, m)
	s.await("the first part", bench.S3("UploadPart", "data/image.iso"))
	s.proxy.Cut()
	cut := s.Log.Mark()
	back := time.After(away)
	waiting := s.told(station.WordWaitStore)
	id := waiting.ID
	s.insert(beside, other)
	second := s.toldOf("U1", station.WordComplete).ID
	st := s.awaitStatus("both waiting", func(st station.Status) bool { return len(st.Stores) == 1 && st.Stores[0].Waiting == 2 })
	if st.Stores[0].Message == "" || st.Stores[0].Oldest == nil {
		t.Errorf("status says of the store: %+v", st.Stores[0])
	}
	for _, j := range st.Jobs {
		if j.Step != station.StepSealed {
			t.Errorf("status says of a job: %+v", j)
		}
	}
	if l := s.list(); len(l) != 0 {
		t.Errorf("the catalog lists %+v before any store has a copy", l)
	}
	select {
	case <-back:
	case <-s.ctx.Done():
		t.Fatal(s.ctx.Err())
	}
	for _, drive := range []string{"u0", "u1"} {
		if e, ok := s.Log.First(s.from, bench.Eject(drive)); ok {
			t.Errorf("the tray was opened while the store was away: %s", e)
		}
	}
	if d.Tray() != disc.TrayLoaded {
		t.Errorf("the tray is %s", d.Tray())
	}
	s.proxy.Restore()
	for _, id := range []string{id, second} {
		s.toldOf(id, station.WordReleased)
	}
	s.bag(id, m)
	s.bag(second, other)
	if n := len(s.Log.Since(cut, bench.S3("UploadPart", id+"/v1/data/image.iso"))); n != 1 {
		t.Errorf("%d parts of the large image were sent after the cut, want the one that was missing", n)
	}
	if n := s.count(bench.S3("CreateMultipartUpload", id+"/v1/data/image.iso")); n != 1 {
		t.Errorf("%d uploads of the large image were begun", n)
	}
	s.order(
		bench.Step{What: "the first part", Match: bench.S3("UploadPart", id+"/v1/data/image.iso")},
		bench.Step{What: "the cut", Match: func(e bench.Event) bool { return e.Note == "the S3 server is cut off" }},
		bench.Step{What: "the server's return", Match: func(e bench.Event) bool { return e.Note == "the S3 server is back" }},
		bench.Step{What: "the second part", Match: bench.S3("UploadPart", id+"/v1/data/image.iso")},
		bench.Step{What: "the completion", Match: bench.S3("CompleteMultipartUpload", id+"/v1/data/image.iso")},
		bench.Step{What: "the eject", Match: bench.Eject("u0")},
	)
	if d.Ejects() != 1 || beside.Ejects() != 1 {
		t.Errorf("%d and %d ejects", d.Ejects(), beside.Ejects())
	}
	if v := s.show(id); v.Image.State != catalog.Complete || v.Copies[0].State != catalog.ReadBack {
		t.Errorf("the record: %+v", v.Copies)
	}
}
