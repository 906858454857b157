package main

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"ripstation/internal/smallfile"
)

// node tells whether the drive's node is open to its group and to nobody else.
func (b *bench) node(about string, n node) {
	text := fmt.Sprintf("mode %04o, %s:%s", n.mode, b.accounts.UserName(n.uid), b.accounts.GroupName(n.gid))
	switch {
	case n.mode&0o006 != 0:
		b.line(about, "node", problem, text+": every user of this machine may use the drive", byRule(n))
	case n.mode&0o060 != 0o060:
		b.line(about, "node", problem, text+": its group may not read and write it, so only root can use the drive", byRule(n))
	case n.gid == 0:
		b.line(about, "node", problem, text+": it belongs to root's group; no station should run with that", byRule(n))
	default:
		b.line(about, "node", fine, text, "")
	}
}

// counted tells whether the kernel counts the media changes of a drive: by that
// count one disc is told from the next that is put in quickly after it.
func (b *bench) counted(about string, n node) {
	text, err := smallfile.Read(b.files, path.Join("sys/class/block", path.Base(n.path), "diskseq"))
	if count, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err != nil || bad != nil || count == 0 {
		b.line(about, "media changes", problem, "this kernel does not count them: two discs that are exchanged in a moment can be taken for one", "use Linux 5.15 or newer")
		return
	}
	b.line(about, "media changes", fine, "the kernel counts them", "")
}

// byRule is what makes udev set a node as the project's rule says.
func byRule(n node) string {
	return fmt.Sprintf("with the udev rule installed (the line `udev rule` of the drives): `sudo udevadm control --reload && sudo udevadm trigger %s`; if it stays so, take out the rule in /etc/udev/rules.d that sets it otherwise", n.path)
}

// rights tells whether the one who works with the drive may. Commands that
// unlock and open a tray need the node to be open for writing.
func (b *bench) rights(about string, n node) {
	who, group := b.user, b.accounts.GroupName(n.gid)
	if b.userErr != nil {
		b.line(about, "user", unseen, b.userErr.Error(), "see with `id` whether the station's user is in the group "+group)
		return
	}
	name := who.name
	if who.service != "" {
		name += ", who " + who.service + " runs as,"
	}
	byGroup := n.mode&0o060 == 0o060 && slices.Contains(who.groups, n.gid)
	switch {
	case who.uid == 0 && who.service != "":
		b.line(about, "user", problem, who.service+" runs as root, who may do more than a station needs", "install the unit of systemd/, which names a user of its own")
	case who.uid == 0:
		b.line(about, "user", unseen, "root may use every drive, and no service names another user", "run this as the user that the station runs as")
	case byGroup:
		b.line(about, "user", fine, fmt.Sprintf("%s may use it, as a member of the group %s", name, group), "")
	case n.uid == who.uid && n.mode&0o600 == 0o600:
		b.line(about, "user", fine, name+" may use it, as its owner", "")
	case who.service == "" && !who.other && b.may(n.path):
		b.line(about, "user", fine, fmt.Sprintf("%s may use it while logged in at this machine; for nights without anybody: `sudo usermod -aG %s %s`, then log in again", name, group, who.name), "")
	case n.mode&0o060 != 0o060 || n.gid == 0:
		b.line(about, "user", problem, name+" may not use it", "first what is said of the node, above; then `sudo usermod -aG cdrom "+who.name+"`")
	case who.service != "":
		b.line(about, "user", problem, fmt.Sprintf("%s may not use it: not a member of the group %s", name, group),
			fmt.Sprintf("`sudo usermod -aG %s %s && sudo systemctl restart %s`", group, who.name, who.service))
	case !who.other && b.listed(n.gid):
		b.line(about, "user", problem, fmt.Sprintf("%s is in the group %s, but not yet in this session", name, group), "log out and in again")
	default:
		b.line(about, "user", problem, fmt.Sprintf("%s may not use it: not a member of the group %s", name, group), fmt.Sprintf("`sudo usermod -aG %s %s`, then log in again", group, who.name))
	}
}

// listed reports whether the group's line names whoever runs this.
func (b *bench) listed(gid int) bool {
	u, ok := b.accounts.User(b.user.name)
	return ok && slices.Contains(b.accounts.GroupsOf(u), gid)
}
