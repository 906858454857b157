package archive

import (
	"context"
	"errors"
	"fmt"

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
	var live Upload
	if s.opts.Live != nil {
		live = s.opts.Live(key)
	}
	before := s.done
	for try := 1; ; try++ {
		info, err := s.upload(ctx, key, p, live)
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
		s.done, live = before, nil
	}
}

// upload brings the file in by the upload that is given, or by one of its own.
func (s *sender) upload(ctx context.Context, key string, p Payload, up Upload) (info Info, err error) {
	if up == nil {
		err = s.opts.persist(ctx, s.left(), 0, func() error {
			up, err = s.store.Begin(ctx, key, p.Size)
			return err
		})
		if err != nil {
			return Info{}, err
		}
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
	err = s.opts.persist(ctx, s.left(), 0, func() error {
		info, err = up.Complete(ctx, p.CRC64NVME)
		if errors.Is(err, ErrChecksum) { // the parts will not add up another time either
			return &fault{store: s.store.Name(), op: "complete", key: key, kind: ErrPermanent, err: err}
		}
		return err
	})
	return info, err
}

// part is one part on its way from the file to the store.
type part struct {
	n    int
	size int64
	crc  uint64
	held bool
}

// parts sends what the store does not hold and proves that all of it is what
// was sealed: by the file's sums, or by reading it from end to end, one part
// ahead of the one that is sent.
func (s *sender) parts(ctx context.Context, key string, up Upload, p Payload) error {
	work := make(chan part)
	g, ctx := errgroup.WithContext(ctx)
	var whole uint64
	g.Go(func() error {
		defer close(work)
		for n := range up.Parts() {
			crc, size, err := p.sum(up, n)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Path, err)
			}
			whole = CombineCRC64NVME(whole, crc, size)
			select {
			case work <- part{n, size, crc, up.Has(n, crc)}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		o := overlap{up: up, src: p.Source, hooks: s.opts.Hooks, left: s.left, over: func(w part, err error) error {
			if err == nil {
				s.sent(key, w)
			}
			return err
		}}
		defer o.end()
		for w := range work {
			if w.held {
				s.res.HeldParts++
				s.done += w.size
				s.progress()
			} else if err := o.send(ctx, ctx, w); err != nil {
				return err
			}
		}
		return o.settle(ctx, ctx)
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

// sent takes note of a part that the store has taken.
func (s *sender) sent(key string, w part) {
	s.res.SentParts++
	s.res.SentBytes += w.size
	if s.opts.Sent != nil {
		s.opts.Sent(key, w.n)
	}
	s.done += w.size
	s.progress()
}

// sum is what part n of an upload must have, and its size.
func (p Payload) sum(up Upload, n int) (crc uint64, size int64, err error) {
	off := int64(n) * up.PartSize()
	size = min(up.PartSize(), p.Size-off)
	if p.Sums == nil || up.PartSize()%mib != 0 {
		crc, err = sumSection(p.Source, off, size, nil)
		return crc, size, err
	}
	for at := off; at < off+size; at += mib {
		crc = CombineCRC64NVME(crc, p.Sums[at/mib], min(mib, p.Size-at))
	}
	return crc, size, nil
}

// left is how many bytes of what is sent in parts the store does not hold yet.
func (s *sender) left() int64 { return s.total - s.done }

func (s *sender) progress() {
	if s.opts.Progress != nil {
		s.opts.Progress(s.done, s.total)
	}
}
