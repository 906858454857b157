package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"ripstation/e2e/bench"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

// doctorLine is one of `ripstation doctor --json`.
type doctorLine struct {
	About, What, State, Text, Do string
}

// doctorSays decodes doctor's lines, by "about: what".
func doctorSays(t *testing.T, r bench.Result) map[string]doctorLine {
	t.Helper()
	var lines []doctorLine
	if err := json.Unmarshal([]byte(r.Stdout), &lines); err != nil {
		t.Fatalf("%v\n%s%s", err, r.Stdout, r.Stderr)
	}
	out := map[string]doctorLine{}
	for _, l := range lines {
		out[l.About+": "+l.What] = l
		t.Logf("%-11s %s: %s: %s -> %s", l.State, l.About, l.What, l.Text, l.Do)
	}
	return out
}

// Doctor at a real kernel: the product's own udev rule and settings are in
// force there. A drive that hangs keeps neither doctor nor the lines of the
// others waiting.
func TestDoctorAtTheDrives(t *testing.T) {
	s := newRig(t)
	good := plug(t, s.ctx, s.Bench, simdrive.Options{Name: "d0", Vendor: "ACME", Model: "READER 9", Firmware: "1.23", Serial: "DOC0"}, nil)
	bad := plug(t, s.ctx, s.Bench, simdrive.Options{Name: "d1", Serial: "DOC1"}, nil)
	t.Cleanup(bad.Release)
	expect := func(lines map[string]doctorLine, key, state, text string) {
		t.Helper()
		if l := lines[key]; l.State != state || !strings.Contains(l.Text, text) {
			t.Errorf("%s is %+v, want %s: %s", key, l, state, text)
		}
	}
	about := func(d *bench.Drive) string { return "drive " + d.Node + ": " }

	lines := doctorSays(t, s.run("--json", "doctor"))
	for _, key := range []string{"drives: udev", "drives: udev rule", "drives: autoclose", "drives: autoeject", "drives: automount", "store archive: write and read"} {
		expect(lines, key, "ok", "")
	}
	for _, d := range []*bench.Drive{good, bad} {
		expect(lines, about(d)+"node", "ok", "mode 0660, root:cdrom")
		expect(lines, about(d)+"user", "ok", "ripstation may use it, as a member of the group cdrom")
		expect(lines, about(d)+"udev rule", "ok", "")
		expect(lines, about(d)+"mounted", "ok", "no")
		expect(lines, about(d)+"other programs", "cannot tell", "")
	}
	expect(lines, about(good)+"answer", "ok", "ACME READER 9 1.23, serial DOC0")

	// A mount by somebody else, and a reader, which root alone sees.
	insert(t, s.ctx, s.Bench, good, simdrive.PressedCD(s.image("MOUNTED", 41, 2000), 2000))
	s.must("mount", "-t", "iso9660", "-o", "ro", good.Node, "/mnt")
	if _, err := s.Guest.Start(s.ctx, "reader", nil, "sh", "-c", "exec 3<"+good.Node+"; exec sleep 1000"); err != nil {
		t.Fatal(err)
	}
	r, err := s.Guest.Run(s.ctx, "/usr/bin/env", "CREDENTIALS_DIRECTORY="+creds, "/usr/bin/ripstation", "--config", config, "--json", "doctor")
	if err != nil {
		t.Fatal(err)
	}
	lines = doctorSays(t, r)
	expect(lines, about(good)+"mounted", "problem", `at "/mnt" (iso9660)`)
	expect(lines, about(good)+"other programs", "problem", "sleep (process ")
	expect(lines, about(bad)+"other programs", "ok", "")
	s.must("umount", "/mnt")
	mark := s.Guest.Mark()
	if err := s.Guest.Signal(s.ctx, "reader", syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Guest.AwaitExit(s.ctx, mark, "reader"); err != nil {
		t.Fatal(err)
	}

	// What the running station has is not asked.
	s.start("")
	s.awaitDrive(good)
	s.awaitStatus("two drives", func(st station.Status) bool { return len(st.Bays) == 2 })
	from := s.Log.Mark()
	lines = doctorSays(t, s.run("--json", "doctor"))
	expect(lines, "station: running", "ok", fmt.Sprintf("process %d", s.pid))
	expect(lines, "spool: owner", "ok", "the running station")
	expect(lines, about(good)+"answer", "ok", "the running station has it")
	if e, ok := s.Log.First(from, bench.Done("d1", "INQUIRY")); ok {
		t.Errorf("beside the station the empty drive was asked: %+v", e)
	}
	s.clear()

	bad.Hang()
	began := time.Now()
	r = s.run("--json", "doctor")
	took := time.Since(began)
	lines = doctorSays(t, r)
	expect(lines, about(bad)+"answer", "problem", "")
	if l := lines[about(good)+"answer"]; l.State != "ok" {
		t.Errorf("beside one that hangs: %+v", l)
	}
	if r.Exit != 4 || took > 2*time.Minute {
		t.Errorf("exit %d after %v", r.Exit, took)
	}
	t.Logf("doctor took %v beside a drive that hangs", took)
}
