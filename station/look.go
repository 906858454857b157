package station

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ripstation/disc"
	"ripstation/discfs"
	"ripstation/ripper"
)

// contents is a look at what is on an image. Whatever a
// hostile disc makes of it, the image is sealed all the same: what went wrong
// becomes a check that could not run.
type contents struct {
	img     io.ReaderAt
	m       *discfs.Image
	digests *discfs.Digests
	limit   time.Duration
	broken  error
	next    int64 // where the next block begins
	places  places
}

const (
	// lookLimit is how long the structures of an image may take; real discs
	// take seconds. What must be read again for digests has a second for
	// every lookPace bytes beside it.
	lookLimit = 10 * time.Minute
	lookPace  = 10 << 20
	// firstLookLimit is that of a look while the disc is still being read.
	firstLookLimit = time.Minute
)

var errLook = errors.New("what is on this disc leads to more work than any real disc makes; looking at its files was given up")

// hurried is an image that gives nothing any more when there is no time left.
type hurried struct {
	io.ReaderAt
	ctx context.Context
}

func (h hurried) ReadAt(p []byte, off int64) (int, error) {
	if h.ctx.Err() != nil {
		return 0, context.Cause(h.ctx)
	}
	return h.ReaderAt.ReadAt(p, off)
}

// lookAt reads the structures of an image that is about to be sealed. Sectors
// that were not read, and those that cannot be believed, count as absent.
func lookAt(ctx context.Context, img io.ReaderAt, sm *disc.SectorMap, toc disc.TOC, limit time.Duration) *contents {
	c := &contents{img: img, limit: limit}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLook)
	defer cancel()
	c.guard(func() error {
		c.m = discfs.Open(hurried{img, ctx}, sm.Sectors()*disc.SectorSize, discfs.Have(sm))
		c.m.AddSessions(toc)
		c.digests = c.m.Digests()
		return context.Cause(ctx)
	})
	return c
}

// lookAhead reads the structures of an image whose files are still to be
// read. Their digests are taken from its blocks as they come; a look at the
// sealed image says which of them count.
func lookAhead(ctx context.Context, img *ripper.Image, toc disc.TOC) *contents {
	c := &contents{img: img, limit: firstLookLimit}
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, errLook)
	defer cancel()
	c.guard(func() error {
		sm := img.Map()
		m := discfs.Open(hurried{img, ctx}, img.Size(), discfs.Have(sm))
		m.AddSessions(toc)
		c.digests = m.Ahead()
		return context.Cause(ctx)
	})
	return c
}

// adopt takes over the digests of files that have stayed what they were when
// an image was looked at ahead. A nil ahead is none.
func (c *contents) adopt(ahead *contents) {
	if ahead == nil || ahead.digests == nil {
		return
	}
	if ahead.broken == nil {
		c.guard(func() error { c.digests.Adopt(ahead.digests.Pass); return nil })
	}
	ahead.close()
}

// close ends a look that takes no more blocks.
func (c *contents) close() {
	if c.digests == nil {
		return
	}
	defer func() { _ = recover() }() // nothing of it is used any more
	c.digests.Close()
}

// errAgain says that bytes whose digests were taken have changed.
var errAgain = errors.New("the image has changed")

// guard runs one part of the look. After the first that goes wrong none runs.
func (c *contents) guard(part func() error) {
	if c.broken != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			c.broken = fmt.Errorf("this program failed at what is on this disc; keep the image and report it: %v", p)
		}
	}()
	c.broken = part()
}

// block takes the next block of the image. Once one comes again, no digest
// counts.
func (c *contents) block(off, n int64, data []byte) error {
	c.guard(func() error {
		if off != c.next {
			return errAgain
		}
		c.next += n
		return c.digests.Block(off, n, data)
	})
	return nil
}

// finish takes the digests that are still wanted, and gives all checks.
func (c *contents) finish(ctx context.Context) []disc.Check {
	c.guard(func() error {
		ctx, cancel := context.WithTimeoutCause(ctx, c.limit+time.Duration(c.m.Size/lookPace)*time.Second, errLook)
		defer cancel()
		err := c.digests.Run(ctx, c.img, nil)
		return cmp.Or(context.Cause(ctx), err)
	})
	var checks []disc.Check
	c.guard(func() error {
		checks = append(append(checks, c.m.Checks...), c.digests.Checks()...)
		return nil
	})
	look := disc.Check{Code: "F901", Name: "files listed and digested", Outcome: disc.Pass, Message: "what could be read of them was"}
	if c.broken != nil {
		look.Outcome, look.Message = disc.NotRun, c.broken.Error()
	}
	return append(checks, look)
}
