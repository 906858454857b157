package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/isoimage"
	"ripstation/internal/simdrive"
)

func TestBadInput(t *testing.T) {
	dir, config := stationFolder(t)
	garbage := filepath.Join(dir, "garbage.toml")
	unknown := filepath.Join(dir, "unknown.toml")
	odd := filepath.Join(dir, "odd.iso")
	for p, text := range map[string]string{garbage: "\x00\xff not toml", unknown: "[read]\nretrys = 3\n", odd: strings.Repeat("x", 5000)} {
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		talk []string
	}{
		{[]string{"rip", filepath.Join(dir, "absent.iso"), "--config", config}, exitFailed, []string{"absent.iso", "no such drive or file"}},
		{[]string{"rip", odd, "--config", config}, exitFailed, []string{odd, "904 bytes more"}},
		{[]string{"rip", dir, "--config", config}, exitFailed, []string{"is a folder"}},
		{[]string{"rip", "/dev/null", "--config", config}, exitFailed, []string{"character device"}},
		{[]string{"rip", odd, "--part", "x", "--config", config}, exitUsage, []string{`--part "x"`}},
		{[]string{"rip", odd, "--side", "A\nB", "--config", config}, exitUsage, []string{"--side", "control character"}},
		{[]string{"rip", odd, "--item", strings.Repeat("x", 501), "--config", config}, exitUsage, []string{"--item", "500"}},
		{[]string{"rip", "--config", config}, exitUsage, []string{"a drive or an image file"}},
		{[]string{"rip", "", "--config", config}, exitUsage, []string{"a drive or an image file"}},
		{[]string{"annotate", "abc", "--item", "a\nb", "--config", config}, exitUsage, []string{"--item", "control character"}},
		{[]string{"list", "--limit", "many", "--config", config}, exitUsage, []string{`--limit "many": it is a whole number`}},
		{[]string{"list", "all", "--config", config}, exitUsage, []string{"list takes no argument", `"all"`}},
		{[]string{"list", "--config", garbage}, exitUsage, []string{garbage}},
		{[]string{"list", "--config", unknown}, exitUsage, []string{`unknown key "read.retrys"`, "retries"}},
		{[]string{"config", "check", "--config", unknown}, exitUsage, []string{"read.retrys"}},
		{[]string{"config", "check", "--config", filepath.Join(dir, "absent.toml")}, exitUsage, []string{"absent.toml"}},
		{[]string{"list", "--image", "perfect", "--config", config}, exitUsage, []string{"perfect", "complete"}},
		{[]string{"list", "--limit", "-3", "--config", config}, exitUsage, []string{"--limit"}},
		{[]string{"list", "--colour"}, exitUsage, []string{"--colour"}},
		{[]string{"lsit"}, exitUsage, []string{"lsit"}},
		{[]string{"show", "--config", config}, exitUsage, []string{"show takes one argument, the id of a disc"}},
		{[]string{"show", "abc", "--config", config}, exitFailed, []string{"nothing has been recorded yet"}},
		{[]string{"status", "--config", config}, exitFailed, []string{"no station is running", "ripstation run"}},
		{[]string{"eject", odd, "--config", config}, exitFailed, []string{"no optical drive"}},
		{[]string{"drives", "release", odd, "--config", config}, exitFailed, []string{"no optical drive"}},
		{[]string{"drives", "release", "--config", config}, exitUsage, []string{"release takes one argument, the drive"}},
		{[]string{"drives", "relaese", "sr0", "--config", config}, exitUsage, []string{"relaese"}},
		{[]string{"demo", "--dir", dir}, exitFailed, []string{"not a demonstration's folder"}},
		{[]string{"demo", "--disc", odd, "--dir", filepath.Join(dir, "demo")}, exitFailed, []string{"904 bytes more"}},
	} {
		a := ripstation(t, c.args...)
		if a.code != c.code {
			t.Errorf("%q: exit %d, want %d\n%s", c.args, a.code, c.code, a.talk)
		}
		for _, want := range c.talk {
			if !strings.Contains(a.talk, want) {
				t.Errorf("%q does not say %q:\n%s", c.args, want, a.talk)
			}
		}
		if a.out != "" {
			t.Errorf("%q: a failure prints results: %s", c.args, a.out)
		}
	}
	if exists(filepath.Join(dir, "spool", "lock")) {
		t.Error("a source that cannot be read left a spool behind")
	}
	if b, err := os.ReadFile(odd); err != nil || len(b) != 5000 {
		t.Errorf("the image that was refused has %d bytes, %v", len(b), err)
	}
}

// Ids are random, so two that begin alike are put into a catalog by hand.
func TestAmbiguousID(t *testing.T) {
	_, config := stationFolder(t)
	cfg, err := loadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	cat, err := catalog.Open(ctx, cfg.Station.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range []string{"aaaa", "bbba"} {
		err := cat.RecordCapture(ctx, catalog.Attempt{
			Carrier: catalog.CarrierInfo{ID: "k3v7x2mak3v7x2mak3v7x2" + tail}, Disc: disc.Disc{Kind: disc.KindAudio, Medium: disc.MediumCD},
			Identity: disc.Identity{Kind: disc.KindAudio, Medium: disc.MediumCD},
			Capture:  catalog.Capture{ID: catalog.NewID(), Outcome: catalog.Refused, Reason: "audio", Program: program(), Started: time.Now(), Ended: time.Now()},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := cat.Close(); err != nil {
		t.Fatal(err)
	}
	a := ripstation(t, "show", "k3v7", "--config", config)
	if a.code != exitFailed || !strings.Contains(a.talk, "2aaaa") || !strings.Contains(a.talk, "2bbba") {
		t.Errorf("exit %d\n%s", a.code, a.talk)
	}
}

// A label can hold anything. What reaches a terminal steers nothing.
func TestHostileLabel(t *testing.T) {
	s := startSim(t, "sim0")
	m, err := isoimage.New(isoimage.Options{Label: "HOSTILE", Sectors: 1200, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, m.Size())
	if _, err := m.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	copy(b[16*disc.SectorSize+40:], "\x1b]0;owned\x07\x1b[2J\nTAKE OUT \xe2\x80\xae")
	s.load(t, "sim0", simdrive.PressedCD(strings.NewReader(string(b)), 1200))
	rip := s.run(t, "rip", "sim0", "--title", "Zürich \u202egnp", "--item", "X")
	var all = rip.out + rip.talk
	for _, verb := range [][]string{{"list"}, {"status"}, {"drives"}} {
		a := s.run(t, verb...)
		all += a.out + a.talk
	}
	if rip.code != exitDone || !strings.Contains(all, "owned") {
		t.Fatalf("exit %d\n%s", rip.code, all)
	}
	for _, r := range all {
		if r != '\n' && r != '\t' && (r < ' ' || r == 0x7f || r == 0x202e) {
			t.Fatalf("%U reached the terminal", r)
		}
	}
	for _, line := range strings.Split(all, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "TAKE OUT") {
			t.Errorf("the label made a line of its own: %q", line)
		}
	}
}

// Somebody who may not use the socket or read the image is told so.
func TestNoPermission(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("only root can become somebody else; the rest of this test is run by root")
		return
	}
	s := startSim(t, "sim0")
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "status", "--config", s.config)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if a := finish(t, cmd); a.code != exitFailed || !strings.Contains(a.talk, "socket_group") {
		t.Errorf("somebody else's socket: exit %d\n%s", a.code, a.talk)
	}
	dir, config := stationFolder(t)
	for _, p := range []string{dir, config} {
		if err := os.Chown(p, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	image := isoFile(t, dir, "mine.iso", 400, 1)
	if err := os.Chmod(image, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd = command(t, "rip", image, "--config", config)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if a := finish(t, cmd); a.code != exitFailed || !strings.Contains(a.talk, "permission denied") || !strings.Contains(a.talk, image) {
		t.Errorf("somebody else's image: exit %d\n%s", a.code, a.talk)
	}
}
