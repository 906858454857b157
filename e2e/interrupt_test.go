package e2e

import (
	"context"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// Somebody presses the eject button while the disc is read: stock udev opens
// the tray. The disc comes back, and its reading goes on where it was.
func TestEjectButtonInMidRead(t *testing.T) {
	s := newRig(t)
	const sectors = 4000
	m := s.dvd("BUTTON", 401, sectors)
	d := s.drive("i0", pace(1<<20), m)
	probed := s.touched(d) // by udev, as every time that a disc arrives
	s.start("")
	s.midRead(d, sectors/2)
	if !d.Locked() {
		t.Error("nobody has locked the tray; the button's way over udev is not the one that is tested")
	}
	d.PressButton()
	s.await("udev's eject", bench.Eject("i0"))
	s.told(station.WordButton)
	s.told(station.WordTakenOut)
	if d.Tray() != disc.TrayOpen || len(s.bags()) != 0 {
		t.Errorf("the tray is %s, the bucket holds %v", d.Tray(), s.bags())
	}
	again := s.Log.Mark()
	safe := s.safe()
	if len(safe) < sectors/4 || len(safe) == sectors {
		t.Errorf("%d of %d sectors were safe when the disc left", len(safe), sectors)
	}
	for lba := range probed {
		delete(safe, lba)
	}
	d.CloseTray()
	id := s.told(station.WordReleased).ID
	s.told(station.WordEjected)
	s.notReadAgain(d, again, safe)
	s.bag(id, m)
	if l := s.list(); len(l) != 1 || l[0].ID != id {
		t.Errorf("the catalog lists %+v, want %s alone", l, id)
	}
	// One is udev's, for the button; one is the daemon's.
	if got := d.Ejects(); got != 2 {
		t.Errorf("the tray was opened %d times by command", got)
	}
	s.order(
		bench.Step{What: "the button", Match: bench.Tray("i0", "button pressed: tray is locked")},
		bench.Step{What: "udev's eject", Match: bench.Eject("i0")},
		bench.Step{What: "the disc's return", Match: bench.Tray("i0", "tray pushed in")},
		bench.Step{What: "the last sector's reading", Match: bench.ReadOf("i0", sectors-1, 1)},
		bench.Step{What: "the image's completion", Match: bench.S3("CompleteMultipartUpload", "data/image.iso")},
		bench.Step{What: "the daemon's eject", Match: bench.Eject("i0")},
	)
}

// A disc that lies in the drive when the machine boots is archived like one
// that is put in.
func TestDiscInTheDriveAtBoot(t *testing.T) {
	s := newRig(t)
	m := s.cd("BOOT", 501, 1500)
	d := s.drive("i1", simdrive.Timing{}, m)
	if err := s.Reboot(s.ctx); err != nil {
		t.Fatal(err)
	}
	s.install()
	s.start("")
	id := s.told(station.WordReleased).ID
	s.told(station.WordEjected)
	s.once(d, id, m)
}

// The tray is locked by udev's own rule, and the disc is mounted by somebody
// while it is read: the tray opens all the same.
func TestLockedAndMountedDiscIsEjected(t *testing.T) {
	s := newRig(t)
	const sectors = 3000
	m := s.cd("MOUNTED", 801, sectors)
	d := s.drive("i2", pace(1<<20), nil)
	s.start("")
	s.insert(d, m)
	s.midRead(d, sectors/4)
	if !d.Locked() {
		t.Error("stock udev has not locked the tray")
	}
	s.must("mount", "-t", "iso9660", "-o", "ro", d.Node, "/mnt")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		run(t, ctx, s.Bench, "umount", "-l", "/mnt")
	})
	if files := s.must("ls", "/mnt"); files == "" {
		t.Error("the mounted disc shows no files")
	}
	id := s.told(station.WordReleased).ID
	s.told(station.WordEjected)
	if mounts := s.must("cat", "/proc/mounts"); !mounted(mounts, d.Node) {
		t.Errorf("the disc was not mounted any more when its tray opened:\n%s", mounts)
	}
	s.once(d, id, m)
	s.order(
		bench.Step{What: "udev's lock", Match: lock("i2", 1)},
		bench.Step{What: "the last sector's reading", Match: bench.ReadOf("i2", sectors-1, 1)},
		bench.Step{What: "the removal's being allowed", Match: lock("i2", 0)},
		bench.Step{What: "the eject", Match: bench.Eject("i2")},
	)
}
