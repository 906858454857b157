package archive

import (
	"context"
	"io"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limited is a store that moves no more bytes than its limit allows, sent and
// read together.
type Limited struct {
	Store
	limit Limit

	mu      sync.Mutex
	pace    *rate.Limiter
	inForce float64
	now     func() time.Time
	sleep   func(ctx context.Context, d time.Duration) error
}

// NewLimited holds a store to a limit.
func NewLimited(s Store, l Limit) *Limited {
	return &Limited{Store: s, limit: l, pace: rate.NewLimiter(rate.Inf, 1), now: time.Now, sleep: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slice is the most bytes that are let through at a time: a second's worth, so
// that what counts from the next hour on does so a second later.
func slice(bytesPerSecond float64) int {
	if math.IsInf(bytesPerSecond, 1) {
		return 1 << 20
	}
	return int(max(1, min(bytesPerSecond, 1<<20)))
}

// take waits until n bytes may go, and says how many of them.
func (l *Limited) take(ctx context.Context, n int) (int, error) {
	l.mu.Lock()
	now := l.now()
	if r := l.limit.At(now); r != l.inForce {
		l.inForce = r
		if math.IsInf(r, 1) {
			l.pace = rate.NewLimiter(rate.Inf, 1)
		} else {
			l.pace = rate.NewLimiter(rate.Limit(r), slice(r))
		}
	}
	n = min(n, slice(l.inForce))
	wait := l.pace.ReserveN(now, n).DelayFrom(now)
	l.mu.Unlock()
	if wait <= 0 {
		return n, ctx.Err()
	}
	return n, l.sleep(ctx, wait)
}

// Put waits for its bytes first: they go in one piece.
func (l *Limited) Put(ctx context.Context, key string, body []byte) error {
	for left := len(body); left > 0; {
		n, err := l.take(ctx, left)
		if err != nil {
			return err
		}
		left -= n
	}
	return l.Store.Put(ctx, key, body)
}

// Begin gives an upload whose parts are limited.
func (l *Limited) Begin(ctx context.Context, key string, size int64) (Upload, error) {
	u, err := l.Store.Begin(ctx, key, size)
	if err != nil {
		return nil, err
	}
	return limitedUpload{u, l}, nil
}

// Read gives a reader that is limited.
func (l *Limited) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := l.Store.Read(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return &limitedReader{r, l, ctx}, nil
}

// limitedVersions is a store that puts no more on top a second than its limit
// allows.
type limitedVersions struct {
	Store
	top Versioned
	l   *Limited
}

func (v limitedVersions) Versioned(ctx context.Context) (bool, error) { return v.top.Versioned(ctx) }

func (v limitedVersions) Current(ctx context.Context, key string) (string, error) {
	return v.top.Current(ctx, key)
}

// Supersede reads the good copy no faster than it may be sent.
func (v limitedVersions) Supersede(ctx context.Context, from, to Copy, f BagFile, old string) (string, error) {
	from.Store = limitedCopy{from.Store, v.l}
	return v.top.Supersede(ctx, from, to, f, old)
}

// limitedCopy is a store that is read at the pace of the one that it is sent to.
type limitedCopy struct {
	Store
	l *Limited
}

func (c limitedCopy) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := c.Store.Read(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return &limitedReader{r, c.l, ctx}, nil
}

type limitedUpload struct {
	Upload
	l *Limited
}

func (u limitedUpload) Part(ctx context.Context, n int, body []byte) error {
	for left := len(body); left > 0; {
		k, err := u.l.take(ctx, left)
		if err != nil {
			return err
		}
		left -= k
	}
	return u.Upload.Part(ctx, n, body)
}

func (u limitedUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	return u.Upload.PartFrom(ctx, n, &limitedSource{src, u.l, ctx}, crc)
}

// limitedSource is a file that is read no faster than it may be sent. The
// context is that of the one part that it is made for.
type limitedSource struct {
	io.ReaderAt
	l   *Limited
	ctx context.Context
}

func (s *limitedSource) ReadAt(p []byte, off int64) (done int, err error) {
	for done < len(p) {
		n, err := s.l.take(s.ctx, len(p)-done)
		if err != nil {
			return done, err
		}
		got, err := s.ReaderAt.ReadAt(p[done:done+n], off+int64(done))
		done += got
		if got < n {
			return done, err
		}
	}
	return done, nil
}

// unpaced is the file itself.
func (s *limitedSource) unpaced() io.ReaderAt { return s.ReaderAt }

// limitedReader is an object that is read no faster than the limit. The
// context is that of the one reading.
type limitedReader struct {
	io.ReadCloser
	l   *Limited
	ctx context.Context
}

func (r *limitedReader) Read(p []byte) (int, error) {
	n, err := r.l.take(r.ctx, len(p))
	if err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p[:n])
}
