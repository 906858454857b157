package e2e

import (
	"fmt"
	"strings"

	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
)

// safe gives the sectors that the ledger in the guest's spool vouches for. The
// daemon must not be running.
func (s *rig) safe() map[disc.LBA]bool {
	s.t.Helper()
	sectors := map[disc.LBA]bool{}
	for line := range strings.Lines(s.must("sh", "-c", "cat "+service+"/spool/*/ledger")) {
		var e disc.Extent
		var status string
		if n, err := fmt.Sscanf(line, "%d %d %s", &e.Start, &e.Count, &status); n == 3 && err == nil && status == disc.StatusRead.String() {
			for lba := e.Start; lba < e.End(); lba++ {
				sectors[lba] = true
			}
		}
	}
	return sectors
}

// notReadAgain holds the log since a mark against what was safe then: the only
// reads of safe sectors are of single ones, which tell what disc it is.
func (s *rig) notReadAgain(d *bench.Drive, from int, safe map[disc.LBA]bool) {
	s.t.Helper()
	s.Log.Note("%d sectors were safe", len(safe))
	singles := 0
	for _, e := range s.Log.Since(from, bench.ReadOf(d.Name, 0, 1<<31)) {
		hit := 0
		for lba := e.Drive.LBA; lba < e.Drive.LBA+disc.LBA(e.Drive.Count); lba++ {
			if safe[lba] {
				hit++
			}
		}
		switch {
		case hit > 0 && e.Drive.Count > 1:
			s.t.Errorf("%d of its sectors were safe already: %s", hit, e)
		case hit > 0:
			singles++
		}
	}
	// Descriptors, and 32 samples of the image.
	if singles > 80 {
		s.t.Errorf("%d single safe sectors were read again, too many for knowing the disc", singles)
	}
}

// touched gives the sectors that have been read so far in this test, and those
// within a read-ahead of them.
func (s *rig) touched(d *bench.Drive) map[disc.LBA]bool {
	const ahead = 32
	sectors := map[disc.LBA]bool{}
	for _, e := range s.Log.Since(s.from, bench.ReadOf(d.Name, 0, 1<<31)) {
		for lba := e.Drive.LBA - ahead; lba < e.Drive.LBA+disc.LBA(e.Drive.Count)+ahead; lba++ {
			sectors[lba] = true
		}
	}
	return sectors
}

// once holds what the station has left against a disc that was archived in one
// image: one bag and one record of it, one upload, one eject.
func (s *rig) once(d *bench.Drive, id string, m *simdrive.Disc) {
	s.t.Helper()
	if got := s.bags(); len(got) != 1 || got[0] != id+"/v1" {
		s.t.Errorf("the bucket holds %v, want one bag of %s", got, id)
	}
	s.bag(id, m)
	if l := s.list(); len(l) != 1 || l[0].ID != id || l[0].Image == nil || l[0].Image.Version != 1 || l[0].Image.State != "complete" {
		s.t.Errorf("the catalog lists %+v, want one complete image of %s", l, id)
	}
	if n := s.count(bench.S3("CompleteMultipartUpload", "data/image.iso")); n != 1 {
		s.t.Errorf("the image was completed %d times in the store", n)
	}
	if n := d.Ejects(); n != 1 {
		s.t.Errorf("the tray was opened %d times by command", n)
	}
	if n := s.count(bench.Eject(d.Name)); n != 1 {
		s.t.Errorf("%d START STOP UNIT commands to open the tray", n)
	}
	if n := d.WriteAttempts(); n != 0 {
		s.t.Errorf("%d commands that would have written to the disc", n)
	}
}
