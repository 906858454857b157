package ripper

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"ripstation/disc"
)

// watched is an observer that keeps what it saw of the image, and lets a test
// wait for it.
type watched struct {
	mu    sync.Mutex
	data  []byte
	backs int   // times that blocks came again
	first int64 // where, the first time
	moved chan struct{}
}

func newWatched() *watched { return &watched{moved: make(chan struct{}, 1)} }

func (w *watched) see(off, n int64, data []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if off < int64(len(w.data)) {
		if w.backs == 0 {
			w.first = off
		}
		w.backs++
	}
	w.data = append(w.data[:off], data...)
	select {
	case w.moved <- struct{}{}:
	default:
	}
	return nil
}

func (w *watched) bytes() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.data)
}

// until waits until so many bytes were seen.
func (w *watched) until(t testing.TB, n int64) {
	t.Helper()
	late := time.After(time.Minute)
	for int64(len(w.bytes())) < n {
		select {
		case <-w.moved:
		case <-late:
			t.Fatalf("%d bytes were seen, want %d", len(w.bytes()), n)
		}
	}
}

// following runs a follower until stop, which gives its error.
func following(t testing.TB, f *Follower) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-done
	})
}

// sealedBoth seals with the follower, and holds that against a seal without one.
func sealedBoth(t testing.TB, img *Image, f *Follower) Sealed {
	t.Helper()
	got, err := Seal(t.Context(), img, SealOptions{Follower: f})
	if err != nil {
		t.Fatal(err)
	}
	if want := mustSeal(t, reopened(t, img)); !reflect.DeepEqual(got, want) {
		t.Fatalf("with a follower:\n%+v\nwithout:\n%+v", got, want)
	}
	return got
}

// toldSums holds what others are told of the blocks that were proved against
// the image, and gives how many they are.
func toldSums(t testing.TB, img *Image) (known int) {
	t.Helper()
	i := int64(0)
	for b := range slices.Chunk(bytesOf(t, img), blockSize) {
		if crc, ok := img.Sum(i * blockSize); ok {
			known++
			if want := crc64nvme.Checksum(b); crc != want {
				t.Errorf("block %d was told as %016x, it has %016x", i, crc, want)
			}
		}
		i++
	}
	for _, off := range []int64{-blockSize, 2048, i * blockSize} {
		if _, ok := img.Sum(off); ok {
			t.Errorf("a sum of what begins at byte %d", off)
		}
	}
	return known
}

// worse makes a disc of some blocks with some of all that can be wrong.
func worse(rnd *rand.Rand) (*fakeDisc, Options) {
	d := newDisc(512 + rnd.Int64N(5000))
	d.seed = rnd.Uint64()
	at := func() disc.LBA { return disc.LBA(rnd.Int64N(d.sectors)) }
	for range rnd.IntN(4) {
		lba := at()
		for i := range disc.LBA(1 + rnd.IntN(20)) {
			if int64(lba+i) < d.sectors {
				d.flaw(disc.ClassMedium, []int{-1, 1, 2, 3}[rnd.IntN(4)], lba+i)
			}
		}
	}
	for range rnd.IntN(6) { // it reads after errors, and other bytes every time
		lba := at()
		d.flaw(disc.ClassMedium, 1, lba)
		d.lies[lba] = rnd.IntN(3)
	}
	if rnd.IntN(4) == 0 {
		d.flaw(disc.ClassProtected, -1, at())
	}
	d.mute = rnd.IntN(3) == 0
	opt := dvd()
	if rnd.IntN(3) == 0 {
		lba := at()
		opt.Unrecorded = []disc.Extent{{Start: lba, Count: min(d.sectors-int64(lba), 1+rnd.Int64N(1200))}}
	}
	if rnd.IntN(2) == 0 {
		opt.Passes = DefaultPasses(rnd.IntN(3))
	}
	return d, opt
}

// TestFollowerGivesWhatASealAloneGives: discs of all kinds, and a follower that is
// stopped and set going again at any moment.
func TestFollowerGivesWhatASealAloneGives(t *testing.T) {
	ahead, back := 0, 0
	for seed := range uint64(40) {
		rnd, moments := rand.New(rand.NewPCG(seed, 9)), rand.New(rand.NewPCG(seed, 10))
		d, opt := worse(rnd)
		img := begun(t, d)
		w := newWatched()
		f := NewFollower(img, w.see)
		d.delay = func(disc.LBA, int) time.Duration { return 50 * time.Microsecond }
		ripped := make(chan error, 1)
		go func() {
			_, err := Rip(t.Context(), d, img, opt)
			if n := len(img.led.chunks); err == nil && n > 0 && rnd.IntN(3) == 0 {
				// The disk loses a chunk; perhaps the disc gives other bytes then.
				lost := img.led.chunks[rnd.IntN(n)]
				if rnd.IntN(2) == 0 {
					d.lies[lost.Start] = 0
				}
				if err = img.withdraw([]chunk{lost}); err == nil {
					_, err = Rip(t.Context(), d, img, opt)
				}
			}
			ripped <- err
		}()
		for on := true; on; {
			stop := following(t, f)
			select {
			case err := <-ripped:
				if on = false; err != nil {
					t.Fatal(err)
				}
			case <-time.After(time.Duration(moments.IntN(20)) * time.Millisecond):
			}
			if on || seed%3 > 0 {
				if err := stop(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				continue
			}
			// Sometimes it comes as far as it can.
			if e, ok := img.Map().Next(^(disc.DataStatuses | disc.SetOf(disc.StatusUnrecorded)), 0); !ok {
				w.until(t, img.Size())
			} else {
				w.until(t, int64(e.Start)*disc.SectorSize/blockSize*blockSize)
			}
			if err := stop(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if f.at > 0 {
			ahead++
		}
		sealedBoth(t, img, f)
		toldSums(t, img)
		if !bytes.Equal(w.bytes(), bytesOf(t, img)) {
			t.Fatalf("seed %d: the observer saw another image than was sealed", seed)
		}
		back += w.backs
	}
	if ahead < 20 {
		t.Errorf("only %d of 40 followers came anywhere", ahead)
	}
	t.Logf("%d followers were ahead of the seal; blocks came again %d times", ahead, back)
}

// TestConfirmingReadsDoNotTakeItBack: what they change in the ledger is proved
// anew, and the digests stay.
func TestConfirmingReadsDoNotTakeItBack(t *testing.T) {
	d := newDisc(4000).flaw(disc.ClassMedium, 1, 40, 700, 2100)
	d.lies[2100] = 1
	img := begun(t, d)
	w := newWatched()
	f := NewFollower(img, w.see)
	if n := toldSums(t, img); n != 0 {
		t.Errorf("%d sums of nothing", n)
	}
	stop := following(t, f)
	opt := dvd()
	opt.Passes = DefaultPasses(1)
	// It has come to the end before anything is confirmed.
	last := len(opt.Passes) - 1
	opt.Passes = append(opt.Passes[:last:last], looking(func(r *Reader) error { w.until(t, img.Size()); return nil }), opt.Passes[last])
	mustRip(t, d, img, opt)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := toldSums(t, img); n != 8 {
		t.Errorf("%d of 8 sums were told", n)
	}
	if s := sealedBoth(t, img, f); s.Sectors.Contested != 1 || s.Sectors.Suspect != 0 || w.backs != 0 {
		t.Errorf("%+v; %d times back", s.Sectors, w.backs)
	}
}

// TestChunkThatIsReadAnewTakesItBack when its bytes are others, and only then.
func TestChunkThatIsReadAnewTakesItBack(t *testing.T) {
	for _, other := range []bool{false, true} {
		for _, running := range []bool{false, true} {
			d := newDisc(4000)
			img := begun(t, d)
			w := newWatched()
			f := NewFollower(img, w.see)
			stop := following(t, f)
			mustRip(t, d, img, dvd())
			w.until(t, img.Size())
			if !running {
				if err := stop(); err != nil {
					t.Fatal(err)
				}
			}
			lost := img.led.chunks[img.led.search(2500)]
			if err := img.withdraw([]chunk{lost}); err != nil {
				t.Fatal(err)
			}
			if other {
				d.lies[2500] = 0
			}
			mustRip(t, d, img, dvd())
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			sealedBoth(t, img, f)
			toldSums(t, img)
			if back := w.backs > 0; back != other || !bytes.Equal(w.bytes(), bytesOf(t, img)) {
				t.Errorf("other bytes: %t, running: %t: went back: %t", other, running, back)
			}
			// It goes back to the mark before, not to the beginning.
			if w.first != 3<<20 && other {
				t.Errorf("it went back to byte %d", w.first)
			}
		}
	}
}

// TestChunkThatDoesNotReadAnewTakesItBack: its place is zeroes at the seal.
func TestChunkThatDoesNotReadAnewTakesItBack(t *testing.T) {
	d := newDisc(4000)
	img := begun(t, d)
	w := newWatched()
	f := NewFollower(img, w.see)
	stop := following(t, f)
	mustRip(t, d, img, dvd())
	w.until(t, img.Size())
	lost := img.led.chunks[img.led.search(2500)]
	if err := img.withdraw([]chunk{lost}); err != nil {
		t.Fatal(err)
	}
	for lba := lost.Start; lba < lost.End(); lba++ {
		d.flaw(disc.ClassMedium, -1, lba)
	}
	mustRip(t, d, img, dvd())
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := sealedBoth(t, img, f); s.Sectors.Unreadable != lost.Count || !bytes.Equal(w.bytes(), bytesOf(t, img)) {
		t.Errorf("%+v", s.Sectors)
	}
}

// TestFollowerSeesWhatTheDiskLost: a chunk that is wrong when it comes to it
// ends it; the seal withdraws the chunk, also when the disk gives it right by then.
func TestFollowerSeesWhatTheDiskLost(t *testing.T) {
	for _, mended := range []bool{false, true} {
		d := newDisc(4000)
		img := begun(t, d)
		mustRip(t, d, img, dvd())
		path := filepath.Join(img.dir, ImageFile)
		edit(t, path, flip(2500*disc.SectorSize))
		f := NewFollower(img)
		if err := f.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "seal") {
			t.Fatalf("error %v", err)
		}
		if f.at != 2048*disc.SectorSize {
			t.Errorf("it came to byte %d", f.at)
		}
		if mended {
			edit(t, path, flip(2500*disc.SectorSize))
		}
		if _, err := Seal(t.Context(), img, SealOptions{Follower: f}); !errors.Is(err, ErrSpoolDamaged) {
			t.Fatalf("mended: %t: sealed with error %v", mended, err)
		}
		if n := img.Counts(); n.Untried != 32 || img.Map().At(2500).Status != disc.StatusUntried {
			t.Errorf("mended: %t: counts %+v", mended, n)
		}
		mustRip(t, d, img, dvd())
		if s := sealedBoth(t, img, f); s.Sectors.Read != 4000 {
			t.Errorf("mended: %t: %+v", mended, s.Sectors)
		}
	}
}

// TestLossBehindTheFollowerIsSeenBesideAChange: the block of a chunk that
// changes is proved as a whole.
func TestLossBehindTheFollowerIsSeenBesideAChange(t *testing.T) {
	d := newDisc(4000).flaw(disc.ClassMedium, 1, 2500)
	img := begun(t, d)
	w := newWatched()
	f := NewFollower(img, w.see)
	stop := following(t, f)
	opt := dvd()
	opt.Passes = []Pass{Sweep{}, Fill{}, Retry{Last: true}, looking(func(r *Reader) error {
		w.until(t, img.Size())
		edit(t, img.Path(), flip(2100*disc.SectorSize))
		return nil
	}), Confirm{}}
	mustRip(t, d, img, opt)
	_ = stop() // it may have seen it, or the seal does
	if _, err := Seal(t.Context(), img, SealOptions{Follower: f}); !errors.Is(err, ErrSpoolDamaged) {
		t.Fatalf("sealed with error %v", err)
	}
	mustRip(t, d, img, dvd())
	sealedBoth(t, img, nil)
}

// TestFollowerStopsAtWhatIsNotZero: bytes of a reading that was cut off, where
// nothing was recorded, are made zero by the seal.
func TestFollowerStopsAtWhatIsNotZero(t *testing.T) {
	d := newDisc(4000)
	img := begun(t, d)
	if _, err := img.file.WriteAt([]byte("left"), 2500*disc.SectorSize); err != nil {
		t.Fatal(err)
	}
	opt := dvd()
	opt.Unrecorded = []disc.Extent{{Start: 2400, Count: 200}}
	mustRip(t, d, img, opt)
	f := NewFollower(img)
	if err := f.Run(t.Context()); err == nil || f.at != 2048*disc.SectorSize {
		t.Fatalf("it came to byte %d: %v", f.at, err)
	}
	sealedBoth(t, img, f)
}

// TestFollowerHasOneMaster: a seal does not take one that runs, nor one of
// another image; cancelled, it leaves all as it was.
func TestFollowerHasOneMaster(t *testing.T) {
	d := newDisc(1000)
	img := begun(t, d)
	mustRip(t, d, img, dvd())
	w := newWatched()
	f := NewFollower(img, w.see)
	stop := following(t, f)
	w.until(t, img.Size())
	if _, err := Seal(t.Context(), img, SealOptions{Follower: f}); !errors.Is(err, ErrInUse) {
		t.Errorf("error %v", err)
	}
	if err := f.Run(t.Context()); !errors.Is(err, ErrInUse) {
		t.Errorf("error %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := Seal(t.Context(), begun(t, d), SealOptions{Follower: f}); err == nil {
		t.Error("a seal took another image's follower")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Seal(ctx, img, SealOptions{Follower: NewFollower(img)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	sealedBoth(t, img, f)
}

var errSeen = errors.New("an observer's")

// TestObserverEndsTheFollower, and what it refused is shown to it again.
func TestObserverEndsTheFollower(t *testing.T) {
	d := newDisc(4000)
	img := begun(t, d)
	mustRip(t, d, img, dvd())
	w := newWatched()
	fail := true
	f := NewFollower(img, func(off, n int64, data []byte) error {
		if off == 3<<20 && fail {
			fail = false
			return errSeen
		}
		return w.see(off, n, data)
	})
	if err := f.Run(t.Context()); !errors.Is(err, errSeen) {
		t.Fatal(err)
	}
	sealedBoth(t, img, f)
	if !bytes.Equal(w.bytes(), bytesOf(t, img)) {
		t.Error("the observer saw another image than was sealed")
	}
}
