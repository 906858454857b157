package ripper

import (
	"io"
	"testing"

	"ripstation/disc"
)

// What is wanted is read before all else, by whole ECC units, and asked for again
// until nothing new is.
func TestFirstReadsWhatIsWanted(t *testing.T) {
	d := newDisc(3000)
	img := begun(t, d)
	opt := dvd()
	rounds := 0
	opt.Wanted = func(r io.ReaderAt, have func(off, n int64) bool) (list []disc.Extent) {
		rounds++
		for _, lba := range []disc.LBA{1000, 1001, 2000} { // each leads to the next
			list = append(list, disc.Extent{Start: lba, Count: 1})
			if !have(int64(lba)*disc.SectorSize, disc.SectorSize) {
				return list
			}
			p := make([]byte, disc.SectorSize)
			if _, err := r.ReadAt(p, int64(lba)*disc.SectorSize); err != nil {
				t.Error(err)
			}
		}
		return list
	}
	res := mustRip(t, d, img, opt)
	if len(d.asked) < 2 || d.asked[0].Start != 992 || d.asked[0].Count != 16 || d.asked[1].Start != 2000 || d.asked[1].Count != 16 {
		t.Errorf("asked first for %v", d.asked[:min(4, len(d.asked))])
	}
	if rounds != 3 || res.Passes[0].Sectors != 32 || img.Counts().Read != 3000 {
		t.Errorf("%d rounds, %+v, %d sectors read", rounds, res.Passes[0], img.Counts().Read)
	}
	for l, n := range d.reads {
		if n != 1 {
			t.Fatalf("sector %d was read %d times", l, n)
		}
	}
}

// Damage where a structure should be is left to the passes behind, and ends
// First soon.
func TestFirstDoesNotStayInDamage(t *testing.T) {
	d := newDisc(3000)
	for l := disc.LBA(1000); l < 2000; l++ {
		d.flaw(disc.ClassMedium, -1, l)
	}
	img := begun(t, d)
	opt := dvd()
	opt.Wanted = func(io.ReaderAt, func(off, n int64) bool) []disc.Extent {
		return []disc.Extent{{Start: 1000, Count: 1000}}
	}
	res := mustRip(t, d, img, opt)
	if f := res.Passes[0]; f.Errors == 0 || f.Errors > 3*firstErrors+4 {
		t.Errorf("First failed %d times", f.Errors)
	}
	if n := img.Counts(); n.Unreadable != 1000 || n.Read != 2000 {
		t.Errorf("%+v", n)
	}
}
