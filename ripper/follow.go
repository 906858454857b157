package ripper

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"ripstation/disc"
)

// Observer sees the blocks of an image that is read back, in order: n bytes
// from off, without data where the disk does not give them. The data are its
// own until it returns. An error ends the reading.
//
// When bytes changed that were seen already, blocks come again, from before
// the change: off is then not where the block before ended.
type Observer func(off, n int64, data []byte) error

// Follower reads an image back from the disk itself while it is still being
// read from the disc, as far as it is final without a gap; it holds every
// chunk against the ledger and takes the digests of the whole. The Seal that
// takes it over has only the rest to do. It keeps nothing on the disk, and a seal without it gives the same.
type Follower struct {
	img       *Image
	observers []Observer

	mu      sync.Mutex // of the one Run or Seal that has it
	over    bool       // it goes no further: a fault was seen, or a Seal has used it up
	at      int64      // bytes read back, proved and digested: whole blocks
	how     string     // see readBack
	d       *digester
	proved  []chunk // before at
	changed uint64  // as far as changes of the ledger's chunks are seen to
	marks   []mark  // where it can go back to
	bad     []chunk // not as the drive gave them
}

// mark is what the digests were at a place.
type mark struct {
	at int64
	d  *digester
}

// NewFollower follows an image from its beginning. Nothing is read before Run.
func NewFollower(img *Image, observers ...Observer) *Follower {
	return &Follower{img: img, observers: observers, d: newDigester()}
}

// Run follows until ctx ends, and returns nil then. It may run beside a Rip; the disk is
// read no faster than sectors become final, one block of 1 MiB at a time. An error says
// that it goes no further: the Seal reads the rest, and judges.
func (f *Follower) Run(ctx context.Context) error {
	if !f.mu.TryLock() {
		return fmt.Errorf("follow image in %s: %w", f.img.dir, ErrInUse)
	}
	defer f.mu.Unlock()
	back, err := OpenBytes(f.img.Path())
	if err != nil {
		return err
	}
	defer back.Close()
	b, err := newBlock()
	if err != nil {
		return err
	}
	defer b.free()
	for !f.over {
		_, _, next := f.img.Changes(0)
		err := f.review(ctx, back, b, false)
		if err == nil {
			err = f.advance(ctx, back, b)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			f.over = true
			return fmt.Errorf("follow image in %s: %w", f.img.dir, err)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// advance goes over all blocks that are final.
func (f *Follower) advance(ctx context.Context, back *Bytes, b *block) error {
	for f.at < f.img.Size() {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.span(f.at, f.img.Size())
		chunks, ok := f.img.inBlock(b.off, b.size, true)
		if !ok {
			return nil
		}
		if err := f.prove(back, b, chunks); errors.Is(err, errMoved) {
			return nil // that was told, too
		} else if err != nil {
			return err
		}
		if f.at%f.img.tune.mark == 0 {
			f.marks = append(f.marks, mark{f.at, f.d.clone()})
		}
		for _, look := range f.d.lookers() {
			if err := look(b); err != nil {
				return err
			}
		}
		for _, see := range f.observers {
			if err := see(b.off, b.size, b.data); err != nil {
				f.back(f.at) // the digests have the block
				return err
			}
		}
		f.proved = append(f.proved, chunks...)
		f.at += b.size
		f.img.tellSums(f.d.sums)
	}
	return nil
}

// prove reads a block and holds it against its chunks.
func (f *Follower) prove(back *Bytes, b *block, chunks []chunk) error {
	if err := b.read(back); err != nil {
		return err
	}
	f.how = weaker(f.how, back.How())
	if b.err != nil {
		return b.err
	}
	bad, blank := held(b.off, b.data, chunks)
	if len(bad) > 0 && !f.img.current(bad) {
		return errMoved
	}
	f.bad = append(f.bad, bad...)
	if len(bad) > 0 || !blank {
		return fmt.Errorf("%s are not on the disk as they should be: the seal will see to it", name(b.extent()))
	}
	return nil
}

// held holds the bytes from off against all chunks in them, and says whether
// what no chunk covers is zero.
func held(off int64, data []byte, chunks []chunk) (bad []chunk, blank bool) {
	at, blank := int64(0), true
	for _, c := range chunks {
		from := int64(c.Start)*disc.SectorSize - off
		to := from + c.Count*disc.SectorSize
		if sha256.Sum256(data[from:to]) != c.sum {
			bad = append(bad, c)
		}
		blank = blank && isZero(data[at:from])
		at = to
	}
	return bad, blank && isZero(data[at:])
}

// review proves anew the blocks behind it whose chunks are not those that it
// proved. When the bytes are the ones that were digested, as they are after a
// confirming read, that is all; else it goes back. With settled nothing will change
// any more, also where sectors are missing: what it cannot prove then is left
// in front of it.
func (f *Follower) review(ctx context.Context, back *Bytes, b *block, settled bool) error {
	for _, off := range f.altered() {
		if err := ctx.Err(); err != nil {
			f.changed = 0
			return err
		}
		b.span(off, f.img.Size())
		chunks, ok := f.img.inBlock(b.off, b.size, !settled)
		err := errMoved
		if ok {
			err = f.prove(back, b, chunks)
		}
		switch {
		case errors.Is(err, errMoved) && !settled:
			f.changed = 0 // look at it again when it has come to rest
			continue
		case err != nil:
			f.back(off)
			return err
		}
		lo, hi := f.within(b.extent())
		if bad, blank := held(b.off, b.data, f.proved[lo:hi]); len(bad) > 0 || !blank {
			f.back(off)
			return nil
		}
		f.proved = append(f.proved[:lo:lo], append(chunks, f.proved[hi:]...)...)
	}
	return nil
}

// altered are the blocks behind it whose chunks are not those that it proved,
// in order.
func (f *Follower) altered() (blocks []int64) {
	f.img.mu.Lock()
	defer f.img.mu.Unlock()
	led := &f.img.led
	if f.changed == led.changed {
		return nil
	}
	f.changed = led.changed
	end := sort.Search(len(led.chunks), func(i int) bool { return int64(led.chunks[i].Start)*disc.SectorSize >= f.at })
	old, now := f.proved, led.chunks[:end]
	note := func(c chunk) {
		off := int64(c.Start) * disc.SectorSize / blockSize * blockSize
		if n := len(blocks); n == 0 || blocks[n-1] != off {
			blocks = append(blocks, off)
		}
	}
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(old) > 0 && len(now) > 0 && old[0].nth == now[0].nth:
			old, now = old[1:], now[1:]
		case len(now) == 0 || len(old) > 0 && old[0].Start <= now[0].Start:
			note(old[0])
			old = old[1:]
		default:
			note(now[0])
			now = now[1:]
		}
	}
	return blocks
}

// within are the proved chunks of an extent.
func (f *Follower) within(e disc.Extent) (lo, hi int) {
	return sort.Search(len(f.proved), func(i int) bool { return f.proved[i].Start >= e.Start }),
		sort.Search(len(f.proved), func(i int) bool { return f.proved[i].Start >= e.End() })
}

// back goes back to the last mark at or before off.
func (f *Follower) back(off int64) {
	i := sort.Search(len(f.marks), func(i int) bool { return f.marks[i].at > off }) - 1
	if i < 0 {
		f.at, f.d, f.proved, f.marks = 0, newDigester(), nil, nil
		f.img.tellSums(nil)
		return
	}
	m := f.marks[i]
	f.at, f.d, f.marks = m.at, m.d, f.marks[:i]
	f.img.tellSums(f.d.sums)
	f.proved = f.proved[:sort.Search(len(f.proved), func(i int) bool { return int64(f.proved[i].Start)*disc.SectorSize >= m.at })]
}

// handOver makes it ready for the last reading of a Seal, which has the image for
// itself.
func (f *Follower) handOver(ctx context.Context) error {
	if f.at == 0 {
		return nil
	}
	back, err := OpenBytes(f.img.Path())
	if err != nil {
		return err
	}
	defer back.Close()
	b, err := newBlock()
	if err != nil {
		return err
	}
	defer b.free()
	// What is at fault comes before the eyes of the last reading again.
	if err := f.review(ctx, back, b, true); err != nil && ctx.Err() != nil {
		return err
	}
	for f.at > 0 && f.img.across(f.at) {
		f.back(f.at - 1)
	}
	return nil
}

// rest reads what the follower has not, for a Seal, and uses it up: if it is
// taken again, it begins anew.
func (f *Follower) rest(ctx context.Context, opt SealOptions) (p *prover, d *digester, how string, err error) {
	if !f.mu.TryLock() {
		return nil, nil, "", fmt.Errorf("its follower has not ended: %w", ErrInUse)
	}
	defer f.mu.Unlock()
	if err := f.handOver(ctx); err != nil {
		return nil, nil, "", err
	}
	from, was, bad := f.at, f.how, f.bad
	d = f.d
	f.at, f.how, f.d, f.proved, f.marks, f.bad, f.over = 0, "", newDigester(), nil, nil, nil, true
	lookers := d.lookers()
	for _, see := range slices.Concat(f.observers, opt.Observers) {
		lookers = append(lookers, func(b *block) error { return see(b.off, b.size, b.data) })
	}
	if p, how, err = f.img.readFrom(ctx, from, lookers, opt.Progress); err != nil {
		return nil, nil, "", err
	}
	// A chunk that was wrong once is not believed because it is right now.
	for _, c := range bad {
		if f.img.current([]chunk{c}) && !slices.ContainsFunc(p.bad, func(o chunk) bool { return o.nth == c.nth }) {
			p.bad = append(p.bad, c)
		}
	}
	return p, d, weaker(was, how), nil
}

// inBlock are the chunks of a block. It is no answer when one of them lies
// across an end of the block, or when final is asked for and not all of it is.
func (img *Image) inBlock(off, n int64, final bool) (chunks []chunk, ok bool) {
	e := disc.Extent{Start: disc.LBA(off / disc.SectorSize), Count: n / disc.SectorSize}
	img.mu.Lock()
	defer img.mu.Unlock()
	if final && !img.final(e) {
		return nil, false
	}
	for i := img.led.search(e.Start); i < len(img.led.chunks) && img.led.chunks[i].Start < e.End(); i++ {
		c := img.led.chunks[i]
		if c.Start < e.Start || c.End() > e.End() {
			return nil, false
		}
		chunks = append(chunks, c)
	}
	return chunks, true
}

// across reports whether a chunk begins before off and ends behind it.
func (img *Image) across(off int64) bool {
	lba := disc.LBA(off / disc.SectorSize)
	img.mu.Lock()
	defer img.mu.Unlock()
	i := img.led.search(lba)
	return i < len(img.led.chunks) && img.led.chunks[i].Start < lba
}

// current reports whether the chunks are still in force.
func (img *Image) current(chunks []chunk) bool {
	img.mu.Lock()
	defer img.mu.Unlock()
	for _, c := range chunks {
		i := img.led.search(c.Start)
		if i == len(img.led.chunks) || img.led.chunks[i].nth != c.nth {
			return false
		}
	}
	return true
}

// errMoved says that a block's chunks were changed while it was read.
var errMoved = errors.New("its chunks have changed")
