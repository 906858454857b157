package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/ripper"
	"ripstation/station"
)

// The spool's disk has places that it cannot read. What was written there is
// read from the disc again, and it alone; the image is whole.
func TestSpoolDiskWithPlacesThatItCannotRead(t *testing.T) {
	s := newRig(t)
	path := filepath.Join(t.TempDir(), "spool.img")
	const size, sectors = 48 << 20, 9000
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mkfs := exec.CommandContext(s.ctx, "mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-b", "4096", path, "48M")
	mkfs.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := mkfs.CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	var places []int64 // farther apart than any one read of the spool, from where no more of the file system's own lies
	for at := int64(size / 4); at < size; at += 5 << 19 {
		places = append(places, at)
	}
	node, unplug, err := s.PlugDamaged(s.ctx, "worn", path, places)
	if err != nil {
		t.Fatal(err)
	}
	const spool = service + "/spool"
	s.install()
	s.must("sh", "-c", "mkdir -p "+spool+" && mount "+node+" "+spool+" && chown ripstation:ripstation "+spool)
	t.Cleanup(func() {
		s.clear()
		s.must("umount", "-l", spool)
		if err := unplug(s.ctx); err != nil {
			t.Error(err)
		}
	})
	m := s.dvd("WORN", 811, sectors)
	d := s.drive("y0", simdrive.Timing{}, nil)
	s.start("")
	at := s.Log.Mark()
	s.insert(d, m)
	id := s.toldOf("Y0", station.WordEjected).ID
	s.toldOf(id, station.WordReleased)
	s.bag(id, m)
	v := s.show(id)
	if v.Image == nil || v.Image.State != catalog.Complete || v.Image.Sectors != (disc.Counts{Total: sectors, Read: sectors}) {
		t.Errorf("the record's image is %+v", v.Image)
	}
	reads := s.Log.Since(at, bench.ReadOf("y0", 0, sectors))
	var sum int64
	for _, e := range reads {
		sum += e.Drive.Count
	}
	// A place costs the chunks that reach into the one stretch of 1 MiB that was not given.
	if most := sectors + int64(len(places))*1024; sum <= sectors || sum > most {
		t.Errorf("%d sectors were read, in %d reads; want more than %d and at most %d", sum, len(reads), sectors, most)
	}
	var paused []string
	for _, n := range s.said() {
		if n.Word == station.WordPaused {
			paused = append(paused, n.Message)
		}
	}
	if len(paused) == 0 {
		t.Error("nobody was told of it")
	}
	for _, text := range paused {
		if !strings.Contains(text, ripper.ErrSpoolDamaged.Error()) || !strings.Contains(text, "to be read again; look at the disk that the spool is on") {
			t.Errorf("it paused with %q", text)
		}
	}
	if text := s.must("sh", "-c", "dmesg | grep -c 'critical medium error, dev sd'; true"); strings.TrimSpace(text) == "0" {
		t.Error("the disk has given everything: the test proves nothing")
	}
}
