package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ripstation/catalog"
	"ripstation/disc"
)

// TestMain lets the test binary be the children that it starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && children[os.Args[1]] != nil {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			io.WriteString(os.Stderr, err.Error()+"\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var tiny = ripCase{"tiny", "CD", 2000, "", 1}

func TestRipInChildren(t *testing.T) {
	drive, err := inChild[driveAlone](t.Context(), "child-drive", tiny)
	must(t, err)
	if drive.Bytes != tiny.bytes() || drive.Own != 0 {
		t.Errorf("the drive alone: %+v", drive)
	}
	dir := filepath.Join(t.TempDir(), "work")
	r, err := ripOnce(t.Context(), ripOrder{Case: tiny, Dir: dir, SHA256: drive.SHA256}, settings{})
	must(t, err)
	if !strings.Contains(r.ReadBack, "2000 sectors") {
		t.Errorf("the spool was read back: %q", r.ReadBack)
	}
	var cpu float64
	for i, s := range r.Stages {
		if s.Name != stages[i].name || s.Seconds <= 0 || s.CPU < 0 || s.Others < 0 || s.Peak < 1<<20 || s.Peak > r.Peak {
			t.Errorf("stage %d: %+v", i, s)
		}
		cpu += s.CPU
	}
	if len(r.Stages) != len(stages) || cpu <= 0 || cpu > r.CPU {
		t.Errorf("%d stages of %d, %f CPU s in them of %f", len(r.Stages), len(stages), cpu, r.CPU)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the rip's folder is still there: %v", err)
	}
}

// What gave no proof of a clean rip must not become a figure.
func TestJudge(t *testing.T) {
	o := ripOrder{Case: tiny, SHA256: "abc"}
	good := func() catalog.View {
		return catalog.View{
			Image:  &catalog.ImageView{State: catalog.Complete, Size: tiny.bytes(), Sectors: disc.Counts{Total: 2000, Read: 2000}, SHA256: "abc"},
			Copies: []catalog.Copy{{State: catalog.ReadBack}},
			Checks: []disc.Check{{Code: "ledger-equals-spool", Outcome: disc.Pass, Message: "how"}},
		}
	}
	how, err := judge(good(), o)
	must(t, err)
	if how != "how" {
		t.Errorf("the spool was read back %q", how)
	}
	for name, spoil := range map[string]func(*catalog.View){
		"no image":       func(v *catalog.View) { v.Image = nil },
		"incomplete":     func(v *catalog.View) { v.Image.State = catalog.Incomplete },
		"suspect sector": func(v *catalog.View) { v.Image.Sectors.Read-- },
		"short":          func(v *catalog.View) { v.Image.Size -= 2048 },
		"other bytes":    func(v *catalog.View) { v.Image.SHA256 = "abd" },
		"no copy":        func(v *catalog.View) { v.Copies = nil },
		"only stored":    func(v *catalog.View) { v.Copies[0].State = catalog.Stored },
		"failed check":   func(v *catalog.View) { v.Checks[0].Outcome = disc.Failure },
	} {
		v := good()
		spoil(&v)
		if _, err := judge(v, o); err == nil {
			t.Errorf("%s: it passed", name)
		}
	}
}

func TestStrayDiscFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "work")
	_, err := ripOnce(t.Context(), ripOrder{Case: tiny, Dir: dir, SHA256: strings.Repeat("0", 64)}, settings{})
	if err == nil {
		t.Error("an image that is not the disc's became a figure")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the rip's folder is still there: %v", err)
	}
}

func TestOwnTime(t *testing.T) {
	c := ripCase{"slow", "CD", 20_000, "52x", 1}
	own, err := c.pace(t.Context(), c.sample(), nil)
	must(t, err)
	// 41 MB between 3.3 and 8 MB/s.
	if own < 5.1 || own > 12.5 {
		t.Errorf("the drive's own time is %f s", own)
	}
	if _, err := (ripCase{Medium: "CD", Speed: "16x", Sectors: 100}).timing(); err == nil {
		t.Error("a CD drive with a DVD's speed was found")
	}
}

func TestSample(t *testing.T) {
	for _, c := range append(append([]ripCase{}, ripCases...), quickCases...) {
		var n, at int64
		for _, e := range c.sample() {
			if int64(e.Start) < at || int64(e.End()) > c.Sectors {
				t.Errorf("%s: the sample has %+v", c.Name, e)
			}
			n, at = n+e.Count, int64(e.End())
		}
		if n != min(c.Sectors, sampleBytes/2048) {
			t.Errorf("%s: the sample has %d sectors", c.Name, n)
		}
		if _, err := c.timing(); err != nil {
			t.Error(err)
		}
		d, err := c.disc()
		must(t, err)
		if d.Sectors() != c.Sectors {
			t.Errorf("%s: the disc has %d sectors", c.Name, d.Sectors())
		}
	}
}

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	must(t, roomFor(dir, 0))
	var fs unix.Statfs_t
	must(t, unix.Statfs(dir, &fs))
	err := roomFor(dir, int64(fs.Bavail)*fs.Bsize)
	if err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("a full disk: %v", err)
	}
}

func TestOneWorkshop(t *testing.T) {
	root := t.TempDir()
	dir, leave, err := workshop(root)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dir, "spool"), 0o755))
	if _, _, err := workshop(root); err == nil || !strings.Contains(err.Error(), "another bench") {
		t.Errorf("a second bench at the same time: %v", err)
	}
	leave()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the work is still there: %v", err)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "left by a killed bench"), 0o755))
	_, leave, err = workshop(root)
	must(t, err)
	defer leave()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a killed bench left is still there: %v", err)
	}
}

func TestFigures(t *testing.T) {
	run := func(cpu, read float64, peak int64) ripRun {
		return ripRun{CPU: cpu, Peak: peak, ReadBack: "(O_DIRECT)", Stages: []stage{{identifying, 1, .5, 0, 0}, {reading, read, 2, 0, .25}, {sealing, 3, 1, 0, 0}, {sending, 2, .5, 0, 0}, {readingBack, 2, .5, 0, 0}}}
	}
	f := ripFigures{Case: ripCase{"half a GiB", "DVD", 1 << 18, "16x", 3},
		Drive: driveAlone{Own: 10, Bytes: 1 << 28, SampleOwn: 4, Seconds: 4.002, CPU: .25},
		Runs:  []ripRun{run(9, 10.1, 50<<20), run(5, 10.3, 40<<20), run(6, 10.2, 60<<20)}}
	if f.median().CPU != 6 || f.peak() != 60<<20 || f.slowest().Seconds != 10.3 || f.driveCPU() != 1 || f.cpu(f.median()) != 11 {
		t.Errorf("median %v, peak %d, slowest %f, drive %f, in all %f", f.median(), f.peak(), f.slowest().Seconds, f.driveCPU(), f.cpu(f.median()))
	}
	table := ripTable([]ripFigures{f})
	for _, row := range []string{
		"| half a GiB | 16x | 3 | 10.30 s | 10.00 s | 1.0300 | 0.25 | 14.7 % | 3.0 s | 2.0 s | 2.0 s | 60.0 MiB |\n",
		"| half a GiB | 3.00 | 2.00 | 1.00 | 1.00 | 2.00 | 11.00 | 9.00 to 17.00 | 1.00 |\n",
	} {
		if !strings.Contains(table, row) {
			t.Errorf("the table lacks %q:\n%s", row, table)
		}
	}
	if m := ripMethod([]ripFigures{f}); !strings.Contains(m, "past the page cache (O_DIRECT)") || !strings.Contains(m, "1.0005") {
		t.Errorf("the method: %s", m)
	}
	f.Runs[1].ReadBack = "(page cache)"
	if m := ripMethod([]ripFigures{f}); !strings.Contains(m, "not in every rip") {
		t.Errorf("the method hides that the spool was read from memory: %s", m)
	}
}
