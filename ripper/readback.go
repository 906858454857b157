package ripper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

const (
	blockSize = 1 << 20
	blocks    = 4 // in flight
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

// takeMemory maps memory that begins where a page begins, as direct reads want
// it. The garbage collector would have as much again wait for it, in every bay.
func takeMemory(n int64) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("take %d bytes of memory: %w", n, err)
	}
	return mem, nil
}

func newBlock() (*block, error) {
	mem, err := takeMemory(blockSize)
	if err != nil {
		return nil, err
	}
	return &block{mem: mem}, nil
}

func (b *block) free() { _ = unix.Munmap(b.mem) } // it was mapped here

// span makes it the block from off of an image of that size.
func (b *block) span(off, size int64) {
	b.off, b.size, b.data, b.err = off, min(blockSize, size-off), nil, nil
}

func (b *block) extent() disc.Extent {
	return disc.Extent{Start: disc.LBA(b.off / disc.SectorSize), Count: b.size / disc.SectorSize}
}

// looker takes every block of the image in order.
type looker func(*block) error

// image is what a block is read from: Bytes.
type image interface {
	io.ReaderAt
	name() string
}

// read fills a block from the disk. When the disk does not give it, that is
// the block's err.
func (b *block) read(from image) error {
	b.data, b.err = nil, nil
	got, err := from.ReadAt(b.mem, b.off)
	switch {
	case int64(got) >= b.size && (err == nil || errors.Is(err, io.EOF)):
		b.data = b.mem[:b.size]
	case notGiven(err):
		b.err = err
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("read back %s: it ends at byte %d of %d", from.name(), b.off+int64(got), b.off+b.size)
	default:
		return fmt.Errorf("read back %s: %w", from.name(), err)
	}
	return nil
}

// readBack reads the image from byte from, where a block begins, and shows every block to all lookers at
// once. It says how it was read. A block that the disk cannot read comes
// without data.
func readBack(ctx context.Context, path string, from, size int64, lookers []looker, progress func(done, total int64)) (how string, err error) {
	f, err := OpenBytes(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	flight := min(blocks, (size-from+blockSize-1)/blockSize)
	free := make(chan *block, flight)
	for range flight {
		b, err := newBlock()
		if err != nil {
			return "", err
		}
		defer b.free()
		free <- b
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
	for off := from; off < size; {
		var b *block
		select {
		case b = <-free:
		case <-ctx.Done():
			return "", fmt.Errorf("read back %s: %w", path, context.Cause(ctx))
		}
		b.span(off, size)
		if err := b.read(f); err != nil {
			return "", err
		}
		off += b.size
		b.left.Store(int32(len(queues)))
		for _, q := range queues {
			q <- b
		}
		if progress != nil {
			progress(off, size)
		}
	}
	for range flight {
		select {
		case <-free:
		case <-ctx.Done():
			return "", fmt.Errorf("read back %s: %w", path, context.Cause(ctx))
		}
	}
	return f.How(), nil
}

// zeroes fills every missing or unrecorded sector of the image that is not all
// zero: bytes there are of a reading that was cut off, or that nothing proves.
func (img *Image) zeroes() error {
	var none, buf []byte
	m := img.Map()
	for e := range m.Extents(disc.MissingStatuses | disc.SetOf(disc.StatusUnrecorded)) {
		if none == nil {
			none, buf = make([]byte, blockSize), make([]byte, blockSize)
		}
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
