package e2e

import (
	"testing"

	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/station"
)

// partSectors is how many sectors go into one part.
const partSectors = 16 << 20 / disc.SectorSize

// The first part of a disc is in the store while the drive still reads. The
// S3 server dies meanwhile and comes back before the disc has ended: no part
// is sent twice, no sector read twice, and nothing is visible before the end.
func TestServerDiesAndComesBackInMidRead(t *testing.T) {
	s := newRig(t)
	const sectors = 5 * partSectors / 2
	m := s.dvd("STREAM", 711, sectors)
	d := s.drive("n0", pace(512<<10), nil) // a part has the time of one and a half to get there
	s.start("")
	s.insert(d, m)
	s.midRead(d, partSectors/2)
	probed := s.Log.Mark() // udev has looked at the disc's end before
	s.await("the first part", bench.S3("UploadPart", "data/image.iso"))
	s.s3.Kill()
	s.Log.Note("the S3 server is killed")
	if _, ok := s.Log.First(probed, bench.ReadOf("n0", sectors-1, 1)); ok {
		t.Fatal("the disc was read to its end before the first part was in the store")
	}
	if got := s.bags(); len(got) != 0 {
		t.Errorf("the bucket shows %v while the disc is read", got)
	}
	later := min(s.reading(d, probed)+partSectors/8, sectors-1)
	s.await("reading without a server", bench.ReadOf("n0", later, 200))
	s.s3.Restart()
	s.Log.Note("the S3 server runs again")
	id := s.told(station.WordReleased).ID
	s.told(station.WordEjected)
	s.once(d, id, m)
	if n := s.count(bench.And(bench.S3("UploadPart", id+"/v1/data/image.iso"), accepted)); n != 3 {
		t.Errorf("%d parts of the image were accepted, it has 3", n)
	}
	s.order(
		bench.Step{What: "the upload's begin", Match: bench.S3("CreateMultipartUpload", id+"/v1/data/image.iso")},
		bench.Step{What: "the first part", Match: bench.S3("UploadPart", id+"/v1/data/image.iso")},
		bench.Step{What: "the server's death", Match: noted("the S3 server is killed")},
		bench.Step{What: "reading without it", Match: bench.ReadOf("n0", later, 200)},
		bench.Step{What: "the server's return", Match: noted("the S3 server runs again")},
		bench.Step{What: "the last sector", Match: bench.ReadOf("n0", sectors-1, 1)},
		bench.Step{What: "the completion", Match: bench.S3("CompleteMultipartUpload", id+"/v1/data/image.iso")},
		bench.Step{What: "the tag manifest", Match: bench.S3("PutObject", "tagmanifest-sha512.txt")},
		bench.Step{What: "the eject", Match: bench.Eject("n0")},
		bench.Step{What: "the reading back", Match: bench.S3("GetObject", id+"/v1/data/image.iso")},
	)
}

// The link is cut again and again while a disc is read and sent.
func TestLinkCutOverAndOver(t *testing.T) {
	s := newRig(t)
	const sectors = 3 * partSectors / 2
	m := s.dvd("CUT", 712, sectors)
	d := s.drive("n1", pace(2<<20), nil)
	s.start("")
	s.insert(d, m)
	for at := int64(partSectors / 4); at < sectors; at += partSectors / 4 {
		s.await("the drive's going on", bench.ReadOf("n1", at, 200))
		s.proxy.Cut()
		s.await("the drive's going on", bench.ReadOf("n1", at+partSectors/8, 200))
		s.proxy.Restore()
	}
	id := s.told(station.WordReleased).ID
	s.told(station.WordEjected)
	s.once(d, id, m)
	if n := s.count(bench.And(bench.S3("UploadPart", id+"/v1/data/image.iso"), accepted)); n > 4 {
		t.Errorf("%d parts were accepted of an image that has 2", n)
	}
}

// With the store dark, each policy does what it says and no more: the tray
// stays shut until what it waits for has happened, the record says no more
// than is so, and the spool keeps the image until it was read back.
func TestStoreDarkUnderEachPolicy(t *testing.T) {
	for _, when := range []station.EjectWhen{station.EjectStored, station.EjectReadBack, station.EjectImaged} {
		t.Run(string(when), func(t *testing.T) {
			s := newRig(t, "[eject]\nwhen = \""+string(when)+"\"\n")
			const sectors = 600
			m := s.cd("DARK", 713, sectors)
			d := s.drive("n2", pace(1<<20), nil)
			s.start("")
			s.proxy.Cut()
			s.insert(d, m)
			id := s.told(station.WordComplete).ID
			s.told(station.WordWaitStore)
			if when == station.EjectImaged {
				s.told(station.WordEjected)
				if v := s.show(id); len(v.Copies) != 1 || v.Copies[0].StoredAt != nil || v.Copies[0].ReadBackAt != nil {
					t.Errorf("the record of a disc that no store has: %+v", v.Copies)
				}
			} else {
				if l := s.list(); len(l) != 0 {
					t.Errorf("the catalog lists %+v before a store has the disc", l)
				}
				if n := s.count(bench.Eject("n2")); n != 0 || d.Tray() != disc.TrayLoaded {
					t.Errorf("%d ejects, the tray is %s, and no store has the disc", n, d.Tray())
				}
			}
			s.imageInSpool(id)
			s.proxy.Restore()
			s.toldOf(id, station.WordReleased)
			s.told(station.WordEjected)
			s.once(d, id, m)
			eject := bench.Step{What: "the eject", Match: bench.Eject("n2")}
			back := bench.Step{What: "the server's return", Match: noted("the S3 server is back")}
			stored := bench.Step{What: "the tag manifest", Match: bench.S3("PutObject", "tagmanifest-sha512.txt")}
			read := bench.Step{What: "the reading back", Match: bench.S3("GetObject", id+"/v1/data/image.iso")}
			s.order(map[station.EjectWhen][]bench.Step{
				station.EjectStored:   {back, stored, eject, read},
				station.EjectReadBack: {back, stored, read, eject},
				station.EjectImaged:   {eject, back, stored, read},
			}[when]...)
		})
	}
}

// reading is the address that a drive was last asked for since a mark.
func (s *rig) reading(d *bench.Drive, from int) (lba int64) {
	s.t.Helper()
	for _, e := range s.Log.Since(from, bench.ReadOf(d.Name, 0, 1<<31)) {
		lba = int64(e.Drive.LBA) + int64(e.Drive.Count)
	}
	return lba
}

func noted(text string) bench.Match { return func(e bench.Event) bool { return e.Note == text } }

// accepted lets an S3 request pass that the server said yes to.
func accepted(e bench.Event) bool { return e.S3 != nil && e.S3.Status == 200 }

// imageInSpool holds the guest's spool to having the image of a job.
func (s *rig) imageInSpool(id string) {
	s.t.Helper()
	s.must("test", "-s", service+"/spool/"+id+"/image.iso")
}
