package ripper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// How the image was read back. Only the first is proof that the disk itself
// holds it.
const (
	ReadDirect  = "O_DIRECT"
	ReadDropped = "page cache dropped" // the kernel was told to forget it; it may not have
	ReadCached  = "page cache"         // the file system lives in memory, or would not forget
)

const (
	blockSize = 1 << 20
	blocks    = 8 // in flight
)

// block is a piece of the image on its way through all who look at it.
type block struct {
	off  int64
	size int64
	data []byte // what is in the image there
	err  error  // why the disk did not give it, when data is nil
	mem  []byte
	left atomic.Int32
}

// looker takes every block of the image in order.
type looker func(*block) error

// readBack reads the image from the disk, past the page cache where that can
// be done, and shows every block to all lookers at once. It says how it was
// read. A block that the disk cannot read comes without data.
func readBack(ctx context.Context, path string, size int64, lookers []looker, progress func(done, total int64)) (how string, err error) {
	f, how, err := openPast(path)
	if err != nil {
		return "", err
	}
	defer func() { f.Close() }()
	free := make(chan *block, blocks)
	for range blocks {
		// Direct reads want memory that begins where a page begins.
		mem, err := unix.Mmap(-1, 0, blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return "", fmt.Errorf("read back %s: take memory: %w", path, err)
		}
		defer unix.Munmap(mem)
		free <- &block{mem: mem}
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queues := make([]chan *block, len(lookers))
	for i, look := range lookers {
		q := make(chan *block, blocks)
		queues[i] = q
		wg.Go(func() {
			for b := range q {
				if ctx.Err() == nil {
					if err := look(b); err != nil {
						cancel(err)
					}
				}
				if b.left.Add(-1) == 0 {
					free <- b
				}
			}
		})
	}
	// Queues are closed before the deferred wait for those who read them.
	defer func() {
		for _, q := range queues {
			close(q)
		}
	}()
	for off := int64(0); off < size; {
		var b *block
		select {
		case b = <-free:
		case <-ctx.Done():
			return "", fmt.Errorf("read back %s: %w", path, context.Cause(ctx))
		}
		n := min(blockSize, size-off)
		b.off, b.size, b.data, b.err = off, n, nil, nil
		got, err := f.ReadAt(b.mem, off)
		switch {
		case int64(got) >= n && (err == nil || errors.Is(err, io.EOF)):
			b.data = b.mem[:n]
		case errors.Is(err, unix.EIO):
			b.err = err
		case errors.Is(err, unix.EINVAL) && how == ReadDirect:
			// It was opened for direct reads and cannot do them after all.
			free <- b
			f.Close()
			if f, how, err = openDropped(path); err != nil {
				return "", err
			}
			continue
		case err == nil || errors.Is(err, io.EOF):
			return "", fmt.Errorf("read back %s: it ends at byte %d of %d", path, off+int64(got), size)
		default:
			return "", fmt.Errorf("read back %s: %w", path, err)
		}
		if how != ReadDirect {
			_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) // advice: what is read once is not kept
		}
		off += n
		b.left.Store(int32(len(queues)))
		for _, q := range queues {
			q <- b
		}
		if progress != nil {
			progress(off, size)
		}
	}
	for range blocks {
		select {
		case <-free:
		case <-ctx.Done():
			return "", fmt.Errorf("read back %s: %w", path, context.Cause(ctx))
		}
	}
	return how, nil
}

// openPast opens the image, whose bytes are synced, for reads that do not come
// from memory.
func openPast(path string) (*os.File, string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return nil, "", fmt.Errorf("read back %s: %w", path, err)
	}
	if st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC {
		// It may take O_DIRECT, which does not make memory a disk.
		f, err := os.Open(path)
		if err != nil {
			return nil, "", fmt.Errorf("read back: %w", err)
		}
		return f, ReadCached, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) {
		return openDropped(path)
	} else if err != nil {
		return nil, "", fmt.Errorf("read back: %w", err)
	}
	return f, ReadDirect, nil
}

func openDropped(path string) (*os.File, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", fmt.Errorf("read back: %w", err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return f, ReadCached, nil
	}
	return f, ReadDropped, nil
}

// zeroes fills every missing or unrecorded sector of the image that is not all
// zero: bytes there are of a reading that was cut off, or that nothing proves.
func (img *Image) zeroes() error {
	none := make([]byte, blockSize)
	buf := make([]byte, blockSize)
	m := img.Map()
	for e := range m.Extents(disc.MissingStatuses | disc.SetOf(disc.StatusUnrecorded)) {
		off, filled := int64(e.Start)*disc.SectorSize, false
		err := readFully(img.file, e, buf, func(p []byte) {
			if !isZero(p) {
				filled = true
				if err := img.disk.WriteImage(none[:len(p)], off); err != nil {
					img.fail(err)
				}
			}
			off += int64(len(p))
		})
		if err = errors.Join(err, img.usable()); err != nil {
			return fmt.Errorf("fill %s with zeroes: %w", name(e), err)
		}
		if filled {
			img.mu.Lock()
			img.tell(e)
			img.mu.Unlock()
		}
	}
	return nil
}
