package archive

import (
	"context"
	"errors"
	"fmt"
)

// ErrSourceChanged says that a payload file no longer gives the bytes that
// were sealed. Nothing of it became visible in the store.
var ErrSourceChanged = errors.New("the spool's image no longer matches what was sealed")

// SendOptions are what a caller of Send may hook in; all may be nil.
type SendOptions struct {
	Hooks
	// Progress is told how many bytes the store holds, of how many: payload,
	// and tag files with a Source. done falls back when a file has to be begun
	// anew.
	Progress func(done, total int64)
	// Live gives the upload of a payload file that was begun while the file
	// was still being written, or nil. A store that cannot say what a part of
	// an unfinished upload holds knows it only through that one.
	Live func(key string) Upload
	// Sent is called when the store has taken a part.
	Sent func(key string, n int)
	// BeforeComplete is called with the key of a payload file, or of a tag file
	// with a Source, before the store is told to make it visible, so that the
	// intent can be written down first. It is not called for a file that the
	// store has already.
	BeforeComplete func(key string) error
	// AfterComplete is called when the store has confirmed such a file.
	AfterComplete func(key string, info Info) error
}

// Hooks are how a caller shares a store among many: both may be nil.
type Hooks struct {
	// Turn is asked before each request or part: it waits until bytes may be
	// sent (0 for a request without any to speak of), of left that are still to
	// be sent.
	Turn func(ctx context.Context, left, bytes int64) (Turn, error)
	// Retry is asked after a failure that waiting may mend: it returns nil to
	// have the same step tried again, or the error that all shall end with. It
	// or Turn waits. Without it the first failure ends all.
	Retry func(ctx context.Context, err error) error
}

// Turn is leave to send one part or request.
type Turn struct {
	// Given is called when all bytes of a part have been given to the
	// connection and only the answer is awaited. It is not called for all. It
	// may be nil.
	Given func()
	// Done is told how it went, once, and ends the turn. It may be nil.
	Done func(error)
}

func (t Turn) given() {
	if t.Given != nil {
		t.Given()
	}
}

func (t Turn) done(err error) {
	if t.Done != nil {
		t.Done(err)
	}
}

// SendResult says what Send found and did.
type SendResult struct {
	Payload     []Info // as the store confirmed them, in the bag's order
	TagManifest string // SHA-512 of the object written last; it stands for the whole bag
	SentParts   int    // parts sent now
	HeldParts   int    // parts that the store had
	SentBytes   int64  // bytes of those parts sent now
	// AlreadyWhole is true when the tag manifest was there when Send began.
	AlreadyWhole bool
}

// Send brings a bag into a store: payload first, then the tag files, large and
// small, the tag manifest last of all. It may be called again after any failure or crash and
// goes on where it was; parts that the store holds are not sent again, and not
// read again either where the payload comes with its Sums. Every byte sent is
// held against the checksum taken at the seal.
//
// Errors: ErrSourceChanged, ErrExists when the store has another bag under
// this prefix, ErrPermanent, or one that trying again may mend.
func Send(ctx context.Context, store Store, bag Bag, opts SendOptions) (SendResult, error) {
	var res SendResult
	tags, err := bag.TagFiles()
	if err != nil {
		return res, fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	last := tags[len(tags)-1]
	res.TagManifest = last.SHA512
	err = opts.persist(ctx, bag.inParts(), 0, func() error {
		_, err := store.Stat(ctx, bag.Key(last.Path))
		res.AlreadyWhole = err == nil
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return res, err
	}
	s := sender{store: store, opts: opts, total: bag.inParts(), res: &res}
	for _, p := range bag.Payload {
		info, err := s.payload(ctx, bag.Key(p.Path), p)
		if err != nil {
			return res, err
		}
		res.Payload = append(res.Payload, info)
	}
	for _, f := range tags {
		if f.Source != nil {
			if _, err := s.payload(ctx, bag.Key(f.Path), f.payload()); err != nil {
				return res, err
			}
			continue
		}
		put := func() error { return store.Put(ctx, bag.Key(f.Path), f.Body) }
		if err := opts.persist(ctx, s.left(), int64(len(f.Body)), put); err != nil {
			return res, err
		}
	}
	return res, nil
}

// persist runs step when it is its turn, until it succeeds, until its error is
// final, or until the caller has had enough.
func (h Hooks) persist(ctx context.Context, left, bytes int64, step func() error) error {
	for {
		var turn Turn
		if h.Turn != nil {
			var err error
			if turn, err = h.Turn(ctx, left, bytes); err != nil {
				return err
			}
		}
		err := step()
		turn.done(err)
		if err == nil {
			return nil
		}
		if err := h.again(ctx, err); err != nil {
			return err
		}
	}
}

// again returns nil when a step that failed may be tried again, or the error
// that all shall end with.
func (h Hooks) again(ctx context.Context, err error) error {
	if h.Retry == nil || final(err) || ctx.Err() != nil {
		return err
	}
	return h.Retry(ctx, err)
}
