package station

import (
	"context"
	"sync"
	"time"
)

// witness is what the drive itself has proved of the disc that is being read.
// Of a disc that was exchanged by hand the watcher tells late on a busy machine;
// the drive refuses the next command, or the kernel has counted the change by
// then. So a command that was answered is the proof that at its beginning the
// disc was still the one that the story is about.
type witness struct {
	mu      sync.Mutex
	reading bool
	proved  time.Time // when the last such command began
	news    chan struct{}
}

func (w *witness) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	if w.news != nil {
		close(w.news)
		w.news = nil
	}
}

// reads says that commands follow which prove something, until ended is called.
func (w *witness) reads() (ended func()) {
	w.change(func() { w.reading = true })
	return func() { w.change(func() { w.reading = false }) }
}

func (w *witness) saw(begun time.Time) { w.change(func() { w.proved = begun }) }

// after reports whether the disc is proved to have been there after a time.
func (w *witness) after(at time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proved.After(at)
}

// since waits until the disc is proved to have been there after a time, no
// reading is under way that could prove it, or ctx ends.
func (w *witness) since(ctx context.Context, at time.Time) {
	for {
		w.mu.Lock()
		reading, proved := w.reading, w.proved.After(at)
		if w.news == nil {
			w.news = make(chan struct{})
		}
		news := w.news
		w.mu.Unlock()
		if proved || !reading {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}
