package ripper

import (
	"crypto/sha256"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"ripstation/disc"
)

// pipe takes sectors from the goroutine that reads the drive to one that
// hashes, writes and syncs them, so that the drive does not wait for the
// disk. A bounded number of buffers goes round: as many as were needed at once
// so far, which on a disk that keeps up is a few.
type pipe struct {
	img  *Image
	free chan []byte
	made [][]byte // all buffers; the reading goroutine's
	work chan parcel
	// failed is closed when a write did not end well; err says how.
	failed chan struct{}
	err    error
	ended  chan struct{}
}

// parcel is a chunk on its way.
type parcel struct {
	c   chunk
	buf []byte // to be written and hashed; nil when the image has the bytes and c.sum is theirs
	// settled, when it is not nil, is closed when all parcels before this one are
	// claimed and the map is on the disk. There is no chunk.
	settled chan struct{}
}

func newPipe(img *Image) *pipe {
	return &pipe{
		img: img, free: make(chan []byte, img.tune.buffers), work: make(chan parcel, img.tune.buffers),
		failed: make(chan struct{}), ended: make(chan struct{}),
	}
}

// errPipe stands for whatever the writing goroutine fell over; see pipe.err.
var errPipe = errors.New("writing to the spool ended")

// buffer waits for a free buffer. It never waits for the drive, so it needs no
// context: the writer frees one or fails.
func (p *pipe) buffer() ([]byte, error) {
	if len(p.free) == 0 && len(p.made) < p.img.tune.buffers {
		mem, err := takeMemory(p.img.tune.chunk * disc.SectorSize)
		if err != nil {
			return nil, err
		}
		p.made = append(p.made, mem)
		return mem, nil
	}
	select {
	case b := <-p.free:
		return b, nil
	case <-p.failed:
		return nil, errPipe
	}
}

func (p *pipe) send(x parcel) error {
	select {
	case p.work <- x:
		return nil
	case <-p.failed:
		return errPipe
	}
}

// settle returns when all that was sent is safe and the map on the disk says so.
func (p *pipe) settle() error {
	done := make(chan struct{})
	if err := p.send(parcel{settled: done}); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-p.failed:
		return errPipe
	}
}

// close has everything settled and ends the writer. No buffer is used any more
// then.
func (p *pipe) close() error {
	close(p.work)
	<-p.ended
	for _, mem := range p.made {
		_ = unix.Munmap(mem) // it was mapped here
	}
	return p.err
}

// run is the writing goroutine. It ends when work is closed.
func (p *pipe) run() {
	defer close(p.ended)
	if err := p.write(); err != nil {
		p.err = err
		close(p.failed)
		for range p.work {
		}
	}
}

func (p *pipe) write() error {
	t := p.img.tune
	tick := time.NewTicker(t.batchAge / 2)
	defer tick.Stop()
	var batch []chunk
	var bytes int64
	var since, saved = time.Now(), time.Now()
	mapAge := t.mapAge
	claim := func() error {
		err := p.img.claim(batch)
		batch, bytes = batch[:0], 0
		return err
	}
	save := func() error {
		begin := time.Now()
		err := p.img.saveMap()
		saved = time.Now()
		// A map of many runs takes long to write: it gets a twentieth of the time.
		mapAge = max(t.mapAge, 20*saved.Sub(begin))
		return err
	}
	settle := func() error { return errors.Join(claim(), save()) }
	for {
		select {
		case x, ok := <-p.work:
			switch {
			case !ok:
				return settle()
			case x.settled != nil:
				if err := settle(); err != nil {
					return err
				}
				close(x.settled)
				continue
			}
			if len(batch) == 0 {
				since = time.Now()
			}
			if x.buf != nil {
				data := x.buf[:x.c.Count*disc.SectorSize]
				x.c.sum = sha256.Sum256(data)
				if err := p.put(x.c, data); err != nil {
					return err
				}
				p.free <- x.buf
			}
			batch = append(batch, x.c)
			bytes += x.c.Count * disc.SectorSize
			if bytes >= t.batch {
				if err := claim(); err != nil {
					return err
				}
			}
		case <-tick.C:
		}
		if len(batch) > 0 && time.Since(since) >= t.batchAge {
			if err := claim(); err != nil {
				return err
			}
		}
		if time.Since(saved) >= mapAge {
			if err := save(); err != nil {
				return err
			}
		}
	}
}

func (p *pipe) put(c chunk, data []byte) error {
	if err := p.img.usable(); err != nil {
		return err
	}
	if err := p.img.disk.WriteImage(data, int64(c.Start)*disc.SectorSize); err != nil {
		return p.img.fail(err)
	}
	return nil
}
