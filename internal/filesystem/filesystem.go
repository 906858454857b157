// Package filesystem tells what a folder lies on, as far as that decides
// whether an archive may trust it.
package filesystem

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Kind is what a file system means for files that shall last.
type Kind string

const (
	Local    Kind = "local"
	Network  Kind = "network"   // another machine's; locks and syncs are its word
	FAT      Kind = "FAT"       // no journal, no links, most end at 4 GiB a file
	Memory   Kind = "memory"    // gone after a restart
	ReadOnly Kind = "read-only" // by its nature
	Unknown  Kind = "unknown"   // nobody here knows it, or it stands for another (FUSE)
)

// Info is what the kernel says of the file system that a path lies on.
type Info struct {
	Name     string // "ext4"; its magic number when it is not known
	Kind     Kind
	Free     int64 // bytes that this user may still use
	Total    int64
	ReadOnly bool // mounted so
}

// known are the magic numbers of statfs(2).
var known = map[uint32]struct {
	name string
	kind Kind
}{
	unix.EXT4_SUPER_MAGIC: {"ext4", Local}, unix.XFS_SUPER_MAGIC: {"xfs", Local}, unix.BTRFS_SUPER_MAGIC: {"btrfs", Local},
	unix.F2FS_SUPER_MAGIC: {"f2fs", Local}, 0x2FC12FC1: {"zfs", Local}, 0xCA451A4E: {"bcachefs", Local}, 0x3153464A: {"jfs", Local},
	unix.NILFS_SUPER_MAGIC: {"nilfs2", Local}, unix.REISERFS_SUPER_MAGIC: {"reiserfs", Local}, unix.OVERLAYFS_SUPER_MAGIC: {"overlay", Local},
	0x7366746E: {"ntfs3", Local}, 0x5346544E: {"ntfs", Local}, 0x482B: {"hfsplus", Local}, unix.ECRYPTFS_SUPER_MAGIC: {"ecryptfs", Local},
	unix.MSDOS_SUPER_MAGIC: {"vfat", FAT}, 0x2011BAB0: {"exfat", FAT},
	unix.TMPFS_MAGIC: {"tmpfs", Memory}, unix.RAMFS_MAGIC: {"ramfs", Memory},
	unix.NFS_SUPER_MAGIC: {"nfs", Network}, unix.SMB_SUPER_MAGIC: {"smb", Network}, 0xFF534D42: {"cifs", Network}, 0xFE534D42: {"smb2", Network},
	0x00C36400: {"ceph", Network}, unix.V9FS_MAGIC: {"9p", Network}, unix.AFS_SUPER_MAGIC: {"afs", Network}, 0x6B414653: {"afs", Network},
	unix.CODA_SUPER_MAGIC: {"coda", Network}, 0x7461636F: {"ocfs2", Network}, 0x01161970: {"gfs2", Network},
	unix.ISOFS_SUPER_MAGIC: {"iso9660", ReadOnly}, unix.SQUASHFS_MAGIC: {"squashfs", ReadOnly}, unix.CRAMFS_MAGIC: {"cramfs", ReadOnly},
	unix.FUSE_SUPER_MAGIC: {"fuse", Unknown},
}

// Of asks the kernel about the file system of an existing path.
func Of(path string) (Info, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Info{}, fmt.Errorf("ask for the file system of %s: %w", path, err)
	}
	i := Info{Free: int64(st.Bavail) * st.Bsize, Total: int64(st.Blocks) * st.Bsize, ReadOnly: st.Flags&unix.ST_RDONLY != 0}
	magic := uint32(st.Type)
	if k, ok := known[magic]; ok {
		i.Name, i.Kind = k.name, k.kind
		return i, nil
	}
	i.Name, i.Kind = fmt.Sprintf("file system %#x", magic), Unknown
	return i, nil
}
