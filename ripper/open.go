package ripper

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ripstation/disc"
)

// Recovery is what Open had to mend.
type Recovery struct {
	Claimed    int64         `json:"claimed"`     // sectors that the ledger proved and the map had not got
	Lost       []disc.Extent `json:"lost"`        // said to be read, and not provable any more: untried again
	MapRebuilt string        `json:"map_rebuilt"` // why the map was made anew from the ledger; empty when it was not
	LedgerBad  int           `json:"ledger_bad"`  // lines of the ledger that could not be read
	Grown      int64         `json:"grown"`       // bytes that the image file was too short
}

// Open opens the image that was begun in dir, after whatever ended the last
// use of it. Chunks that the ledger has and the map has not got are read, held
// against their digests and claimed. What the map claims and no ledger line
// proves is untried again, like a chunk whose bytes are not those of its
// line. Without a readable map all chunks are proved anew. Recovery tells.
//
// ErrNoImage: nothing was begun there. ErrInUse: somebody has it.
func Open(ctx context.Context, dir string) (*Image, error) { return open(ctx, dir, normal) }

func open(ctx context.Context, dir string, t tuning) (_ *Image, err error) {
	text, err := os.Open(filepath.Join(dir, LedgerFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, MapFile)); err == nil {
			return nil, fmt.Errorf("open image %s: its ledger is gone, so nothing proves what the map claims: move the folder away and read the disc anew", dir)
		}
		return nil, fmt.Errorf("open image %s: %w", dir, ErrNoImage)
	} else if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	defer text.Close()
	file, err := os.OpenFile(filepath.Join(dir, ImageFile), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if err := lock(file); err != nil {
		return nil, err
	}
	led, err := readLedger(text)
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", text.Name(), err)
	}
	img, err := assemble(dir, file, led.sectors, t)
	if err != nil {
		return nil, err
	}
	img.led, img.named, img.recovery.LedgerBad = led.ledger, len(led.drives), led.bad
	if err := img.recover(ctx, led); err != nil {
		return nil, errors.Join(err, img.ledger.Close())
	}
	return img, nil
}

func (img *Image) recover(ctx context.Context, led *ledgerFile) error {
	if err := img.tidy(); err != nil {
		return err
	}
	// What stands behind the last good line was never claimed; a new line must
	// not be glued to it.
	if st, err := img.ledger.Stat(); err != nil {
		return fmt.Errorf("open image %s: %w", img.dir, err)
	} else if st.Size() > led.end {
		if err := img.ledger.Truncate(led.end); err != nil {
			return fmt.Errorf("open image %s: cut the ledger's torn end: %w", img.dir, err)
		}
	}
	if err := img.grow(); err != nil {
		return err
	}
	if err := img.loadMap(led); err != nil {
		return err
	}
	if err := img.unclaim(); err != nil {
		return err
	}
	if err := img.prove(ctx); err != nil {
		return err
	}
	return img.saveMap()
}

// tidy removes maps that were being written when the power went: the whole one
// stands beside them.
func (img *Image) tidy() error {
	torn, err := filepath.Glob(filepath.Join(globEscape(img.dir), "."+MapFile+".*.part"))
	for _, path := range torn {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return fmt.Errorf("open image %s: %w", img.dir, err)
	}
	return nil
}

func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// grow brings an image file that was cut short back to its size.
func (img *Image) grow() error {
	st, err := img.file.Stat()
	if err != nil {
		return fmt.Errorf("open image %s: %w", img.dir, err)
	}
	size := img.sectors * disc.SectorSize
	switch {
	case st.Size() > size:
		return fmt.Errorf("open image %s: it has %d bytes, its ledger speaks of %d", img.Path(), st.Size(), size)
	case st.Size() < size:
		img.recovery.Grown = size - st.Size()
		return reserve(img.file, 0, size, 0)
	}
	return nil
}

// loadMap reads the map, or begins an empty one when it is of no use.
func (img *Image) loadMap(led *ledgerFile) error {
	m, err := readMap(filepath.Join(img.dir, MapFile))
	if err == nil {
		drives, n := m.Drives(), len(led.drives)
		switch {
		case m.Sectors() != img.sectors:
			err = fmt.Errorf("it has %d sectors, the ledger %d", m.Sectors(), img.sectors)
		case len(drives) > n || !slices.Equal(drives, led.drives[:len(drives)]):
			err = errors.New("it names other drives than the ledger")
		}
	}
	if err != nil {
		img.recovery.MapRebuilt = err.Error()
		if m, err = disc.NewSectorMap(img.sectors); err != nil {
			return fmt.Errorf("open image %s: %w", img.dir, err)
		}
	}
	for _, name := range led.drives[len(m.Drives()):] {
		if _, err := m.AddDrive(name); err != nil {
			return fmt.Errorf("open image %s: %w", img.dir, err)
		}
		img.stale = true
	}
	img.m = m
	return nil
}

func readMap(path string) (*disc.SectorMap, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return disc.ParseSectorMap(f)
}

// unclaim forgets what the map claims and no chunk of the ledger covers.
func (img *Image) unclaim() error {
	for e := range img.m.Clone().Extents(disc.DataStatuses) {
		for _, gap := range img.led.unproven(e) {
			if err := img.m.Forget(gap); err != nil {
				return fmt.Errorf("open image %s: %w", img.dir, err)
			}
			img.stale = true
			img.recovery.Lost = append(img.recovery.Lost, gap)
		}
	}
	return nil
}

// prove reads the chunks that the map does not have as the ledger has them,
// and all of them when the image file was cut short, and claims those whose bytes are right.
func (img *Image) prove(ctx context.Context) error {
	buf := make([]byte, maxChunk*disc.SectorSize)
	var bad []chunk
	for _, c := range img.led.chunks {
		known := img.knows(c)
		if known && img.recovery.Grown == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("open image %s: %w", img.dir, err)
		}
		whole, err := img.holds(c, buf)
		if err != nil {
			return fmt.Errorf("open image %s: %w", img.dir, err)
		}
		if !whole {
			bad = append(bad, c)
			img.recovery.Lost = append(img.recovery.Lost, c.Extent)
			continue
		}
		if known {
			continue
		}
		before := img.m.Counts().Missing()
		if err := img.enter(c); err != nil {
			return fmt.Errorf("open image %s: %w", img.dir, err)
		}
		img.recovery.Claimed += before - img.m.Counts().Missing()
	}
	return img.withdraw(bad)
}

// knows reports whether the map has all that a chunk's line says.
func (img *Image) knows(c chunk) bool {
	need := disc.DataStatuses
	switch c.status {
	case disc.StatusRead:
		need = disc.SetOf(disc.StatusRead, disc.StatusContested)
	case disc.StatusContested:
		need = disc.SetOf(disc.StatusContested)
	}
	e, ok := img.m.Next(^need, c.Start)
	return !ok || e.Start >= c.End()
}

// holds reports whether the image has the bytes of a chunk's line. Bytes that
// the disk cannot read are not there.
func (img *Image) holds(c chunk, buf []byte) (bool, error) {
	sum := sha256.New()
	err := readFully(img.file, c.Extent, buf, func(p []byte) { sum.Write(p) })
	if notGiven(err) {
		return false, nil
	}
	return err == nil && [32]byte(sum.Sum(nil)) == c.sum, err
}

// withdraw takes chunks whose bytes are not those of their lines out of the
// ledger, and makes their sectors untried.
func (img *Image) withdraw(bad []chunk) error {
	if len(bad) == 0 {
		return nil
	}
	lines := make([]byte, 0, len(bad)*128)
	for i := range bad {
		bad[i].status, bad[i].Evidence = disc.StatusUntried, disc.Evidence{}
		lines = append(lines, bad[i].line()...)
	}
	if err := img.append(lines); err != nil {
		return err
	}
	img.mu.Lock()
	defer img.mu.Unlock()
	for _, c := range bad {
		if err := img.led.add(c); err != nil {
			return fmt.Errorf("ledger of %s: %w", img.dir, err)
		}
		if err := img.enter(c); err != nil {
			return fmt.Errorf("image %s: %w", img.dir, err)
		}
		img.tell(c.Extent)
	}
	return nil
}
