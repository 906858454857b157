package archive

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// readBlock is the least that is asked for at a time. Structures of a disc
	// lie in many small places; 32 KiB of each are cheap on any line.
	readBlock = 32 << 10
	// readMost is the most that one request asks for.
	readMost = 4 << 20
	// readHeld is how many bytes are kept for the next reader.
	readHeld = 16 << 20
	// readAtOnce is how many requests are under way at a time.
	readAtOnce = 4
	// readSteady is the request from which on a reader is read ahead of.
	readSteady = 1 << 20
	readRuns   = 8 // readers that are told apart
)

// ReaderAt reads one object of a store in any order. It asks by ranges, keeps
// what it was given, and asks for more at a time the longer a reader goes on
// without a jump. It holds at most 32 MiB (readHeld, and readAtOnce requests of
// readMost), beside what calls of ReadAt under way still copy from. Its methods
// may be called from several goroutines.
//
// Its errors are the store's. A request is not repeated here; what a failed
// one should have brought is asked for anew by the next reader.
type ReaderAt struct {
	// The context is a field because io.ReaderAt has no room for one: it is
	// that of the one errand that the reader is opened for.
	ctx    context.Context
	cancel context.CancelFunc
	store  Store
	key    string
	size   int64
	slots  chan struct{}
	ahead  sync.WaitGroup

	mu       sync.Mutex
	blocks   map[int64]*stretch // by number of the block
	used     *list.List         // of *stretch, the one used last in front
	held     int64
	runs     [readRuns]run
	clock    int64
	requests int64
	bytes    int64
}

// stretch is what one request brings.
type stretch struct {
	first, count int64 // blocks
	done         chan struct{}
	data         []byte // once done
	err          error
	place        *list.Element
}

// run is one reader that goes through the object without a jump.
type run struct {
	last, next int64 // blocks: where its newest stretch begins, and where it ends
	length     int64 // blocks asked for so far
	used       int64 // by the clock; 0: free
}

// NewReaderAt reads the object under key, of size bytes as Stat told. Nothing
// is asked for yet. ctx counts until Close, which must be called.
func NewReaderAt(ctx context.Context, s Store, key string, size int64) *ReaderAt {
	ctx, cancel := context.WithCancel(ctx)
	return &ReaderAt{ctx: ctx, cancel: cancel, store: s, key: key, size: size, slots: make(chan struct{}, readAtOnce),
		blocks: map[int64]*stretch{}, used: list.New()}
}

// Size is the object's, in bytes.
func (r *ReaderAt) Size() int64 { return r.size }

// Moved says how many requests were made and how many bytes they brought.
func (r *ReaderAt) Moved() (requests, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.bytes
}

// Close ends what is under way. Reading afterwards is an error.
func (r *ReaderAt) Close() error {
	r.cancel()
	r.ahead.Wait()
	return nil
}

// ReadAt reads as io.ReaderAt says: fewer bytes come with an error.
func (r *ReaderAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: byte %d", r.key, off)
	}
	if off >= r.size {
		return 0, io.EOF
	}
	end := off + min(int64(len(p)), r.size-off)
	for at := off; at < end; {
		data, from, err := r.piece(at, end)
		if err != nil {
			return n, err
		}
		c := copy(p[n:end-off], data[at-from:])
		n += c
		at += int64(c)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// piece gives bytes that hold the one at off, and where they begin. end is how
// far the caller wants to read.
func (r *ReaderAt) piece(off, end int64) (data []byte, from int64, err error) {
	for try := 0; ; try++ {
		if err := r.ctx.Err(); err != nil {
			return nil, 0, err
		}
		s, mine := r.find(off/readBlock, (end-1)/readBlock+1)
		if mine {
			r.fetch(s)
		} else {
			select {
			case <-s.done:
			case <-r.ctx.Done():
				return nil, 0, r.ctx.Err()
			}
		}
		switch {
		case s.err == nil:
			return s.data, s.first * readBlock, nil
		case mine || try > 0:
			return nil, 0, s.err
		}
		// It was another's request that failed: this reader is owed its own.
	}
}

// find gives the stretch that holds a block. mine is true when it is a new one,
// which the caller has to fetch; it then reaches to want, at least, as far as
// readMost and what is there already allow.
func (r *ReaderAt) find(block, want int64) (s *stretch, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	if s = r.blocks[block]; s != nil {
		r.used.MoveToFront(s.place)
		r.runOn(block)
		return s, false
	}
	need := min(want-block, readMost/readBlock)
	u := r.runAt(block)
	s = r.begin(block, max(u.window(), need))
	u.add(s)
	u.used = r.clock
	return s, true
}

// window is how many blocks are worth to be asked for at a time: half of what
// was asked for already, so that no more than a third is ever for nothing.
func (u *run) window() int64 { return min(max(u.length/2, 1), readMost/readBlock) }

func (u *run) add(s *stretch) {
	u.last, u.next = s.first, s.first+s.count
	u.length += s.count
}

// runAt is the run that a missing block continues, else the one that was idle
// longest, anew. A few blocks passed over are no jump.
func (r *ReaderAt) runAt(block int64) *run {
	idle := &r.runs[0]
	for i := range r.runs {
		u := &r.runs[i]
		if u.used > 0 && block >= u.next && block <= u.next+u.window() {
			return u
		}
		if u.used < idle.used {
			idle = u
		}
	}
	*idle = run{}
	return idle
}

// runOn starts the next request of a run whose newest stretch is being used,
// when a request is free for it.
func (r *ReaderAt) runOn(block int64) {
	for i := range r.runs {
		u := &r.runs[i]
		if u.used == 0 || block < u.last || block >= u.next {
			continue
		}
		u.used = r.clock
		if u.window()*readBlock < readSteady || u.next*readBlock >= r.size || r.blocks[u.next] != nil {
			return
		}
		select {
		case r.slots <- struct{}{}:
		default:
			return
		}
		s := r.begin(u.next, u.window())
		u.add(s)
		r.ahead.Go(func() {
			defer func() { <-r.slots }()
			r.load(s)
		})
		return
	}
}

// begin makes room for count blocks from the first, as far as none of them is
// there, and notes that they are on their way.
func (r *ReaderAt) begin(first, count int64) *stretch {
	count = min(count, (r.size+readBlock-1)/readBlock-first)
	s := &stretch{first: first, done: make(chan struct{})}
	for s.count < count && r.blocks[first+s.count] == nil {
		r.blocks[first+s.count] = s
		s.count++
	}
	s.place = r.used.PushFront(s)
	r.held += s.count * readBlock
	for e := r.used.Back(); e != nil && r.held > readHeld; {
		old, before := e.Value.(*stretch), e.Prev()
		select {
		case <-old.done:
			r.drop(old)
		default: // under way
		}
		e = before
	}
	return s
}

func (r *ReaderAt) drop(s *stretch) {
	for b := s.first; b < s.first+s.count; b++ {
		delete(r.blocks, b)
	}
	r.used.Remove(s.place)
	r.held -= s.count * readBlock
}

// fetch waits for its turn and loads s.
func (r *ReaderAt) fetch(s *stretch) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
		r.load(s)
	case <-r.ctx.Done():
		r.end(s, nil, r.ctx.Err())
	}
}

// load makes the request for s.
func (r *ReaderAt) load(s *stretch) {
	from := s.first * readBlock
	p := make([]byte, min(s.count*readBlock, r.size-from))
	n, err := r.request(p, from)
	r.mu.Lock()
	r.requests++
	r.bytes += int64(n)
	r.mu.Unlock()
	r.end(s, p, err)
}

func (r *ReaderAt) request(p []byte, from int64) (int, error) {
	body, err := r.store.Read(r.ctx, r.key, from, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(body, p)
	if err == io.EOF { // the store's own errors say more than that
		err = fmt.Errorf("read %s: %w", r.key, io.ErrUnexpectedEOF)
	}
	if err == nil { // what the store says at the end counts, also of bytes that are all there
		var more [1]byte
		if m, end := io.ReadFull(body, more[:]); m > 0 {
			err = fmt.Errorf("read %s: more bytes came than the %d asked for", r.key, len(p))
		} else if end != io.EOF {
			err = end
		}
	}
	return n, errors.Join(err, body.Close())
}

// end tells whoever waits for s how it went. What has failed is forgotten.
func (r *ReaderAt) end(s *stretch, data []byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.err = err; err == nil {
		s.data = data
	} else {
		r.drop(s)
	}
	close(s.done)
}
