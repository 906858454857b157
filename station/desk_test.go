package station

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ripstation/archive"
)

func testDesk(t *testing.T) *desk {
	t.Helper()
	d, err := archive.NewDir(archive.DirConfig{Name: "shelf", Root: filepath.Join(t.TempDir(), "store"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &Station{cfg: Config{BackoffMin: time.Millisecond, BackoffMax: 5 * time.Millisecond, BackoffParked: time.Hour, Log: zerolog.Nop()}}
	s.line = newLine(s)
	return newDesk(s, Store{Store: d, Required: true})
}

// queue is errands that wait while the line is taken, and the order in which
// they had their turns.
type queue struct {
	d     *desk
	mu    sync.Mutex
	order []string
	wg    sync.WaitGroup
}

func (q *queue) add(t *testing.T, name string, e *errand, left int64, waited time.Duration) {
	t.Helper()
	q.wg.Go(func() {
		done, err := q.d.turn(t.Context(), e, left, 1)
		if err != nil {
			t.Error(err)
			return
		}
		q.mu.Lock()
		q.order = append(q.order, name)
		q.mu.Unlock()
		done(nil)
		q.d.close(e)
	})
	for { // until it stands in the queue
		q.d.mu.Lock()
		i := slices.IndexFunc(q.d.waiting, func(w *waiter) bool { return w.e == e })
		if i >= 0 {
			q.d.waiting[i].since = q.d.waiting[i].since.Add(-waited)
			q.d.mu.Unlock()
			return
		}
		q.d.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// Sealed images go first, the one with the least left before the others; then
// discs that are being read, then read-backs; and who has waited long goes
// before all, but for a read-back that has not begun.
func TestWhoseTurnItIs(t *testing.T) {
	d := testDesk(t)
	first := d.open(sending)
	done, err := d.turn(t.Context(), first, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{d: d}
	q.add(t, "look", d.open(looking), 0, time.Hour)
	q.add(t, "stream 1", d.open(streaming), 5, 0)
	q.add(t, "stream 2", d.open(streaming), 1, 0)
	q.add(t, "large", d.open(sending), 900, 0)
	q.add(t, "small", d.open(sending), 50, 0)
	q.add(t, "starving", d.open(streaming), 500, 2*patience)
	under := d.open(looking)
	under.begun = true
	q.add(t, "look under way", under, 0, patience+time.Second)
	done(nil)
	d.close(first)
	q.wg.Wait()
	want := []string{"starving", "look under way", "small", "large", "stream 1", "stream 2", "look"}
	if !slices.Equal(q.order, want) {
		t.Errorf("turns %q\nwant  %q", q.order, want)
	}
}

// Between two parts of a sealed image nobody else slips in, and a read-back
// lets everybody in.
func TestTurnsAreKeptAndGivenAway(t *testing.T) {
	d := testDesk(t)
	send := d.open(sending)
	done, err := d.turn(t.Context(), send, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{d: d}
	q.add(t, "stream", d.open(streaming), 5, 0)
	for n := range 3 {
		done(nil)
		if done, err = d.turn(t.Context(), send, 90, 1); err != nil {
			t.Fatal(err)
		}
		if len(q.order) != 0 {
			t.Fatalf("after part %d: %q", n, q.order)
		}
	}
	done(nil)
	d.close(send)
	q.wg.Wait()

	look := d.open(looking)
	if done, err = d.turn(t.Context(), look, 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := d.giveWay(t.Context(), look); err != nil {
		t.Fatal(err)
	}
	q.add(t, "second stream", d.open(streaming), 5, 0)
	if err := d.giveWay(t.Context(), look); err != nil {
		t.Fatal(err)
	}
	q.wg.Wait()
	if !slices.Equal(q.order, []string{"stream", "second stream"}) {
		t.Errorf("turns %q", q.order)
	}
	blocker := d.open(streaming)
	ctx, cancel := context.WithCancel(t.Context())
	q.wg.Go(func() { // has the line while the read-back gives up
		back, err := d.turn(t.Context(), blocker, 1, 1)
		if err != nil {
			t.Error(err)
			return
		}
		cancel()
		<-ctx.Done()
		for { // until the read-back has left the queue
			d.mu.Lock()
			n := len(d.waiting)
			d.mu.Unlock()
			if n == 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		back(nil)
	})
	for {
		d.mu.Lock()
		n := len(d.waiting)
		d.mu.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := d.giveWay(ctx, look); !errors.Is(err, context.Canceled) {
		t.Errorf("gave way and came back: %v", err)
	}
	q.wg.Wait()
	done(context.Canceled)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy != nil || d.out != 0 {
		t.Errorf("the desk holds %v, %d turns are out", d.busy, d.out)
	}
}

// One image that a store refuses does not stand in the way of others, and a
// store that is away is asked by one at a time.
func TestTroubleOfOneIsNotThatOfAll(t *testing.T) {
	d := testDesk(t)
	poisoned, well := d.open(sending), d.open(sending)
	permanent := fmt.Errorf("refused: %w", archive.ErrPermanent)
	try := func(e *errand, err error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		done, terr := d.turn(ctx, e, 1, 1)
		if terr != nil {
			t.Fatal(terr)
		}
		done(err)
	}
	try(poisoned, permanent)
	for range 20 {
		try(well, nil)
	}
	st := d.status(nil)
	if st.Next == nil || time.Until(*st.Next) < 30*time.Minute || st.Message != permanent.Error() {
		t.Errorf("the status says %+v", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := d.turn(ctx, poisoned, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("what a person must mend was tried again at once: %v", err)
	}
	for range 5 {
		try(well, errors.New("away"))
	}
	d.mu.Lock()
	fails := d.away.fails
	d.mu.Unlock()
	if fails != 5 {
		t.Errorf("%d failures counted", fails)
	}
	try(well, archive.ErrExists) // an answer is an answer
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away.fails != 0 {
		t.Error("a store that answers is held for away")
	}
}

// A store that is away is asked by one at a time, in bytes and without.
func TestAwayIsFoundOutByOne(t *testing.T) {
	d := testDesk(t)
	e, other := d.open(sending), d.open(streaming)
	done, err := d.turn(t.Context(), e, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	done(errors.New("away"))
	if done, err = d.turn(t.Context(), e, 1, 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := d.turn(ctx, other, 1, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("two ask a store that is away: %v", err)
	}
	done(nil)
	done, err = d.turn(t.Context(), other, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	done(nil)
}

// While the answer to one part is awaited the next has its turn, of the same
// disc or of another; never more than two are on their way.
func TestTwoPartsAreOnTheirWay(t *testing.T) {
	d := testDesk(t)
	ask := func(e *errand) archive.Turn {
		t.Helper()
		turn, err := d.partTurn(t.Context(), e, 100, 1)
		if err != nil {
			t.Fatal(err)
		}
		return turn
	}
	one, other := d.open(sending), d.open(sending)
	first := ask(one)
	q := &queue{d: d}
	q.add(t, "other", other, 900, 0)
	first.Given()
	second := ask(one) // it has less left than the other
	first.Given()      // counts once
	d.mu.Lock()
	if d.busy != one || d.pending != 1 || len(d.waiting) != 1 || len(q.order) != 0 {
		t.Errorf("%d answers are awaited, %d wait for a turn, %q had one", d.pending, len(d.waiting), q.order)
	}
	d.mu.Unlock()
	second.Given()
	third, late := make(chan archive.Turn, 1), d.open(streaming)
	go func() { third <- ask(late) }()
	for n := 0; n < 2; {
		d.mu.Lock()
		n = len(d.waiting)
		d.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	d.mu.Lock()
	if d.busy != nil || d.pending != 2 || d.out != 2 {
		t.Errorf("%d answers are awaited, %d turns are out", d.pending, d.out)
	}
	d.mu.Unlock()
	d.close(one) // nothing is kept for it
	first.Done(nil)
	q.wg.Wait()
	(<-third).Done(errors.New("cut in its middle"))
	second.Done(context.Canceled)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy != nil || d.out != 0 || d.pending != 0 || d.away.fails != 1 {
		t.Errorf("the desk holds %v, %d turns are out, %d answers awaited, %d failures", d.busy, d.out, d.pending, d.away.fails)
	}
}
