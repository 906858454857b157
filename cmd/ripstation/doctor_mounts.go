package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"ripstation/internal/procfs"
	"ripstation/internal/smallfile"
	"ripstation/internal/systemconf"
)

// Programs that mount a disc when it comes, as they call themselves: those that
// leave it to udisks, which goes by the rule, and those that do not.
var (
	byUdisks     = []string{"udisksd", "gvfs-udisks2-vo", "udiskie", "thunar-volman"}
	byThemselves = []string{"devmon", "usbmount", "halevt", "ivman", "autorun"}
)

// automount tells what on this machine would mount a disc by itself.
func (b *bench) automount() {
	const what = "automount"
	if b.processes == nil {
		b.line("drives", what, unseen, "/proc does not show what runs here", "run this on the station's own machine, outside of a sandbox")
		return
	}
	told := len(b.nodes) > 0 || b.rule
	for _, n := range b.nodes {
		told = told && b.ignored[n.path]
	}
	friends := b.named(byUdisks...)
	var texts, dos []string
	found := func(text, do string) {
		texts = append(texts, text)
		if !slices.Contains(dos, do) {
			dos = append(dos, do)
		}
	}
	if len(friends) > 0 && !told {
		found(called(friends)+" may mount a fresh disc: nothing tells it to leave the drives alone", "install the udev rule, and let udev go by it, as is said of each drive")
	}
	if all := b.named(byThemselves...); len(all) > 0 {
		found(called(all)+" mounts what is put in", "stop it, and take it out of what is started with the machine or the desktop")
	}
	for _, at := range b.tables() {
		found(at, "take that out, or set noauto there; then `sudo systemctl daemon-reload`, or restart autofs")
	}
	switch {
	case len(texts) > 0:
		b.line("drives", what, problem, strings.Join(texts, "; "), strings.Join(dos, "; "))
	case len(friends) > 0:
		b.line("drives", what, fine, called(friends)+" is told to leave the drives alone", "")
	default:
		b.line("drives", what, fine, "nothing that mounts discs by itself is seen", "")
	}
}

// tables are the lines of fstab(5), of systemd's units and of autofs' maps that
// mount a disc without being asked.
func (b *bench) tables() (found []string) {
	if text, err := smallfile.Read(b.files, "etc/fstab"); err == nil {
		for i, line := range strings.Split(string(text), "\n") {
			f := strings.Fields(line)
			if len(f) < 4 || strings.HasPrefix(f[0], "#") || !b.isOpticalNode(f[0]) {
				continue
			}
			options := strings.Split(f[3], ",")
			if !slices.Contains(options, "noauto") || slices.Contains(options, "x-systemd.automount") {
				found = append(found, fmt.Sprintf("line %d of /etc/fstab mounts %s at %s", i+1, f[0], f[1]))
			}
		}
	}
	mounts, _, err := procfs.Mounts(b.files, "self")
	units, uerr := systemconf.Units(b.files, ".mount")
	if err == nil && uerr == nil {
		for _, u := range units {
			where := u.Last("Mount", "Where")
			waits := slices.ContainsFunc(mounts, func(m procfs.Mount) bool { return m.Type == "autofs" && m.Point == where })
			if waits && b.isOpticalNode(u.Last("Mount", "What")) && !strings.HasPrefix(u.At, "/run/systemd/generator") { // those are fstab's
				found = append(found, fmt.Sprintf("%s mounts %s as soon as somebody looks at %s", u.At, u.Last("Mount", "What"), where))
			}
		}
	}
	if len(b.named("automount")) == 0 {
		return found
	}
	maps, err := fs.Glob(b.files, "etc/auto.*")
	if err != nil {
		return found
	}
	for _, m := range maps {
		text, err := smallfile.Read(b.files, m)
		if err != nil {
			continue
		}
		for _, line := range systemconf.Lines(string(text)) {
			for _, word := range strings.Fields(line) {
				if dev, ok := strings.CutPrefix(word, ":"); ok && b.isOpticalNode(dev) {
					found = append(found, fmt.Sprintf("autofs mounts %s by /%s", dev, m))
				}
			}
		}
	}
	return found
}

// mounted tells whether somebody has the drive's disc mounted.
func (b *bench) mounted(about string, n node, r reply) {
	var at []string
	seen, clear := false, true
	for _, pid := range []string{"self", "1"} { // the first process sees what a container does not, and shows it to root
		mounts, whole, err := procfs.Mounts(b.files, pid)
		if err != nil {
			clear = clear && (pid == "1" && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)))
			continue
		}
		seen, clear = true, clear && whole
		for _, m := range mounts {
			if m.Device == n.device || m.Source == n.path && m.Type != "autofs" {
				if text := fmt.Sprintf("at %q (%s)", m.Point, m.Type); !slices.Contains(at, text) {
					at = append(at, text)
				}
			}
		}
	}
	switch {
	case len(at) > 0:
		b.line(about, "mounted", problem, strings.Join(at, ", ")+": two readers send the drive to and fro", "`sudo umount "+n.path+"`, and see that nothing mounts it again (the line automount)")
	case r.Held:
		b.line(about, "mounted", problem, "out of this user's sight something holds the drive for itself alone, as a mount does", "run this as root to see what, and end it")
	case !seen || !clear:
		b.line(about, "mounted", unseen, "the list of mounts cannot be read, or not all of it", "look with `findmnt "+n.path+"`")
	default:
		b.line(about, "mounted", fine, "no", "")
	}
}

// Names of udev's own processes, which look at a disc when it comes.
var udevs = []string{"(udev-worker)", "systemd-udevd", "cdrom_id", "blkid", "udevadm"}

// others tells which programs beside ripstation have the drive open.
func (b *bench) others(about string, n node) {
	const what = "other programs"
	if b.processes == nil {
		b.line(about, what, unseen, "/proc does not show what runs here", "run this on the station's own machine, outside of a sandbox")
		return
	}
	var foreign, udev []procfs.Process
	owner := b.owners[n.path]
	for _, p := range append(slices.Clone(b.holders[n.path]), b.holders[n.sg]...) {
		switch {
		case p.PID == os.Getpid() || p.Name == programName || p.PID == owner || slices.Contains(foreign, p) || slices.Contains(udev, p):
		case slices.Contains(udevs, p.Name):
			udev = append(udev, p)
		default:
			foreign = append(foreign, p)
		}
	}
	switch {
	case len(foreign) > 0:
		b.line(about, what, problem, called(foreign)+" has it open", "end it: two programs at one drive read slowly, and one may open the tray under the other")
	case b.hidden > 0:
		b.line(about, what, unseen, "other users' processes do not show what they have open", "run this as root to see them all")
	case len(udev) > 0:
		b.line(about, what, fine, called(udev)+" looks at the disc, as udev does when one comes", "")
	default:
		b.line(about, what, fine, "none has it open", "")
	}
}

// programName is what a process of this program is called.
const programName = "ripstation"
