package disc

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRealDdrescueGoesOn has GNU ddrescue itself go on from an exported map
// and a partial image: it must fill exactly the holes, leave everything else
// alone, and leave a mapfile that comes back as all read.
func TestRealDdrescueGoesOn(t *testing.T) {
	bin, err := exec.LookPath("ddrescue")
	if err != nil {
		t.Fatalf("this test runs GNU ddrescue: install Debian's package gddrescue: %v", err)
	}
	const sectors = 3000
	rnd := rand.New(rand.NewPCG(7, 7))
	disk := make([]byte, sectors*SectorSize)
	for i := range disk {
		disk[i] = byte(rnd.Uint32()) | 1
	}
	m := newMap(t, sectors, "drive")
	// Sectors that the program holds have other bytes in the partial image
	// than on the disc, so that one which ddrescue reads again shows.
	partial, want := bytes.Repeat([]byte{0xEE}, len(disk)), bytes.Repeat([]byte{0xEE}, len(disk))
	for _, x := range []struct {
		e Extent
		s Status
	}{
		{Extent{0, 500}, StatusRead}, {Extent{500, 16}, StatusSkipped}, {Extent{516, 400}, StatusRead}, {Extent{916, 1}, StatusUnreadable},
		{Extent{917, 83}, StatusSuspect}, {Extent{1000, 150}, StatusUnrecorded}, {Extent{1150, 50}, StatusProtected},
		{Extent{1200, 1000}, StatusRead}, // from 2200 on untried
	} {
		if err := m.Mark(x.e, x.s, Evidence{1, 1, 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Contest(Extent{1300, 1}, Evidence{1, 2, 1}); err != nil {
		t.Fatal(err)
	}
	for r := range m.Runs() {
		if ddrescueByte[r.Status] != '+' {
			lo, hi := int(r.Start)*SectorSize, int(r.End())*SectorSize
			clear(partial[lo:hi])
			copy(want[lo:hi], disk[lo:hi])
		}
	}

	dir := t.TempDir()
	in, out, mapfile := filepath.Join(dir, "disc"), filepath.Join(dir, "image.iso"), filepath.Join(dir, "ddrescue.map")
	var text bytes.Buffer
	if err := m.WriteDdrescue(&text); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{in: disk, out: partial, mapfile: text.Bytes()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := exec.Command(bin, "-q", "-b2048", "-r1", in, out, mapfile).CombinedOutput(); err != nil {
		t.Fatalf("ddrescue: %v\n%s\nwith the mapfile\n%s", err, b, text.String())
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sectors {
		if lo, hi := i*SectorSize, (i+1)*SectorSize; !bytes.Equal(got[lo:hi], want[lo:hi]) {
			t.Fatalf("sector %d (%s): ddrescue did not do with it what the mapfile told", i, m.At(LBA(i)).Status)
		}
	}
	f, err := os.Open(mapfile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	back, err := ParseDdrescue(f)
	if err != nil {
		t.Fatal(err)
	}
	if c := back.Counts(); c.Read != sectors || back.Sectors() != sectors {
		t.Errorf("ddrescue's map came back with %+v", c)
	}
}

func TestDdrescueViewComesBack(t *testing.T) {
	m := worn(t)
	var text bytes.Buffer
	if err := m.WriteDdrescue(&text); err != nil {
		t.Fatal(err)
	}
	back, err := ParseDdrescue(&text)
	if err != nil {
		t.Fatal(err)
	}
	view := map[Status]Status{
		StatusUntried: StatusUntried, StatusSkipped: StatusSkipped, StatusUnreadable: StatusUnreadable, StatusProtected: StatusUnreadable,
		StatusUnrecorded: StatusRead, StatusSuspect: StatusRead, StatusContested: StatusUnreadable, StatusRead: StatusRead,
	}
	for i := range LBA(1000) {
		if got, want := back.At(i).Status, view[m.At(i).Status]; got != want {
			t.Fatalf("sector %d: %s came back as %s, want %s", i, m.At(i).Status, got, want)
		}
	}
	if !slices.Equal(back.Drives(), []string{DdrescueDrive}) {
		t.Errorf("drives %q", back.Drives())
	}
}

func TestParseDdrescue(t *testing.T) {
	const pos = "# a comment\n0x1800 +\n"
	m, err := ParseDdrescue(strings.NewReader("0x0 ? 1\n0x0 512 +\n0x200 0x600 *\n0x800 0xA00 -\n0x1200 1536 +\n0x1800 0x1000 /\n0x2800 2048 ?"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Status{StatusSkipped, StatusUnreadable, StatusUnreadable, StatusSkipped, StatusSkipped, StatusUntried}
	for i, s := range want {
		if got := m.At(LBA(i)).Status; got != s {
			t.Errorf("sector %d is %s, want %s", i, got, s)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "no blocks": pos, "no position": "0x0 0x800 +\n", "hole": pos + "0x0 0x800 +\n0x1000 0x800 +\n",
		"from the middle": pos + "0x800 0x800 +\n", "inside a sector": pos + "0x0 0x801 +\n", "empty block": pos + "0x0 0 +\n",
		"huge": pos + "0x0 0x7FFFFFFFFFFFFFFF ?\n", "status": pos + "0x0 0x800 x\n", "two signs": pos + "0x0 0x800 +-\n",
		"negative": pos + "0x0 -2048 +\n", "long line": pos + "0x0 0x800 " + strings.Repeat(" ", 4096) + "+\n",
		"cut line": pos + "0x0 0x8", "underscore": pos + "0x0 0x8_00 +\n",
	} {
		if _, err := ParseDdrescue(strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	long := "# Command line: ddrescue " + strings.Repeat("x", 10000) + "\n" + pos + "0x0 0x800 +\n"
	if _, err := ParseDdrescue(strings.NewReader(long)); err != nil {
		t.Errorf("a long comment: %v", err)
	}
}

func FuzzDdrescue(f *testing.F) {
	var text bytes.Buffer
	if err := worn(f).WriteDdrescue(&text); err != nil {
		f.Fatal(err)
	}
	f.Add(text.String())
	f.Add("0x0 ? 1\n0x0 512 +\n0x200 0x600 *\n0x800 0xA00 -\n0x1200 1536 +\n0x1800 0x1000 /\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseDdrescue(strings.NewReader(text))
		if err != nil {
			return
		}
		native, err := m.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseSectorMap(bytes.NewReader(native)); err != nil || !back.Equal(m) {
			t.Fatalf("a map that the native form does not hold: %v", err)
		}
		var out strings.Builder
		if err := m.WriteDdrescue(&out); err != nil {
			t.Fatal(err)
		}
		if back, err := ParseDdrescue(strings.NewReader(out.String())); err != nil || !back.Equal(m) {
			t.Fatalf("the view of a view is another: %v\n%s", err, out.String())
		}
	})
}
