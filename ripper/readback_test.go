package ripper

import (
	"errors"
	"io/fs"
	"testing"

	"golang.org/x/sys/unix"
)

// failing is an image whose disk gives the first bytes and then an error.
type failing struct {
	gives int
	err   error
}

func (f failing) ReadAt([]byte, int64) (int, error) {
	return f.gives, &fs.PathError{Op: "read", Path: f.name(), Err: f.err}
}

func (failing) name() string { return "image.iso" }

// A place that the spool's disk does not give is that block's affair, by
// whatever name the kernel has for it; a disk that is gone ends the reading.
func TestBlockThatTheDiskDoesNotGive(t *testing.T) {
	for err, place := range map[error]bool{
		unix.EIO: true, unix.ENODATA: true, unix.EREMOTEIO: true, unix.EILSEQ: true, unix.EBADMSG: true, unix.EUCLEAN: true,
		unix.ENXIO: false, unix.ENODEV: false, unix.ENOLINK: false, unix.ETIMEDOUT: false, unix.EBADF: false,
	} {
		for _, gives := range []int{0, 4096} {
			b := block{mem: make([]byte, blockSize)}
			b.span(0, 3*blockSize)
			switch got := b.read(failing{gives, err}); {
			case place && (got != nil || b.data != nil || !errors.Is(b.err, err)):
				t.Errorf("%v after %d bytes: it ends with %v; the block has %d bytes and %v", err, gives, got, len(b.data), b.err)
			case !place && (!errors.Is(got, err) || b.data != nil):
				t.Errorf("%v after %d bytes: it ends with %v; the block has %d bytes and %v", err, gives, got, len(b.data), b.err)
			}
		}
	}
}
