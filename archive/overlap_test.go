package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/archive"
	"ripstation/archive/archivetest"
)

const slowPart = 1 << 20

// slowUpload takes parts at once and answers when it is told to.
type slowUpload struct {
	size    int64
	answers chan error // one for each part that has come whole; nil: all at once

	mu   sync.Mutex
	got  []int64 // bytes of the last try of each part
	sent []int   // whole, in order
	has  map[int]uint64
}

func newSlow(parts int, answers chan error) *slowUpload {
	return &slowUpload{size: int64(parts) * slowPart, answers: answers, got: make([]int64, parts), has: map[int]uint64{}}
}

func (u *slowUpload) Stored() bool                            { return false }
func (u *slowUpload) PartSize() int64                         { return slowPart }
func (u *slowUpload) Parts() int                              { return len(u.got) }
func (u *slowUpload) Part(context.Context, int, []byte) error { return errors.New("not in memory") }
func (u *slowUpload) Abort(context.Context) error             { return nil }
func (u *slowUpload) Complete(context.Context, uint64) (archive.Info, error) {
	return archive.Info{}, nil
}

func (u *slowUpload) Has(n int, crc uint64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	have, ok := u.has[n]
	return ok && have == crc
}

func (u *slowUpload) PartFrom(ctx context.Context, n int, src io.ReaderAt, crc uint64) error {
	note := func(f func()) {
		u.mu.Lock()
		defer u.mu.Unlock()
		f()
	}
	note(func() { u.got[n] = 0 })
	piece := make([]byte, slowPart/16)
	for at := range 16 {
		if _, err := src.ReadAt(piece, int64(n)*slowPart+int64(at*len(piece))); err != nil {
			return fmt.Errorf("%w: %w", archive.ErrSource, err)
		}
		note(func() { u.got[n] += int64(len(piece)) })
	}
	note(func() { u.sent = append(u.sent, n) })
	if u.answers != nil {
		select {
		case err := <-u.answers:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	note(func() { u.has[n] = crc })
	return nil
}

// want holds what has come in so far against the parts' bytes, in halves of a part.
func (u *slowUpload) want(t *testing.T, halves ...int64) {
	t.Helper()
	synctest.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	for n, h := range halves {
		if u.got[n] != h*slowPart/2 {
			t.Errorf("of the parts %d bytes have come, want %d halves", u.got, halves)
			return
		}
	}
}

// slowStore gives one upload after another.
type slowStore struct {
	archive.Store
	mu sync.Mutex
	up []archive.Upload
}

func (s *slowStore) Name() string { return "slow" }
func (s *slowStore) Stat(context.Context, string) (archive.Info, error) {
	return archive.Info{}, archive.ErrNotFound
}
func (s *slowStore) Put(context.Context, string, []byte) error { return nil }
func (s *slowStore) Begin(context.Context, string, int64) (archive.Upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.up[0]
	s.up = s.up[1:]
	return u, nil
}

func slowBag(body []byte) archive.Bag {
	bag := sampleBag()
	bag.Payload = []archive.Payload{payload("data/image.iso", body)}
	bag.Payload[0].Sums = sumsOf(body)
	return bag
}

func again(context.Context, error) error { return nil }

// eachSender runs a test with Send and with Stream.
func eachSender(t *testing.T, test func(t *testing.T, send func(ctx context.Context, up archive.Upload, body []byte, hooks archive.Hooks) error)) {
	t.Run("Send", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t, func(ctx context.Context, up archive.Upload, body []byte, hooks archive.Hooks) error {
				_, err := archive.Send(ctx, &slowStore{up: []archive.Upload{up}}, slowBag(body), archive.SendOptions{Hooks: hooks})
				return err
			})
		})
	})
	t.Run("Stream", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t, func(ctx context.Context, up archive.Upload, body []byte, hooks archive.Hooks) error {
				until, stop := context.WithCancel(ctx)
				defer stop()
				return archive.Stream(ctx, until, up, allThere{bytes.NewReader(body)}, int64(len(body)), archive.StreamOptions{Hooks: hooks,
					Sent: func(_ int, held int64, _ bool) {
						if held == int64(len(body)) {
							stop()
						}
					}})
			})
		})
	})
}

// allThere is a file that is final from the start.
type allThere struct{ io.ReaderAt }

func (allThere) Final(int64, int64) bool { return true }
func (allThere) Changes(int) ([]archive.Stretch, int, <-chan struct{}) {
	return nil, 0, nil
}

// While the answer to a part is awaited the first half of the next goes out,
// and nothing more.
func TestTheNextPartBeginsBeforeTheAnswer(t *testing.T) {
	eachSender(t, func(t *testing.T, send func(context.Context, archive.Upload, []byte, archive.Hooks) error) {
		up := newSlow(4, make(chan error))
		ended := make(chan error, 1)
		go func() { ended <- send(t.Context(), up, archivetest.Bytes(71, 4*slowPart), archive.Hooks{}) }()
		up.want(t, 2, 1, 0, 0)
		up.answers <- nil
		up.want(t, 2, 2, 1, 0)
		up.answers <- nil
		up.want(t, 2, 2, 2, 1)
		up.answers <- nil
		up.want(t, 2, 2, 2, 2)
		up.answers <- nil
		if err := <-ended; err != nil || !slices.Equal(up.sent, []int{0, 1, 2, 3}) {
			t.Errorf("%v, sent whole: %v", err, up.sent)
		}
	})
}

// A part that fails calls the one behind it back and goes before it, so that no
// more than the one is sent whole twice.
func TestAFailureCallsTheNextPartBack(t *testing.T) {
	eachSender(t, func(t *testing.T, send func(context.Context, archive.Upload, []byte, archive.Hooks) error) {
		up := newSlow(3, make(chan error))
		ended := make(chan error, 1)
		var told []error
		hooks := archive.Hooks{Retry: again, Turn: func(context.Context, int64, int64) (archive.Turn, error) {
			return archive.Turn{Done: func(err error) {
				up.mu.Lock()
				defer up.mu.Unlock()
				if err != nil {
					told = append(told, err)
				}
			}}, nil
		}}
		go func() { ended <- send(t.Context(), up, archivetest.Bytes(72, 3*slowPart), hooks) }()
		up.want(t, 2, 1, 0)
		up.answers <- errCable
		up.want(t, 2, 1, 0) // sent again, and nothing beside it
		up.answers <- errCable
		up.answers <- nil
		up.want(t, 2, 2, 1)
		up.answers <- errCable
		up.answers <- nil
		up.answers <- nil
		if err := <-ended; err != nil || !slices.Equal(up.sent, []int{0, 0, 0, 1, 1, 2}) {
			t.Errorf("%v, sent whole: %v", err, up.sent)
		}
		calledBack := 0
		for _, err := range told {
			if errors.Is(err, context.Canceled) {
				calledBack++ // no fault of the store's
			} else if !errors.Is(err, errCable) {
				t.Error(err)
			}
		}
		if calledBack != 2 || len(told) != 5 {
			t.Errorf("the turns were told %v", told)
		}
	})
}

// An error that is final ends both parts, and the file is let go.
func TestBothPartsEnd(t *testing.T) {
	for name, end := range map[string]func(up *slowUpload, cancel func()){
		"refused":   func(up *slowUpload, _ func()) { up.answers <- archive.ErrPermanent },
		"cancelled": func(_ *slowUpload, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			eachSender(t, func(t *testing.T, send func(context.Context, archive.Upload, []byte, archive.Hooks) error) {
				up := newSlow(3, make(chan error))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- send(ctx, up, archivetest.Bytes(73, 3*slowPart), archive.Hooks{Retry: again}) }()
				up.want(t, 2, 1, 0)
				end(up, cancel)
				if err := <-ended; !errors.Is(err, archive.ErrPermanent) && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				up.want(t, 2, 1, 0)
			})
		})
	}
}

// The answer comes while the next part waits for its turn.
func TestTheAnswerComesBeforeTheTurn(t *testing.T) {
	for _, answer := range []error{nil, errCable} {
		t.Run(fmt.Sprint(answer), func(t *testing.T) {
			eachSender(t, func(t *testing.T, send func(context.Context, archive.Upload, []byte, archive.Hooks) error) {
				up := newSlow(2, make(chan error))
				turns, out := make(chan struct{}, 10), 0
				hooks := archive.Hooks{Retry: again, Turn: func(ctx context.Context, _, bytes int64) (archive.Turn, error) {
					if bytes != slowPart {
						return archive.Turn{}, nil
					}
					select {
					case <-turns:
						up.mu.Lock()
						defer up.mu.Unlock()
						out++
						return archive.Turn{Done: func(error) { up.mu.Lock(); defer up.mu.Unlock(); out-- }}, nil
					case <-ctx.Done():
						return archive.Turn{}, ctx.Err()
					}
				}}
				ended := make(chan error, 1)
				go func() { ended <- send(t.Context(), up, archivetest.Bytes(74, 2*slowPart), hooks) }()
				turns <- struct{}{}
				up.want(t, 2, 0)
				up.answers <- answer
				synctest.Wait()
				turns <- struct{}{}
				if answer != nil {
					up.want(t, 2, 0) // its turn is for the one that failed
					up.answers <- nil
					turns <- struct{}{}
				}
				up.want(t, 2, 2)
				up.answers <- nil
				if err := <-ended; err != nil || out != 0 {
					t.Errorf("%v, %d turns are out", err, out)
				}
			})
		})
	}
}

// Two parts of each of two discs are under way, and the limit holds for all
// together.
func TestLimitOfPartsThatOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, err := archive.ParseLimit([]string{"1MiB/s"})
		if err != nil {
			t.Fatal(err)
		}
		const parts = 6
		store := archive.NewLimited(&slowStore{up: []archive.Upload{newSlow(parts, nil), newSlow(parts, nil)}}, limit)
		start := time.Now()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := archive.Send(t.Context(), store, slowBag(archivetest.Bytes(75, parts*slowPart)), archive.SendOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// The bags' small files go over the line as well, and the first second's bytes at once.
		least := (2*parts - 1) * time.Second
		if took := time.Since(start); took < least || took > least+time.Second {
			t.Errorf("%v for %d MiB", took, 2*parts)
		}
	})
}

// summed is a file of which somebody else has proved some MiB.
type summed struct {
	*growing
	sums map[int64]uint64
}

func (s summed) Sum(off int64) (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	crc, ok := s.sums[off]
	return crc, ok
}

// What was summed by others is not read to be summed, and what they say wrongly
// is sent all the same, after the file's own sum.
func TestStreamTakesSumsOfOthers(t *testing.T) {
	body := archivetest.Bytes(76, archivetest.PartSize)
	sums := sumsOf(body)
	run := func(known map[int64]uint64, reads int64, change bool) {
		t.Helper()
		g := newGrowing(body)
		s := openDir(t, t.TempDir()+"/store")
		up, err := s.Begin(t.Context(), "a/b", int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		until, stop := context.WithCancel(t.Context())
		ended, took, odd := make(chan error, 1), make(chan struct{}, 1), make(chan struct{}, 10)
		go func() {
			ended <- archive.Stream(t.Context(), until, up, summed{g, known}, int64(len(body)), archive.StreamOptions{
				Hooks: archive.Hooks{Turn: func(context.Context, int64, int64) (archive.Turn, error) {
					return archive.Turn{Done: func(err error) {
						if errors.Is(err, archive.ErrSourceChanged) {
							odd <- struct{}{}
						}
					}}, nil
				}},
				Sent: func(int, int64, bool) { took <- struct{}{} }})
		}()
		g.change(func() { g.final[0] = true })
		if change {
			<-odd
			g.change(func() {})
		}
		<-took
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if g.reads != reads || !up.Has(0, archive.CRC64NVME(body)) {
			t.Errorf("%d bytes were read, want %d", g.reads, reads)
		}
	}
	all := map[int64]uint64{}
	for i, sum := range sums {
		all[int64(i)<<20] = sum
	}
	run(all, archivetest.PartSize, false)
	delete(all, 3<<20)
	run(all, archivetest.PartSize+1<<20, false)
	all[3<<20] = 1
	run(all, 3*archivetest.PartSize, true)
}

// What is final waits for the sums of who reads it back, while they come; then
// it is summed by the stream itself.
func TestStreamWaitsForSumsThatCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const mib, part, parts = 1 << 20, archivetest.PartSize, 3
		body := archivetest.Bytes(77, parts*part)
		sums := sumsOf(body)
		g := newGrowing(body)
		known := summed{g, map[int64]uint64{}}
		s := openDir(t, t.TempDir()+"/store")
		up, err := s.Begin(t.Context(), "a/b", int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		until, stop := context.WithCancel(t.Context())
		ended, took := make(chan error, 1), make(chan int, parts)
		begun := time.Now()
		go func() {
			ended <- archive.Stream(t.Context(), until, up, known, int64(len(body)), archive.StreamOptions{Sent: func(n int, _ int64, _ bool) { took <- n }})
		}()
		g.change(func() {
			for n := range parts {
				g.final[n] = true
			}
		})
		// One part's sums come, not quickly; those of the second come half.
		const each = 900 * time.Millisecond
		for i := range int64(part/mib + part/mib/2) {
			time.Sleep(each)
			synctest.Wait()
			if i < part/mib && len(took) > 0 {
				t.Fatalf("part %d was sent before %d of its sums were known", <-took, part/mib-i)
			}
			g.change(func() { known.sums[i*mib] = sums[i] })
		}
		last := time.Since(begun)
		for n := range parts {
			if got := <-took; got != n {
				t.Errorf("part %d was sent, want %d", got, n)
			}
		}
		if more := time.Since(begun) - last; more != time.Second {
			t.Errorf("the others were sent %v after the last sum", more)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		// All is read to be sent, and one part and a half to be summed.
		if want := int64(parts*part + (part/mib-part/mib/2)*mib + part); g.reads != want {
			t.Errorf("%d bytes were read, want %d", g.reads, want)
		}
	})
}
