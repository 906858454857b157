package blockreader

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// Identify says that it is a file, how long, and that nothing proves it.
func (s *Source) Identify(ctx context.Context) (disc.Disc, error) {
	n, err := s.Capacity(ctx)
	if err != nil {
		return disc.Disc{}, err
	}
	source := "file size"
	if s.block {
		source = "device size"
	}
	return disc.Disc{
		Medium: disc.MediumFile, Kind: disc.KindImageFile, ProfileStr: s.kindWord(),
		// Files are written one by one, as recordables are: two that agree in
		// some sectors need not be the same, and are never taken for it.
		Recordable: true,
		Sectors:    n, SizeUnproven: true, Sizes: []disc.SizeClaim{{Source: source, Sectors: n}},
	}, nil
}

// Insertion stands for this file with this content: device, inode, size and
// time of the last change, as far as the kernel keeps them. The same file is
// the same insertion across restarts until somebody writes to it. A device's
// is the kernel's own number of media changes, and the boot.
func (s *Source) Insertion(ctx context.Context) (disc.Insertion, error) {
	info, err := s.Info(ctx)
	if err != nil {
		return disc.Insertion{}, err
	}
	st, err := s.stat()
	if err != nil {
		return disc.Insertion{}, err
	}
	size, err := s.size()
	if err != nil {
		return disc.Insertion{}, err
	}
	ins := disc.Insertion{DriveKey: info.Key}
	h := fnv.New64a()
	if s.block {
		ins.BootID = firstLine("/proc/sys/kernel/random/boot_id")
		fmt.Fprintf(h, "%d:%d %s %d", unix.Major(s.rdev), unix.Minor(s.rdev),
			firstLine(fmt.Sprintf("/sys/dev/block/%d:%d/diskseq", unix.Major(s.rdev), unix.Minor(s.rdev))), size)
	} else {
		ins.BootID = "file"
		fmt.Fprintf(h, "%d %d %d %d.%d", st.Dev, st.Ino, size, st.Mtim.Sec, st.Mtim.Nsec)
	}
	ins.DiskSeq = h.Sum64() >> 1 // fits a signed 64-bit column
	return ins, nil
}

// firstLine is what a kernel file says, empty when there is none.
func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}
