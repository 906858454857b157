package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ripstation/internal/smallfile"
	"ripstation/internal/systemconf"
	"ripstation/systemd"
)

// udev tells whether udev runs, and whether the project's rule is where it
// reads it.
func (b *bench) udev() {
	if _, err := fs.Stat(b.files, "run/udev/control"); errors.Is(err, fs.ErrNotExist) {
		b.line("drives", "udev", problem, "it does not run here: discs are noticed seconds later, by asking the drives, and nobody sets who may use them", "run the station where systemd-udevd runs; a container needs the host's /run/udev and its network namespace")
	} else if err != nil {
		b.line("drives", "udev", unseen, err.Error(), "")
	} else {
		b.line("drives", "udev", fine, "it runs", "")
	}
	text, at, err := systemconf.Rule(b.files, systemd.RulesName)
	switch {
	case errors.Is(err, fs.ErrNotExist) && at == "":
		b.line("drives", "udev rule", problem, systemd.RulesName+" is not installed: desktops may mount a fresh disc, and the nodes may not be open to the group cdrom", installRule)
	case errors.Is(err, fs.ErrPermission):
		b.line("drives", "udev rule", unseen, err.Error(), "make it readable: udev's rules are no secret")
	case err != nil:
		b.line("drives", "udev rule", problem, at+" hides it: "+err.Error(), "remove that file, then "+installRule)
	case !slices.Equal(systemconf.Lines(text), systemconf.Lines(systemd.Rules)):
		b.line("drives", "udev rule", problem, at+" is not the one of this version", installRule+"; what you have added to it goes into a file of your own, 91-local.rules for one, which is read behind it")
	default:
		b.rule = true
		b.line("drives", "udev rule", fine, at, "")
	}
}

// ignoredByUdisks reports whether udev's database has the rule's word on a
// drive (run/udev/data/b11:0, a line E:KEY=VALUE each).
func (b *bench) ignoredByUdisks(n node) (bool, error) {
	data, err := smallfile.Read(b.files, "run/udev/data/b"+n.device)
	if err != nil {
		return false, err
	}
	return slices.Contains(strings.Split(string(data), "\n"), "E:UDISKS_IGNORE=1"), nil
}

// applied tells whether udev has gone by the rule for this drive: one that is
// installed works from the drive's next event on.
func (b *bench) applied(about string, n node) {
	switch yes, err := b.ignoredByUdisks(n); {
	case errors.Is(err, fs.ErrNotExist):
		b.line(about, "udev rule", unseen, "udev has nothing on this drive", byRule(n))
	case err != nil:
		b.line(about, "udev rule", unseen, err.Error(), "")
	case yes:
		b.line(about, "udev rule", fine, "udev tells desktops to leave the drive alone", "")
	case b.rule:
		b.line(about, "udev rule", problem, "the rule is installed, and udev has not gone by it for this drive yet", byRule(n))
	default:
		b.line(about, "udev rule", problem, "nothing tells desktops to leave the drive alone", byRule(n))
	}
}

// settings tells of the settings of the kernel's cdrom driver.
func (b *bench) settings() {
	const install = "`sudo install -m644 systemd/ripstation.sysctl.conf /etc/sysctl.d/60-ripstation.conf && sudo sysctl dev.cdrom.autoclose=0`"
	value := func(name string) (string, error) {
		v, err := smallfile.Read(b.files, "proc/sys/dev/cdrom/"+name)
		return strings.TrimSpace(string(v)), err
	}
	now, err := value("autoclose")
	if errors.Is(err, fs.ErrNotExist) && len(b.nodes) == 0 {
		return // there is no driver, as was told
	}
	if err != nil {
		b.line("drives", "autoclose", unseen, err.Error(), "look at it with `sysctl dev.cdrom.autoclose`: it must be 0")
		return
	}
	then, at, err := systemconf.Sysctl(b.files, "dev.cdrom.autoclose")
	switch {
	case now != "0":
		b.line("drives", "autoclose", problem, fmt.Sprintf("it is %s: any program that opens the drive pulls an open tray in again, and the disc that was just done is read once more", now), install)
	case err != nil:
		b.line("drives", "autoclose", unseen, "off now; whether it stays so is not known: "+err.Error(), "see whether a file in /etc/sysctl.d sets dev.cdrom.autoclose to 0")
	case then == "":
		b.line("drives", "autoclose", problem, "off now, and on again after the next start of the machine: no file sets it", install)
	case then != "0":
		b.line("drives", "autoclose", problem, fmt.Sprintf("off now, and on again after the next start of the machine: %s sets it to %s", at, then), "take that line out of "+at+", then "+install)
	default:
		b.line("drives", "autoclose", fine, "off, now and after a start of the machine ("+at+")", "")
	}
	switch eject, err := value("autoeject"); {
	case err != nil:
		b.line("drives", "autoeject", unseen, err.Error(), "look at it with `sysctl dev.cdrom.autoeject`: it must be 0")
	case eject != "0":
		b.line("drives", "autoeject", problem, fmt.Sprintf("it is %s: the tray opens whenever the last program closes the drive, whatever the station is about to do", eject),
			"`sudo sysctl dev.cdrom.autoeject=0`, and take out what sets it (`grep -r autoeject /etc/sysctl.d /usr/lib/sysctl.d`)")
	default:
		b.line("drives", "autoeject", fine, "off", "")
	}
	switch lock, err := value("lock"); {
	case err != nil:
		b.line("drives", "lock", unseen, err.Error(), "")
	case lock == "0":
		b.line("drives", "lock", fine, "off: the button opens the tray also while another program has the drive", "")
	default:
		b.line("drives", "lock", fine, "on, as usual; the station unlocks a tray before it opens it", "")
	}
}
