package systemconf

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func TestRule(t *testing.T) {
	m := fstest.MapFS{"usr/lib/udev/rules.d/90-x.rules": text("b"), "usr/lib/udev/rules.d/91-x.rules": text("y"),
		"etc/udev/rules.d/91-x.rules": {Mode: fs.ModeSymlink, Data: []byte("/dev/null")}}
	if got, at, err := Rule(m, "90-x.rules"); err != nil || got != "b" || at != "/usr/lib/udev/rules.d/90-x.rules" {
		t.Error(got, at, err)
	}
	m["etc/udev/rules.d/90-x.rules"] = text("a")
	if got, at, err := Rule(m, "90-x.rules"); err != nil || got != "a" || at != "/etc/udev/rules.d/90-x.rules" {
		t.Error(got, at, err)
	}
	if got, at, err := Rule(m, "91-x.rules"); err == nil || at != "/etc/udev/rules.d/91-x.rules" {
		t.Error("one that is hidden by a link to /dev/null was read", got, at, err)
	}
	if _, at, err := Rule(m, "92-x.rules"); !errors.Is(err, fs.ErrNotExist) || at != "" {
		t.Error(at, err)
	}
	if got := Lines("# a\n\n  b \n;c\nd # e"); !reflect.DeepEqual(got, []string{"b", "d # e"}) {
		t.Errorf("%q", got)
	}
}

func TestSysctl(t *testing.T) {
	const key = "dev.cdrom.autoclose"
	m := fstest.MapFS{"usr/lib/sysctl.d/60-r.conf": text("# x\ndev.cdrom.autoclose = 0\n"), "etc/sysctl.d/10-a.conf": text("dev.cdrom.autoclose=1\ndev.cdrom.lock\n")}
	for _, step := range []struct{ file, text, value, at string }{
		{"", "", "0", "/usr/lib/sysctl.d/60-r.conf"},
		{"etc/sysctl.d/60-r.conf", "-dev/cdrom/autoclose =2", "2", "/etc/sysctl.d/60-r.conf"},
		{"run/sysctl.d/99-z.conf", "dev.cdrom.autoclose=1", "1", "/run/sysctl.d/99-z.conf"},
		{"run/sysctl.d/99-z.txt", "dev.cdrom.autoclose=5", "1", "/run/sysctl.d/99-z.conf"},
	} {
		if step.file != "" {
			m[step.file] = text(step.text)
		}
		if value, at, err := Sysctl(m, key); err != nil || value != step.value || at != step.at {
			t.Errorf("%+v: %q %q %v", step, value, at, err)
		}
	}
	if value, at, err := Sysctl(m, "kernel.panic"); value != "" || at != "" || err != nil {
		t.Error(value, at, err)
	}
}

func TestUnits(t *testing.T) {
	m := fstest.MapFS{
		"usr/lib/systemd/system/r.service":        text("[Unit]\nDescription=x\n[Service]\nUser=r\nSupplementaryGroups=a b\nExecStart=/bin/r \\\n  run\n"),
		"etc/systemd/system/r.service.d/10.conf":  text("[Service]\nUser=other\nSupplementaryGroups=c\n"),
		"etc/systemd/system/media-cd.mount":       text("[Mount]\nWhat=/dev/sr0\nWhere=/media/cd\n"),
		"etc/systemd/system/hidden.mount":         {Mode: fs.ModeSymlink, Data: []byte("/dev/null")},
		"usr/lib/systemd/system/hidden.mount":     text("[Mount]\nWhat=/dev/sr0\n"),
		"run/systemd/system/r.service.d/20.conf":  text("[Service]\nSupplementaryGroups=\nSupplementaryGroups=d"),
		"usr/lib/systemd/system/r.service.d/junk": text("[Service]\nUser=none\n"),
	}
	got, err := Units(m, "r.service")
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	if u := got[0]; u.Last("Service", "User") != "other" || u.Last("Unit", "User") != "" || !reflect.DeepEqual(u.Words("Service", "SupplementaryGroups"), []string{"d"}) ||
		!strings.HasSuffix(u.Last("Service", "ExecStart"), " run") || u.At != "/usr/lib/systemd/system/r.service" {
		t.Errorf("%+v", u)
	}
	if got, err = Units(m, ".mount"); err != nil || len(got) != 1 || got[0].Last("Mount", "What") != "/dev/sr0" {
		t.Error(got, err)
	}
	if got, err = Units(fstest.MapFS{}, ".mount"); len(got) != 0 || err != nil {
		t.Error(got, err)
	}
	if _, err := Units(os.DirFS("/"), ".service"); err != nil {
		t.Errorf("this machine: %v", err)
	}
}

func FuzzUnits(f *testing.F) {
	f.Add("[Service]\nUser=a\n", "[Service]\nUser=\nUser=b\\\nc\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		m := fstest.MapFS{"etc/systemd/system/x.service": text(a), "etc/systemd/system/x.service.d/b.conf": text(b), "etc/sysctl.d/a.conf": text(a), "etc/sysctl.d/b.conf": text(b)}
		got, err := Units(m, "x.service")
		if err != nil || len(got) != 1 || strings.Contains(got[0].Last("Service", "User"), "\n") {
			t.Errorf("%v %+v", err, got)
		}
		if value, at, err := Sysctl(m, "dev.cdrom.autoclose"); err != nil || strings.Contains(value, "\n") || (at == "") != (value == "") && at == "" {
			t.Error(value, at, err)
		}
	})
}
