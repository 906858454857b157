package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// sender carries what the files share that one Send sends in parts.
type sender struct {
	store       Store
	opts        SendOptions
	done, total int64
	res         *SendResult
}

// fresh is how often an upload that the store forgot is begun anew before the
// caller is told.
const fresh = 3

func (s *sender) payload(ctx context.Context, key string, p Payload) (Info, error) {
	before := s.done
	for try := 1; ; try++ {
		info, err := s.upload(ctx, key, p)
		if err == nil {
			s.done = before + p.Size
			s.progress()
			if s.opts.AfterComplete != nil {
				err = s.opts.AfterComplete(key, info)
			}
			return info, err
		}
		if !errors.Is(err, ErrUploadGone) || try == fresh || ctx.Err() != nil {
			return Info{}, err
		}
		s.done = before
	}
}

func (s *sender) upload(ctx context.Context, key string, p Payload) (info Info, err error) {
	var up Upload
	err = persist(ctx, s.opts, func() error {
		up, err = s.store.Begin(ctx, key, p.Size)
		return err
	})
	if err != nil {
		return Info{}, err
	}
	if !up.Stored() {
		if err := s.parts(ctx, key, up, p); err != nil {
			return Info{}, err
		}
		if s.opts.BeforeComplete != nil {
			if err := s.opts.BeforeComplete(key); err != nil {
				return Info{}, err
			}
		}
	}
	err = persist(ctx, s.opts, func() error {
		info, err = up.Complete(ctx, p.CRC64NVME)
		if errors.Is(err, ErrChecksum) { // the parts will not add up another time either
			return &fault{store: s.store.Name(), op: "complete", key: key, kind: ErrPermanent, err: err}
		}
		return err
	})
	return info, err
}

// part is one part on its way from the source to the store.
type part struct {
	n    int
	body []byte
	held bool
}

// parts reads the file from end to end, sends what the store does not hold and
// proves that all of it is what was sealed. Two buffers go round: one is read
// into while the other is sent.
func (s *sender) parts(ctx context.Context, key string, up Upload, p Payload) error {
	buffers := make(chan []byte, 2)
	for range min(2, up.Parts()) {
		buffers <- make([]byte, min(up.PartSize(), p.Size))
	}
	work := make(chan part)
	g, ctx := errgroup.WithContext(ctx)
	var whole uint64
	g.Go(func() error {
		defer close(work)
		for n := range up.Parts() {
			var buf []byte
			select {
			case buf = <-buffers:
			case <-ctx.Done():
				return ctx.Err()
			}
			off := int64(n) * up.PartSize()
			body := buf[:min(up.PartSize(), p.Size-off)]
			if got, err := p.Source.ReadAt(body, off); got < len(body) {
				if err == nil || errors.Is(err, io.EOF) {
					return fmt.Errorf("%s ends at byte %d of %d: %w", p.Path, off+int64(got), p.Size, ErrSourceChanged)
				}
				return fmt.Errorf("read %s at byte %d: %w", p.Path, off, err)
			}
			crc := CRC64NVME(body)
			whole = CombineCRC64NVME(whole, crc, int64(len(body)))
			select {
			case work <- part{n, body, up.Has(n, crc)}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for w := range work {
			if w.held {
				s.res.HeldParts++
			} else {
				if err := persist(ctx, s.opts, func() error { return up.Part(ctx, w.n, w.body) }); err != nil {
					return err
				}
				s.res.SentParts++
				s.res.SentBytes += int64(len(w.body))
			}
			s.done += int64(len(w.body))
			s.progress()
			buffers <- w.body[:cap(w.body)]
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if whole != p.CRC64NVME {
		return fmt.Errorf("%s has CRC64NVME %016x, sealed was %016x: %w (nothing was completed under %s)",
			p.Path, whole, p.CRC64NVME, ErrSourceChanged, key)
	}
	return nil
}

func (s *sender) progress() {
	if s.opts.Progress != nil {
		s.opts.Progress(s.done, s.total)
	}
}
