package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ripstation/archive"
	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive/preload"
	"ripstation/station"
)

func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	const rate = 1 << 20
	// Whoever comes at once waits for what is before it, less the slack that an
	// idle link has.
	var last time.Duration
	for range 8 {
		last = p.turn(now, rate/8, rate)
	}
	if last != time.Second-slack {
		t.Errorf("a second's bytes have passed after %s", last)
	}
	// A link that was idle for long has saved up no more than the slack.
	if d := p.turn(now.Add(time.Hour), rate, rate); d != time.Second-slack {
		t.Errorf("after an hour a second's bytes take %s", d)
	}
	if d := p.turn(now, rate, 0); d != 0 {
		t.Errorf("without a limit: %s", d)
	}
}

// What goes in comes out, in both directions, and the end of one is told.
func TestLink(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	echoed := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.Copy(c, c)
			c.Close()
		}
		echoed <- err
	}()
	k := &link{to: l.Addr().String(), rate: 64 << 20}
	k.full.Store(1 << 20)
	addr, closed, err := k.open(t.Context())
	must(t, err)
	defer closed()
	c, err := net.Dial("tcp", addr)
	must(t, err)
	defer c.Close()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	go func() {
		_, _ = c.Write(sent) // what is missing is seen below
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	must(t, err)
	if !bytes.Equal(got, sent) || k.sent.Load() != int64(len(sent)) || k.passed.Load() == 0 {
		t.Errorf("%d bytes came back of %d, %d were counted", len(got), len(sent), k.sent.Load())
	}
	must(t, <-echoed)
}

// A drive that is slow at first leaves a backlog on a link of its mean rate.
func TestFloor(t *testing.T) {
	p := progress{Own: 4, bytes: 400, moments: []moment{{3, 200}, {4, 400}}}
	if p.mean() != 100 {
		t.Errorf("the mean rate is %d", p.mean())
	}
	for rate, want := range map[int64]float64{100: 7, 200: 5, 50: 11, 1000: 4.2} {
		if got := p.floor(rate); got != want {
			t.Errorf("at %d bytes a second: %g, want %g", rate, got, want)
		}
	}
	c := ripCase{"x", "DVD", 50_000, "16x", 1}
	got, err := c.progressOf(t.Context())
	must(t, err)
	own, err := c.pace(t.Context(), []disc.Extent{{Start: 0, Count: c.Sectors}}, nil)
	must(t, err)
	if got.bytes != c.bytes() || got.Own < own*.999 || got.Own > own*1.001 {
		t.Errorf("%d bytes in %g s, want %d in %g", got.bytes, got.Own, c.bytes(), own)
	}
	if f := got.floor(got.mean()) / got.Own; f < 1.05 || f > 1.2 {
		t.Errorf("on a link of the mean rate the last byte has passed after %g of the drive's time", f)
	}
}

// A station in a child sends a disc to a real server over a link, and one
// without a store opens the tray all the same.
func TestArchiveInChildren(t *testing.T) {
	t.Chdir("../..")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := xattrDir(t)
	server, err := serveS3(ctx, dir, dir)
	must(t, err)
	defer server.stop()
	b := &archiveBench{s: settings{talk: io.Discard}, dir: dir, server: server}
	cases := []ripCase{tiny, {"other", "CD", 3000, "", 1}}
	var sums []string
	for _, c := range cases {
		p, err := c.progressOf(ctx)
		must(t, err)
		sums = append(sums, p.SHA256)
	}
	r, err := b.station(ctx, 100<<20, false, cases, sums)
	must(t, err)
	read, stored := r.at(station.WordPass), r.at(station.WordStored)
	if r.Seconds <= 0 || r.CPU <= 0 || r.Peak < 1<<20 || read <= 0 || stored < read || r.Seconds < stored || r.Passed <= 0 || r.Passed > r.Seconds {
		t.Errorf("the run: %+v", r)
	}
	r, err = b.station(ctx, 0, true, cases[:1], sums[:1])
	must(t, err)
	if r.Seconds <= 0 || r.at(station.WordStored) != 0 {
		t.Errorf("without a store: %+v", r)
	}
	if _, err := b.station(ctx, 0, false, cases[:1], []string{strings.Repeat("0", 64)}); err == nil {
		t.Error("another disc's image became a figure")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "run*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A script's tools see the drive, and the store by their environment alone; one
// that leaves the tray shut is no run.
func TestScript(t *testing.T) {
	dir := t.TempDir()
	shim, err := preload.Build(t.Context(), dir)
	must(t, err)
	p, err := tiny.progressOf(t.Context())
	must(t, err)
	o := scriptOrder{Case: tiny, Dir: filepath.Join(dir, "image"), Shim: shim, Addr: "127.0.0.1:1", Prefix: "x"}
	must(t, os.Mkdir(o.Dir, 0o755))
	r, err := runScript(t.Context(), o, append(readAndDigest(), command{name: "look", sh: `test "$AWS_ACCESS_KEY_ID" = ` + accessKey}, eject))
	must(t, err)
	if sum, err := fileSHA256(filepath.Join(o.Dir, "disc.iso")); err != nil || sum != p.SHA256 {
		t.Errorf("the image has SHA-256 %s, %v; the disc %s", sum, err, p.SHA256)
	}
	if len(r.Steps) != 4 || r.Seconds < r.Steps[0].Seconds || r.Steps[0].Seconds <= 0 || r.Peak < 1<<20 {
		t.Errorf("the run: %+v", r)
	}
	if _, err := runScript(t.Context(), o, []command{{name: "nothing", sh: "true"}}); err == nil || !strings.Contains(err.Error(), "tray") {
		t.Errorf("a script that leaves the tray shut: %v", err)
	}
	if _, err := runScript(t.Context(), o, []command{{name: "broken", sh: "false | true; false"}, eject}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a script that fails: %v", err)
	}
	costs, err := faceCosts(t.Context(), ripCase{"x", "CD", 500, "52x", 1}, shim, dir)
	must(t, err)
	for _, c := range costs {
		if c.Bytes != 500*2048 || c.Seconds < c.Own || c.Own <= 0 {
			t.Errorf("through the face: %+v", c)
		}
	}
}

// xattrDir is a folder for the server's data.
func xattrDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(".cache", "bench-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	dir, err = filepath.Abs(dir)
	must(t, err)
	return dir
}

func TestArchiveJudge(t *testing.T) {
	o := archiveOrder{Cases: []ripCase{tiny}, SHA256: []string{"abc"}, Addr: "here"}
	good := func() catalog.View {
		return catalog.View{
			Image:  &catalog.ImageView{State: catalog.Complete, Size: tiny.bytes(), Sectors: disc.Counts{Total: 2000, Read: 2000}, SHA256: "abc"},
			Copies: []catalog.Copy{{State: catalog.Stored}},
		}
	}
	must(t, o.judge(good(), 0))
	for name, spoil := range map[string]func(*catalog.View){
		"no image":    func(v *catalog.View) { v.Image = nil },
		"incomplete":  func(v *catalog.View) { v.Image.State = catalog.Incomplete },
		"a sector":    func(v *catalog.View) { v.Image.Sectors.Read-- },
		"other bytes": func(v *catalog.View) { v.Image.SHA256 = "abd" },
		"no copy":     func(v *catalog.View) { v.Copies = nil },
		"only queued": func(v *catalog.View) { v.Copies[0].State = catalog.Queued },
	} {
		v := good()
		spoil(&v)
		if err := o.judge(v, 0); err == nil {
			t.Errorf("%s: it passed", name)
		}
	}
}

// A store that never answers ends with its context.
func TestMute(t *testing.T) {
	var s archive.Store = mute{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Stat(ctx, "x"); err == nil {
		t.Error("it answered")
	}
	for _, err := range s.List(ctx, "") {
		if err == nil {
			t.Error("it listed")
		}
	}
}

func TestArchiveTable(t *testing.T) {
	run := archiveRun{Seconds: 120, CPU: 30, Peak: 50 << 20, Marks: []mark{{station.WordReading, 7}, {station.WordPass, 110}, {station.WordStored, 119}}}
	script := func(s float64) scriptRun {
		return scriptRun{Seconds: s, CPU: 20, Peak: 90 << 20, Steps: []scriptStep{{"ddrescue", 110, 2}, {"rclone copy", s - 110, 18}}}
	}
	f := archiveFigures{Script: .5, Drive: 1.2, CPU: 1.1, Peak: 80, Own: 100, SpinUp: 6, PartBytes: 16 << 20, CPUCase: quickArchive.cpu, FourCase: quickArchive.four[0],
		Links: []linkRuns{{Name: "mean", Rate: 16 << 20, Floor: 116, Station: []archiveRun{run}, Rclone: []scriptRun{script(240), script(250), script(245)}, AWS: []scriptRun{script(260)}},
			{Name: "outer", Rate: 32 << 20, Floor: 106.5, Station: []archiveRun{run}}},
		Face: []faceCost{{"dd", 1e6, 10, 10.05}}, With: []archiveRun{run}, Without: []archiveRun{run}}
	table := archiveTable(f)
	for _, want := range []string{
		"| 0.500 | 0.60 |", "| 1.200 (on this link nobody can be below 1.160) | 1.060 |", "| 1.10 | 1.2 |", "| 80.0 MiB | 100 MiB |",
		"| script with rclone | 240.0, 250.0, 245.0 | 245.0 s | ddrescue 110.0, rclone copy 135.0 |", "reading began at 7.0, read at 110.0, stored at 119.0", "| 0.50 % |",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if m := archiveMethod(f); strings.Contains(m, "%!") || strings.Contains(table, "%!") {
		t.Errorf("a format went wrong:\n%s\n%s", table, m)
	}
}
