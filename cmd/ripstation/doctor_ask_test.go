package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ripstation/station"
)

// What a process that asks a drive may do: answer, say nothing for ever, fail,
// talk rubbish or without end.
func TestAskedByAProcessOfItsOwn(t *testing.T) {
	const node = "/dev/sr0"
	for name, c := range map[string]struct {
		script string
		late   bool
		word   station.Word
		text   string
	}{
		"answers":   {script: `echo '{"bay":{"word":"EMPTY","drive":{"model":"X"}},"held":true}'`, word: "EMPTY"},
		"hangs":     {script: "exec sleep 1000", late: true, word: station.WordDriveFault, text: "no answer within"},
		"fails":     {script: "echo it burns >&2; exit 1", word: station.WordDriveFault, text: "it burns"},
		"rubbish":   {script: "echo rubbish", word: station.WordDriveFault, text: "invalid character"},
		"endless":   {script: "yes", word: station.WordDriveFault, text: "in a process of its own"},
		"is killed": {script: "kill -9 $$", word: station.WordDriveFault, text: "killed"},
	} {
		t.Run(name, func(t *testing.T) {
			wait := time.Minute
			if c.late {
				wait = 50 * time.Millisecond
			}
			r := askBy(exec.Command("sh", "-c", c.script), node, wait)
			if r.Bay.Word != c.word || r.late != c.late || !strings.Contains(r.Bay.Text, c.text) || c.text != "" && r.Bay.Drive.Node != node {
				t.Errorf("%+v", r)
			}
			if c.text == "" && (!r.Held || r.Bay.Drive.Model != "X") {
				t.Errorf("%+v", r)
			}
		})
	}
	if r := askBy(exec.Command("/no/such/program"), node, time.Minute); r.Bay.Word != station.WordDriveFault || !strings.Contains(r.Bay.Text, "no such file") {
		t.Errorf("%+v", r)
	}
}

// The verb behind it takes nothing but a drive's node.
func TestAskVerb(t *testing.T) {
	for _, args := range [][]string{{}, {"/dev/null"}, {"/no/such"}, {"sr\n0"}, {"/dev/sr0", "x"}} {
		if len(args) > 1 || !isOptical(strings.Join(args, "")) {
			if a := ripstation(t, append([]string{"drives", "ask"}, args...)...); a.code != exitUsage || a.out != "" {
				t.Errorf("%q: exit %d %s%s", args, a.code, a.out, a.talk)
			}
		}
	}
	if r := askHere(t.Context(), "/no/such"); r.Bay.Word != station.WordDriveFault || r.Taken || !strings.Contains(r.Bay.Text, "no such file") {
		t.Errorf("%+v", r)
	}
}

// Looking at the spool's lock does not take it from anybody.
func TestLockTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if _, err := lockTaken(path); !os.IsNotExist(err) {
		t.Error(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if taken, err := lockTaken(path); err != nil || taken {
		t.Error(taken, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatalf("after a look: %v", err)
	}
	if taken, err := lockTaken(path); err != nil || !taken {
		t.Error(taken, err)
	}
	for text, want := range map[string]int{"12\n": 12, "": 0, "-3": 0, "x\x00": 0, strings.Repeat("9", 99): 0} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := lockOwner(path); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// This machine, whatever it is: every look comes back, and no line is twice.
func TestDoctorOfThisMachine(t *testing.T) {
	m := goodMachine(t)
	m.host = thisHost()
	m.host.ask = func(node string) reply { return reply{Bay: faulty(node, os.ErrDeadlineExceeded)} }
	got := m.examined(t)
	for _, key := range []string{"drives: udev", "drives: udev rule", "drives: automount", "clock: time server", "clock: date", "station: running"} {
		if got[key].State == "" {
			t.Errorf("nothing is said of %s: %v", key, got)
		}
	}
}
