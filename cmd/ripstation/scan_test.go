package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
)

const named = "[drives.names]\n2 = \"sim0\"\n9 = \"away\"\n[identity]\nsettle = \"1s\"\n"

// meet tells the station of its drives, as the watcher does.
func (s *simStation) meet(t *testing.T) {
	t.Helper()
	for _, b := range s.bays.bays {
		if err := b.tell(t.Context(), disc.EventDriveAdded); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the station meets its drives", func() bool { return len(s.m.Status().Bays) == len(s.bays.bays) })
}

// until waits for what must come.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.After(time.Minute)
	for !is() {
		select {
		case <-end:
			t.Fatalf("%s: that never came", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *simStation) feed(t *testing.T, lines string, args ...string) answer {
	t.Helper()
	cmd := command(t, append(args, "--config", s.config)...)
	cmd.Stdin = strings.NewReader(lines)
	return finish(t, cmd)
}

func TestScanForADrive(t *testing.T) {
	s := startSimWith(t, named, "sim0")
	s.meet(t)
	a := s.run(t, "scan", "B-1", "--part", "1/2", "--side", "A", "--drive", "2", "--operator", "eve")
	if a.code != exitDone || !strings.Contains(a.out, "B-1: waits for a disc in drive 2 until ") {
		t.Errorf("exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "status"); !strings.Contains(a.out, "SCANNED") || !strings.Contains(a.out, "sim0 (2)") || !strings.Contains(a.out, `9 is "away", and no such drive is connected`) {
		t.Errorf("status: exit %d\n%s", a.code, a.out)
	}
	if a := s.run(t, "drives"); !strings.Contains(a.out, "sim0   2 ") || !strings.Contains(a.talk, `9 is "away"`) {
		t.Errorf("drives: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if err := s.bays.bays["sim0"].insert(t.Context(), simdrive.PressedCD(iso(t, "NAMED", 900, 1), 900)); err != nil {
		t.Fatal(err)
	}
	var list []station.Scan
	until(t, "the scan has its disc", func() bool {
		decode(t, s.run(t, "scan", "--list", "--json").out, &list)
		return len(list) == 1 && list[0].ID != ""
	})
	if list[0].State != station.ScanBound || list[0].Operator != "eve" {
		t.Errorf("%+v", list[0])
	}
	if err := s.m.Settled(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	var v catalog.View
	decode(t, s.run(t, "show", list[0].ID, "--json").out, &v)
	if v.Item == nil || *v.Item != "B-1" || v.Part == nil || *v.Part != "1/2" || *v.Side != "A" {
		t.Errorf("item %v part %v side %v", v.Item, v.Part, v.Side)
	}
	if a := s.run(t, "scan", "--list"); a.code != exitDone || !strings.Contains(a.out, short(list[0].ID)) || !strings.Contains(a.out, "bound") {
		t.Errorf("list: exit %d\n%s", a.code, a.out)
	}
	if a := s.run(t, "eject", "2"); a.code != exitDone {
		t.Errorf("eject by name: exit %d\n%s", a.code, a.talk)
	}
	if a := s.run(t, "rip", "9"); a.code != exitFailed || !strings.Contains(a.talk, "away") {
		t.Errorf("rip of a name without a drive: exit %d\n%s", a.code, a.talk)
	}
}

func TestScanWaitsForItsDisc(t *testing.T) {
	s := startSimWith(t, named, "sim0")
	s.meet(t)
	done := make(chan answer, 1)
	go func() { done <- s.run(t, "scan", "B-2", "--wait", "--json") }()
	until(t, "the scan is told", func() bool { return len(s.m.Scans()) == 1 })
	if err := s.bays.bays["sim0"].insert(t.Context(), simdrive.PressedCD(iso(t, "WAITED", 900, 2), 900)); err != nil {
		t.Fatal(err)
	}
	a := <-done
	var sc station.Scan
	decode(t, a.out, &sc)
	if a.code != exitDone || sc.State != station.ScanBound || sc.ID == "" {
		t.Errorf("exit %d, %+v\n%s", a.code, sc, a.talk)
	}
	if err := s.m.Settled(t.Context(), sc.ID); err != nil {
		t.Fatal(err)
	}
}

func TestScanLines(t *testing.T) {
	s := startSimWith(t, named, "sim0")
	s.meet(t)
	a := s.feed(t, "B-3\r\n\n  B-3 \ndrive:2\nB-4\ndrive:7\nB-5\nbad\x07code\n"+strings.Repeat("9", 600)+"\n"+strings.Repeat(" ", 5000)+"\ncancel:\ndrive:\nlast without an end", "scan", "-")
	want := []string{
		"B-3: waits for its disc until", "B-3: waits for its disc until", "drive:2: the next code is for it", "B-4: waits for a disc in drive 2 until",
		"drive:7: the next code is for it", "cancel: 3 taken back", "last without an end: waits for its disc until",
	}
	got := strings.Split(strings.TrimSpace(a.out), "\n")
	if a.code != exitFailed || len(got) != len(want) || !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("exit %d\n%s\n%s", a.code, a.out, a.talk)
	}
	for _, bad := range []string{`"7": no such drive`, "control character", "999: the code", "the line is longer than 1024 bytes", "it names no drive"} {
		if !strings.Contains(a.talk, bad) {
			t.Errorf("it does not say %q:\n%s", bad, a.talk)
		}
	}
	if a := s.feed(t, "cancel:\nB-6\n", "scan", "-", "--json"); a.code != exitDone || !strings.Contains(a.out, `{"cancelled":[{`) || strings.Count(a.out, "\n") != 2 {
		t.Errorf("json: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.feed(t, "drive:2\n", "scan", "-"); a.code != exitFailed || !strings.Contains(a.talk, "no code came after it") {
		t.Errorf("a drive without a code: exit %d\n%s", a.code, a.talk)
	}
	// Two that wait for one drive: the second answer says that neither counts.
	if a := s.feed(t, "drive:2\nB-7\ndrive:2\nB-8\n", "scan", "-"); a.code != exitFailed || !strings.Contains(a.out, "B-8: nobody can say") {
		t.Errorf("two codes for one drive: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "scan", "--cancel", "--drive", "2"); a.code != exitDone || strings.Count(a.out, "taken back") != 2 {
		t.Errorf("cancel for a drive: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "scan", "--cancel"); a.code != exitDone || strings.Count(a.out, "taken back") != 1 {
		t.Errorf("cancel: exit %d\n%s%s", a.code, a.out, a.talk)
	}
	if a := s.run(t, "scan", "--cancel"); a.code != exitDone || !strings.Contains(a.talk, "nothing waited") {
		t.Errorf("cancel of nothing: exit %d\n%s%s", a.code, a.out, a.talk)
	}
}

func TestBadScans(t *testing.T) {
	_, config := stationFolder(t)
	for _, c := range []struct {
		args []string
		code int
		talk string
	}{
		{[]string{"A"}, exitFailed, "rip SOURCE --item CODE"},
		{[]string{"A"}, exitFailed, "no station is running"},
		{[]string{"--list"}, exitFailed, "no station is running"},
		{[]string{"--cancel"}, exitFailed, "no station is running"},
		{[]string{"-"}, exitFailed, "no station is running"},
		{[]string{}, exitUsage, "scan takes one argument, the code"},
		{[]string{"A", "B"}, exitUsage, "it got 2"},
		{[]string{""}, exitUsage, "the code is empty"},
		{[]string{"A", "--list"}, exitUsage, `"A" is one too many`},
		{[]string{"--cancel", "--list"}, exitUsage, "do not go together"},
		{[]string{"--list", "--drive", "2"}, exitUsage, "--list goes with no other flag"},
		{[]string{"--cancel", "--part", "1"}, exitUsage, "--cancel goes with --drive alone"},
		{[]string{"-", "--part", "1"}, exitUsage, "cannot be said of all"},
		{[]string{"A", "--part", "3/2"}, exitUsage, `--part "3/2"`},
		{[]string{"A", "--side", "x\ny"}, exitUsage, "--side"},
		{[]string{"a\x1b[2J"}, exitUsage, "the code"},
		{[]string{strings.Repeat("x", 501)}, exitUsage, "500 bytes"},
	} {
		a := ripstation(t, append(append([]string{"scan"}, c.args...), "--config", config)...)
		if a.code != c.code || !strings.Contains(a.talk, c.talk) || a.out != "" {
			t.Errorf("scan %.60q: exit %d, want %d and %q\n%s%s", c.args, a.code, c.code, c.talk, a.out, a.talk)
		}
	}
}

func FuzzScanLines(f *testing.F) {
	f.Add("B-1\r\ndrive:2\nB-2\ncancel:\n\x00\n")
	f.Add(strings.Repeat("x", 3000) + "\nB-3")
	f.Fuzz(func(t *testing.T, text string) {
		var got []scanLine
		if err := eachLine(strings.NewReader(text), func(l scanLine) bool { got = append(got, l); return true }); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text, "\n"); len(got) < n || len(got) > n+1 {
			t.Fatalf("%d lines of %d", len(got), n)
		}
		for _, l := range got {
			said := 0
			for _, is := range []bool{l.code != "", l.drive != "", l.cancel, l.empty, l.err != nil} {
				if is {
					said++
				}
			}
			if said != 1 || checkCode(l.code) != nil || l.code != strings.TrimSpace(l.code) || !strings.Contains(text, l.code) {
				t.Fatalf("%+v", fmt.Sprintf("%+v", l))
			}
		}
	})
}
