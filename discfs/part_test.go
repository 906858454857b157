package discfs_test

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"ripstation/disc"
	"ripstation/discfs"
)

// The files of a sample are those of its source, in every tree that can have
// their names.
func TestSamplesHoldTheirSource(t *testing.T) {
	for _, s := range samples(t) {
		m := examine(t, bytes.NewReader(s.bytes), int64(len(s.bytes)), nil, 1<<20, true)
		all, broken := contents(m, bytes.NewReader(s.bytes), nil)
		if len(broken) > 0 {
			t.Errorf("%s: %v", s.name, broken)
		}
		if !s.files {
			continue
		}
		views := map[string]bool{}
		for _, v := range m.Volumes {
			views[v.View] = true
			if v.View == "ISO 9660" || v.Root == nil {
				continue
			}
			for name, text := range source {
				if got, ok := all[v.View+" "+name]; !ok || got != fmt.Sprintf("file of %d: %s", len(text), text) {
					t.Errorf("%s: %s of %s is %.60q", s.name, name, v.View, got)
				}
			}
		}
		if len(views) == 0 {
			t.Errorf("%s: no volumes", s.name)
		}
	}
}

// Cut at every sector: what is left is read as it was, or is an error. Nothing
// is made up. A cut that takes bytes of a file or of a structure shows.
func TestCutAtEverySector(t *testing.T) {
	for _, s := range samples(t) {
		whole := discfs.Open(bytes.NewReader(s.bytes), int64(len(s.bytes)), nil)
		all, _ := contents(whole, bytes.NewReader(s.bytes), nil)
		for _, n := range cuts(s) {
			part := s.bytes[:n]
			m := examine(t, bytes.NewReader(part), n, nil, 1<<20, true)
			got, broken := contents(m, bytes.NewReader(part), nil)
			lesser(t, got, broken, all)
			if t.Failed() {
				t.Fatalf("%s cut to %d bytes", s.name, n)
			}
			if len(got) < len(all) || len(broken) > 0 {
				if !bad(m.Checks) && !rootless(m) && len(broken) == 0 && len(m.Volumes) >= len(whole.Volumes) {
					t.Errorf("%s cut to %d bytes: %d of %d names are left, and nothing tells it", s.name, n, len(got), len(all))
				}
			}
		}
	}
}

// cuts are all sectors of a small image and some of a large one, and odd bytes.
func cuts(s *sample) []int64 {
	var out []int64
	size := int64(len(s.bytes))
	for n := int64(0); n < size; n += disc.SectorSize {
		if n > 400*disc.SectorSize && n < size-20*disc.SectorSize && n/disc.SectorSize%16 != 0 {
			continue
		}
		if out = append(out, n); n/disc.SectorSize%8 == 5 {
			out = append(out, n+1000)
		}
	}
	return out
}

func bad(cs []disc.Check) bool {
	for _, c := range cs {
		if c.Outcome == disc.Failure || c.Outcome == disc.NotRun {
			return true
		}
	}
	return false
}

func rootless(m *discfs.Image) bool {
	for _, v := range m.Volumes {
		if v.Root == nil {
			return true
		}
	}
	return len(m.Volumes) == 0
}

// Each sector alone was not read from the disc: files that have bytes in it are
// errors, all others are whole.
func TestEachSectorMissing(t *testing.T) {
	for _, s := range samples(t) {
		size := int64(len(s.bytes))
		r := bytes.NewReader(s.bytes)
		all, _ := contents(discfs.Open(r, size, nil), r, nil)
		for _, sector := range targets(s.bytes) { // those that hold anything
			gone := sector * disc.SectorSize
			have := func(off, n int64) bool { return off+n <= gone || off >= gone+disc.SectorSize }
			// What stands there would be believed if it were looked at.
			other := bytes.Clone(s.bytes)
			for i := range other[gone:min(gone+disc.SectorSize, size)] {
				other[gone+int64(i)] ^= 0x55
			}
			m := examine(t, bytes.NewReader(other), size, have, 1<<20, true)
			got, broken := contents(m, bytes.NewReader(other), have)
			lesser(t, got, broken, all)
			if t.Failed() {
				t.Fatalf("%s without sector %d", s.name, gone/disc.SectorSize)
			}
			for key, err := range broken {
				if !understood(err) {
					t.Errorf("%s without sector %d: %s: %v", s.name, gone/disc.SectorSize, key, err)
				}
			}
		}
	}
}

// Reading what is wanted, again and again, comes to an end, needs little of the
// image, and gives the whole tree.
func TestWantedLeadsToTheWholeTree(t *testing.T) {
	for _, s := range samples(t) {
		size := int64(len(s.bytes))
		r := bytes.NewReader(s.bytes)
		all, _ := contents(discfs.Open(r, size, nil), r, nil)
		read := map[int64]bool{}
		have := func(off, n int64) bool {
			for i := off / disc.SectorSize; i*disc.SectorSize < off+n; i++ {
				if !read[i] {
					return false
				}
			}
			return true
		}
		var m *discfs.Image
		rounds := 0
		for ; rounds < 100; rounds++ {
			m = discfs.Open(r, size, have)
			before := len(read)
			for _, w := range m.Wanted() {
				for i := range w.Count {
					read[int64(w.Start)+i] = true
				}
			}
			if len(read) == before {
				break
			}
		}
		got, _ := contents(m, r, nil)
		if !maps.Equal(got, all) || len(m.Wanted()) > 0 {
			t.Errorf("%s: after %d rounds and %d sectors there are %d names of %d, %d places wanted", s.name, rounds, len(read), len(got), len(all), len(m.Wanted()))
		}
		t.Logf("%s: %d rounds, %d sectors of %d", s.name, rounds, len(read), size/disc.SectorSize)
	}
}
