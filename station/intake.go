package station

import (
	"context"

	"ripstation/disc"
	"ripstation/ripper"
)

// intake is an image on its way into the spool, from the first read to the
// seal: it stays open in between.
type intake struct {
	img *ripper.Image
	// behind reads the image back behind the reader, under the eyes of ahead.
	// Both are nil before follow, and ahead is set when it has looked.
	behind *ripper.Follower
	ahead  *contents
	looked chan struct{} // closed then
	ended  chan error    // what behind gave; nil once it was asked
	stop   func()        // ends behind
	cancel func()        // ends the look, too
}

// follow has the image read back while it is read, once its structures are
// there.
func (in *intake) follow(ctx context.Context, toc disc.TOC) {
	if in.behind != nil {
		return
	}
	looking, cancel := context.WithCancel(ctx)
	following, stop := context.WithCancel(looking)
	in.stop, in.cancel = stop, cancel
	in.looked, in.ended = make(chan struct{}), make(chan error, 1)
	in.behind = ripper.NewFollower(in.img, func(off, n int64, data []byte) error { return in.ahead.block(off, n, data) })
	go func() {
		in.ahead = lookAhead(looking, in.img, toc)
		close(in.looked)
		in.ended <- in.behind.Run(following)
	}()
}

// halt ends the reading back, and says why when it had ended by itself.
func (in *intake) halt() error {
	if in.ended == nil {
		return nil
	}
	<-in.looked // worth waiting for: without it all files are read once more
	in.stop()
	err := <-in.ended
	in.ended = nil
	return err
}

func (in *intake) close() error {
	if in == nil {
		return nil
	}
	if in.behind != nil {
		in.cancel()
		_ = in.halt() // the seal, if there was one, has asked before
		in.ahead.close()
	}
	return in.img.Close()
}
