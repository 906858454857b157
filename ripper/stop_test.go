package ripper

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ripstation/disc"
)

// TestOtherFailuresStopAndAreNoDamage: only the medium class may enter the map.
func TestOtherFailuresStopAndAreNoDamage(t *testing.T) {
	for _, class := range []disc.Class{disc.ClassGone, disc.ClassChanged, disc.ClassWedged, disc.ClassTransport, disc.ClassPermission, disc.ClassRefused, 0} {
		d := newDisc(1000).flaw(class, 1, 640)
		img := begun(t, d)
		_, err := Rip(t.Context(), d, img, dvd())
		if disc.ClassOf(err) != class || err == nil || !strings.Contains(err.Error(), "640") {
			t.Errorf("%s: error %v", class, err)
		}
		want := disc.Counts{Total: 1000, Read: 640, Untried: 360}
		if img.Counts() != want {
			t.Errorf("%s: counts %+v, want %+v", class, img.Counts(), want)
		}
		onDisk, err := readMap(img.dir + "/" + MapFile)
		if err != nil || !onDisk.Equal(img.Map()) {
			t.Errorf("%s: the map on the disk is not the one in memory: %v", class, err)
		}
		mustRip(t, d, img, dvd())
		if img.Counts().Read != 1000 || d.reads[639] != 1 {
			t.Errorf("%s: gone on to %+v", class, img.Counts())
		}
		img.Close()
	}
}

func TestDriveThatIsNotReadyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisc(200).flaw(disc.ClassNotReady, 5, 64)
		img := begun(t, d)
		begin := time.Now()
		mustRip(t, d, img, dvd())
		if took := time.Since(begin); took < 4*time.Second || img.Counts().Read != 200 {
			t.Errorf("after %s: %+v", took, img.Counts())
		}
		d = newDisc(200).flaw(disc.ClassNotReady, -1, 64)
		img = begun(t, d)
		begin = time.Now()
		_, err := Rip(t.Context(), d, img, dvd())
		if disc.ClassOf(err) != disc.ClassNotReady || time.Since(begin) > 2*time.Minute {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		if n := img.Counts(); n.Read != 64 || n.Skipped+n.Unreadable != 0 {
			t.Errorf("counts %+v", n)
		}
	})
}

func TestStoppedRipKeepsWhatItHas(t *testing.T) {
	d := newDisc(1000)
	ctx, cancel := context.WithCancel(t.Context())
	d.log = func(lba disc.LBA, n int, _ error) {
		if lba > 500 {
			cancel()
		}
	}
	img := begun(t, d)
	if _, err := Rip(ctx, d, img, dvd()); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	got := img.Counts().Read
	if got < 500 || got == 1000 {
		t.Fatalf("%d sectors read", got)
	}
	d.log = nil
	mustRip(t, d, reopened(t, img), dvd())
	for l, n := range d.reads {
		if n != 1 {
			t.Fatalf("sector %d was read %d times", l, n)
		}
	}
}

// TestRetriesGoOnWhereTheyWere: a sector is tried as often as planned, however
// often the rip is stopped.
func TestRetriesGoOnWhereTheyWere(t *testing.T) {
	d := newDisc(2000).flaw(disc.ClassMedium, -1, 101, 1001, 1901)
	img := begun(t, d)
	for _, after := range []int{2, 3, 4} {
		ctx, cancel := context.WithCancel(t.Context())
		d.log = func(lba disc.LBA, n int, err error) {
			if lba == 1001 && n == 1 && int(img.Map().At(1001).Tries) == after-1 {
				cancel()
			}
		}
		if _, err := Rip(ctx, d, img, unconfirmed()); !errors.Is(err, context.Canceled) {
			t.Fatalf("not stopped at try %d of sector 1001: %v", after, err)
		}
		cancel()
		img = reopened(t, img)
	}
	d.log = nil
	mustRip(t, d, img, unconfirmed())
	for _, l := range []disc.LBA{101, 1001, 1901} {
		if r := img.Map().At(l); r.Tries != 4 || r.Status != disc.StatusUnreadable {
			t.Errorf("sector %d is %s after %d tries, want one of the sweep and three retries", l, r.Status, r.Tries)
		}
	}
}

func TestChangedCapacityFailsItsCheck(t *testing.T) {
	for name, c := range map[string]struct {
		after int64
		err   error
		want  disc.Outcome
	}{
		"same": {100, nil, disc.Pass}, "other": {101, nil, disc.Failure}, "not said": {0, errors.New("no answer"), disc.NotRun},
	} {
		d := newDisc(100)
		d.capacity = func() (int64, error) { return c.after, c.err }
		opt := dvd()
		opt.Capacity = 100
		if res := mustRip(t, d, begun(t, d), opt); res.Checks[0].Outcome != c.want {
			t.Errorf("%s: %+v", name, res.Checks[0])
		}
	}
}

func TestProgressIsToldWhileTheDriveSticks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisc(640)
		d.delay = func(lba disc.LBA, n int) time.Duration {
			if lba == 320 {
				return time.Minute
			}
			return 100 * time.Millisecond
		}
		img := begun(t, d)
		opt := dvd()
		var told []Progress
		opt.Progress = func(p Progress) { told = append(told, p) }
		mustRip(t, d, img, opt)
		// 62 s at two a second.
		if len(told) < 110 || len(told) > 130 {
			t.Errorf("told %d times in 62 s", len(told))
		}
		last := told[len(told)-1]
		if last.Sectors.Read != 640 || last.ETA != 0 || last.Passes != 7 {
			t.Errorf("last told %+v", last)
		}
		if p := told[2]; p.PassName != "sweep" || p.Pass != 2 || p.Rate < 300e3 || p.Rate > 900e3 || p.ETA <= 0 {
			t.Errorf("told after 1.5 s at 655 kB/s: %+v", p)
		}
		// What came before the drive stuck was safe half a second into the sticking.
		if p := told[20]; p.Sectors.Read != 320 {
			t.Errorf("while the drive sticks %d of 320 sectors are safe", p.Sectors.Read)
		}
	})
}

func TestOneRipAtATime(t *testing.T) {
	d := newDisc(100)
	img := begun(t, d)
	d.log = func(disc.LBA, int, error) {
		if _, err := Seal(context.Background(), img, SealOptions{}); !errors.Is(err, ErrInUse) {
			t.Errorf("sealed while it was ripped: %v", err)
		}
	}
	mustRip(t, d, img, dvd())
}
