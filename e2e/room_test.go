package e2e

import (
	"strings"
	"testing"

	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// The spool is a small file system of its own. While the store is away two
// discs do not fit: the second waits in its drive and goes on as soon as the
// first one's image has left. Then others fill the disk in mid-read: the
// reading pauses, and goes on when they make room.
func TestSpoolWithoutRoom(t *testing.T) {
	s := newRig(t)
	s.conf = strings.Replace(s.conf, `reserve = "0B"`, `reserve = "2MB"`, 1)
	s.install()
	const spool = service + "/spool"
	s.must("sh", "-c", "mkdir -p "+spool+" && mount -t tmpfs -o size=14m tmpfs "+spool+" && chown ripstation:ripstation "+spool)
	t.Cleanup(func() {
		s.clear()
		s.must("umount", "-l", spool)
	})
	const sectors = 3000
	first, second, third := s.cd("FIRST", 801, sectors), s.cd("SECOND", 802, sectors), s.cd("THIRD", 803, sectors)
	a, b := s.drive("w0", simdrive.Timing{}, nil), s.drive("w1", pace(1<<20), nil)
	s.proxy.Cut()
	s.start("")
	s.insert(a, first)
	s.toldOf("W0", station.WordChecking)
	s.insert(b, second)
	wait := s.toldOf("W1", station.WordWaitForSpace)
	if !strings.Contains(wait.Message, "station.reserve") || wait.Hint == "" {
		t.Errorf("it waits with %q -> %q", wait.Message, wait.Hint)
	}
	if out, _ := s.text("status"); !strings.Contains(out, "1 drive is waiting for space in the spool") || !strings.Contains(out, string(station.WordWaitForSpace)) {
		t.Errorf("status says\n%s", out)
	}
	if a.Ejects() != 0 || b.Ejects() != 0 {
		t.Errorf("%d and %d ejects while the store is away and the spool is full", a.Ejects(), b.Ejects())
	}
	s.proxy.Restore()
	s.Log.Note("the store is there again")
	one := s.toldOf("W0", station.WordEjected).ID
	two := s.toldOf("W1", station.WordEjected).ID
	s.toldOf(two, station.WordReleased)

	at := s.Log.Mark()
	s.insert(b, third)
	if _, err := s.Log.Await(s.ctx, at, "the third disc's reading", bench.ReadOf("w1", sectors/2, 200)); err != nil {
		t.Fatal(err)
	}
	s.must("sh", "-c", "dd if=/dev/zero of="+spool+"/others bs=4k; true")
	s.Log.Note("others have filled the spool's disk")
	s.awaitStatus("a drive that waits for space", func(st station.Status) bool { return st.Spool.Waiting == 1 })
	s.must("rm", spool+"/others")
	s.Log.Note("others have made room")
	s.awaitStatus("the third disc's end", func(st station.Status) bool { return len(st.Jobs) == 0 && st.Spool.Waiting == 0 })
	all := s.list()
	if len(all) != 3 {
		t.Fatalf("the catalog lists %+v", all)
	}
	for _, l := range all {
		if l.Image == nil || l.Image.State != "complete" || l.Image.Sectors.Missing() != 0 {
			t.Errorf("%s: %+v", l.Label, l.Image)
		}
		switch l.ID {
		case one:
			s.bag(l.ID, first)
		case two:
			s.bag(l.ID, second)
		default:
			s.bag(l.ID, third)
		}
	}
	if a.Ejects() != 1 || b.Ejects() != 2 {
		t.Errorf("%d and %d ejects of one and two discs", a.Ejects(), b.Ejects())
	}
	s.order(
		bench.Step{What: "the first disc's last sector", Match: bench.ReadOf("w0", sectors-1, 1)},
		bench.Step{What: "the store's return", Match: noted("the store is there again")},
		bench.Step{What: "the first image's completion", Match: bench.S3("CompleteMultipartUpload", one+"/v1/data/image.iso")},
		bench.Step{What: "the second disc's last sector", Match: bench.ReadOf("w1", sectors-1, 1)},
		bench.Step{What: "the second image's completion", Match: bench.S3("CompleteMultipartUpload", two+"/v1/data/image.iso")},
	)
}
