package nights

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"ripstation/archive"
	"ripstation/internal/operator"
)

var errAway = errors.New("connection refused")

// weather is a store in a night: what is wrong with it follows from the time.
type weather struct {
	*archive.Dir
	number int
	dawn   time.Time
	faults []operator.Fault
	calls  atomic.Int64
}

// now is the fault that the store has, nil when it has none.
func (w *weather) now() *operator.Fault {
	t := time.Since(w.dawn)
	for i, f := range w.faults {
		if f.Store == w.number && t >= f.At && t < f.At+f.For {
			switch f.What {
			case operator.StoreAway, operator.StoreHangs, operator.StoreSlow, operator.StoreErrors:
				return &w.faults[i]
			}
		}
	}
	return nil
}

func (w *weather) pass(ctx context.Context) error {
	n := w.calls.Add(1)
	f := w.now()
	if f == nil {
		return ctx.Err()
	}
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch f.What {
	case operator.StoreAway:
		return errAway
	case operator.StoreHangs:
		return wait(time.Until(w.dawn.Add(f.At + f.For)))
	case operator.StoreSlow:
		return wait(7 * time.Second)
	case operator.StoreErrors:
		if n%3 == 0 {
			return errAway
		}
	}
	return ctx.Err()
}

// Put may fail before and after it has done its work: an answer can be lost.
func (w *weather) Put(ctx context.Context, key string, body []byte) error {
	if err := w.pass(ctx); err != nil {
		return err
	}
	return errors.Join(w.Dir.Put(ctx, key, body), w.pass(ctx))
}

func (w *weather) Begin(ctx context.Context, key string, size int64) (archive.Upload, error) {
	if err := w.pass(ctx); err != nil {
		return nil, err
	}
	u, err := w.Dir.Begin(ctx, key, size)
	if err != nil {
		return nil, err
	}
	return upload{u, w}, nil
}

func (w *weather) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := w.pass(ctx); err != nil {
		return nil, err
	}
	return w.Dir.Read(ctx, key, offset, length)
}

func (w *weather) Stat(ctx context.Context, key string) (archive.Info, error) {
	if err := w.pass(ctx); err != nil {
		return archive.Info{}, err
	}
	return w.Dir.Stat(ctx, key)
}

func (w *weather) List(ctx context.Context, prefix string) iter.Seq2[archive.Info, error] {
	return func(yield func(archive.Info, error) bool) {
		if err := w.pass(ctx); err != nil {
			yield(archive.Info{}, err)
			return
		}
		w.Dir.List(ctx, prefix)(yield)
	}
}

func (w *weather) Unfinished(ctx context.Context) iter.Seq2[archive.Unfinished, error] {
	return func(yield func(archive.Unfinished, error) bool) {
		if err := w.pass(ctx); err != nil {
			yield(archive.Unfinished{}, err)
			return
		}
		w.Dir.Unfinished(ctx)(yield)
	}
}

func (w *weather) End(ctx context.Context, u archive.Unfinished) error {
	if err := w.pass(ctx); err != nil {
		return err
	}
	return w.Dir.End(ctx, u)
}

type upload struct {
	archive.Upload
	w *weather
}

func (u upload) Part(ctx context.Context, n int, body []byte) error {
	if err := u.w.pass(ctx); err != nil {
		return err
	}
	return u.Upload.Part(ctx, n, body)
}

func (u upload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	if err := u.w.pass(ctx); err != nil {
		return err
	}
	return u.Upload.PartFrom(ctx, n, src, crc)
}

func (u upload) Complete(ctx context.Context, crc uint64) (archive.Info, error) {
	if err := u.w.pass(ctx); err != nil {
		return archive.Info{}, err
	}
	info, err := u.Upload.Complete(ctx, crc)
	return info, errors.Join(err, u.w.pass(ctx))
}

func (u upload) Abort(ctx context.Context) error {
	if err := u.w.pass(ctx); err != nil {
		return err
	}
	return u.Upload.Abort(ctx)
}
