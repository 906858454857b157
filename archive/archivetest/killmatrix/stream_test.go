package killmatrix

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"ripstation/archive"
	"ripstation/internal/versitygw"
)

// growing is an image that is still being read: what is behind upTo is not
// there yet. It grows by a part when a part was sent, so that every run sends
// the same requests.
type growing struct {
	*os.File
	mu   sync.Mutex
	upTo int64
	more chan struct{}
}

var errNotYet = errors.New("these bytes were not read yet")

func (g *growing) ReadAt(p []byte, off int64) (int, error) {
	if !g.Final(off, int64(len(p))) {
		return 0, errNotYet
	}
	return g.File.ReadAt(p, off)
}

func (g *growing) Final(off, n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return off+n <= g.upTo
}

func (g *growing) Changes(int) ([]archive.Stretch, int, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return nil, 0, g.more
}

func (g *growing) grow(n, most int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.upTo = min(g.upTo+n, most)
	close(g.more)
	g.more = make(chan struct{})
}

// stream sends the image while it grows, and gives the upload that the rest is
// to be sent by. The last part is not final before the end, as on a drive.
func (j job) stream(ctx context.Context, store archive.Store, image *os.File, hooks archive.Hooks) (archive.Upload, error) {
	var up archive.Upload
	for {
		var err error
		if up, err = store.Begin(ctx, j.Bag+"/data/image.iso", j.Size); err == nil {
			break
		}
		if errors.Is(err, archive.ErrPermanent) || hooks.Retry(ctx, err) != nil {
			return nil, err
		}
	}
	until, sealed := context.WithCancel(ctx)
	defer sealed()
	most := j.Size - 1
	g := &growing{File: image, upTo: up.PartSize(), more: make(chan struct{})}
	if up.Parts() < 2 || up.Stored() {
		return up, nil
	}
	held := 0
	err := archive.Stream(ctx, until, up, g, j.Size, archive.StreamOptions{Hooks: hooks, Sent: func(int, int64, bool) {
		if held++; held == up.Parts()-1 {
			sealed()
		}
		g.grow(up.PartSize(), most)
	}})
	return up, err
}

// A stream that is killed in mid-read is taken over by another stream or, when
// the image was sealed in the meantime, by Send alone.
func TestStreamKilled(t *testing.T) {
	what := image(t, parts())
	what.Stream = true
	b := open(t, versitygw.Start(t).Server, what)
	all := cells(b.requests())
	matrix(t, b, spread(all, 2), func(c cell) int { return b.killClient(c.n, c.at) })
}

func TestServerKilledInMidRead(t *testing.T) {
	what := image(t, parts())
	what.Stream = true
	b := open(t, versitygw.Start(t).Server, what)
	all := cells(b.requests())
	matrix(t, b, spread(all, 3), func(c cell) int { return b.killServer(c.n, c.at) })
}
