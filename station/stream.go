package station

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ripstation/archive"
	"ripstation/disc"
	"ripstation/internal/crashpoint"
	"ripstation/ripper"
)

// stream is a disc's parts on their way to one store while the disc is read.
// Whatever goes wrong with it is not the disc's affair: after the seal the
// courier sends what is missing.
type stream struct {
	stop  context.CancelFunc
	ended chan struct{}
	up    archive.Upload // once it has ended: as far as it came, nil when none was begun
}

// stream starts a job's streams, one a store; those of an earlier reading are
// followed, not joined. What is read to be compared is not sent: nobody knows
// yet whether it shall have a bag.
func (s *Station) stream(j *job, img *ripper.Image) {
	if j.comparing() {
		return
	}
	for _, d := range s.desks {
		if c := j.copyOf(d.store.Name()); c.stored() {
			continue
		}
		until, stop := context.WithCancel(context.Background())
		st := &stream{stop: stop, ended: make(chan struct{})}
		j.mu.Lock()
		before := j.streams[d.store.Name()]
		j.streams[d.store.Name()] = st
		j.mu.Unlock()
		s.start(func(ctx context.Context) {
			defer close(st.ended)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			if before != nil {
				before.stop()
				<-before.ended // a part that is on its way gets there first
				st.up = before.up
			}
			if err := d.stream(ctx, until, j, img, st); err != nil && ctx.Err() == nil {
				s.cfg.Log.Info().Err(err).Str("id", j.ID).Msg("not sent while it is read; that is done after the seal")
			}
		})
	}
}

// endStreams has no further part begun.
func (j *job) endStreams() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, st := range j.streams {
		st.stop()
	}
}

// takeOver ends a store's stream and gives the upload that it leaves, nil when
// there is none.
func (j *job) takeOver(ctx context.Context, store string) (archive.Upload, error) {
	j.mu.Lock()
	st := j.streams[store]
	j.mu.Unlock()
	if st == nil {
		return nil, nil
	}
	st.stop()
	select {
	case <-st.ended:
		return st.up, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stream sends what is final, until its end is asked for. It waits by the
// desk's rules, and says nothing but in the status; only what a person has to
// mend is told at once.
func (d *desk) stream(ctx, until context.Context, j *job, img *ripper.Image, st *stream) error {
	f, err := ripper.OpenBytes(img.Path()) // the reader's own is closed sooner than the last part ends
	if err != nil {
		return err
	}
	defer f.Close()
	e := d.open(streaming)
	defer d.close(e)
	key := j.key() + "/" + imagePath
	name := d.store.Name()
	var said string
	told := func(err error, wait time.Duration) {
		if text := of(name, err); errors.Is(err, archive.ErrPermanent) && text != said {
			said = text
			d.s.say(Notice{ID: j.ID, Word: WordWaitStore, Text: fmt.Sprintf("%s; the disc is read all the same; next try in %s", text, wait.Round(time.Second))})
		}
	}
	opts := archive.StreamOptions{Hooks: d.hooks(e, told), Sent: func(_ int, held int64, now bool) {
		j.progress(name, held)
		if now {
			crashpoint.Here("part-sent")
		}
	}}
	err = d.insist(until, e, func() error {
		if st.up == nil {
			done, err := d.turn(until, e, img.Size(), 0)
			if err != nil {
				return err
			}
			st.up, err = d.line.Begin(ctx, key, img.Size())
			if done(err); err != nil {
				st.up = nil
				return err
			}
		}
		err := archive.Stream(ctx, until, st.up, growing{img, f}, img.Size(), opts)
		if errors.Is(err, archive.ErrUploadGone) {
			st.up = nil // it is begun anew
		}
		return err
	}, told)
	if until.Err() != nil {
		return nil
	}
	return err
}

// hooks make an errand one of many that share the store.
func (d *desk) hooks(e *errand, told func(error, time.Duration)) archive.Hooks {
	return archive.Hooks{
		Turn: func(ctx context.Context, left, bytes int64) (archive.Turn, error) {
			return d.partTurn(ctx, e, left, bytes)
		},
		Retry: func(ctx context.Context, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			told(err, d.failed(e, err))
			return nil // the next turn waits
		},
	}
}

// growing is an image that is still being read, as a stream sees it.
type growing struct {
	img *ripper.Image
	io.ReaderAt
}

func (g growing) Final(off, n int64) bool { return g.img.Final(off, n) }

func (g growing) Sum(off int64) (uint64, bool) { return g.img.Sum(off) }

func (g growing) Changes(mark int) (again []archive.Stretch, now int, next <-chan struct{}) {
	list, now, next := g.img.Changes(mark)
	for _, e := range list {
		again = append(again, archive.Stretch{Off: int64(e.Start) * disc.SectorSize, Size: e.Count * disc.SectorSize})
	}
	return again, now, next
}

// polite is a store whose objects are read back so that others get in between.
type polite struct {
	archive.Store
	d *desk
	e *errand
}

func (p polite) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := p.Store.Read(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return &politeReader{ReadCloser: r, ctx: ctx, p: p}, nil
}

// politeReader gives way every few MiB. The context is that of the one reading.
type politeReader struct {
	io.ReadCloser
	ctx  context.Context
	p    polite
	read int64
}

func (r *politeReader) Read(p []byte) (int, error) {
	if r.read >= lookSlice {
		r.read = 0
		r.p.d.lives()
		if err := r.p.d.giveWay(r.ctx, r.p.e); err != nil {
			return 0, err
		}
	}
	n, err := r.ReadCloser.Read(p)
	r.read += int64(n)
	return n, err
}
