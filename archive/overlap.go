package archive

import (
	"context"
	"io"
	"sync"
)

// overlap sends the parts of one file, and does not let the line stand still
// while a store makes up its answer: when all of a part has been given to the
// connection the next one begins.
//
// What a kill costs is one part at most, all the same. A part's first half only
// goes out before the answer to the part before it has come; held says where it
// waits. So of all parts of a file that have gone out to their last byte, one
// at most has no answer yet, and only that one can have been sent whole and yet
// have to be sent again, when the store has not kept it. Beside it there may be
// one that was cut off in its first half, which the store never had. When a
// part fails, the one behind it is called back and sent after it.
//
// Its methods are for one goroutine. The contexts are those of the waiting, for
// turns and for another try, and of the sending.
type overlap struct {
	up    Upload
	src   io.ReaderAt
	hooks Hooks
	left  func() int64 // bytes still to be sent, without those whose answer is awaited
	// over is told how a part has ended: nil when the store has taken it, else
	// an error that is final. What it returns ends all.
	over func(part, error) error

	last *flight // its answer is awaited
}

// flight is one part on its way.
type flight struct {
	part
	stop  context.CancelFunc
	given chan struct{} // closed when its last byte has been given to the connection
	taken chan struct{} // closed when the store has it
	ended chan struct{} // closed at its end
	err   error         // then
}

// send sends a part. It returns when all of it has been given to the
// connection: the answer is awaited by the next send, or by settle.
func (o *overlap) send(wait, ctx context.Context, w part) error {
	for {
		turn, err := o.turn(wait, ctx, w.size)
		if err != nil {
			return err
		}
		before := o.last
		f := o.begin(ctx, w, turn, before)
		if before != nil {
			<-before.ended
			if before.err != nil {
				f.stop()
				<-f.ended
			}
			if err := o.settle(wait, ctx); err != nil {
				f.stop()
				<-f.ended
				return err
			}
			if before.err != nil && f.err != nil {
				continue // it was called back
			}
		}
		select {
		case <-f.given:
		case <-f.ended:
		}
		o.last = f
		select {
		case <-f.ended:
			return o.settle(wait, ctx)
		default:
			return nil
		}
	}
}

// settle waits for the answer to the last part. If that is an error which
// another try may mend, the part is sent again and nothing beside it.
func (o *overlap) settle(wait, ctx context.Context) error {
	f := o.last
	if f == nil {
		return nil
	}
	<-f.ended
	o.last = nil
	err := f.err
	if err != nil {
		if err = o.hooks.again(wait, err); err == nil {
			err = o.hooks.persist(wait, o.left(), f.size, func() error { return o.up.PartFrom(ctx, f.n, o.src, f.crc) })
		}
	}
	if err != nil && !final(err) {
		return err
	}
	return o.over(f.part, err)
}

// end has nothing on its way any more.
func (o *overlap) end() {
	if o.last != nil {
		o.last.stop()
		<-o.last.ended
		o.last = nil
	}
}

// turn waits for leave to send so many bytes, and for the last part's answer
// meanwhile: when that is an error, it comes first.
func (o *overlap) turn(wait, ctx context.Context, bytes int64) (Turn, error) {
	if o.hooks.Turn == nil {
		return Turn{}, wait.Err()
	}
	for o.last != nil {
		waiting, cancel := context.WithCancel(wait)
		type answer struct {
			Turn
			err error
		}
		got, left := make(chan answer, 1), o.left()
		go func() {
			t, err := o.hooks.Turn(waiting, left, bytes)
			got <- answer{t, err}
		}()
		select {
		case a := <-got:
			cancel()
			return a.Turn, a.err
		case <-o.last.ended:
		}
		if o.last.err == nil {
			err := o.settle(wait, ctx)
			if err != nil {
				cancel()
			}
			a := <-got
			cancel()
			if err != nil && a.err == nil {
				a.done(context.Canceled)
			}
			if err == nil {
				err = a.err
			}
			return a.Turn, err
		}
		cancel()
		if a := <-got; a.err == nil {
			a.done(context.Canceled)
		}
		if err := o.settle(wait, ctx); err != nil {
			return Turn{}, err
		}
	}
	return o.hooks.Turn(wait, o.left(), bytes)
}

// begin puts a part on its way. Of its second half nothing goes out before the
// store has the part before.
func (o *overlap) begin(ctx context.Context, w part, turn Turn, before *flight) *flight {
	ctx, stop := context.WithCancel(ctx)
	f := &flight{part: w, stop: stop, given: make(chan struct{}), taken: make(chan struct{}), ended: make(chan struct{})}
	off := int64(w.n) * o.up.PartSize()
	src := &heldSource{ReaderAt: o.src, ctx: ctx, half: off + w.size/2, end: off + w.size}
	if before != nil {
		src.before = before.taken
	}
	src.given = sync.OnceFunc(func() {
		turn.given()
		close(f.given)
	})
	go func() {
		defer close(f.ended)
		defer stop()
		f.err = o.up.PartFrom(ctx, w.n, src, w.crc)
		if f.err == nil {
			close(f.taken)
		}
		turn.done(f.err)
	}()
	return f
}

// heldSource is a file out of which a part is sent: it stops in the part's
// middle until the part before is taken, and tells when its end is given. The
// context is that of the one part.
type heldSource struct {
	io.ReaderAt
	ctx       context.Context
	before    <-chan struct{} // nil: nothing to wait for
	half, end int64
	given     func()
}

func (s *heldSource) ReadAt(p []byte, off int64) (int, error) {
	if s.before != nil && off+int64(len(p)) > s.half {
		select {
		case <-s.before:
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		}
	}
	n, err := s.ReaderAt.ReadAt(p, off)
	if off+int64(n) >= s.end {
		s.given()
	}
	return n, err
}

// unpaced is the file itself.
func (s *heldSource) unpaced() io.ReaderAt { return s.ReaderAt }
