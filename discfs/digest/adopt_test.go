package digest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"ripstation/discfs/tree"
)

// TestAdopt: what a pass ahead has got to the end of is not read again, and
// every job has what it would have had without.
func TestAdopt(t *testing.T) {
	const size = 256 << 10
	img := noise(size)
	gone := func(off, n int64) bool { return off+n <= 200<<10 || off >= 202<<10 }
	adopted := 0
	for seed := range uint64(200) {
		layout := func(again bool) (jobs []*Job) {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 40 {
				jobs = append(jobs, randomJob(r, size))
			}
			if again { // and one that nobody knew of ahead
				jobs = append(jobs, &Job{Extents: []tree.Extent{{Offset: 77, Length: 99}}, Size: 99, Algos: []Algo{SHA256}})
			}
			return jobs
		}
		early := New(layout(false), size, nil)
		end := 1 + rand.New(rand.NewPCG(seed, 2)).IntN(size)
		if err := early.Block(0, int64(end), img[:end]); err != nil {
			t.Fatal(err)
		}
		want, got := layout(true), layout(true)
		if err := New(want, size, gone).Run(t.Context(), bytes.NewReader(img), nil); err != nil {
			t.Fatal(err)
		}
		p := New(got, size, gone)
		p.Adopt(early)
		early.Close()
		for _, j := range got {
			if j.Sums != nil {
				adopted++
			}
		}
		if err := p.Run(t.Context(), bytes.NewReader(img), nil); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if !errors.Is(got[i].Err, want[i].Err) || len(got[i].Sums) != len(want[i].Sums) {
				t.Fatalf("seed %d, job %d: %v with %d sums, want %v with %d", seed, i, got[i].Err, len(got[i].Sums), want[i].Err, len(want[i].Sums))
			}
			for a, sum := range want[i].Sums {
				if !bytes.Equal(got[i].Sums[a], sum) {
					t.Fatalf("seed %d, job %d: another %s", seed, i, a)
				}
			}
		}
	}
	if adopted < 1000 {
		t.Errorf("only %d sums were adopted", adopted)
	}
}

// TestCloseGivesNoSums to jobs whose bytes did not all come.
func TestCloseGivesNoSums(t *testing.T) {
	jobs := []*Job{
		{Extents: []tree.Extent{{Offset: 0, Length: 100}}, Size: 100, Algos: []Algo{MD5}},
		{Extents: []tree.Extent{{Offset: 50, Length: 1000}}, Size: 1000, Algos: []Algo{MD5}},
		{Extents: []tree.Extent{{Offset: 2000, Length: 10}}, Size: 10, Algos: []Algo{MD5}},
	}
	p := New(jobs, 4096, nil)
	if err := p.Block(0, 512, noise(512)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if jobs[0].Err != nil || jobs[0].Sums == nil {
		t.Errorf("the one that had ended: %v", jobs[0].Err)
	}
	for _, j := range jobs[1:] {
		if !errors.Is(j.Err, ErrClosed) || j.Sums != nil {
			t.Errorf("%v, sums %v", j.Err, j.Sums)
		}
	}
}
