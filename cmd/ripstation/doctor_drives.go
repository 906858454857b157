package main

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ripstation/disc"
	"ripstation/internal/accounts"
	"ripstation/internal/procfs"
	"ripstation/internal/smallfile"
	"ripstation/station"
)

var _ = examine(30, examineDrives)

// installRule is what brings the project's udev rule to where it works.
const installRule = "`sudo install -m644 systemd/90-ripstation.rules /etc/udev/rules.d/ && sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=block --sysname-match='sr*'`"

// bench is what one examination of the drives has gathered.
type bench struct {
	*examiner
	*host
	nodes     []node
	processes []procfs.Process // nil when /proc does not show them
	holders   map[string][]procfs.Process
	hidden    int  // processes that do not show what they have open
	rule      bool // the udev rule is installed as it should be
	ignored   map[string]bool
	user      person
	userErr   error
	accounts  accounts.Accounts
	owners    map[string]int // by node: the process that has the drive's lock, before any drive is asked
}

func examineDrives(ctx context.Context, e *examiner) {
	if e.only != "" {
		return
	}
	b := &bench{examiner: e, host: e.host, ignored: map[string]bool{}, owners: map[string]int{}}
	b.connected()
	b.udev()
	for _, n := range b.nodes {
		b.ignored[n.path], _ = b.ignoredByUdisks(n) // of what cannot be read its own line tells
		b.owners[n.path] = b.owner(n.path)
	}
	b.settings()
	if !b.look(ctx) {
		return
	}
	b.automount()
	if len(b.nodes) == 0 {
		b.names(nil)
		return
	}
	var err error
	if b.accounts, err = accounts.Read(b.files); err == nil {
		b.user, err = b.host.user(b.accounts, e.cfg.path)
	}
	b.userErr = err
	replies := b.ask(ctx)
	if ctx.Err() != nil {
		return
	}
	drives := make([]disc.Drive, len(b.nodes))
	for i, r := range replies {
		drives[i] = r.Bay.Drive
	}
	called, _ := station.DriveNames(e.cfg.Drives.Names, drives)
	b.names(drives)
	for i, n := range b.nodes {
		about := "drive " + n.path
		if name := called[station.DriveID(drives[i])]; name != "" {
			about += " (" + name + ")"
		}
		drives[i].Node = n.path
		if !e.cfg.Drives.wants(drives[i]) {
			b.line(about, "use", fine, "drives.include and drives.exclude leave it to others", "")
			continue
		}
		b.node(about, n)
		b.rights(about, n)
		b.applied(about, n)
		b.counted(about, n)
		b.mounted(about, n, replies[i])
		b.others(about, n)
		b.answer(about, n, replies[i])
	}
}

// connected tells which drives there are.
func (b *bench) connected() {
	all, without, err := b.host.nodes()
	if err != nil {
		b.line("drives", "connected", unseen, err.Error(), "")
		return
	}
	b.nodes = all
	if len(all) > 0 {
		paths := make([]string, len(all))
		for i, n := range all {
			paths[i] = n.path
		}
		b.line("drives", "connected", fine, strings.Join(paths, ", "), "")
	}
	if len(without) > 0 {
		b.line("drives", "device nodes", problem, fmt.Sprintf("the kernel has %s, and there is no node below /dev", strings.Join(without, ", ")),
			"let udev make it (`sudo udevadm trigger --subsystem-match=block`), or hand the node into this container")
	}
	if len(all)+len(without) > 0 {
		return
	}
	driver, err := procfs.BlockDriver(b.files, majorCDROM)
	switch {
	case err != nil:
		b.line("drives", "connected", unseen, "none is seen, and the kernel does not say which drivers it has: "+err.Error(), "run this on the machine that the drives are connected to")
	case b.unattended() > 0:
		b.line("drives", "connected", problem, "the kernel sees an optical drive and has no driver for it: sr_mod is not loaded", "`sudo modprobe sr_mod`; if there is no such module, install the kernel's full package (a cloud kernel may lack it)")
	case !driver:
		b.line("drives", "connected", unseen, "the kernel sees none, and its driver for them (sr_mod) is not loaded", "connect a drive, look at its power and cable; `sudo modprobe sr_mod`; then see what `sudo dmesg` says of it")
	default:
		b.line("drives", "connected", unseen, "the kernel sees none", "connect a drive, look at its power and cable, then at what `sudo dmesg` says of it")
	}
}

// unattended is how many SCSI devices of type 5, which is an optical drive's,
// the kernel knows.
func (b *bench) unattended() int {
	types, err := fs.Glob(b.files, "sys/bus/scsi/devices/*/type")
	if err != nil {
		return 0
	}
	n := 0
	for _, t := range types {
		if kind, err := smallfile.Read(b.files, t); err == nil && strings.TrimSpace(string(kind)) == "5" {
			n++
		}
	}
	return n
}

// look reads which processes there are and what they have open.
func (b *bench) look(ctx context.Context) bool {
	var paths []string
	for _, n := range b.nodes {
		paths = append(paths, n.path)
		if n.sg != "" {
			paths = append(paths, n.sg)
		}
	}
	var all []procfs.Process
	var open map[string][]procfs.Process
	var hidden int
	var err error
	if within(ctx, lookWithin, func() {
		if all, err = procfs.Processes(b.files); err == nil {
			open, hidden = procfs.Holders(b.files, all, paths)
		}
	}) && err == nil {
		b.processes, b.holders, b.hidden = all, open, hidden
	}
	return ctx.Err() == nil
}

// named are the processes of these names.
func (b *bench) named(names ...string) []procfs.Process {
	return slices.DeleteFunc(slices.Clone(b.processes), func(p procfs.Process) bool { return !slices.Contains(names, p.Name) })
}

// names tells whether the names that people gave fit the drives.
func (b *bench) names(drives []disc.Drive) {
	if len(b.cfg.Drives.Names) == 0 {
		return
	}
	if _, wrong := station.DriveNames(b.cfg.Drives.Names, drives); len(wrong) > 0 {
		b.line("drives", "names", problem, strings.Join(wrong, "; "), "connect the drive, or mend drives.names; `ripstation drives` shows keys and nodes")
		return
	}
	b.line("drives", "names", fine, "", "")
}
