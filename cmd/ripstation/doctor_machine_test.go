package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/catalog"
	"ripstation/disc"
	"ripstation/internal/simdrive"
	"ripstation/station"
	"ripstation/systemd"
	"ripstation/web"
)

// madeUp is a machine that is not there, with what doctor is told of it.
type madeUp struct {
	fstest.MapFS
	host    *host
	config  *Config
	running running
	replies map[string]reply
	owners  map[string]int
	mu      sync.Mutex
	asked   []string
}

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), Mode: 0o644} }

func link(to string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
}

func block(major, minor uint32, mode fs.FileMode, uid, gid uint32) *fstest.MapFile {
	return &fstest.MapFile{Mode: fs.ModeDevice | mode, Sys: &syscall.Stat_t{Rdev: unix.Mkdev(major, minor), Uid: uid, Gid: gid}}
}

// process adds one, with what it has open.
func (m *madeUp) process(pid int, name string, open ...string) {
	dir := fmt.Sprintf("proc/%d/", pid)
	m.MapFS[dir+"comm"] = file(name + "\n")
	m.MapFS[dir+"cmdline"] = file(name + "\x00run\x00")
	m.MapFS[dir+"fd/0"] = link("/dev/null")
	for i, to := range open {
		m.MapFS[fmt.Sprintf("%sfd/%d", dir, i+3)] = link(to)
	}
}

// goodMachine is one where everything is as it should be: two drives, ben at
// the keyboard, a desktop, no station.
func goodMachine(t *testing.T) *madeUp {
	t.Helper()
	dir := t.TempDir()
	m := &madeUp{MapFS: fstest.MapFS{
		"dev/sr0":   block(11, 0, 0o660, 0, 24),
		"dev/sr1":   block(11, 1, 0o660, 0, 24),
		"dev/sda":   block(8, 0, 0o660, 0, 6),
		"dev/sr9":   file("a plain file of that name"),
		"dev/cdrom": link("sr0"),
		"sys/class/block/sr0/device/scsi_generic/sg2": {Mode: fs.ModeDir},
		"sys/class/block/sr1/size":                    file("0"),
		"sys/class/block/sr0/diskseq":                 file("12\n"),
		"sys/class/block/sr1/diskseq":                 file("1\n"),
		"run/udev/control":                            {Mode: fs.ModeSocket},
		"run/udev/data/b11:0":                         file("I:1\nE:ID_CDROM=1\nE:UDISKS_IGNORE=1\nG:systemd\n"),
		"run/udev/data/b11:1":                         file("E:UDISKS_IGNORE=1\n"),
		"etc/udev/rules.d/" + systemd.RulesName:       file("# of an older copy\n\n" + systemd.Rules),
		"etc/sysctl.d/60-ripstation.conf":             file("dev.cdrom.autoclose = 0\n"),
		"proc/sys/dev/cdrom/autoclose":                file("0\n"),
		"proc/sys/dev/cdrom/autoeject":                file("0\n"),
		"proc/sys/dev/cdrom/lock":                     file("1\n"),
		"proc/devices":                                file("Character devices:\n  1 mem\n\nBlock devices:\n  8 sd\n 11 sr\n"),
		"proc/self/mountinfo":                         file("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw - proc proc rw\n"),
		"proc/1/mountinfo":                            file("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"),
		"etc/passwd":                                  file("root:x:0:0::/root:/bin/sh\nben:x:1000:1000::/home/ben:/bin/sh\nripstation:x:999:998::/:/bin/false\n"),
		"etc/group":                                   file("root:x:0:\ncdrom:x:24:ben\nripstation:x:998:\n"),
		"etc/fstab":                                   file("# fstab\nUUID=1 / ext4 defaults 0 1\n/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n"),
	}, replies: map[string]reply{}, owners: map[string]int{}}
	m.process(1, "systemd")
	m.process(400, "udisksd")
	m.process(500, "bash")
	for n, serial := range map[string]string{"/dev/sr0": "KZ1", "/dev/sr1": "KZ2"} {
		m.replies[n] = reply{Bay: station.BayStatus{Drive: disc.Drive{Vendor: "MAKER", Model: "BD-RE", Firmware: "1.02", Serial: serial}, Word: "EMPTY"}}
	}
	m.running.err = fmt.Errorf("socket x: %w", web.ErrNotRunning)
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	m.host = &host{files: m, uid: 1000, groups: []int{1000, 24}, may: func(string) bool { return false }, owner: func(n string) int { return m.owners[n] },
		synced: func() (bool, error) { return true, nil }, now: func() time.Time { return now }, built: now.Add(-time.Hour), taken: func(string) (bool, error) { return false, nil }}
	m.host.ask = func(n string) reply {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asked = append(m.asked, n)
		return m.replies[n]
	}
	m.config = defaults(homes{state: dir, runtime: dir})
	return m
}

// examined gives the lines of one look by "about: what".
func (m *madeUp) examined(t *testing.T) map[string]diagnosis {
	t.Helper()
	got := map[string]diagnosis{}
	e := &examiner{cfg: m.config, host: m.host, running: m.running}
	e.say = t.Logf
	e.tell = func(d diagnosis) {
		key := d.About + ": " + d.What
		if _, twice := got[key]; twice {
			t.Errorf("%s is told twice", key)
		}
		if d.State == problem && d.Do == "" {
			t.Errorf("%+v does not say what to do", d)
		}
		got[key] = d
	}
	examineStation(t.Context(), e)
	examineSpoolOwner(t.Context(), e)
	examineClock(t.Context(), e)
	examineDrives(t.Context(), e)
	return got
}

func TestDoctorOfAGoodMachine(t *testing.T) {
	m := goodMachine(t)
	got := m.examined(t)
	for key, d := range got {
		if d.State != fine || d.Do != "" {
			t.Errorf("%s: %+v", key, d)
		}
	}
	if len(got) != 25 || len(m.asked) != 2 {
		t.Errorf("%d lines, asked %q: %v", len(got), m.asked, got)
	}
	got["drive /dev/sr0: answer"].is(t, fine, "MAKER BD-RE 1.02, serial KZ1: empty")
	got["drive /dev/sr0: user"].is(t, fine, "ben", "cdrom")
	got["drives: automount"].is(t, fine, "udisksd (process 400)")
}

// Every fault changes the lines that are named, and no other.
func TestDoctorOfFaultyMachines(t *testing.T) {
	type said struct {
		s     state
		words []string
	}
	is := func(s state, words ...string) said { return said{s, words} }
	root := func(m *madeUp) { m.host.uid, m.host.groups = 0, []int{0} }
	unit := func(m *madeUp, text string) {
		root(m)
		m.MapFS["usr/lib/systemd/system/ripstation.service"] = file(text)
	}
	both := func(what string, s said) map[string]said {
		return map[string]said{"drive /dev/sr0: " + what: s, "drive /dev/sr1: " + what: s}
	}
	const sr0 = "drive /dev/sr0: "
	for name, c := range map[string]struct {
		do   func(m *madeUp)
		want map[string]said
	}{
		"no rule": {func(m *madeUp) { delete(m.MapFS, "etc/udev/rules.d/"+systemd.RulesName) }, map[string]said{"drives: udev rule": is(problem, "not installed", "install -m644")}},
		"another rule": {func(m *madeUp) { m.MapFS["etc/udev/rules.d/"+systemd.RulesName].Data = []byte("KERNEL==\"sr0\"\n") },
			map[string]said{"drives: udev rule": is(problem, "not the one of this version", "91-local.rules")}},
		"hidden rule": {func(m *madeUp) {
			m.MapFS["usr/lib/udev/rules.d/"+systemd.RulesName] = file(systemd.Rules)
			m.MapFS["etc/udev/rules.d/"+systemd.RulesName] = link("/dev/null")
		}, map[string]said{"drives: udev rule": is(problem, "/etc/udev/rules.d/"+systemd.RulesName+" hides it")}},
		"a rule of the distribution": {func(m *madeUp) {
			delete(m.MapFS, "etc/udev/rules.d/"+systemd.RulesName)
			m.MapFS["usr/lib/udev/rules.d/"+systemd.RulesName] = file(systemd.Rules)
		}, map[string]said{"drives: udev rule": is(fine, "/usr/lib/")}},
		"a rule without end": {func(m *madeUp) { m.MapFS["etc/udev/rules.d/"+systemd.RulesName].Data = make([]byte, 5<<20) },
			map[string]said{"drives: udev rule": is(problem, "far too large")}},
		"rule not applied": {func(m *madeUp) { m.MapFS["run/udev/data/b11:1"] = file("E:UDISKS_IGNORE=10\nX:E:UDISKS_IGNORE=1\n") },
			map[string]said{"drive /dev/sr1: udev rule": is(problem, "not gone by it", "udevadm trigger /dev/sr1"), "drives: automount": is(problem, "udisksd (process 400)", "install")}},
		"no database": {func(m *madeUp) { delete(m.MapFS, "run/udev/data/b11:1"); delete(m.MapFS, "proc/400/comm") },
			map[string]said{"drive /dev/sr1: udev rule": is(unseen, "nothing on this drive"), "drives: automount": is(fine, "nothing")}},
		"an old kernel": {func(m *madeUp) {
			delete(m.MapFS, "sys/class/block/sr0/diskseq")
			m.MapFS["sys/class/block/sr1/diskseq"] = file("0\n")
		},
			both("media changes", is(problem, "does not count", "5.15"))},
		"no udev":         {func(m *madeUp) { delete(m.MapFS, "run/udev/control") }, map[string]said{"drives: udev": is(problem, "does not run", "container")}},
		"autoclose":       {func(m *madeUp) { m.MapFS["proc/sys/dev/cdrom/autoclose"] = file("1\n") }, map[string]said{"drives: autoclose": is(problem, "it is 1", "sysctl dev.cdrom.autoclose=0")}},
		"autoclose later": {func(m *madeUp) { delete(m.MapFS, "etc/sysctl.d/60-ripstation.conf") }, map[string]said{"drives: autoclose": is(problem, "no file sets it", "install")}},
		"autoclose on later": {func(m *madeUp) { m.MapFS["etc/sysctl.d/99-sysctl.conf"] = file("dev/cdrom/autoclose=1") },
			map[string]said{"drives: autoclose": is(problem, "/etc/sysctl.d/99-sysctl.conf sets it to 1")}},
		"autoeject": {func(m *madeUp) { m.MapFS["proc/sys/dev/cdrom/autoeject"] = file("1\n") }, map[string]said{"drives: autoeject": is(problem, "it is 1", "autoeject=0")}},
		"lock":      {func(m *madeUp) { m.MapFS["proc/sys/dev/cdrom/lock"] = file("0\n") }, map[string]said{"drives: lock": is(fine, "off")}},
		"no settings": {func(m *madeUp) {
			delete(m.MapFS, "proc/sys/dev/cdrom/autoeject")
			delete(m.MapFS, "proc/sys/dev/cdrom/lock")
		},
			map[string]said{"drives: autoeject": is(unseen), "drives: lock": is(unseen)}},
		"fstab": {func(m *madeUp) {
			m.MapFS["etc/fstab"] = file("/dev/cdrom /media/x auto ro 0 0\n/dev/sr1 /y auto noauto,x-systemd.automount 0 0\nshort\n\x00\xff\n")
		},
			map[string]said{"drives: automount": is(problem, "line 1 of /etc/fstab mounts /dev/cdrom at /media/x", "line 2", "noauto")}},
		"a unit that waits": {func(m *madeUp) {
			m.MapFS["etc/systemd/system/media-cd.mount"] = file("[Mount]\nWhat=/dev/sr1\nWhere=/media/cd\n")
			m.MapFS["etc/systemd/system/media-other.mount"] = file("[Mount]\nWhat=/dev/sr1\nWhere=/media/other\n")
			m.MapFS["proc/self/mountinfo"].Data = append(m.MapFS["proc/self/mountinfo"].Data, "50 22 0:60 / /media/cd rw - autofs systemd-1 rw\n"...)
		}, map[string]said{"drives: automount": is(problem, "media-cd.mount mounts /dev/sr1 as soon as")}},
		"autofs": {func(m *madeUp) {
			m.process(410, "automount")
			m.MapFS["etc/auto.misc"] = file("# cd\ncd  -fstype=iso9660,ro  :/dev/cdrom\nusb :/dev/sda\n")
		}, map[string]said{"drives: automount": is(problem, "autofs mounts /dev/cdrom by /etc/auto.misc")}},
		"devmon": {func(m *madeUp) { m.process(411, "devmon") }, map[string]said{"drives: automount": is(problem, "devmon (process 411)", "stop it")}},
		"no /proc": {func(m *madeUp) {
			maps.DeleteFunc(m.MapFS, func(name string, _ *fstest.MapFile) bool {
				return strings.HasPrefix(name, "proc/") && !strings.HasPrefix(name, "proc/sys")
			})
		}, map[string]said{"station: other stations": is(unseen), sr0 + "mounted": is(unseen, "findmnt"), "drive /dev/sr1: mounted": is(unseen)}},
		"open to all":  {func(m *madeUp) { m.MapFS["dev/sr0"] = block(11, 0, 0o666, 0, 24) }, map[string]said{sr0 + "node": is(problem, "every user", "udevadm trigger /dev/sr0")}},
		"root's alone": {func(m *madeUp) { m.MapFS["dev/sr0"] = block(11, 0, 0o600, 0, 0) }, map[string]said{sr0 + "node": is(problem, "root:root", "udevadm trigger /dev/sr0"), sr0 + "user": is(problem, "ben may not", "usermod")}},
		"root's group": {func(m *madeUp) { m.MapFS["dev/sr0"] = block(11, 0, 0o660, 0, 0) }, map[string]said{sr0 + "node": is(problem, "root's group"), sr0 + "user": is(problem, "ben may not")}},
		"for reading":  {func(m *madeUp) { m.MapFS["dev/sr0"] = block(11, 0, 0o640, 0, 24) }, map[string]said{sr0 + "node": is(problem, "only root"), sr0 + "user": is(problem, "ben may not")}},
		"its owner":    {func(m *madeUp) { m.MapFS["dev/sr0"] = block(11, 0, 0o660, 1000, 7) }, map[string]said{sr0 + "user": is(fine, "as its owner"), sr0 + "node": is(fine, "ben:7")}},
		"root's, no rule": {func(m *madeUp) {
			m.MapFS["dev/sr0"] = block(11, 0, 0o600, 0, 0)
			delete(m.MapFS, "etc/udev/rules.d/"+systemd.RulesName)
			m.MapFS["run/udev/data/b11:0"] = file("")
		}, map[string]said{sr0 + "node": is(problem, "root:root", "udev rule installed"), sr0 + "user": is(problem, "ben may not", "above", "usermod"),
			sr0 + "udev rule": is(problem, "udev rule installed"), "drives: udev rule": is(problem, "`sudo install"), "drives: automount": is(problem)}},
		"not a member": {func(m *madeUp) { m.host.groups = []int{1000}; m.MapFS["etc/group"] = file("cdrom:x:24:ada\n") }, both("user", is(problem, "not a member of the group cdrom", "usermod -aG cdrom ben"))},
		"not yet":      {func(m *madeUp) { m.host.groups = []int{1000} }, both("user", is(problem, "not yet in this session", "log out"))},
		"by the seat":  {func(m *madeUp) { m.host.groups = []int{1000}; m.host.may = func(string) bool { return true } }, both("user", is(fine, "while logged in", "usermod"))},
		"sudo":         {func(m *madeUp) { root(m); m.host.sudo = "ben"; m.host.may = func(string) bool { return true } }, both("user", is(fine, "ben", "cdrom"))},
		"sudo of another": {func(m *madeUp) {
			root(m)
			m.host.sudo, m.host.may = "ada", func(string) bool { return true }
			m.MapFS["etc/passwd"].Data = append(m.MapFS["etc/passwd"].Data, "ada:x:1001:1001::/:/bin/sh\n"...)
		}, both("user", is(problem, "ada", "usermod -aG cdrom ada"))},
		"root alone":  {root, both("user", is(unseen, "root", "run this as the user"))},
		"a service":   {func(m *madeUp) { unit(m, "[Service]\nUser=ripstation\nSupplementaryGroups=cdrom\n") }, both("user", is(fine, "ripstation, who ripstation.service runs as"))},
		"a poor one":  {func(m *madeUp) { unit(m, "[Service]\nUser=ripstation\n") }, both("user", is(problem, "not a member", "usermod -aG cdrom ripstation && sudo systemctl restart"))},
		"a rich one":  {func(m *madeUp) { unit(m, "[Service]\nExecStart=x\n") }, both("user", is(problem, "runs as root"))},
		"nobody's":    {func(m *madeUp) { unit(m, "[Service]\nUser=dyn\n") }, both("user", is(unseen, "dyn", "/etc/passwd"))},
		"no accounts": {func(m *madeUp) { delete(m.MapFS, "etc/passwd") }, map[string]said{sr0 + "node": is(fine, "0:24"), "drive /dev/sr1: node": is(fine), sr0 + "user": is(unseen), "drive /dev/sr1: user": is(unseen)}},
		"with a config": {func(m *madeUp) {
			m.MapFS["etc/systemd/system/ripstation.service"] = file("[Service]\nUser=ripstation\n")
			m.config.path = systemConfig
		}, both("user", is(problem, "ripstation"))},
		"mounted": {func(m *madeUp) {
			m.MapFS["proc/self/mountinfo"].Data = append(m.MapFS["proc/self/mountinfo"].Data, "60 22 11:0 / /media/MY\\040\\033[2J\\134DISC ro - iso9660 /dev/sr0 ro\n"...)
		}, map[string]said{sr0 + "mounted": is(problem, `"/media/MY \x1b[2J\\DISC" (iso9660)`, "umount /dev/sr0")}},
		"mounted elsewhere": {func(m *madeUp) {
			m.MapFS["proc/1/mountinfo"] = file("60 22 11:1 / /mnt ro - udf /dev/sr1 ro\n")
		}, map[string]said{"drive /dev/sr1: mounted": is(problem, `"/mnt" (udf)`)}},
		"mounted out of sight": {func(m *madeUp) { r := m.replies["/dev/sr0"]; r.Held = true; m.replies["/dev/sr0"] = r }, map[string]said{sr0 + "mounted": is(problem, "for itself alone", "as root")}},
		"rubbish for mounts":   {func(m *madeUp) { m.MapFS["proc/self/mountinfo"] = file("\x00\xff rubbish\n") }, both("mounted", is(unseen, "not all of it"))},
		"mounts without end": {func(m *madeUp) {
			m.MapFS["proc/self/mountinfo"] = file(strings.Repeat("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", 1<<17))
		}, both("mounted", is(unseen))},
		"a player":            {func(m *madeUp) { m.process(88, "vlc", "/dev/sr0", "/dev/sr0") }, map[string]said{sr0 + "other programs": is(problem, "vlc (process 88) has it open", "end it")}},
		"by the generic node": {func(m *madeUp) { m.process(89, "makemkvcon", "/dev/sg2") }, map[string]said{sr0 + "other programs": is(problem, "makemkvcon (process 89)")}},
		"udev looks":          {func(m *madeUp) { m.process(90, "cdrom_id", "/dev/sr1") }, map[string]said{"drive /dev/sr1: other programs": is(fine, "cdrom_id", "as udev does")}},
		"hidden processes":    {func(m *madeUp) { m.MapFS["proc/1/fd"] = &fstest.MapFile{}; delete(m.MapFS, "proc/1/fd/0") }, both("other programs", is(unseen, "run this as root"))},
		"a hostile name":      {func(m *madeUp) { m.process(91, "a\x1b[2J\nb", "/dev/sr0") }, map[string]said{sr0 + "other programs": is(problem, "(process 91)")}},
		"wedged": {func(m *madeUp) {
			m.replies["/dev/sr0"] = reply{Bay: faulty("/dev/sr0", errors.New("no answer within 45s")), late: true}
		}, map[string]said{sr0 + "answer": is(problem, "it hangs", "switch the drive off and on")}},
		"broken": {func(m *madeUp) {
			m.replies["/dev/sr0"] = reply{Bay: faulty("/dev/sr0", errors.New("INQUIRY: hardware error"))}
		}, map[string]said{sr0 + "answer": is(problem, "hardware error", "off and on")}},
		"denied": {func(m *madeUp) {
			m.replies["/dev/sr0"] = reply{Bay: faulty("/dev/sr0", errors.New("open")), Denied: true}
		}, map[string]said{sr0 + "answer": is(unseen, "user")}},
		"taken by chance": {func(m *madeUp) {
			m.replies["/dev/sr0"] = reply{Bay: faulty("/dev/sr0", errors.New("lock")), Taken: true}
		}, map[string]said{sr0 + "answer": is(unseen, "look again")}},
		"a rip": {func(m *madeUp) {
			m.process(300, "ripstation", "/dev/sr0")
			m.MapFS["proc/300/cmdline"] = file("ripstation\x00rip\x00")
			m.owners["/dev/sr0"] = 300
		}, map[string]said{sr0 + "answer": is(unseen, "not asked", "ripstation (process 300)")}},
		"no serial":      {func(m *madeUp) { r := m.replies["/dev/sr0"]; r.Bay.Drive.Serial = ""; m.replies["/dev/sr0"] = r }, map[string]said{sr0 + "answer": is(fine, "without a serial")}},
		"no time server": {func(m *madeUp) { m.host.synced = func() (bool, error) { return false, nil } }, map[string]said{"clock: time server": is(problem, "none sets", "set-ntp")}},
		"no more": {func(m *madeUp) {
			m.host.synced = func() (bool, error) { return false, nil }
			m.MapFS["run/systemd/timesync/synchronized"] = file("")
		}, map[string]said{"clock: time server": is(problem, "no longer")}},
		"no clock":           {func(m *madeUp) { m.host.synced = func() (bool, error) { return false, errors.New("adjtimex") } }, map[string]said{"clock: time server": is(unseen, "adjtimex", "timedatectl")}},
		"before the program": {func(m *madeUp) { m.host.built = m.host.now().Add(time.Hour) }, map[string]said{"clock: date": is(problem, "made on 2026-11-26 10:00", "set the clock")}},
		"spool taken":        {func(m *madeUp) { m.host.taken = func(string) (bool, error) { return true, nil } }, map[string]said{"spool: owner": is(fine, "does not say which")}},
		"spool closed":       {func(m *madeUp) { m.host.taken = func(string) (bool, error) { return false, fs.ErrPermission } }, map[string]said{"spool: owner": is(unseen, "as the user")}},
		"another station":    {func(m *madeUp) { m.process(301, "ripstation") }, map[string]said{"station: other stations": is(problem, "ripstation (process 301)", "--config")}},
		"a closed socket":    {func(m *madeUp) { m.running.err = fs.ErrPermission; m.owners["/dev/sr0"] = 301 }, map[string]said{"station: running": is(unseen), sr0 + "answer": is(unseen, "not asked"), "drive /dev/sr1: answer": is(unseen, "not asked")}},
		"a mute station":     {func(m *madeUp) { m.running.err = errors.New("timeout") }, map[string]said{"station: running": is(problem, "does not answer", "start it anew"), sr0 + "answer": is(unseen, "not asked"), "drive /dev/sr1: answer": is(unseen, "not asked")}},
	} {
		t.Run(name, func(t *testing.T) {
			m := goodMachine(t)
			want := m.examined(t)
			c.do(m)
			m.asked = nil
			got := m.examined(t)
			for key, s := range c.want {
				got[key].is(t, s.s, s.words...)
			}
			for key, d := range got {
				if _, named := c.want[key]; !named && name != "no /proc" && name != "spool taken" && d != want[key] {
					t.Errorf("%s changed: %+v, was %+v", key, d, want[key])
				}
			}
			if len(got) < len(c.want) {
				t.Errorf("%v", got)
			}
			for _, n := range m.asked {
				if m.owners[n] != 0 && m.owners[n] != 999 || m.running.err != nil && !errors.Is(m.running.err, web.ErrNotRunning) {
					t.Errorf("%s was asked", n)
				}
			}
		})
	}
}

// Without a drive it is not known whether one would work; with one that nobody
// drives, it is a problem.
func TestDoctorWithoutDrives(t *testing.T) {
	m := goodMachine(t)
	maps.DeleteFunc(m.MapFS, func(name string, _ *fstest.MapFile) bool {
		return strings.HasPrefix(name, "dev/sr") || strings.HasPrefix(name, "sys/class/block/sr")
	})
	got := m.examined(t)
	got["drives: connected"].is(t, unseen, "sees none", "cable")
	got["drives: autoclose"].is(t, fine)
	got["drives: automount"].is(t, fine)
	m.MapFS["proc/devices"] = file("Block devices:\n  8 sd\n")
	maps.DeleteFunc(m.MapFS, func(name string, _ *fstest.MapFile) bool { return strings.HasPrefix(name, "proc/sys/dev/cdrom") })
	got = m.examined(t)
	got["drives: connected"].is(t, unseen, "not loaded", "modprobe sr_mod")
	if _, told := got["drives: autoclose"]; told {
		t.Error("autoclose is told of, without a driver")
	}
	m.MapFS["sys/bus/scsi/devices/1:0:0:0/type"] = file("0\n")
	m.MapFS["sys/bus/scsi/devices/2:0:0:0/type"] = file("5\n")
	m.examined(t)["drives: connected"].is(t, problem, "sr_mod is not loaded", "modprobe")
	m.MapFS["sys/class/block/sr3/size"] = file("0")
	m.examined(t)["drives: device nodes"].is(t, problem, "sr3", "udevadm trigger")
	m.config.Drives.Names = map[string]string{"left": "KZ1"}
	m.examined(t)["drives: names"].is(t, problem, "left", "drives.names")
}

// A drive that the station has is not asked: the bay's word is its answer.
func TestDoctorBesideAStation(t *testing.T) {
	bays := func(m *madeUp, bays ...station.BayStatus) {
		m.running = running{version: web.Version{Program: "ripstation 1", PID: 700}, status: station.Status{Bays: bays}}
		m.process(700, "ripstation", "/dev/sr0")
		m.owners["/dev/sr0"] = 700
		m.host.taken = func(string) (bool, error) { return true, nil }
		if err := os.MkdirAll(m.config.Station.Spool, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(m.config.Station.Spool, "lock"), []byte("700\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bay := func(node, serial string, w station.Word, text, hint string) station.BayStatus {
		return station.BayStatus{Drive: disc.Drive{Node: node, Key: serial, Serial: serial}, Word: w, Text: text, Hint: hint}
	}
	m := goodMachine(t)
	m.config.Drives.Names = map[string]string{"left": "KZ1"}
	bays(m, bay("/dev/sr0", "KZ1", station.WordReading, "pass 1", ""), bay("/dev/sr1", "KZ2", station.WordDriveFault, "a call hangs", "power-cycle it"))
	got := m.examined(t)
	got["station: running"].is(t, fine, "process 700")
	got["spool: owner"].is(t, fine, "the running station, ripstation (process 700)")
	got["drive /dev/sr0 (left): answer"].is(t, fine, "READING, pass 1")
	got["drive /dev/sr0 (left): other programs"].is(t, fine)
	got["drive /dev/sr1: answer"].is(t, problem, "DRIVE FAULT, a call hangs", "power-cycle it")
	if len(m.asked) != 0 {
		t.Errorf("%q were asked", m.asked)
	}
	// One on hold; one that the station does not know; one that is somebody else's.
	on := bay("/dev/sr0", "KZ1", station.WordEjected, "", "")
	on.OnHold = "three discs failed"
	bays(m, on)
	m.running.status.GivenUp = 2
	got = m.examined(t)
	got["drive /dev/sr0 (left): answer"].is(t, problem, "three discs failed", "drives release /dev/sr0")
	got["drive /dev/sr1: answer"].is(t, problem, "does not know it")
	got["station: drive calls"].is(t, problem, "2 never came back")
	m.process(800, "ripstation")
	m.owners["/dev/sr1"] = 800
	m.asked = nil
	got = m.examined(t)
	got["station: other stations"].is(t, problem, "ripstation (process 800)")
	got["drive /dev/sr1: owner"].is(t, problem, "ripstation (process 800)")
	got["drive /dev/sr1: answer"].is(t, unseen, "not asked")
	if len(m.asked) != 0 {
		t.Errorf("%q were asked", m.asked)
	}
	// Another process than the station has its spool.
	if err := os.WriteFile(filepath.Join(m.config.Station.Spool, "lock"), []byte("500\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.examined(t)["spool: owner"].is(t, problem, "bash (process 500)")
	m.host.taken = func(string) (bool, error) { return false, nil }
	m.examined(t)["spool: owner"].is(t, problem, "another configuration")
	// What the configuration leaves to others is left alone.
	m.config.Drives.Exclude = []string{"sr1"}
	m.process(88, "vlc", "/dev/sr1")
	got = m.examined(t)
	got["drive /dev/sr1: use"].is(t, fine, "drives.exclude")
	if _, told := got["drive /dev/sr1: other programs"]; told {
		t.Error("a drive that is left to others is looked at")
	}
}

// A clock that is behind the newest record is wrong.
func TestDoctorOfAClockThatIsBehind(t *testing.T) {
	s := startSim(t, "sim0")
	s.load(t, "sim0", simdrive.PressedCD(iso(t, "LATE", 1200, 6), 1200))
	if a := s.run(t, "rip", "sim0"); a.code != exitDone {
		t.Fatalf("%+v", a)
	}
	var list []catalog.Summary
	decode(t, s.run(t, "list", "--json").out, &list)
	m := goodMachine(t)
	cfg, err := loadConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	m.config, m.host.built = cfg, time.Time{}
	m.host.now = func() time.Time { return list[0].At.Add(-time.Hour) }
	m.examined(t)["clock: date"].is(t, problem, "newest record is of "+list[0].At.UTC().Format(minuteFormat))
	m.host.now = func() time.Time { return list[0].At.Add(time.Second) }
	m.examined(t)["clock: date"].is(t, fine)
	if m.running = askStation(t.Context(), cfg.Station.Socket); m.running.pid() != os.Getpid() || len(m.running.status.Bays) != 1 {
		t.Errorf("%+v", m.running)
	}
}
