package station

import (
	"context"
	"fmt"
	"time"

	"ripstation/disc"
)

// lies waits until what a person says of the disc that lies in a drive can be
// about no other: a disc that was changed by hand is noticed a moment later,
// and its story goes on until then as if it were still there. Of one that is
// being read the drive's word is waited for, too. It gives the disc, nil for a
// drive that is empty as far as anybody knows.
func (as *arrivals) lies(ctx context.Context, key string, said time.Time) (*arrival, error) {
	as.mu.Lock()
	a := as.here[key]
	if as.away[key] {
		a = nil // nobody knows what lies in a drive that has left the bus
	}
	as.mu.Unlock()
	if a == nil {
		return nil, nil
	}
	proving, cancel := context.WithTimeout(ctx, longestProof)
	defer cancel()
	proved := make(chan struct{})
	go func() {
		defer close(proved)
		as.s.bay(disc.Drive{Key: key}).witness.since(proving, said)
	}()
	t := time.NewTimer(time.Until(said.Add(as.s.cfg.SwapNotice)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-as.s.ended:
		return nil, ErrStopping
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case <-proved:
	case <-as.s.ended:
		return nil, ErrStopping
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if !as.same(key, a) {
		return nil, fmt.Errorf("%w: %s", ErrBusy, changing)
	}
	return a, nil
}

// same reports whether it is known that the disc a lies in the drive. as.mu is
// held.
func (as *arrivals) same(key string, a *arrival) bool {
	_, changed := as.changes[key]
	return !changed && !as.away[key] && !as.looking[key] && as.here[key] == a
}

// longestProof is how long one command may take to prove that the disc is there.
const longestProof = 2 * time.Minute

const unproved = "the drive has not shown since that the disc which is being read is still there; nothing was taken over, say it again in a moment"

const changing = "the drive has just told of a change, and which disc is in it is being found out; nothing was taken over, say it again in a moment"

// looks says that a story begins to find out which disc lies in a drive. Until
// it knows, nobody's word is taken for the disc that lay there before: a story
// hears of a disc that was changed by hand before anybody else does.
func (as *arrivals) looks(key string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a := as.here[key]; a != nil && a.seen != nil {
		as.looking[key] = true
	}
}

// opened says that a drive's tray was opened, whether anybody else tells of it
// or not.
func (as *arrivals) opened(key string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a := as.here[key]; a != nil {
		a.out = true
	}
}
