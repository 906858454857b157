/*
 * The shim of the preload face. Loaded into an unmodified program with
 * LD_PRELOAD, it answers for one path, SIMDRIVE_NODE, what the kernel would
 * answer for the node of an optical drive, and asks the simulated drive behind
 * the Unix socket SIMDRIVE_SOCKET for it. Everything else goes to the C library.
 *
 * A descriptor it gives out is an O_PATH one of "/": close, dup and F_GETFL on
 * it are the kernel's, and a call that is not interposed fails with EBADF
 * instead of giving something that the drive did not. Each open has a
 * connection of its own, which its duplicates share; a child after fork may
 * not use it beside its parent.
 *
 * The words on the socket are in wire.go.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/cdrom.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MOST (16 << 20) /* bytes of one read; more is a short read */
#define DESCRIPTORS 1024

enum { OP_OPEN = 1, OP_READ, OP_SIZE, OP_EJECT, OP_CLOSE_TRAY, OP_STATUS, OP_LOCK };

struct request { uint32_t op, flags; uint64_t offset, length; };
struct reply { int64_t result; };

struct drive {
	int socket, flags, users;
	off_t at;
	pthread_mutex_t turn;
};

static struct drive *drives[DESCRIPTORS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) \
	static type (*real)(__VA_ARGS__); \
	if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int really_close(int fd) { REAL(int, "close", int); return real(fd); }
static ssize_t really_read(int fd, void *p, size_t n) { REAL(ssize_t, "read", int, void *, size_t); return real(fd, p, n); }

static int mine(const char *path) {
	const char *node = getenv("SIMDRIVE_NODE");
	return node && path && strcmp(node, path) == 0;
}

static struct drive *of(int fd) { return fd >= 0 && fd < DESCRIPTORS ? drives[fd] : NULL; }

static int all(int s, void *buf, size_t n, int out) {
	for (char *p = buf; n > 0;) {
		ssize_t k = out ? send(s, p, n, MSG_NOSIGNAL) : really_read(s, p, n);
		if (k < 0 && errno == EINTR) continue;
		if (k <= 0) return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* ask gives the drive's answer, or -1 with errno. Bytes that come with it go
 * to into. No answer is what the kernel has of a drive that is gone: ENXIO. */
static int64_t ask(struct drive *d, uint32_t op, uint32_t flags, uint64_t offset, uint64_t length, void *into) {
	struct request q = { op, flags, offset, length };
	struct reply a = { -ENXIO };
	pthread_mutex_lock(&d->turn);
	if (all(d->socket, &q, sizeof q, 1) || all(d->socket, &a, sizeof a, 0)) a.result = -ENXIO;
	if (into && a.result > 0 && ((uint64_t)a.result > length || all(d->socket, into, (size_t)a.result, 0))) a.result = -ENXIO;
	pthread_mutex_unlock(&d->turn);
	if (a.result < 0) {
		errno = (int)-a.result;
		return -1;
	}
	return a.result;
}

static int give(struct drive *d, int fd) {
	if (fd < 0) return fd;
	if (fd >= DESCRIPTORS) {
		really_close(fd);
		errno = EMFILE;
		return -1;
	}
	pthread_mutex_lock(&table);
	drives[fd] = d;
	d->users++;
	pthread_mutex_unlock(&table);
	return fd;
}

static void take(int fd) {
	pthread_mutex_lock(&table);
	struct drive *d = of(fd);
	if (d) {
		drives[fd] = NULL;
		if (--d->users == 0) {
			really_close(d->socket);
			free(d);
		}
	}
	pthread_mutex_unlock(&table);
}

static int low_open(const char *path, int flags, mode_t mode) {
	REAL(int, "open64", const char *, int, ...);
	return real(path, flags, mode);
}

static int drive_open(int flags) {
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *socket_path = getenv("SIMDRIVE_SOCKET");
	if (!socket_path || strlen(socket_path) >= sizeof to.sun_path) {
		errno = ENXIO;
		return -1;
	}
	strcpy(to.sun_path, socket_path);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0) return -1;
	int high = fcntl(s, F_DUPFD_CLOEXEC, DESCRIPTORS / 2); /* out of the way of dup2 */
	if (high >= 0) {
		really_close(s);
		s = high;
	}
	struct drive *d = calloc(1, sizeof *d);
	if (!d || connect(s, (struct sockaddr *)&to, sizeof to)) {
		free(d);
		really_close(s);
		errno = ENXIO;
		return -1;
	}
	d->socket = s;
	d->flags = flags;
	pthread_mutex_init(&d->turn, NULL);
	int fd = -1;
	if (ask(d, OP_OPEN, (uint32_t)flags, 0, 0, NULL) >= 0) fd = give(d, low_open("/", O_PATH | (flags & O_CLOEXEC), 0));
	if (fd < 0) {
		int why = errno;
		really_close(s);
		free(d);
		errno = why;
	}
	return fd;
}

static ssize_t drive_read(struct drive *d, void *buf, size_t n, off_t at) {
	if (n > MOST) n = MOST;
	return ask(d, OP_READ, d->flags & O_DIRECT ? 1 : 0, (uint64_t)at, n, buf);
}

static void describe(struct stat *st) {
	memset(st, 0, sizeof *st);
	st->st_mode = S_IFBLK | 0660;
	st->st_rdev = makedev(11, 0); /* sr0 (Documentation/admin-guide/devices.txt) */
	st->st_ino = 0x5d;
	st->st_nlink = 1;
	st->st_blksize = 4096;
}

/* open */

#define MODE(flags) \
	mode_t mode = 0; \
	if (flags & (O_CREAT | __O_TMPFILE)) { va_list v; va_start(v, flags); mode = va_arg(v, mode_t); va_end(v); }

EXPORT int open(const char *path, int flags, ...) {
	MODE(flags)
	return mine(path) ? drive_open(flags) : low_open(path, flags, mode);
}
EXPORT int open64(const char *path, int flags, ...) {
	MODE(flags)
	return mine(path) ? drive_open(flags) : low_open(path, flags, mode);
}
EXPORT int __open_2(const char *path, int flags) { return mine(path) ? drive_open(flags) : low_open(path, flags, 0); }
EXPORT int __open64_2(const char *path, int flags) { return mine(path) ? drive_open(flags) : low_open(path, flags, 0); }

static int low_openat(int dir, const char *path, int flags, mode_t mode) {
	REAL(int, "openat64", int, const char *, int, ...);
	return mine(path) ? drive_open(flags) : real(dir, path, flags, mode);
}
EXPORT int openat(int dir, const char *path, int flags, ...) {
	MODE(flags)
	return low_openat(dir, path, flags, mode);
}
EXPORT int openat64(int dir, const char *path, int flags, ...) {
	MODE(flags)
	return low_openat(dir, path, flags, mode);
}
EXPORT int __openat_2(int dir, const char *path, int flags) { return low_openat(dir, path, flags, 0); }
EXPORT int __openat64_2(int dir, const char *path, int flags) { return low_openat(dir, path, flags, 0); }

/* close and duplicates */

EXPORT int close(int fd) {
	take(fd);
	return really_close(fd);
}
EXPORT int dup(int fd) {
	REAL(int, "dup", int);
	struct drive *d = of(fd);
	return d ? give(d, real(fd)) : real(fd);
}
EXPORT int dup2(int fd, int to) {
	REAL(int, "dup2", int, int);
	struct drive *d = of(fd);
	if (fd == to) return real(fd, to);
	int got = real(fd, to);
	if (got >= 0) take(to);
	return d ? give(d, got) : got;
}
EXPORT int dup3(int fd, int to, int flags) {
	REAL(int, "dup3", int, int, int);
	struct drive *d = of(fd);
	int got = real(fd, to, flags);
	if (got >= 0) take(to);
	return d ? give(d, got) : got;
}

static int low_fcntl(int fd, int cmd, void *arg) {
	REAL(int, "fcntl64", int, int, ...);
	int got = real(fd, cmd, arg);
	struct drive *d = of(fd);
	if (!d || got < 0) return got;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return give(d, got);
	case F_GETFL:
		return d->flags & ~O_CLOEXEC;
	}
	return got;
}
#define ARG(after) va_list v; va_start(v, after); void *arg = va_arg(v, void *); va_end(v);
EXPORT int fcntl(int fd, int cmd, ...) { ARG(cmd) return low_fcntl(fd, cmd, arg); }
EXPORT int fcntl64(int fd, int cmd, ...) { ARG(cmd) return low_fcntl(fd, cmd, arg); }

/* read and seek */

EXPORT ssize_t read(int fd, void *buf, size_t n) {
	struct drive *d = of(fd);
	if (!d) return really_read(fd, buf, n);
	ssize_t got = drive_read(d, buf, n, d->at);
	if (got > 0) d->at += got;
	return got;
}
EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t room) {
	if (n > room) abort();
	return read(fd, buf, n);
}
EXPORT ssize_t pread(int fd, void *buf, size_t n, off_t at) {
	REAL(ssize_t, "pread64", int, void *, size_t, off_t);
	struct drive *d = of(fd);
	return d ? drive_read(d, buf, n, at) : real(fd, buf, n, at);
}
EXPORT ssize_t pread64(int fd, void *buf, size_t n, off_t at) { return pread(fd, buf, n, at); }
EXPORT ssize_t __pread64_chk(int fd, void *buf, size_t n, off_t at, size_t room) {
	if (n > room) abort();
	return pread(fd, buf, n, at);
}

EXPORT off_t lseek(int fd, off_t at, int whence) {
	REAL(off_t, "lseek64", int, off_t, int);
	struct drive *d = of(fd);
	if (!d) return real(fd, at, whence);
	int64_t from = 0;
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		from = d->at;
		break;
	case SEEK_END:
		if ((from = ask(d, OP_SIZE, 0, 0, 0, NULL)) < 0) return -1;
		break;
	default:
		errno = EINVAL;
		return -1;
	}
	if (from + at < 0) {
		errno = EINVAL;
		return -1;
	}
	return d->at = from + at;
}
EXPORT off_t lseek64(int fd, off_t at, int whence) { return lseek(fd, at, whence); }

/* A drive has nothing to write out, and what it was advised of it forgets. */

EXPORT int fsync(int fd) { REAL(int, "fsync", int); return of(fd) ? 0 : real(fd); }
EXPORT int fdatasync(int fd) { REAL(int, "fdatasync", int); return of(fd) ? 0 : real(fd); }
EXPORT int posix_fadvise(int fd, off_t at, off_t n, int advice) {
	REAL(int, "posix_fadvise64", int, off_t, off_t, int);
	return of(fd) ? 0 : real(fd, at, n, advice);
}
EXPORT int posix_fadvise64(int fd, off_t at, off_t n, int advice) { return posix_fadvise(fd, at, n, advice); }

/* stat */

#define STAT(name) \
	EXPORT int name(const char *path, struct stat *st) { \
		REAL(int, #name, const char *, struct stat *); \
		return mine(path) ? (describe(st), 0) : real(path, st); \
	}
STAT(stat)
STAT(lstat)
EXPORT int fstat(int fd, struct stat *st) {
	REAL(int, "fstat", int, struct stat *);
	return of(fd) ? (describe(st), 0) : real(fd, st);
}
EXPORT int fstatat(int dir, const char *path, struct stat *st, int flags) {
	REAL(int, "fstatat", int, const char *, struct stat *, int);
	if (mine(path) || ((flags & AT_EMPTY_PATH) && !*path && of(dir))) return describe(st), 0;
	return real(dir, path, st, flags);
}
/* struct stat64 is struct stat where long has 64 bits. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64) && sizeof(off_t) == 8, "a system of 64 bits is needed");
EXPORT int stat64(const char *path, struct stat64 *st) { return stat(path, (struct stat *)st); }
EXPORT int lstat64(const char *path, struct stat64 *st) { return lstat(path, (struct stat *)st); }
EXPORT int fstat64(int fd, struct stat64 *st) { return fstat(fd, (struct stat *)st); }
EXPORT int fstatat64(int dir, const char *path, struct stat64 *st, int flags) { return fstatat(dir, path, (struct stat *)st, flags); }

/* ioctl */

EXPORT int ioctl(int fd, unsigned long what, ...) {
	ARG(what)
	REAL(int, "ioctl", int, unsigned long, ...);
	struct drive *d = of(fd);
	if (!d) return real(fd, what, arg);
	int64_t n;
	switch (what) {
	case CDROMEJECT:
		return (int)ask(d, OP_EJECT, 0, 0, 0, NULL);
	case CDROMCLOSETRAY:
		return (int)ask(d, OP_CLOSE_TRAY, 0, 0, 0, NULL);
	case CDROM_DRIVE_STATUS:
		return (int)ask(d, OP_STATUS, 0, 0, 0, NULL);
	case CDROM_LOCKDOOR:
		return (int)ask(d, OP_LOCK, arg != NULL, 0, 0, NULL);
	case CDROM_GET_CAPABILITY:
		return CDC_CLOSE_TRAY | CDC_OPEN_TRAY | CDC_LOCK | CDC_MEDIA_CHANGED | CDC_DRIVE_STATUS | CDC_DVD;
	case BLKGETSIZE64:
		if ((n = ask(d, OP_SIZE, 0, 0, 0, NULL)) < 0) return -1;
		*(uint64_t *)arg = (uint64_t)n;
		return 0;
	case BLKGETSIZE:
		if ((n = ask(d, OP_SIZE, 0, 0, 0, NULL)) < 0) return -1;
		*(unsigned long *)arg = (unsigned long)(n / 512);
		return 0;
	case BLKSSZGET:
		*(int *)arg = 2048;
		return 0;
	}
	errno = ENOTTY;
	return -1;
}
