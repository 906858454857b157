package ripper_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/mmc"
	"ripstation/ripper"
)

// bench is a simulated drive in virtual time with a disc in it, spoken to in
// SCSI, and an image for the disc.
type bench struct {
	*testing.T
	sim  *simdrive.Drive
	disc *simdrive.Disc
	mmc  *mmc.Drive
	opt  ripper.Options
	img  *ripper.Image
}

func newBench(t *testing.T, m *simdrive.Disc, o simdrive.Options) *bench {
	t.Helper()
	o.Clock = simdrive.NewVirtualClock(time.Unix(0, 0))
	b := &bench{T: t, sim: simdrive.New(o), disc: m}
	if err := b.sim.Insert(m); err != nil {
		t.Fatal(err)
	}
	b.mmc = mmc.New(b.sim.Transport())
	d, err := b.mmc.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.opt = ripper.Options{Drive: "SIMDRIVE", Medium: d.Medium, Unrecorded: d.Unrecorded, RunOut: d.RunOut, Capacity: d.Sectors}
	if b.img, err = ripper.Create(filepath.Join(t.TempDir(), "x"), d.Sectors); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.img.Close(); err != nil {
			t.Error(err)
		}
		if err := b.mmc.Close(); err != nil {
			t.Error(err)
		}
		if n := b.sim.WriteAttempts(); n > 0 {
			t.Errorf("%d commands that write", n)
		}
	})
	return b
}

// sealed rips and seals, and holds the image against the disc with zeroes for
// what is missing or unrecorded.
func (b *bench) sealed() ripper.Sealed {
	b.Helper()
	if _, err := ripper.Rip(b.Context(), b.mmc, b.img, b.opt); err != nil {
		b.Fatal(err)
	}
	s, err := ripper.Seal(b.Context(), b.img, ripper.SealOptions{})
	if err != nil {
		b.Fatal(err)
	}
	want, err := b.disc.UserData(0, b.img.Sectors())
	if err != nil {
		b.Fatal(err)
	}
	m := b.img.Map()
	for e := range m.Extents(disc.MissingStatuses | disc.SetOf(disc.StatusUnrecorded)) {
		clear(want[int64(e.Start)*disc.SectorSize : int64(e.End())*disc.SectorSize])
	}
	got, err := os.ReadFile(b.img.Path())
	if err != nil {
		b.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		b.Error("the image is not the disc with zeroes for what is missing")
	}
	return s
}

func at(lbas ...disc.LBA) (list []disc.Extent) {
	for _, l := range lbas {
		list = append(list, disc.Extent{Start: l, Count: 1})
	}
	return list
}

func TestDrivesAndDamage(t *testing.T) {
	for name, m := range map[string]*simdrive.Disc{
		"CD":  simdrive.PressedCD(simdrive.Pattern(1, 5000), 5000),
		"DVD": simdrive.DVDROM(simdrive.Pattern(2, 5000), 5000),
		"BD":  simdrive.BDROM(simdrive.Pattern(3, 5000), 5000),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, m, simdrive.Options{Timing: simdrive.Timing{Error: 4 * time.Second}})
			gone := at(640, 645, 2000, 2001, 4999)
			b.sim.Damage().Bad(gone...)
			b.sim.Damage().Fail(1, at(32, 77, 3000)...)
			b.sim.Damage().Fail(2, at(1500, 1501)...)
			b.sim.Damage().Protect(at(900)...)
			s := b.sealed()
			want := disc.Counts{Total: 5000, Unreadable: 5, Protected: 1, Read: 4994}
			if s.Sectors != want || s.State != disc.ImageIncomplete {
				t.Errorf("%s %+v, want %+v", s.State, s.Sectors, want)
			}
			missing := []disc.Extent{{Start: 640, Count: 1}, {Start: 645, Count: 1}, {Start: 900, Count: 1}, {Start: 2000, Count: 2}, {Start: 4999, Count: 1}}
			if !slices.Equal(s.Missing, missing) {
				t.Errorf("missing %v", s.Missing)
			}
		})
	}
}

func TestDriveThatLosesWholeUnits(t *testing.T) {
	b := newBench(t, simdrive.DVDROM(simdrive.Pattern(1, 5000), 5000), simdrive.Options{WholeECC: true, Timing: simdrive.Timing{Error: 4 * time.Second}})
	b.sim.Damage().Bad(at(645)...)
	if s := b.sealed(); !slices.Equal(s.Missing, []disc.Extent{{Start: 640, Count: 16}}) {
		t.Errorf("missing %v", s.Missing)
	}
}

func TestUnrecordedPlacesAreNoDamage(t *testing.T) {
	b := newBench(t, simdrive.MultiSessionCDR(simdrive.Part{Content: simdrive.Pattern(1, 600), Sectors: 600}, simdrive.Part{Content: simdrive.Pattern(2, 400), Sectors: 400}), simdrive.Options{})
	s := b.sealed()
	if s.State != disc.ImageComplete || s.Sectors.Read != 1000 || s.Sectors.Unrecorded != s.Sectors.Total-1000 {
		t.Errorf("multi-session: %s %+v", s.State, s.Sectors)
	}
	b = newBench(t, simdrive.CDR(simdrive.Pattern(1, 1000), 1000), simdrive.Options{})
	s = b.sealed()
	if want := (disc.Counts{Total: 1002, Read: 1000, Unrecorded: 2}); s.State != disc.ImageComplete || s.Sectors != want {
		t.Errorf("track at once: %s %+v", s.State, s.Sectors)
	}
}

func TestProtectedDisc(t *testing.T) {
	b := newBench(t, simdrive.CSSDVD(simdrive.Pattern(1, 3000), 3000, disc.Extent{Start: 1003, Count: 1500}), simdrive.Options{})
	s := b.sealed()
	if s.State != disc.ImageProtected || s.Sectors.Protected != 1500 || s.Sectors.Read != 1500 {
		t.Errorf("%s %+v", s.State, s.Sectors)
	}
}

// TestSilentlyWrongData: a sector that failed, and reads otherwise the second
// time it is given.
func TestSilentlyWrongData(t *testing.T) {
	b := newBench(t, simdrive.DVDROM(simdrive.Pattern(1, 5000), 5000), simdrive.Options{Timing: simdrive.Timing{Error: 4 * time.Second}})
	b.sim.Damage().Set(simdrive.Fault{Sense: simdrive.SenseUnrecoveredRead, Fails: 1, Wrong: 2}, at(100)...)
	s := b.sealed()
	if want := (disc.Counts{Total: 5000, Read: 4999, Contested: 1}); s.Sectors != want {
		t.Errorf("%+v", s.Sectors)
	}
}

// TestDriveThatFailsEverywhereAtOnce must not fill the map with damage that
// is none.
func TestDriveThatFailsEverywhereAtOnce(t *testing.T) {
	b := newBench(t, simdrive.DVDROM(simdrive.Pattern(1, 5000), 5000), simdrive.Options{WedgeAfter: 3, Timing: simdrive.Timing{Error: 4 * time.Second}})
	b.sim.Damage().Bad(at(640, 1640, 2640)...)
	_, err := ripper.Rip(t.Context(), b.mmc, b.img, b.opt)
	if disc.ClassOf(err) != disc.ClassWedged {
		t.Fatalf("error %v", err)
	}
	if n := b.img.Counts(); n.Unreadable != 0 || n.Skipped > 16*3 || n.Read < 1600 {
		t.Errorf("%+v", n)
	}
}

// TestDiscThatIsTakenOut goes on in another drive.
func TestDiscThatIsTakenOut(t *testing.T) {
	m := simdrive.DVDROM(simdrive.Pattern(1, 5000), 5000)
	left := 40
	var sim *simdrive.Drive
	b := newBench(t, m, simdrive.Options{})
	sim = b.sim
	b.opt.Progress = nil
	src := &taken{Drive: b.mmc, take: func() {
		if left--; left == 0 {
			sim.Vanish()
		}
	}}
	_, err := ripper.Rip(t.Context(), src, b.img, b.opt)
	if err == nil || disc.ClassOf(err) == disc.ClassMedium {
		t.Fatalf("error %v", err)
	}
	if n := b.img.Counts(); n.Read != 39*32 || n.Untried != 5000-39*32 {
		t.Fatalf("%+v", n)
	}
	second := simdrive.New(simdrive.Options{Clock: simdrive.NewVirtualClock(time.Unix(0, 0))})
	if err := second.Insert(m); err != nil {
		t.Fatal(err)
	}
	b.mmc, b.sim, b.opt.Drive = mmc.New(second.Transport()), second, "SECOND"
	s := b.sealed()
	if s.State != disc.ImageComplete {
		t.Errorf("%s %+v", s.State, s.Sectors)
	}
	got := b.img.Map()
	if r := got.At(0); got.Drives()[r.Drive-1] != "SIMDRIVE" {
		t.Errorf("the first sector is of %+v", r)
	}
	if r := got.At(4000); got.Drives()[r.Drive-1] != "SECOND" {
		t.Errorf("sector 4000 is of %+v", r)
	}
	m.EachRead(func(e disc.Extent, times int) {
		if times > 1 && e.Start > 40 { // identifying reads a few
			t.Errorf("%s read %d times", fmt.Sprint(e), times)
		}
	})
}

// taken is a drive that something happens to before a read.
type taken struct {
	*mmc.Drive
	take func()
}

func (s *taken) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) error {
	s.take()
	return s.Drive.ReadSectors(ctx, lba, p)
}
