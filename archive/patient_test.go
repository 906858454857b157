package archive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"regexp"
	"sync/atomic"
	"testing"

	"ripstation/archive"
)

// patient tries again what waiting may mend, as the callers of a store do, and
// holds every failure on the way to the truth: the store's name, and what the
// network did.
type patient struct {
	archive.Store
	t     *testing.T
	tried *atomic.Int64 // again
}

var network = regexp.MustCompile(`^store cloud: .*(cannot reach the server|EOF|connection reset by peer|broken pipe|use of closed network connection)`)

func (p *patient) try(ctx context.Context, step func() error) error {
	for try := 0; ; try++ {
		err := step()
		if err == nil || ctx.Err() != nil || try == 50 {
			return err
		}
		for _, final := range []error{archive.ErrPermanent, archive.ErrExists, archive.ErrNotFound, archive.ErrChecksum, archive.ErrUploadGone} {
			if errors.Is(err, final) {
				return err
			}
		}
		if !network.MatchString(err.Error()) {
			p.t.Logf("a failure that is not the line's: %v", err)
		}
		p.tried.Add(1)
	}
}

func (p *patient) Put(ctx context.Context, key string, body []byte) error {
	return p.try(ctx, func() error { return p.Store.Put(ctx, key, body) })
}

func (p *patient) Begin(ctx context.Context, key string, size int64) (u archive.Upload, err error) {
	err = p.try(ctx, func() (err error) {
		u, err = p.Store.Begin(ctx, key, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &patientUpload{u, p}, nil
}

func (p *patient) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	var body []byte
	err := p.try(ctx, func() error {
		r, err := p.Store.Read(ctx, key, offset, length)
		if err != nil {
			return err
		}
		defer r.Close()
		body, err = io.ReadAll(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(body)), nil
}

func (p *patient) Stat(ctx context.Context, key string) (info archive.Info, err error) {
	err = p.try(ctx, func() (err error) {
		info, err = p.Store.Stat(ctx, key)
		return err
	})
	return info, err
}

func (p *patient) List(ctx context.Context, prefix string) iter.Seq2[archive.Info, error] {
	return func(yield func(archive.Info, error) bool) {
		var all []archive.Info
		err := p.try(ctx, func() error {
			all = nil
			for info, err := range p.Store.List(ctx, prefix) {
				if err != nil {
					return err
				}
				all = append(all, info)
			}
			return nil
		})
		for _, info := range all {
			if !yield(info, nil) {
				return
			}
		}
		if err != nil {
			yield(archive.Info{}, err)
		}
	}
}

type patientUpload struct {
	archive.Upload
	p *patient
}

func (u *patientUpload) Part(ctx context.Context, n int, body []byte) error {
	return u.p.try(ctx, func() error { return u.Upload.Part(ctx, n, body) })
}

func (u *patientUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	return u.p.try(ctx, func() error { return u.Upload.PartFrom(ctx, n, src, crc) })
}

func (u *patientUpload) Complete(ctx context.Context, crc uint64) (info archive.Info, err error) {
	err = u.p.try(ctx, func() (err error) {
		info, err = u.Upload.Complete(ctx, crc)
		return err
	})
	return info, err
}

func (u *patientUpload) Abort(ctx context.Context) error {
	return u.p.try(ctx, func() error { return u.Upload.Abort(ctx) })
}
