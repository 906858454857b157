package ripper

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ripstation/disc"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

// small is a tuning with which a disc of some MiB has many chunks, batches
// and maps.
var small = tuning{chunk: 32, buffers: 3, batch: 256 << 10, batchAge: 40 * time.Millisecond, mapAge: 30 * time.Millisecond, mark: 3 << 20}

// flaw is what is wrong with a sector.
type flaw struct {
	class disc.Class
	times int // reads that fail; -1 is all
}

// fakeDisc is a drive with a disc in it. Each sector's bytes follow from its
// address and the seed. A read stops at the first flawed sector, as a drive's
// does.
type fakeDisc struct {
	sectors int64
	seed    uint64
	max     int
	flaws   map[disc.LBA]*flaw
	mute    bool // errors don't say which sector it was
	// lies gives other bytes from the n-th read of a sector on.
	lies  map[disc.LBA]int
	delay func(lba disc.LBA, n int) time.Duration
	log   func(lba disc.LBA, n int, err error)

	capacity func() (int64, error)
	reads    map[disc.LBA]int // good ones
	asked    []disc.Extent
}

func newDisc(sectors int64) *fakeDisc {
	return &fakeDisc{sectors: sectors, seed: 1, max: 32, flaws: map[disc.LBA]*flaw{}, lies: map[disc.LBA]int{}, reads: map[disc.LBA]int{}}
}

func (d *fakeDisc) flaw(class disc.Class, times int, lbas ...disc.LBA) *fakeDisc {
	for _, l := range lbas {
		d.flaws[l] = &flaw{class, times}
	}
	return d
}

func (d *fakeDisc) Capacity(context.Context) (int64, error) {
	if d.capacity != nil {
		return d.capacity()
	}
	return d.sectors, nil
}

func (d *fakeDisc) MaxSectors() int { return d.max }

func (d *fakeDisc) ReadSectors(ctx context.Context, lba disc.LBA, p []byte) (err error) {
	n := len(p) / disc.SectorSize
	if d.log != nil {
		defer func() { d.log(lba, n, err) }()
	}
	d.asked = append(d.asked, disc.Extent{Start: lba, Count: int64(n)})
	if d.delay != nil {
		if err := wait(ctx, d.delay(lba, n)); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if n == 0 || len(p)%disc.SectorSize != 0 || n > d.max || lba < 0 || int64(lba)+int64(n) > d.sectors {
		return &disc.ReadError{Op: "READ(10)", Class: disc.ClassRefused, Key: 5, ASC: 0x21, LBA: lba}
	}
	for i := range n {
		at := lba + disc.LBA(i)
		if f := d.flaws[at]; f != nil && f.times != 0 {
			f.times--
			if d.mute {
				at = lba
			}
			return &disc.ReadError{Op: "READ(10)", Class: f.class, LBA: at}
		}
		q := p[i*disc.SectorSize : (i+1)*disc.SectorSize]
		d.fill(at, q)
		if from, ok := d.lies[at]; ok && d.reads[at] >= from {
			q[100] ^= 0x40
		}
	}
	for i := range n {
		d.reads[lba+disc.LBA(i)]++
	}
	return nil
}

// fill is what a sector holds.
func (d *fakeDisc) fill(lba disc.LBA, p []byte) {
	var key [16]byte
	binary.LittleEndian.PutUint64(key[:], d.seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(lba))
	sum := sha256.Sum256(key[:])
	for i := 0; i < len(p); i += len(sum) {
		copy(p[i:], sum[:])
	}
}

// image is what an image of the disc has to be, with zeroes for these.
func (d *fakeDisc) image(missing ...disc.LBA) []byte {
	b := make([]byte, d.sectors*disc.SectorSize)
	for l := range disc.LBA(d.sectors) {
		if !slices.Contains(missing, l) {
			d.fill(l, b[int64(l)*disc.SectorSize:][:disc.SectorSize])
		}
	}
	return b
}

func dvd() Options { return Options{Drive: "FAKE DVD 1.0 #1", Medium: disc.MediumDVD} }

// unconfirmed are options without confirming reads, which are second reads of
// what is safe: a test that counts those leaves them out.
func unconfirmed() Options {
	passes := DefaultPasses(3)
	return Options{Drive: "FAKE CD 1.0 #1", Medium: disc.MediumCD, Passes: passes[:len(passes)-1]}
}

// begun is a fresh image for the disc.
func begun(t testing.TB, d *fakeDisc) *Image {
	t.Helper()
	img, err := create(filepath.Join(t.TempDir(), "image"), d.sectors, small)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

// reopened is the image after it was closed and opened again.
func reopened(t testing.TB, img *Image) *Image {
	t.Helper()
	if err := img.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := open(t.Context(), img.dir, small)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

func mustRip(t testing.TB, d *fakeDisc, img *Image, o Options) Result {
	t.Helper()
	res, err := Rip(t.Context(), d, img, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func mustSeal(t testing.TB, img *Image) Sealed {
	t.Helper()
	s, err := Seal(t.Context(), img, SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bytesOf(t testing.TB, img *Image) []byte {
	t.Helper()
	b, err := os.ReadFile(img.Path())
	if err != nil {
		t.Fatal(err)
	}
	return b
}
