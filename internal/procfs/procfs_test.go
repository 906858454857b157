package procfs

import (
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"ripstation/internal/smallfile"
)

const mountinfo = `22 27 0:21 / /proc rw,relatime - proc proc rw
40 27 11:0 / /media/ben/MY\040DISC\134\0111 ro,nosuid,nodev shared:7 master:3 - iso9660 /dev/sr0 ro,nojoliet
41 27 0:40 / /mnt/\9\04 rw - autofs systemd-1 rw,fd=44
42 27 0:41 / /empty\040source rw - tmpfs  rw
`

func TestMounts(t *testing.T) {
	m := fstest.MapFS{"proc/self/mountinfo": {Data: []byte(mountinfo)}}
	got, whole, err := Mounts(m, "self")
	want := []Mount{
		{"0:21", "/proc", "proc", "proc", []string{"rw", "relatime"}},
		{"11:0", "/media/ben/MY DISC\\\t1", "iso9660", "/dev/sr0", []string{"ro", "nosuid", "nodev"}},
		{"0:40", `/mnt/\9\04`, "autofs", "systemd-1", []string{"rw"}},
		{"0:41", "/empty source", "tmpfs", "", []string{"rw"}},
	}
	if err != nil || !whole || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v %q", err, whole, got)
	}
	for _, odd := range []string{"rubbish", "1 2 3 / / rw - a b c", "22 27 0:21 / /proc rw", "", "\x00\xff - \n", strings.Repeat("a ", 1000)} {
		got, whole := parseMounts(odd + "\n" + mountinfo)
		if whole || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v %q", odd, whole, got)
		}
	}
	if got, whole, err := Mounts(os.DirFS("/"), "self"); err != nil || !whole || len(got) == 0 || got[0].Point[0] != '/' {
		t.Errorf("this machine's: %v %v %q", err, whole, got)
	}
	m["proc/self/mountinfo"].Data = make([]byte, smallfile.Most+1)
	if _, whole, err := Mounts(m, "self"); err == nil || whole {
		t.Error("a mountinfo without end was read")
	}
}

func FuzzMounts(f *testing.F) {
	f.Add(mountinfo)
	f.Fuzz(func(t *testing.T, text string) {
		got, whole := parseMounts(text)
		if n := strings.Count(text, "\n") + 1; len(got) > n || whole && len(got) == 0 {
			t.Errorf("%d mounts of %d lines, whole: %v", len(got), n, whole)
		}
		for _, m := range got {
			if len(m.Point) > len(text) || strings.Contains(m.Type, " ") {
				t.Errorf("%+v", m)
			}
		}
	})
}

func TestProcesses(t *testing.T) {
	link := func(to string) *fstest.MapFile {
		return &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(to)}
	}
	m := fstest.MapFS{
		"proc/7/comm": {Data: []byte("vlc\n")}, "proc/7/fd/0": link("/dev/null"), "proc/7/fd/1": link("/dev/sr0"), "proc/7/fd/2": link("/dev/sr0"),
		"proc/12/comm": {Data: []byte("a b\nc\n")}, "proc/12/fd/9": link("/dev/sg1"), "proc/12/cmdline": {Data: []byte("prog\x00run\x00--config\x00")},
		"proc/100/comm": {Data: []byte("closed\n")}, "proc/100/fd": {Mode: 0},
		"proc/101/status": {}, "proc/self/comm": {Data: []byte("x")}, "proc/-3/comm": {Data: []byte("x")}, "proc/0/comm": {Data: []byte("x")},
		"proc/devices": {Data: []byte("Character devices:\n  1 mem\n 11 sr\n\nBlock devices:\n  8 sd\n111 sr\n")},
	}
	all, err := Processes(m)
	if want := []Process{{7, "vlc"}, {12, "a b\nc"}, {100, "closed"}}; err != nil || !reflect.DeepEqual(all, want) {
		t.Fatalf("%v %+v", err, all)
	}
	if _, err := Processes(fstest.MapFS{"proc/sys/x": {}}); err == nil {
		t.Error("a machine without processes")
	}
	open, hidden := Holders(m, append(all, Process{500, "ended"}), []string{"/dev/sr0", "/dev/sg1", "/dev/sr1"})
	if want := map[string][]Process{"/dev/sr0": {{7, "vlc"}}, "/dev/sg1": {{12, "a b\nc"}}}; !reflect.DeepEqual(open, want) || hidden != 1 {
		t.Errorf("%+v, %d hidden", open, hidden)
	}
	if Argument(m, 12, 1) != "run" || Argument(m, 12, 9) != "" || Argument(m, 7, 1) != "" {
		t.Error("arguments")
	}
	if there, err := BlockDriver(m, 11); err != nil || there {
		t.Errorf("%v %v", there, err)
	}
	m["proc/devices"].Data = append(m["proc/devices"].Data, " 11 sr\n"...)
	if there, err := BlockDriver(m, 11); err != nil || !there {
		t.Errorf("%v %v", there, err)
	}
	if _, err := BlockDriver(fstest.MapFS{}, 11); err == nil {
		t.Error("no /proc, and a driver is known of")
	}
	self := os.Getpid()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if name := NameOf(os.DirFS("/"), self); !strings.Contains(os.Args[0], name) || name == "" {
		t.Errorf("this process is called %q", name)
	}
	if open, hidden := Holders(os.DirFS("/"), []Process{{self, "me"}}, []string{os.DevNull}); hidden != 0 || len(open[os.DevNull]) != 1 {
		t.Errorf("%+v, %d hidden", open, hidden)
	}
}
