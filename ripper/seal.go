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
	// Observers see every block of the image in order, in the same reading: n
	// bytes from off, without data where the disk does not give them. The data
	// are theirs until they return. An error of one ends the seal.
	Observers []func(off, n int64, data []byte) error
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
	d := newDigester()
	lookers := d.lookers()
	for _, see := range opt.Observers {
		lookers = append(lookers, func(b *block) error { return see(b.off, b.size, b.data) })
	}
	p, how, err := img.readAll(ctx, lookers, opt.Progress)
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
		Missing: append([]disc.Extent{}, m.Missing()...), Digests: d.digests(), Samples: samples, ReadBack: how,
		Checks: []disc.Check{checkUntried(n), checkLedger(p, how), checkZeroes(n)},
	}, nil
}

// readAll reads the image back under the eyes of a prover and the others.
func (img *Image) readAll(ctx context.Context, others []looker, progress func(done, total int64)) (*prover, string, error) {
	img.mu.Lock()
	p := newProver(&img.led, img.m.Clone())
	img.mu.Unlock()
	lookers := append([]looker{p.look}, others...)
	how, err := readBack(ctx, img.Path(), img.sectors*disc.SectorSize, lookers, progress)
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
	p, how, err := img.readAll(ctx, nil, progress)
	if err != nil {
		return Verified{}, fmt.Errorf("verify image in %s: %w", img.dir, err)
	}
	return Verified{Chunks: p.count, Sectors: p.proved, Damaged: p.damage(), ReadBack: how}, nil
}
