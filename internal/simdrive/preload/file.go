package preload

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"
)

// readAhead is the kernel's default window.
const readAhead = 128 << 10

// file is one open of the node. One call at a time uses it.
type file struct {
	unit *unit
	size int64
	data bool // opened to read, not only to ask

	prev    int64     // where the last read ended
	windows []*window // the newest last
	under   sync.WaitGroup
}

// window is a stretch of pages that were asked for at once.
type window struct {
	start, length int64
	done          chan struct{}
	data          []byte // once done is closed; short where the drive failed
}

func (w *window) end() int64 { return w.start + w.length }

func (f *file) wait() { f.under.Wait() }

// read is read(2) or pread(2).
func (f *file) read(ctx context.Context, at, n int64, noCache bool) ([]byte, error) {
	if noCache {
		return f.readDirect(ctx, at, n)
	}
	n = min(n, f.size-at)
	sequential := at == 0 || at >= f.prev && at-f.prev < page
	out := make([]byte, 0, max(n, 0))
	for int64(len(out)) < n {
		from := at + int64(len(out))
		p, err := f.pages(ctx, from, n-int64(len(out)), sequential)
		if err != nil {
			if len(out) > 0 {
				break // the next read meets it
			}
			return nil, unix.EIO
		}
		out = append(out, p[:min(int64(len(p)), n-int64(len(out)))]...)
	}
	f.prev = at + int64(len(out))
	return out, nil
}

// readDirect is a read past the page cache.
func (f *file) readDirect(ctx context.Context, at, n int64) ([]byte, error) {
	if at%sector != 0 || n%sector != 0 {
		return nil, unix.EINVAL
	}
	n = min(n, f.size-at)
	if n <= command { // without a copy
		if n <= 0 {
			return nil, nil
		}
		p, err := f.unit.read(ctx, at, n)
		if err != nil {
			return nil, direct(err)
		}
		return p, nil
	}
	out := make([]byte, 0, n)
	for int64(len(out)) < n {
		p, err := f.unit.read(ctx, at+int64(len(out)), min(command, n-int64(len(out))))
		if err != nil {
			return nil, direct(err)
		}
		out = append(out, p...)
	}
	return out, nil
}

// pages gives what is in memory from offset at on, at least one byte, after
// reading it if it is not there. want is what the reader still needs.
func (f *file) pages(ctx context.Context, at, want int64, sequential bool) ([]byte, error) {
	w := f.find(at)
	if w == nil {
		start, length := at/page*page, want+at%page
		if sequential {
			length = max(length, readAhead)
		}
		w = f.start(ctx, start, length)
	}
	// The reader has come to the newest window: the next one gets under way.
	if sequential && w == f.windows[len(f.windows)-1] && w.end() < f.size {
		f.start(ctx, w.end(), max(want, readAhead))
	}
	<-w.done
	if skip := at - w.start; skip < int64(len(w.data)) {
		return w.data[skip:], nil
	}
	// The window failed before it came here: this page by itself.
	start := at / page * page
	p, err := f.unit.read(ctx, start, min(page, f.size-start))
	if err != nil {
		return nil, err
	}
	return p[at-start:], nil
}

func (f *file) find(at int64) *window {
	for _, w := range f.windows {
		if at >= w.start && at < w.end() {
			return w
		}
	}
	return nil
}

// start asks the drive for a window, behind the one that is under way.
func (f *file) start(ctx context.Context, start, length int64) *window {
	length = min((length+page-1)/page*page, command, f.size-start)
	w := &window{start: start, length: length, done: make(chan struct{})}
	var before *window
	if n := len(f.windows); n > 0 {
		before = f.windows[n-1]
	}
	f.windows = append(f.windows[max(len(f.windows)-2, 0):], w)
	f.under.Go(func() {
		defer close(w.done)
		if before != nil {
			<-before.done
		}
		p, err := f.unit.read(ctx, w.start, w.length)
		if s, ok := err.(*sense); ok && s.lba*sector > w.start && s.lba*sector < w.end() {
			// A real drive has given what comes before the bad sector already.
			if good := (s.lba*sector - w.start) / page * page; good > 0 {
				p, _ = f.unit.read(ctx, w.start, good)
			}
		}
		w.data = p
	})
	return w
}
