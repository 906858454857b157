package catalog

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// SQLite's locks and its shared memory do not hold between machines, so a
// catalog on a network file system is damaged sooner or later. The numbers are
// f_type of statfs(2).
var networkFileSystems = map[int64]string{
	0x6969:     "NFS",
	0x517B:     "SMB",
	0xFF534D42: "CIFS",
	0xFE534D42: "SMB2",
	0x01021997: "9p",
	0x00C36400: "Ceph",
	0x5346414F: "AFS",
	0x6B414653: "AFS",
	0x73757245: "Coda",
	0x0BD00BD0: "Lustre",
	0x47504653: "GPFS",
	0x786F4256: "a VirtualBox shared folder",
}

const fuseMagic = 0x65735546

// Types of FUSE mounts, as mountinfo names them, that keep their bytes on
// this machine.
var localFUSE = map[string]bool{"fuseblk": true, "fuse.fuse-overlayfs": true, "fuse.ntfs-3g": true, "fuse.gocryptfs": true}

// checkFileSystem refuses a folder whose file system cannot hold a catalog.
func checkFileSystem(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	fuseType := ""
	if int64(uint32(st.Type)) == fuseMagic {
		var s unix.Stat_t
		if err := unix.Stat(dir, &s); err != nil {
			return fmt.Errorf("look at %s: %w", dir, err)
		}
		f, err := os.Open("/proc/self/mountinfo")
		if err != nil {
			return fmt.Errorf("find out how %s is mounted: %w", dir, err)
		}
		defer f.Close()
		fuseType = mountType(f, unix.Major(s.Dev), unix.Minor(s.Dev))
	}
	return judgeFileSystem(dir, int64(uint32(st.Type)), fuseType)
}

func judgeFileSystem(dir string, magic int64, fuseType string) error {
	name, network := networkFileSystems[magic]
	if magic == fuseMagic && !localFUSE[fuseType] {
		name, network = "FUSE ("+fuseType+")", true
	}
	if !network {
		return nil
	}
	return fmt.Errorf("the folder %s lies on %s: a database on a network file system gets damaged; keep the catalog on a disk of this machine", dir, name)
}

// mountType finds the type of the mount of one device in mountinfo
// (proc_pid_mountinfo(5)); empty if it is not there.
func mountType(mountinfo io.Reader, major, minor uint32) string {
	dev := fmt.Sprintf("%d:%d", major, minor)
	sc := bufio.NewScanner(mountinfo)
	for sc.Scan() {
		before, after, ok := strings.Cut(sc.Text(), " - ")
		fields := strings.Fields(before)
		if ok && len(fields) > 2 && fields[2] == dev {
			typ, _, _ := strings.Cut(after, " ")
			return typ
		}
	}
	return ""
}
