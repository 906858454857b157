package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/internal/accounts"
	"ripstation/internal/drivelock"
	"ripstation/internal/procfs"
	"ripstation/internal/systemclock"
	"ripstation/internal/systemconf"
	"ripstation/systemd"
)

// host is the machine that doctor looks at. What is no file below its root is
// a function, so that a test can make up a machine of any kind.
type host struct {
	files  fs.FS
	uid    int
	sudo   string                  // who became root for this run, empty when nobody did
	groups []int                   // of this process
	may    func(node string) bool  // whether this process may read and write it, however that came
	owner  func(node string) int   // the process that has the drive's lock; 0 when nobody has
	ask    func(node string) reply // asks the drive itself; comes back in time whatever the drive does
	synced func() (bool, error)    // whether a time server sets the clock
	now    func() time.Time
	built  time.Time                       // when the program's source was committed; zero when that is not known
	taken  func(lock string) (bool, error) // whether somebody has this lock file locked
}

// thisHost is the machine that the program runs on.
func thisHost() *host {
	groups, err := os.Getgroups()
	if err != nil {
		groups = nil
	}
	return &host{
		files: os.DirFS("/"), uid: os.Geteuid(), sudo: os.Getenv("SUDO_USER"), groups: append(groups, os.Getegid()),
		may: func(node string) bool {
			return unix.Faccessat(unix.AT_FDCWD, node, unix.R_OK|unix.W_OK, unix.AT_EACCESS) == nil
		},
		owner: drivelock.Owner, ask: askApart, synced: systemclock.Synchronised, now: time.Now, built: builtAt(), taken: lockTaken,
	}
}

// builtAt is the time of the commit that the program was made of.
func builtAt() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// node is the device node of an optical drive.
type node struct {
	path     string // "/dev/sr0"
	name     string // "sr0"
	device   string // "11:0"
	mode     fs.FileMode
	uid, gid int
	sg       string // the generic node of the same drive, empty when there is none
}

// nodes are those of the drives, by name; without are drives that the kernel
// has and that have no node.
func (h *host) nodes() (all []node, without []string, err error) {
	paths, err := fs.Glob(h.files, "dev/sr[0-9]*")
	if err != nil {
		return nil, nil, err
	}
	for _, p := range paths {
		st, err := fs.Stat(h.files, p)
		if err != nil {
			continue
		}
		sys, ok := st.Sys().(*syscall.Stat_t)
		if !ok || st.Mode().Type() != fs.ModeDevice || unix.Major(sys.Rdev) != majorCDROM {
			continue
		}
		n := node{path: "/" + p, name: path.Base(p), device: fmt.Sprintf("%d:%d", unix.Major(sys.Rdev), unix.Minor(sys.Rdev)), mode: st.Mode().Perm(), uid: int(sys.Uid), gid: int(sys.Gid)}
		if sg, err := fs.Glob(h.files, "sys/class/block/"+n.name+"/device/scsi_generic/sg[0-9]*"); err == nil && len(sg) > 0 {
			n.sg = "/dev/" + path.Base(sg[0])
		}
		all = append(all, n)
	}
	known, err := fs.Glob(h.files, "sys/class/block/sr[0-9]*")
	for _, k := range known {
		if !slices.ContainsFunc(all, func(n node) bool { return n.name == path.Base(k) }) {
			without = append(without, path.Base(k))
		}
	}
	return all, without, err
}

// isOpticalNode reports whether a path leads to an optical drive, by itself or
// by a link.
func (h *host) isOpticalNode(p string) bool {
	name := strings.TrimPrefix(path.Clean(p), "/")
	st, err := fs.Stat(h.files, name)
	if err != nil {
		return slices.ContainsFunc([]string{"dev/sr", "dev/scd", "dev/cdrom", "dev/dvd", "dev/cdrw"}, func(begin string) bool { return strings.HasPrefix(name, begin) })
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && st.Mode().Type() == fs.ModeDevice && unix.Major(sys.Rdev) == majorCDROM
}

// person is who works with the drives: the user of the station's service, or
// whoever runs this.
type person struct {
	name    string
	uid     int
	groups  []int
	service string // the unit that names this user
	other   bool   // it is the person behind sudo, not this process
}

// user is whose rights are looked at. root looks for the service, and so does
// whoever uses the service's configuration; without one it is who runs this, or
// had root run it.
func (h *host) user(a accounts.Accounts, config string) (person, error) {
	self := person{name: a.UserName(h.uid), uid: h.uid, groups: h.groups}
	if h.uid != 0 && config != systemConfig {
		return self, nil
	}
	units, err := systemconf.Units(h.files, systemd.UnitName)
	if err != nil {
		return self, err
	}
	if len(units) == 0 {
		if u, ok := a.User(h.sudo); ok && h.uid == 0 {
			return person{name: u.Name, uid: u.UID, groups: a.GroupsOf(u), other: true}, nil
		}
		return self, nil
	}
	u := units[0]
	name := u.Last("Service", "User")
	if name == "" {
		return person{name: "root", service: u.Name}, nil
	}
	p := person{name: name, uid: -1, service: u.Name}
	known, ok := a.User(name)
	if !ok {
		return p, fmt.Errorf("%s names the user %s, who is not in /etc/passwd", u.At, name)
	}
	p.uid, p.groups = known.UID, a.GroupsOf(known)
	for _, g := range append(u.Words("Service", "SupplementaryGroups"), u.Words("Service", "Group")...) {
		if gid, ok := a.Group(g); ok {
			p.groups = append(p.groups, gid)
		}
	}
	return p, nil
}

// called names processes for a person to find them: "vlc (process 88)".
func called(all []procfs.Process) string {
	var s []string
	for _, p := range all {
		if len(s) == 5 {
			s = append(s, fmt.Sprintf("and %d more", len(all)-5))
			break
		}
		s = append(s, fmt.Sprintf("%s (process %d)", p.Name, p.PID))
	}
	return strings.Join(s, ", ")
}

// lookWithin is how long one look at the machine's own files may take.
const lookWithin = 20 * time.Second

// within runs a look that nothing but a broken kernel can hold up, and leaves
// it alone when it takes too long. It reports whether it came back.
func within(ctx context.Context, d time.Duration, look func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		look()
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	case <-ctx.Done():
		return false
	}
}
