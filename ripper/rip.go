package ripper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ripstation/disc"
)

// Options say how to rip.
type Options struct {
	// Drive is the drive's name in the map: vendor, model, firmware, serial.
	Drive string
	// Medium tells how many sectors share one error correction.
	Medium disc.Medium
	// Unrecorded are never read, and zeroes in the image.
	Unrecorded []disc.Extent
	// RunOut are read like all others, and unrecorded when they cannot be.
	RunOut []disc.Extent
	// Capacity is what the drive said when the disc was identified, in sectors. At 0 the
	// drive is asked before the first read.
	Capacity int64
	// Passes are run in order; nil is DefaultPasses(3). Resuming needs the same list.
	Passes []Pass
	// NotReadyWait is how long the drive may be busy in the middle of the
	// disc; 0 is one minute.
	NotReadyWait time.Duration
	// Wanted says which sectors First shall read, given the image so far: have
	// says which of its bytes were read. It may be nil.
	Wanted func(img io.ReaderAt, have func(off, n int64) bool) []disc.Extent
	// PassDone is told what each pass did, with all of it in the image and its
	// map. It may be nil.
	PassDone func(PassResult)
	// Progress is told how it goes twice a second, and once at the end, by one
	// goroutine at a time. It may be nil.
	Progress func(Progress)
}

// Result is what a Rip did.
type Result struct {
	Passes []PassResult `json:"passes"`
	Checks []disc.Check `json:"checks"`
}

// PassResult is what one pass did.
type PassResult struct {
	Name    string  `json:"name"`
	Pass    int     `json:"pass"` // from 1, as in the map
	Reads   int64   `json:"reads"`
	Sectors int64   `json:"sectors"` // given by the drive
	Errors  int64   `json:"errors"`  // reads that failed
	Seconds float64 `json:"seconds"`
}

// Rip brings into the image what the source has and the map has not got: it
// runs all passes, and returns nil when they have ended, however much of the disc they got.
// What was read before is not read again, except what must be confirmed.
//
// An error says why the passes could not go on; everything that was read
// until then is safe, and the map says so. A *disc.ReadError in it is the
// drive's: nothing of it is in the map. ErrSpoolDamaged in it asks for another Rip.
func Rip(ctx context.Context, src Source, img *Image, opt Options) (Result, error) {
	release, err := img.take()
	if err != nil {
		return Result{}, err
	}
	defer release()
	r, err := begin(ctx, src, img, &opt)
	if err != nil {
		return Result{}, fmt.Errorf("rip into %s: %w", img.dir, err)
	}
	var res Result
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go r.pipe.run()
	// A drive is not asked for more when the spool takes no more.
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-r.pipe.failed:
			cancel()
		case <-r.pipe.ended:
		}
	}()
	report := reporting(r, len(opt.Passes))
	for i, p := range opt.Passes {
		var done PassResult
		done, err = r.run(ctx, p, i+1)
		res.Passes = append(res.Passes, done)
		if err != nil {
			break
		}
		if opt.PassDone != nil {
			opt.PassDone(done)
		}
	}
	cerr := r.pipe.close()
	<-watched
	report.end()
	if cerr != nil {
		// The reading side stumbled over this one only.
		err = cerr
	}
	if err != nil {
		return res, fmt.Errorf("rip into %s: %w", img.dir, err)
	}
	after, err := src.Capacity(ctx)
	res.Checks = append(res.Checks, checkCapacity(opt.Capacity, after, err))
	return res, nil
}

// begin checks the options, and enters what is known before the first read.
func begin(ctx context.Context, src Source, img *Image, opt *Options) (*Reader, error) {
	if opt.Passes == nil {
		opt.Passes = DefaultPasses(3)
	}
	if len(opt.Passes) > 255 {
		return nil, fmt.Errorf("%d passes are more than the 255 that a map can tell apart", len(opt.Passes))
	}
	if opt.NotReadyWait == 0 {
		opt.NotReadyWait = time.Minute
	}
	for _, e := range slices.Concat(opt.Unrecorded, opt.RunOut) {
		if e.Start < 0 || e.Count < 0 || int64(e.Start)+e.Count > img.sectors {
			return nil, fmt.Errorf("%d sectors from %d are said to be without a recording, and the disc has %d sectors", e.Count, e.Start, img.sectors)
		}
	}
	if opt.Capacity == 0 {
		var err error
		if opt.Capacity, err = src.Capacity(ctx); err != nil {
			return nil, fmt.Errorf("ask the drive for its capacity: %w", err)
		}
	}
	drive, err := img.addDrive(opt.Drive)
	if err != nil {
		return nil, err
	}
	for _, e := range opt.Unrecorded {
		if e.Count == 0 {
			continue
		}
		if err := img.mark(e, disc.StatusUnrecorded, disc.Evidence{}); err != nil {
			return nil, err
		}
	}
	unit := opt.Medium.ECCSectors()
	most := min(int64(src.MaxSectors()), img.tune.chunk)
	if most < 1 {
		return nil, fmt.Errorf("the drive takes reads of at most %d sectors", src.MaxSectors())
	}
	if most > unit {
		most -= most % unit
	}
	return &Reader{img: img, src: src, pipe: newPipe(img), opt: *opt, drive: drive, unit: unit, most: most}, nil
}

// run is one pass, with all it has read safe when it returns.
func (r *Reader) run(ctx context.Context, p Pass, n int) (PassResult, error) {
	begin := time.Now()
	r.mu.Lock()
	r.pass, r.confirmed = uint8(n), 0
	r.given += r.done.Sectors
	r.done = PassResult{Name: p.Name(), Pass: n}
	r.mu.Unlock()
	err := p.Run(ctx, r)
	err = errors.Join(err, r.settle())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Seconds = time.Since(begin).Seconds()
	return r.done, err
}
