package ripper

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"

	"golang.org/x/sys/unix"
)

// How an image's bytes were read. Only the first is proof that the disk itself
// holds them.
const (
	ReadDirect  = "O_DIRECT"
	ReadDropped = "page cache dropped" // the kernel was told to forget it; it may not have
	ReadCached  = "page cache"         // the file system lives in memory, or would not forget
)

// weaker is what can be said of two readings together; one that was none is "".
func weaker(a, b string) string {
	for _, how := range []string{ReadCached, ReadDropped, ReadDirect} {
		if a == how || b == how {
			return how
		}
	}
	return ""
}

// Bytes are an image's bytes as its disk gives them: read past the page cache
// where that can be done (open(2), O_DIRECT). What is read so is what will be
// there after a power cut, and the memory that others need is left alone.
// Many may read at once.
type Bytes struct {
	plain  *os.File
	direct *os.File // nil: there is no way past the page cache

	mu  sync.Mutex
	how string
}

// OpenBytes opens the image file at path for reading. What shall be read must
// have been synced before.
func OpenBytes(path string) (*Bytes, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return nil, fmt.Errorf("read back %s: %w", path, err)
	}
	plain, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	b := &Bytes{plain: plain, how: ReadCached}
	if st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC {
		return b, nil // it may take O_DIRECT, which does not make memory a disk
	}
	b.direct, err = os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	switch {
	case err == nil:
		b.how = ReadDirect
	case errors.Is(err, unix.EINVAL):
		b.direct = nil
		b.drop()
	default:
		return nil, errors.Join(fmt.Errorf("read back: %w", err), plain.Close())
	}
	return b, nil
}

// drop has what is read from now on come through a page cache that was told to
// forget the image.
func (b *Bytes) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.how = ReadDropped
	if err := unix.Fadvise(int(b.plain.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.how = ReadCached
	}
}

// How says how it is read: ReadDirect, ReadDropped or ReadCached.
func (b *Bytes) How() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.how
}

func (b *Bytes) name() string { return b.plain.Name() }

// Close ends it. It was only read: no error tells of anything that was lost.
func (b *Bytes) Close() error {
	if b.direct != nil {
		_ = b.direct.Close()
	}
	return b.plain.Close()
}

// notGiven reports whether a read failed because of the place that was read: a
// medium error, a target's error or a checksum that does not fit, by the
// kernel's names for them. Through the page cache they all are EIO; past it,
// each is itself. What fails of the disk as a whole is none of them.
func notGiven(err error) bool {
	for _, place := range []error{unix.EIO, unix.ENODATA, unix.EREMOTEIO, unix.EILSEQ, unix.EBADMSG, unix.EUCLEAN} {
		if errors.Is(err, place) {
			return true
		}
	}
	return false
}

// page is what direct reads want their place in the file, their length and
// their memory to be a multiple of, on any disk there is.
const page = 4096

// ReadAt is an io.ReaderAt. Where place or memory do not begin with a page, and
// for what is less than a page, it reads through the page cache. A slice of
// 32 KiB and more that Go made begins with one.
func (b *Bytes) ReadAt(p []byte, off int64) (n int, err error) {
	whole := len(p) / page * page
	if whole > 0 && off%page == 0 && reflect.ValueOf(p).Pointer()%page == 0 && b.How() == ReadDirect {
		n, err = b.direct.ReadAt(p[:whole], off)
		switch {
		case errors.Is(err, unix.EINVAL) && n == 0:
			b.drop() // it was opened for direct reads and cannot do them after all
		case errors.Is(err, unix.EINVAL): // the file ends within a page, or so the next read says
		case err != nil || n == len(p):
			return n, err
		}
	}
	k, err := b.plain.ReadAt(p[n:], off+int64(n))
	if k > 0 && b.How() != ReadCached {
		_ = unix.Fadvise(int(b.plain.Fd()), off+int64(n), int64(k), unix.FADV_DONTNEED) // advice: what is read once is not kept
	}
	return n + k, err
}
