package digest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"ripstation/discfs/tree"
)

const blockSize = 1 << 20

// block is what Run reads ahead.
type block struct {
	off  int64
	data []byte // nil: it could not be read
}

// Run reads from r all that the jobs want, in order, one block ahead of the
// digests, and finishes. progress is told how far it is, of how much; it may
// be nil. A block that cannot be read costs the jobs in it their sums and
// nothing else.
func (p *Pass) Run(ctx context.Context, r io.ReaderAt, progress func(done, total int64)) error {
	next := p.Wants(0)
	if next < 0 {
		return p.Finish(ctx, r)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free := make(chan []byte, 3)
	for range cap(free) {
		free <- make([]byte, blockSize)
	}
	// Asked for one at a time, since which bytes are wanted next depends on what
	// was taken: a request stands for the block behind the one in hand.
	want, got := make(chan int64, 1), make(chan block, 1)
	go func() {
		defer close(got)
		for off := range want {
			b := block{off: off, data: (<-free)[:min(blockSize, p.image-off)]}
			if n, err := r.ReadAt(b.data, off); n < len(b.data) && err != nil {
				free <- b.data[:cap(b.data)]
				b.data = nil
			}
			select {
			case got <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { // the reader is gone before r may be closed
		close(want)
		cancel()
		for range got {
		}
	}()
	want <- next
	for next >= 0 {
		if err := ctx.Err(); err != nil {
			return errors.Join(fmt.Errorf("digest files: %w", err), p.Finish(ctx, r))
		}
		b := <-got
		end := min(b.off+blockSize, p.image)
		// The block behind this one is most often wanted too.
		ahead := p.Wants(end)
		if ahead >= 0 && ahead < end+blockSize {
			ahead = end
			want <- ahead
		} else {
			ahead = -1
		}
		if err := p.Block(b.off, end-b.off, b.data); err != nil {
			return err
		}
		if b.data != nil {
			free <- b.data[:cap(b.data)]
		}
		if progress != nil {
			progress(end, p.image)
		}
		if next = ahead; next < 0 {
			if next = p.Wants(end); next >= 0 {
				if next >= p.image {
					return fmt.Errorf("digest files: byte %d: %w", next, tree.ErrOutside)
				}
				want <- next
			}
		}
	}
	return p.Finish(ctx, r)
}
