package ripper

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"ripstation/disc"
)

func TestCleanDiscIsReadOnceWithLargeReads(t *testing.T) {
	d := newDisc(3001)
	img := begun(t, d)
	res := mustRip(t, d, img, dvd())
	if got := img.Counts(); got != (disc.Counts{Total: 3001, Read: 3001}) {
		t.Errorf("counts %+v", got)
	}
	if !bytes.Equal(bytesOf(t, img), d.image()) {
		t.Error("the image is not the disc")
	}
	for l, n := range d.reads {
		if n != 1 {
			t.Fatalf("sector %d was read %d times", l, n)
		}
	}
	if n := len(d.asked); n != 95 {
		t.Errorf("%d reads for 3001 sectors at 32 a read, with the last ECC unit on its own: want 95", n)
	}
	if res.Passes[1].Sectors != 3001 || res.Checks[0].Outcome != disc.Pass {
		t.Errorf("result %+v", res)
	}
	// All of it again: nothing is left to do.
	mustRip(t, d, img, dvd())
	if n := len(d.asked); n != 95 {
		t.Errorf("a second rip of a whole image read %d times", n-95)
	}
}

// TestExactlyThePermanentOnesAreMissing damages discs at random.
func TestExactlyThePermanentOnesAreMissing(t *testing.T) {
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		d := newDisc(500 + rnd.Int64N(2500))
		d.seed, d.mute = seed, seed%3 == 0
		d.max = []int{1, 7, 16, 32, 100}[rnd.IntN(5)]
		opt := dvd()
		opt.Medium = []disc.Medium{disc.MediumCD, disc.MediumDVD, disc.MediumBD}[rnd.IntN(3)]
		var gone []disc.LBA
		var shut, passing int64
		for range rnd.IntN(40) {
			at := disc.LBA(rnd.Int64N(d.sectors))
			for ; int64(at) < d.sectors && rnd.IntN(20) > 0; at++ {
				if d.flaws[at] != nil {
					continue
				}
				switch rnd.IntN(5) {
				case 0:
					d.flaw(disc.ClassMedium, 1+rnd.IntN(2), at)
					passing++
				case 1:
					d.flaw(disc.ClassProtected, -1, at)
					gone = append(gone, at)
					shut++
				default:
					d.flaw(disc.ClassMedium, -1, at)
					gone = append(gone, at)
				}
			}
		}
		img := begun(t, d)
		mustRip(t, d, img, opt)
		s := mustSeal(t, img)
		slices.Sort(gone)
		var missing []disc.LBA
		for _, e := range s.Missing {
			for l := e.Start; l < e.End(); l++ {
				missing = append(missing, l)
			}
		}
		if !slices.Equal(missing, gone) {
			t.Fatalf("seed %d: missing %v, want %v", seed, missing, gone)
		}
		want := disc.Counts{Total: d.sectors, Protected: shut, Unreadable: int64(len(gone)) - shut, Read: d.sectors - int64(len(gone))}
		if s.Sectors != want {
			t.Fatalf("seed %d: counts %+v, want %+v (with %d passing flaws)", seed, s.Sectors, want, passing)
		}
		if !bytes.Equal(bytesOf(t, img), d.image(gone...)) {
			t.Fatalf("seed %d: the image is not the disc with zeroes for what is missing", seed)
		}
		img.Close()
	}
}

func TestSecondTryIsSuspectUntilConfirmed(t *testing.T) {
	d := newDisc(2000).flaw(disc.ClassMedium, 1, 40, 1205)
	img := begun(t, d)
	opt := dvd()
	opt.Passes = []Pass{Sweep{}, Fill{}, Retry{Last: true}}
	mustRip(t, d, img, opt)
	// The large read failed, the ECC unit of the named sector was read on its second try.
	for _, at := range []disc.LBA{32, 40, 47, 1205} {
		if got := img.Map().At(at).Status; got != disc.StatusSuspect {
			t.Errorf("sector %d is %s after its second try, want suspect", at, got)
		}
	}
	for _, at := range []disc.LBA{31, 48, 1199} {
		if got := img.Map().At(at).Status; got != disc.StatusRead {
			t.Errorf("sector %d is %s, and nothing had failed there", at, got)
		}
	}
	if img.State() != disc.ImageComplete {
		t.Errorf("suspect sectors made the image %s", img.State())
	}
	d.asked = nil
	opt.Passes = append(opt.Passes, Confirm{})
	mustRip(t, d, img, opt)
	if got := img.Counts(); got.Read != 2000 {
		t.Errorf("after the confirming read: %+v", got)
	}
	far := 0
	for _, e := range d.asked {
		if e.Contains(40) {
			break
		}
		far += int(e.Count)
	}
	if far < 1900 {
		t.Errorf("only %d sectors of other places were read before the confirming read: the drive may have answered from its cache", far)
	}
}

func TestReadsThatDisagreeAreContested(t *testing.T) {
	d := newDisc(2000).flaw(disc.ClassMedium, 1, 40)
	d.lies[42], d.lies[43] = 1, 1
	img := begun(t, d)
	mustRip(t, d, img, dvd())
	want := disc.Counts{Total: 2000, Read: 1998, Contested: 2}
	if got := img.Counts(); got != want || img.State() != disc.ImageIncomplete {
		t.Errorf("counts %+v, state %s; want %+v", got, img.State(), want)
	}
	if !bytes.Equal(bytesOf(t, img), d.image()) {
		t.Error("the second read replaced the first")
	}
	s := mustSeal(t, img)
	if len(s.Missing) != 0 || s.State != disc.ImageIncomplete {
		t.Errorf("sealed: %+v", s)
	}
	before := img.Map()
	img = reopened(t, img)
	if !img.Map().Equal(before) || len(img.Recovery().Lost) > 0 {
		t.Errorf("after it was opened again: %+v, %+v", img.Counts(), img.Recovery())
	}
}

func TestDamageIsJumpedAndComeBackTo(t *testing.T) {
	d := newDisc(20000)
	for l := disc.LBA(4000); l < 8000; l++ {
		d.flaw(disc.ClassMedium, -1, l)
	}
	img := begun(t, d)
	opt := dvd()
	opt.Passes = []Pass{Sweep{}}
	res := mustRip(t, d, img, opt)
	// 4,000 sectors are 250 ECC units. Jumps of 1, 2, 4, 8, 9, 9... units.
	if n := res.Passes[0].Errors; n > 32 {
		t.Errorf("the sweep failed %d times in one place", n)
	}
	if n := img.Counts(); n.Read < 15800 || n.Untried != 0 {
		t.Errorf("after the sweep: %+v", n)
	}
	opt.Passes = []Pass{Sweep{}, Fill{}}
	mustRip(t, d, img, opt)
	if n := img.Counts(); n.Read != 16000 || n.Skipped != 4000 {
		t.Errorf("after the fill: %+v", n)
	}
}

// TestScatteredDamageIsJumpedToo: a good read between two bad ones is no end
// of the damage.
func TestScatteredDamageIsJumpedToo(t *testing.T) {
	d := newDisc(40000)
	for l := disc.LBA(4000); l < 20000; l += 64 {
		d.flaw(disc.ClassMedium, -1, l)
	}
	img := begun(t, d)
	opt := dvd()
	opt.Passes = []Pass{Sweep{}}
	res := mustRip(t, d, img, opt)
	if n := res.Passes[0].Errors; n > 80 {
		t.Errorf("the sweep failed %d times at 250 bad units", n)
	}
}

func TestOneBadSectorInEachUnitIsNotJumpedOver(t *testing.T) {
	d := newDisc(6400)
	for l := disc.LBA(300); l < 6400; l += 300 { // at least 256 clean ones between them
		d.flaw(disc.ClassMedium, -1, l)
	}
	img := begun(t, d)
	opt := dvd()
	opt.Passes = []Pass{Sweep{}}
	mustRip(t, d, img, opt)
	if n := img.Counts(); n.Skipped != 21*16 {
		t.Errorf("%d sectors skipped for 21 bad ECC units of 16", n.Skipped)
	}
}

func TestUnrecordedIsNeverReadAndRunOutIsTried(t *testing.T) {
	d := newDisc(1000).flaw(disc.ClassMedium, -1, 998).flaw(disc.ClassRefused, -1, 999).flaw(disc.ClassMedium, -1, 500)
	img := begun(t, d)
	opt := dvd()
	opt.Unrecorded = []disc.Extent{{Start: 100, Count: 150}, {Start: 3, Count: 0}}
	opt.RunOut = []disc.Extent{{Start: 700, Count: 2}, {Start: 998, Count: 2}}
	mustRip(t, d, img, opt)
	want := disc.Counts{Total: 1000, Unrecorded: 152, Unreadable: 1, Read: 847}
	if img.Counts() != want {
		t.Errorf("counts %+v, want %+v", img.Counts(), want)
	}
	for _, e := range d.asked {
		if e.Start < 250 && e.End() > 100 {
			t.Fatalf("read %+v, which is unrecorded", e)
		}
	}
	opt.RunOut = []disc.Extent{{Start: 999, Count: 2}}
	if _, err := Rip(t.Context(), d, img, opt); err == nil {
		t.Error("a run-out behind the end of the disc was taken")
	}
}

func TestWithoutRetriesWhatFailedIsUnreadable(t *testing.T) {
	d := newDisc(1000).flaw(disc.ClassMedium, -1, 100, 998)
	img := begun(t, d)
	opt := dvd()
	opt.Passes, opt.RunOut = DefaultPasses(0), []disc.Extent{{Start: 998, Count: 2}}
	mustRip(t, d, img, opt)
	if got, want := img.Counts(), (disc.Counts{Total: 1000, Read: 983, Unreadable: 16, Unrecorded: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
