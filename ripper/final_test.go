package ripper

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ripstation/disc"
)

// looking is a pass that looks at the image while it is read.
type looking func(r *Reader) error

func (looking) Name() string { return "looking" }

func (p looking) Run(_ context.Context, r *Reader) error { return p(r) }

// TestFinalIsWhatNoPassWritesOver looks between all passes: what was final
// has the bytes that are sealed, and what is not there yet is not final.
func TestFinalIsWhatNoPassWritesOver(t *testing.T) {
	d := newDisc(3000).flaw(disc.ClassMedium, -1, 100, 1500).flaw(disc.ClassMedium, 1, 700, 2100).flaw(disc.ClassProtected, -1, 2500)
	d.lies[2100] = 1 // what the first good read gave is not what the next one gives
	img := begun(t, d)
	type seen struct {
		lba  disc.LBA
		data [disc.SectorSize]byte
	}
	var early []seen
	looked := 0
	look := looking(func(r *Reader) error {
		for lba := range disc.LBA(3000) {
			off := int64(lba) * disc.SectorSize
			s := seen{lba: lba}
			status := img.Map().At(lba).Status
			if img.Final(off, disc.SectorSize) != (status.HasBytes() || status == disc.StatusUnrecorded) {
				t.Fatalf("look %d: sector %d is %s", looked, lba, status)
			}
			if !img.Final(off, disc.SectorSize) {
				if img.Final(max(off-5, 0), disc.SectorSize) {
					t.Fatalf("sector %d is not final, bytes with it are", lba)
				}
				continue
			}
			if _, err := img.ReadAt(s.data[:], off); err != nil {
				t.Fatal(err)
			}
			early = append(early, s)
		}
		looked++
		return nil
	})
	opt := dvd()
	opt.Unrecorded = []disc.Extent{{Start: 2000, Count: 64}}
	opt.Passes = nil
	for _, p := range DefaultPasses(2) {
		opt.Passes = append(opt.Passes, p, look)
	}
	mustRip(t, d, img, opt)
	mustSeal(t, img)
	if again, _, _ := img.Changes(0); len(again) > 0 {
		t.Errorf("withdrawn: %v", again)
	}
	all := bytesOf(t, img)
	for _, s := range early {
		if string(s.data[:]) != string(all[int64(s.lba)*disc.SectorSize:][:disc.SectorSize]) {
			t.Fatalf("sector %d was final and has other bytes now", s.lba)
		}
	}
	if n := img.Counts(); looked != 6 || n.Contested == 0 || img.Final(0, img.Size()) || img.Final(-1, 1) || img.Final(0, img.Size()+1) || !img.Final(img.Size(), 0) {
		t.Errorf("%d looks, %+v", looked, n)
	}
	if !img.Final(101*disc.SectorSize, 200*disc.SectorSize) {
		t.Error("what stands between the flaws is not final")
	}
}

// TestChangesTell: whoever waits hears of every sector that becomes final,
// and of those that are withdrawn.
func TestChangesTell(t *testing.T) {
	d := newDisc(2000)
	img := begun(t, d)
	_, mark, next := img.Changes(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !img.Final(0, img.Size()) {
			select {
			case <-next:
			case <-time.After(time.Minute):
				t.Error("nobody told")
				return
			}
			var again []disc.Extent
			if again, mark, next = img.Changes(mark); len(again) > 0 {
				t.Errorf("withdrawn: %v", again)
			}
		}
	}()
	mustRip(t, d, img, dvd())
	<-done
	_, mark, next = img.Changes(mark)
	edit(t, filepath.Join(img.dir, ImageFile), flip(300*disc.SectorSize))
	if _, err := Seal(t.Context(), img, SealOptions{}); !errors.Is(err, ErrSpoolDamaged) {
		t.Fatal(err)
	}
	select {
	case <-next:
	case <-time.After(time.Minute):
		t.Fatal("nobody told of what was withdrawn")
	}
	again, later, _ := img.Changes(mark)
	if len(again) != 1 || !again[0].Contains(300) || later == mark || img.Final(300*disc.SectorSize, 1) {
		t.Errorf("withdrawn: %v, mark %d after %d", again, later, mark)
	}
	if first, _, _ := img.Changes(0); !slices.Equal(first, again) {
		t.Errorf("from the beginning: %v", first)
	}
}

// TestZeroesOverUnrecordedAreTold: bytes of a reading that was cut off, where
// nothing was recorded.
func TestZeroesOverUnrecordedAreTold(t *testing.T) {
	d := newDisc(200)
	img := begun(t, d)
	if _, err := img.file.WriteAt([]byte("left"), 110*disc.SectorSize); err != nil {
		t.Fatal(err)
	}
	opt := dvd()
	opt.Unrecorded = []disc.Extent{{Start: 100, Count: 50}}
	mustRip(t, d, img, opt)
	_, mark, _ := img.Changes(0)
	if !img.Final(0, img.Size()) {
		t.Error("not all is final")
	}
	mustSeal(t, img)
	if again, _, _ := img.Changes(mark); len(again) != 1 || !again[0].Contains(110) {
		t.Errorf("withdrawn: %v", again)
	}
}

// TestNewSumsAreTold: nothing of the image changes any more, and whoever waits
// learns of every block's sum by being woken alone.
func TestNewSumsAreTold(t *testing.T) {
	d := newDisc(5 * 512)
	img := begun(t, d)
	if _, err := Rip(t.Context(), d, img, dvd()); err != nil {
		t.Fatal(err)
	}
	stop := following(t, NewFollower(img))
	defer stop()
	late := time.After(10 * time.Second)
	for {
		again, _, next := img.Changes(0)
		if len(again) > 0 {
			t.Fatalf("%v are told as changed", again)
		}
		if _, known := img.Sum(img.Size() - blockSize); known {
			break
		}
		select {
		case <-next:
		case <-late:
			t.Fatal("the last block was summed and nobody was woken, or it was not summed")
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
