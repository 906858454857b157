package ripper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ripstation/disc"
)

// ErrSpoolDamaged says that chunks of the image are not what the drive gave.
// They are untried again: Rip reads them anew, if the disc is still there.
var ErrSpoolDamaged = errors.New("the spool does not hold what the drive gave")

// damaged is ErrSpoolDamaged with the sectors named.
func damaged(list []disc.Extent) error {
	var names []string
	for _, e := range list[:min(len(list), 5)] {
		names = append(names, name(e))
	}
	more := ""
	if n := len(list) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more places", n)
	}
	return fmt.Errorf("%w: %s%s are to be read again; look at the disk that the spool is on", ErrSpoolDamaged, strings.Join(names, ", "), more)
}

// enoughSamples is how many sample sectors Seal takes.
const enoughSamples = 32

// SealOptions say how to seal.
type SealOptions struct {
	// Progress is told how many bytes of how many were read back, a block at a
	// time. It may be nil.
	Progress func(done, total int64)
	// Observers see every block that is read, and what Follower has read they do not see.
	Observers []Observer
	// Follower has read back a part of the image already, and has ended. It
	// may be nil. The seal uses it up.
	Follower *Follower
}

// Sealed is what is known of an image for ever.
type Sealed struct {
	State      disc.ImageState `json:"state"`
	Size       int64           `json:"size"` // bytes
	SectorSize int             `json:"sector_size"`
	Sectors    disc.Counts     `json:"sectors"`
	// Missing are the sectors that the image has zeroes for though the disc
	// should have data there.
	Missing []disc.Extent `json:"missing"`
	Digests Digests       `json:"digests"`
	// Sums are the CRC64NVME of every MiB of the image. They are not kept with
	// the rest: nil when it was read from a file.
	Sums []uint64 `json:"-"`
	// Samples are sectors that hold data, for disc.Identity.
	Samples []disc.Sample `json:"samples"`
	// ReadBack is how the image was read back: ReadDirect, ReadDropped, ReadCached.
	ReadBack string       `json:"read_back"`
	Checks   []disc.Check `json:"checks"`
}

// Seal makes what is missing zero, reads the image back from the disk itself
// and takes its digests. Every chunk of the ledger must be there as the drive
// gave it. One that is not becomes untried, and the error is ErrSpoolDamaged: rip
// again, then seal again. Sealing twice gives the same.
func Seal(ctx context.Context, img *Image, opt SealOptions) (Sealed, error) {
	release, err := img.take()
	if err != nil {
		return Sealed{}, err
	}
	defer release()
	s, err := img.seal(ctx, opt)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal image in %s: %w", img.dir, err)
	}
	return s, nil
}

func (img *Image) seal(ctx context.Context, opt SealOptions) (Sealed, error) {
	if err := img.zeroes(); err != nil {
		return Sealed{}, err
	}
	if err := img.disk.SyncImage(); err != nil {
		return Sealed{}, img.fail(err)
	}
	if err := img.saveMap(); err != nil {
		return Sealed{}, err
	}
	f := opt.Follower
	if f == nil {
		f = NewFollower(img)
	} else if f.img != img {
		return Sealed{}, fmt.Errorf("its follower is of the image in %s", f.img.dir)
	}
	p, d, how, err := f.rest(ctx, opt)
	if err != nil {
		return Sealed{}, err
	}
	if err := img.mend(p); err != nil {
		return Sealed{}, err
	}
	if p.lost != nil {
		return Sealed{}, fmt.Errorf("read back: %w: look at the disk that the spool is on", p.lost)
	}
	if len(p.dirty) > 0 {
		return Sealed{}, fmt.Errorf("%s were filled with zeroes and are not zero on the disk: look at the disk that the spool is on", name(p.dirty[0]))
	}
	m := img.Map()
	samples, err := Samples(img, m, enoughSamples)
	if err != nil {
		return Sealed{}, err
	}
	n := m.Counts()
	return Sealed{
		State: m.State(), Size: img.sectors * disc.SectorSize, SectorSize: disc.SectorSize, Sectors: n,
		Missing: append([]disc.Extent{}, m.Missing()...), Digests: d.digests(), Sums: d.sums, Samples: samples, ReadBack: how,
		Checks: []disc.Check{checkUntried(n), checkLedger(p, how), checkZeroes(n)},
	}, nil
}

// readFrom reads the image back from a byte on, where a block begins, under the eyes of a
// prover and the others. When nothing is left, how is "".
func (img *Image) readFrom(ctx context.Context, from int64, others []looker, progress func(done, total int64)) (p *prover, how string, err error) {
	img.mu.Lock()
	p = newProver(&img.led, img.m.Clone(), disc.LBA(from/disc.SectorSize))
	img.mu.Unlock()
	if from < img.Size() {
		how, err = readBack(ctx, img.Path(), from, img.Size(), append([]looker{p.look}, others...), progress)
	} else if progress != nil {
		progress(from, from)
	}
	return p, how, err
}

// mend makes untried what the prover found damaged, and says so.
func (img *Image) mend(p *prover) error {
	bad := p.damage()
	if len(bad) == 0 {
		return nil
	}
	if err := img.withdraw(p.bad); err != nil {
		return err
	}
	img.mu.Lock()
	for _, e := range p.gaps {
		if err := img.m.Forget(e); err != nil {
			img.mu.Unlock()
			return err
		}
		img.tell(e)
	}
	img.stale = true
	img.mu.Unlock()
	return errors.Join(damaged(bad), img.saveMap())
}

// damage is every place that is not proved and should be.
func (p *prover) damage() []disc.Extent {
	bad := slices.Clone(p.gaps)
	for _, c := range p.bad {
		bad = append(bad, c.Extent)
	}
	slices.SortFunc(bad, func(a, b disc.Extent) int { return int(a.Start - b.Start) })
	return bad
}

// Verified is what Verify saw.
type Verified struct {
	Chunks   int           `json:"chunks"`  // whose bytes are right
	Sectors  int64         `json:"sectors"` // in them
	Damaged  []disc.Extent `json:"damaged"` // said to be read, and not proved
	ReadBack string        `json:"read_back"`
}

// Verify holds the image against the ledger, past the page cache, and changes
// nothing. progress may be nil.
func Verify(ctx context.Context, img *Image, progress func(done, total int64)) (Verified, error) {
	release, err := img.take()
	if err != nil {
		return Verified{}, err
	}
	defer release()
	p, how, err := img.readFrom(ctx, 0, nil, progress)
	if err != nil {
		return Verified{}, fmt.Errorf("verify image in %s: %w", img.dir, err)
	}
	return Verified{Chunks: p.count, Sectors: p.proved, Damaged: p.damage(), ReadBack: how}, nil
}
