package station

import (
	"context"
	"slices"
	"sync"
	"time"

	"ripstation/disc"
)

// placeWait is how long a disc that came earlier holds up the places of those
// behind it: a drive that hangs while its disc is looked at must not stop them.
const placeWait = time.Minute

// coming is a disc that came while a batch was open, until it has its place.
type coming struct {
	ins   disc.Insertion
	told  []disc.Insertion // what its drive called it before, the last ones
	batch string
	at    time.Time
	node  string
	held  bool // it has a carrier, which will take the place whether the disc stays or not
	over  bool // it has its place, or takes none
}

// is reports whether an insertion is this arrival.
func (c *coming) is(ins disc.Insertion) bool { return c.ins == ins || slices.Contains(c.told, ins) }

// arrivalOrder is the order in which discs came. Places are taken in it, though one disc
// is known sooner than another.
type arrivalOrder struct {
	mu    sync.Mutex
	came  map[string]*coming // by drive key: the disc that lies in it
	order []*coming          // that are not over, by time
	moved chan struct{}      // closed, and made anew, when one is over
}

// arrive takes a disc in, once. The batch is asked for under the lock, so that
// whoever sees the batch closed sees the disc as well. A drive that tells of
// another insertion before the first one's disc is known, and did not tell that
// it left, tells of one arrival twice.
func (l *arrivalOrder) arrive(d disc.Drive, ins disc.Insertion, at time.Time, open func() string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.came[d.Key]
	switch {
	case c != nil && c.is(ins):
		return
	case c != nil && !c.over && !c.held:
		c.told = append(c.told[max(0, len(c.told)-8):], c.ins)
		c.ins = ins
		return
	}
	c = &coming{ins: ins, at: at, node: d.Node, batch: open()}
	l.came[d.Key] = c
	if c.over = c.batch == ""; c.over {
		return
	}
	l.order = append(l.order, c)
	slices.SortStableFunc(l.order, func(a, b *coming) int { return a.at.Compare(b.at) })
}

// of is the disc of an insertion, nil when none came or it is not there any more.
func (l *arrivalOrder) of(ins disc.Insertion) *coming {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.came[ins.DriveKey]; c != nil && c.is(ins) {
		return c
	}
	return nil
}

// hold keeps an insertion's place for its carrier: its disc may leave. nil when
// it takes none.
func (l *arrivalOrder) hold(ins disc.Insertion) *coming {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.came[ins.DriveKey]
	if c == nil || !c.is(ins) || c.over {
		return nil
	}
	c.held = true
	return c
}

// letGo gives up what hold kept.
func (l *arrivalOrder) letGo(c *coming) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.held = false; l.came[c.ins.DriveKey] != c {
		l.end(c)
	}
}

func (l *arrivalOrder) over(c *coming) {
	if c == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(c)
}

// end takes one out of the order. l.mu is held.
func (l *arrivalOrder) end(c *coming) {
	c.over = true
	l.order = slices.DeleteFunc(l.order, func(o *coming) bool { return o == c })
	close(l.moved)
	l.moved = make(chan struct{})
}

// left takes note that a drive is empty.
func (l *arrivalOrder) left(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.came[key]
	delete(l.came, key)
	if c != nil && !c.held && !c.over {
		l.end(c)
	}
}

// settled ends an insertion that has got no carrier.
func (l *arrivalOrder) settled(ins disc.Insertion) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.came[ins.DriveKey]; c != nil && c.is(ins) && !c.held && !c.over {
		l.end(c)
	}
}

// turn waits until those that came before have their places, or were waited for
// long enough. It gives ctx's error when that ends first.
func (l *arrivalOrder) turn(ctx context.Context, c *coming) error {
	if c == nil {
		return nil
	}
	for {
		l.mu.Lock()
		wait := time.Duration(0)
		for _, o := range l.order {
			if o == c {
				break
			}
			if o.batch == c.batch {
				wait = max(wait, time.Until(o.at.Add(placeWait)))
			}
		}
		moved := l.moved
		l.mu.Unlock()
		if wait <= 0 {
			return context.Cause(ctx)
		}
		t := time.NewTimer(wait)
		select {
		case <-moved:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// waiting tells of a batch's discs that have no place yet, in words.
func (l *arrivalOrder) waiting(batch string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.order {
		if c.batch == batch {
			out = append(out, "the disc that came in "+nonEmpty(c.node, c.ins.DriveKey)+" has no place yet")
		}
	}
	return out
}
