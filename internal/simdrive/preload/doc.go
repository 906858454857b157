// Package preload is the simulated drive's third face: unmodified programs
// (GNU ddrescue, dd, eject) read it in real time as if it were the node of an
// optical drive. A small C library, loaded into them with LD_PRELOAD, sends
// what they ask of one path through a Unix socket to a [Server], which does
// what the kernel would.
//
// What of the kernel is modelled: size by READ CAPACITY; commands of at most
// 1 MiB; for buffered reads pages of 4 KiB and read-ahead (a window of 128 KiB,
// or of one read's size up to 1 MiB, and the next one under way as soon as the
// reader comes to it); after a failed window the one page again, as the kernel
// does; EIO for a buffered read, ENODATA or EREMOTEIO for O_DIRECT, which must
// be of whole sectors and fails whole; the lock on the tray while a program has
// the node open; CDROMEJECT. What is not: a page cache shared by several opens,
// the tray that a blocking open pulls in, the interrupts and queues of a bus. A
// blocking open waits while the medium spins up. The path is compared as it is
// written: no links, no relative names. Programs without the C library, mmap
// and sendfile do not see the drive, and sysfs does not know it: eject has to be told
// not to look there (eject -F).
package preload
